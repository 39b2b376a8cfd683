/*  The deny-list.

    Every addition gets the next version and stands at the end: the list is ascending by version, and an edge is sent what lies behind
    its last acknowledged one.

    1. Nothing is pushed before one pass over PostgreSQL's list is complete: an edge that has the list has all of it.
    2. An edge that gets a message without following_count has all of the list: everything before it is acknowledged.
    3. At most one message per edge is out. It is made anew until it is acknowledged, so a lost one is repaired, and an acknowledged
       version means that nothing before it is missing.
    4. A row leaves only when a complete pass, begun after it came, does not show it: its tokens have expired.
    5. Every account process reads the same list again every RELOAD_US, and so learns what the others added; each pushes all it knows.

    edge      event                                    next
    new       list loaded                              first message out (empty if there is nothing)
    out       ack of the version that is out           has it; the next message if there is more
    out       RESEND_US without it                     sent again
    has it    an addition                              out
    any other acknowledgement is ignored. */

#include "deny_list.h"

#include "hash.h"

#define RELOAD_US (10000u * MS)
#define RELOAD_RETRY_US (200u * MS)
#define RESEND_US                                                                                  \
    (250u * MS) /* far above a loaded edge's answer, well below snapshot_deadline_ms */

void
deny_list_open (accounts_t *self, uint64_t seed)
{
    deny_list_t *list = &self->deny_list;
    list->kept = calloc (DENIALS_MAX, sizeof list->kept[0]);
    CHECK (list->kept);
    list->stamps = map_new (DENIALS_MAX, sizeof (uint64_t), seed);
}

void
deny_list_close (accounts_t *self)
{
    free (self->deny_list.kept);
    map_destroy (&self->deny_list.stamps);
}

bool
deny_list_is_full (const accounts_t *self)
{
    return self->deny_list.count == DENIALS_MAX;
}

static uint64_t
s_key (const denial_t *denial)
{
    return hash_bytes (denial->user_id, denial->token_id, sizeof denial->token_id);
}

/*  Place of the first row above this version. */
static uint64_t
s_place_above (const deny_list_t *list, uint64_t version)
{
    uint64_t low = 0, high = list->count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (list->kept[middle].stamp <= version)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void
s_append (accounts_t *self, const denial_t *denial)
{
    deny_list_t *list = &self->deny_list;
    uint64_t *stamp = map_insert (list->stamps, s_key (denial));
    CHECK (stamp && list->count < DENIALS_MAX);
    /* versions of this process are above those of its predecessor on this machine */
    if (list->version < self->now_us)
        list->version = self->now_us;
    *stamp = ++list->version;
    list->kept[list->count++] = (kept_denial_t){ *denial, *stamp, list->pass };
}

static void
s_remove (deny_list_t *list, uint64_t place)
{
    list->count--;
    memmove (&list->kept[place], &list->kept[place + 1],
             (list->count - place) * sizeof list->kept[0]);
}

uint64_t
deny_list_merge (accounts_t *self, const denial_t *denial)
{
    deny_list_t *list = &self->deny_list;
    const uint64_t *stamp = map_find (list->stamps, s_key (denial));
    if (stamp) {
        uint64_t place = s_place_above (list, *stamp - 1);
        kept_denial_t *kept = &list->kept[place];
        kept->pass = list->pass;
        bool is_stricter = denial->not_before_ms > kept->denial.not_before_ms ||
                           denial->until_ms > kept->denial.until_ms;
        if (!is_stricter)
            return kept->stamp;
        s_remove (list, place);
    } else if (deny_list_is_full (self)) {
        return 0;
    }
    s_append (self, denial);
    return list->version;
}

/* -------------------------------------------------------------------------- edges */

static edge_t *
s_find (deny_list_t *list, uint64_t number)
{
    for (size_t i = 0; i < list->edge_count; i++)
        if (list->edges[i].address.number == number)
            return &list->edges[i];
    return NULL;
}

bool
deny_list_edges_have (const accounts_t *self, uint64_t version)
{
    const deny_list_t *list = &self->deny_list;
    for (size_t i = 0; i < list->edge_count; i++)
        if (list->edges[i].is_ready && (!list->edges[i].is_told || list->edges[i].acked < version))
            return false;
    return true;
}

void
deny_list_peer_up (accounts_t *self, const process_t *peer)
{
    deny_list_t *list = &self->deny_list;
    if (peer->kind != KIND_EDGE)
        return;
    edge_t *edge = s_find (list, peer->number);
    if (!edge && list->edge_count == PEERS_MAX)
        return;
    if (!edge)
        edge = &list->edges[list->edge_count++];
    if (edge->address.kind == 0 || edge->address.incarnation != peer->incarnation)
        *edge = (edge_t){ .address = { peer->kind, peer->number, peer->incarnation } };
    edge->is_ready = peer->state == STATE_READY;
}

void
deny_list_peer_down (accounts_t *self, const process_t *peer)
{
    deny_list_t *list = &self->deny_list;
    edge_t *edge = peer->kind == KIND_EDGE ? s_find (list, peer->number) : NULL;
    if (!edge || edge->address.incarnation != peer->incarnation)
        return;
    *edge = list->edges[--list->edge_count];
    list->edges[list->edge_count] = (edge_t){ 0 };
}

void
deny_list_ack (accounts_t *self, const event_t *event)
{
    const header_t *header = event->header;
    const snapshot_ack_t *ack = event->entries;
    edge_t *edge =
        header->from_kind == KIND_EDGE ? s_find (&self->deny_list, header->from_number) : NULL;
    if (!edge || edge->address.incarnation != header->from_incarnation || event->count != 1)
        return;
    if (!edge->out_since_us || ack->version != edge->sent)
        return;
    edge->acked = edge->sent;
    edge->is_told = true;
    edge->out_since_us = 0;
}

static void
s_push (accounts_t *self, edge_t *edge, effects_t *effects)
{
    const deny_list_t *list = &self->deny_list;
    uint64_t place = s_place_above (list, edge->acked);
    header_t *header = effects_send (effects, edge->address, MSG_DENIALS);
    uint64_t end = earlier (list->count, place + BATCH_ENTRIES_MAX);
    edge->sent = end < list->count ? list->kept[end - 1].stamp : list->version;
    edge->out_since_us = self->now_us;
    header->batch_id = edge->sent;
    header->following_count = list->count - end;
    for (; place < end; place++) {
        denial_t *denial = effects_entry (effects, &record_denial);
        *denial = list->kept[place].denial;
    }
}

static bool
s_is_due (const accounts_t *self, const edge_t *edge)
{
    if (edge->out_since_us)
        return self->now_us - edge->out_since_us >= RESEND_US;
    return !edge->is_told || edge->acked < self->deny_list.version;
}

/* -------------------------------------------------------------------------- loading */

static void
s_end_pass (accounts_t *self, effects_t *effects)
{
    deny_list_t *list = &self->deny_list;
    uint64_t left = 0;
    for (uint64_t i = 0; i < list->count; i++) {
        if (list->kept[i].pass == list->pass || list->kept[i].stamp > list->pass_version)
            list->kept[left++] = list->kept[i];
        else
            map_remove (list->stamps, s_key (&list->kept[i].denial));
    }
    list->count = left;
    list->is_running = false;
    list->due_us = self->now_us + RELOAD_US;
    if (list->is_loaded)
        return;
    list->is_loaded = true;
    if (list->version < self->now_us)
        list->version = self->now_us;
    effects_log (effects, LOG_LEVEL_INFO, "deny_list_loaded", "count=%" PRIu64, list->count);
}

void
deny_list_result (accounts_t *self, const event_t *event, effects_t *effects)
{
    deny_list_t *list = &self->deny_list;
    const denial_t *rows = event->entries;
    if (event->tag != list->tag)
        return;
    list->tag = 0;
    if (event->status != RESULT_OK) {
        list->due_us = self->now_us + RELOAD_RETRY_US;
        return;
    }
    for (size_t i = 0; i < event->count; i++)
        if (!deny_list_merge (self, &rows[i]))
            effects_log (effects, LOG_LEVEL_ERROR, "deny_list_full", "user=%" PRIu64,
                         rows[i].user_id);
    list->due_us = self->now_us;
    if (event->count < CALL_ROWS_MAX) {
        s_end_pass (self, effects);
        return;
    }
    list->after_user_id = rows[event->count - 1].user_id;
    memcpy (list->after_token_id, rows[event->count - 1].token_id, sizeof list->after_token_id);
}

static void
s_ask_page (accounts_t *self, effects_t *effects)
{
    deny_list_t *list = &self->deny_list;
    if (!list->is_running) {
        list->is_running = true;
        list->pass++;
        list->pass_version = list->version;
        list->after_user_id = 0;
        memset (list->after_token_id, 0, sizeof list->after_token_id);
    }
    list->tag = account_call (self, effects, CALL_DENIAL_LIST, PURPOSE_LIST, 0);
    query_t *query = effects_entry (effects, &record_query);
    query->user_id = list->after_user_id;
    memcpy (query->rid, list->after_token_id, sizeof query->rid);
    query->limit = CALL_ROWS_MAX;
}

void
deny_list_advance (accounts_t *self, effects_t *effects)
{
    deny_list_t *list = &self->deny_list;
    if (!list->tag && self->now_us >= list->due_us && !self->is_stopping)
        s_ask_page (self, effects);
    for (size_t i = 0; list->is_loaded && i < list->edge_count; i++)
        if (s_is_due (self, &list->edges[i]))
            s_push (self, &list->edges[i], effects);
}

uint64_t
deny_list_wake_us (const accounts_t *self)
{
    const deny_list_t *list = &self->deny_list;
    uint64_t wake_us = list->tag || self->is_stopping ? UINT64_MAX : list->due_us;
    for (size_t i = 0; list->is_loaded && i < list->edge_count; i++)
        if (list->edges[i].out_since_us)
            wake_us = earlier (wake_us, list->edges[i].out_since_us + RESEND_US);
    return wake_us;
}
