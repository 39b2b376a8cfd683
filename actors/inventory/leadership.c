/*  The lease "inventory" in PostgreSQL, asked for three times in its life.

    1. The lease is counted from the moment of asking, never of the answer: ours ends before PostgreSQL's.
    2. A renewal keeps the token. Another token is another term: nothing of the former one is trusted, everything is loaded anew.
    3. No answer is no loss: the leader goes on to the end of its lease. After it the role is LAPSED: the table stays, gates are still
       looked at, nothing that needs the lease is done.
    4. A gate may have seen a higher token than ours though nobody took the lease: PostgreSQL was restored from a backup. The lease is asked
       for with the highest token met, which lease_take raises further; that is no renewal, so it is refused until ours has ended.

    role       granted, same token   granted, new token   refused     lease over
    NONE       –                     LEADER, load         FOLLOWER    –
    FOLLOWER   LEADER, load          LEADER, load         –           –
    LEADER     –                     load                 FOLLOWER    LAPSED
    LAPSED     LEADER                LEADER, load         FOLLOWER    – */

#include "leadership.h"

#include "admin.h"
#include "sales.h"

#define LEASE_NAME "inventory"
#define LEASE_RETRY_US                                                                             \
    (100u * MS) /* after an asking that failed: PostgreSQL may be back at any moment */

bool
leadership_is_held (const inventory_t *self)
{
    const leadership_t *lead = &self->leadership;
    return lead->role == ROLE_LEADER && self->now_us < lead->until_us && !self->is_stopping;
}

bool
leadership_has_table (const inventory_t *self)
{
    return self->leadership.role == ROLE_LEADER || self->leadership.role == ROLE_LAPSED;
}

void
leadership_doubt (inventory_t *self)
{
    self->leadership.due_us = self->now_us;
}

/*  Rule 4. */
void
leadership_meet (inventory_t *self, uint64_t token)
{
    leadership_t *lead = &self->leadership;
    if (token <= lead->met_token)
        return;
    lead->met_token = token;
    if (token > lead->token)
        lead->due_us = self->now_us;
}

const char *
leadership_role_name (role_t role)
{
    static const char *const names[] = { "none", "follower", "leader", "lapsed" };
    return names[role];
}

static void
s_set_role (inventory_t *self, role_t role, effects_t *effects)
{
    leadership_t *lead = &self->leadership;
    if (lead->role == role)
        return;
    effects_log (effects, LOG_LEVEL_INFO, "lease", "role=%s was=%s token=%" PRIu64,
                 leadership_role_name (role), leadership_role_name (lead->role), lead->token);
    lead->role = role;
    effects_gauge (effects, METRIC_LEADER, 0, role == ROLE_LEADER);
}

static void
s_granted (inventory_t *self, uint64_t token, effects_t *effects)
{
    leadership_t *lead = &self->leadership;
    bool is_new_term = token != lead->token || !leadership_has_table (self);
    lead->token = token;
    lead->until_us = lead->asked_us + self->params.lease_ms * MS;
    lead->due_us = lead->asked_us + self->params.lease_ms * MS / 3;
    s_set_role (self, ROLE_LEADER, effects);
    if (is_new_term)
        sales_begin_term (self);
}

static void
s_refused (inventory_t *self, effects_t *effects)
{
    bool had_table = leadership_has_table (self);
    self->leadership.due_us = self->now_us + self->params.lease_ms * MS / 3;
    s_set_role (self, ROLE_FOLLOWER, effects);
    if (had_table) {
        sales_end_term (self);
        admin_end_term (self, effects);
    }
}

void
leadership_result (inventory_t *self, const event_t *event, effects_t *effects)
{
    leadership_t *lead = &self->leadership;
    if (event->tag != lead->tag)
        return;
    lead->tag = 0;
    if (self->is_stopping)
        return;
    if (event->status != RESULT_OK || event->count != 1) {
        uint64_t third_us = self->params.lease_ms * MS / 3;
        lead->due_us = self->now_us + earlier (LEASE_RETRY_US, third_us);
        return;
    }
    const lease_t *row = event->entries;
    if (row->held)
        s_granted (self, row->token, effects);
    else
        s_refused (self, effects);
}

static void
s_ask (inventory_t *self, uint64_t ttl_ms, effects_t *effects)
{
    leadership_t *lead = &self->leadership;
    lead->tag = inventory_call (self, effects, CALL_LEASE_TAKE, PURPOSE_LEASE, 0);
    lead->asked_us = self->now_us;
    lease_t *row = effects_entry (effects, &record_lease);
    snprintf (row->name, sizeof row->name, "%s", LEASE_NAME);
    snprintf (row->holder, sizeof row->holder, "inventory/%" PRIu64, self->address.number);
    row->incarnation = self->address.incarnation;
    row->token = lead->token > lead->met_token ? lead->token : lead->met_token;
    row->ttl_ms = ttl_ms;
}

void
leadership_advance (inventory_t *self, effects_t *effects)
{
    leadership_t *lead = &self->leadership;
    if (self->is_stopping)
        return;
    if (lead->role == ROLE_LEADER && self->now_us >= lead->until_us)
        s_set_role (self, ROLE_LAPSED, effects);
    if (!lead->tag && self->now_us >= lead->due_us)
        s_ask (self, self->params.lease_ms, effects);
}

/*  A lease of one millisecond: whoever asks next has it. */
void
leadership_stop (inventory_t *self, effects_t *effects)
{
    if (self->leadership.role == ROLE_LEADER)
        s_ask (self, 1, effects);
}

uint64_t
leadership_wake_us (const inventory_t *self)
{
    const leadership_t *lead = &self->leadership;
    if (self->is_stopping)
        return UINT64_MAX;
    uint64_t wake_us = lead->tag ? UINT64_MAX : lead->due_us;
    return lead->role == ROLE_LEADER ? earlier (wake_us, lead->until_us) : wake_us;
}
