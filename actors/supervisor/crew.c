#include "crew.h"

#include "check.h"
#include "hash.h"
#include "supervisor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*  A process that ends sooner than this after its start is started again more and more slowly. */
#define QUICK_US 2000000u
#define BACKOFF_MIN_US 50000u
#define BACKOFF_MAX_US 5000000u
/*  Between taking an edge from nginx and ending it: nginx needs about 50 ms to put its new workers to work. */
#define EDGE_OUT_US 300000u
/*  An edge that crashed is back within 200 ms as a rule. */
#define EDGE_GRACE_US 2000000u
#define KILL_AFTER_US 2000000u
/*  A live process that no broker has heard of for so long hangs. */
#define UNSEEN_US 15000000u

const kind_t supervisor_start_order[] = {
    KIND_BROKER,  KIND_INVENTORY, KIND_ACCOUNT, KIND_ORDERING,
    KIND_SECKILL, KIND_LIMITER,   KIND_EDGE,    KIND_PROVIDER
};
const size_t supervisor_start_order_count =
    sizeof supervisor_start_order / sizeof supervisor_start_order[0];

static const address_t s_program = { KIND_CLIENT, SUPERVISOR_LOCAL, 0 };

static void
s_tell (effects_t *effects, message_type_t type, uint64_t kind, uint64_t number)
{
    effects_send (effects, s_program, type);
    scale_t *order = effects_entry (effects, &record_scale);
    order->kind = kind;
    order->count = number;
}

bool
slot_is_wanted (const slot_t *slot)
{
    switch (slot->state) {
    case SLOT_WAITING:
    case SLOT_UP:
        return true;
    case SLOT_STARTING:
        return !slot->leaves || slot->returns;
    case SLOT_OUT:
    case SLOT_LEAVING:
    case SLOT_KILLED:
        return slot->returns;
    case SLOT_EMPTY:
        break;
    }
    return false;
}

bool
slot_is_ready (const slot_t *slot)
{
    return slot->state == SLOT_UP && slot->is_ready;
}

/* -------------------------------------------------------------------------- starting */

static void
s_start (slot_t *slot, uint64_t kind, uint64_t number, uint64_t now_us, effects_t *effects)
{
    CHECK (slot->pid == 0);
    slot_t before = *slot;
    memset (slot, 0, sizeof *slot);
    slot->quick_deaths = before.quick_deaths;
    slot->crashed_us = before.crashed_us;
    memcpy (slot->served, before.served, sizeof slot->served);
    slot->state = SLOT_STARTING;
    slot->started_us = now_us;
    slot->unseen_us = now_us;
    s_tell (effects, MSG_RESTART, kind, number);
}

static uint64_t
s_backoff_us (uint64_t quick_deaths)
{
    if (quick_deaths <= 1)
        return 0;
    uint64_t doublings = quick_deaths - 2;
    return doublings >= 7 || BACKOFF_MIN_US << doublings > BACKOFF_MAX_US
               ? BACKOFF_MAX_US
               : BACKOFF_MIN_US << doublings;
}

void
crew_started (crew_t *self, uint64_t kind, uint64_t number, uint64_t pid, uint64_t now_us,
              effects_t *effects)
{
    slot_t *slot = &self->slots[kind][number];
    if (slot->state != SLOT_STARTING)
        return;
    slot->state = SLOT_UP;
    slot->pid = pid;
    slot->started_us = now_us;
    slot->unseen_us = now_us;
    if (slot->leaves)
        crew_leave (self, kind, number, slot->returns, now_us, effects);
}

/* -------------------------------------------------------------------------- ending */

static void
s_terminate (crew_t *self, slot_t *slot, uint64_t kind, uint64_t number, uint64_t now_us,
             effects_t *effects)
{
    slot->state = SLOT_LEAVING;
    slot->due_us = now_us + self->drain_us + KILL_AFTER_US;
    s_tell (effects, MSG_DRAIN, kind, number);
}

static void
s_kill (slot_t *slot, uint64_t kind, uint64_t number, effects_t *effects)
{
    slot->state = SLOT_KILLED;
    effects_send (effects, s_program, MSG_LEAVE);
    leave_t *leave = effects_entry (effects, &record_leave);
    leave->kind = kind;
    leave->number = number;
    leave->pid = slot->pid;
}

void
crew_leave (crew_t *self, uint64_t kind, uint64_t number, bool returns, uint64_t now_us,
            effects_t *effects)
{
    slot_t *slot = &self->slots[kind][number];
    switch (slot->state) {
    case SLOT_WAITING:
        if (!returns)
            memset (slot, 0, sizeof *slot);
        break;
    case SLOT_STARTING:
        slot->leaves = 1;
        slot->returns = returns;
        break;
    case SLOT_UP:
        slot->returns = returns;
        if (kind == KIND_EDGE && slot->was_ready && !self->is_stopping) {
            slot->state = SLOT_OUT;
            slot->due_us = now_us + EDGE_OUT_US;
        } else
            s_terminate (self, slot, kind, number, now_us, effects);
        break;
    case SLOT_OUT:
    case SLOT_LEAVING:
    case SLOT_KILLED:
        slot->returns = returns;
        break;
    case SLOT_EMPTY:
        break;
    }
}

bool
crew_ended (crew_t *self, uint64_t kind, uint64_t number, uint64_t pid, uint64_t now_us,
            effects_t *effects)
{
    slot_t *slot = &self->slots[kind][number];
    if (slot->pid != pid || slot->state == SLOT_EMPTY || slot->state == SLOT_WAITING)
        return false;
    bool was_asked = slot->state != SLOT_UP && slot->state != SLOT_STARTING;
    bool is_wanted = slot_is_wanted (slot) && !self->is_stopping;
    bool is_quick = !was_asked && now_us - slot->started_us < QUICK_US;
    slot_t ended = *slot;
    memset (slot, 0, sizeof *slot);
    if (!is_wanted)
        return true;
    if (!was_asked && ended.served[0]) {
        slot->crashed_us = ended.crashed_us ? ended.crashed_us : now_us;
        memcpy (slot->served, ended.served, sizeof slot->served);
    }
    slot->state = SLOT_WAITING;
    slot->quick_deaths = is_quick ? ended.quick_deaths + 1 : 0;
    slot->due_us = now_us + s_backoff_us (slot->quick_deaths);
    if (!was_asked) {
        effects_add (effects, METRIC_RESTARTS, kind, 1);
        effects_log (effects, LOG_LEVEL_WARNING, "process_ended",
                     "%s/%" PRIu64 " pid %" PRIu64 ", starts again in %" PRIu64 " ms",
                     kind_name (kind), number, pid, (slot->due_us - now_us) / 1000);
    }
    return true;
}

/* -------------------------------------------------------------------------- what the directory says */

void
crew_seen (crew_t *self, const process_t *process)
{
    if (!kind_is_actor (process->kind) || process->number == 0 || process->number > SLOTS_MAX)
        return;
    slot_t *slot = &self->slots[process->kind][process->number];
    if (slot->pid == 0 || slot->pid != process->pid)
        return;
    slot->unseen_us = 0;
    slot->is_ready = process->state == STATE_READY;
    if (slot->is_ready)
        slot->was_ready = 1;
    snprintf (slot->http_endpoint, sizeof slot->http_endpoint, "%s", process->http_endpoint);
}

void
crew_unseen (crew_t *self, const process_t *process, uint64_t now_us)
{
    if (!kind_is_actor (process->kind) || process->number == 0 || process->number > SLOTS_MAX)
        return;
    slot_t *slot = &self->slots[process->kind][process->number];
    if (slot->pid == 0 || slot->pid != process->pid)
        return;
    slot->unseen_us = now_us;
    slot->is_ready = 0;
}

static bool
s_is_serving (const slot_t *slot)
{
    return slot->state == SLOT_UP && slot->was_ready && slot->http_endpoint[0];
}

/*  What nginx is to be told of an edge, into slot->served; "" = nothing. */
static void
s_choose_served (slot_t *slot, bool only_seen, uint64_t now_us)
{
    bool may_return = slot->state == SLOT_WAITING || slot->state == SLOT_STARTING ||
                      (slot->state == SLOT_UP && !slot->leaves);
    if (s_is_serving (slot) && (!only_seen || slot->unseen_us == 0)) {
        memcpy (slot->served, slot->http_endpoint, sizeof slot->served);
        slot->crashed_us = 0;
        return;
    }
    /* its pipe may break a moment before its end is reported */
    if (s_is_serving (slot) && slot->served[0] && !slot->crashed_us)
        slot->crashed_us = now_us;
    if (!slot->crashed_us || !may_return || now_us >= slot->crashed_us + EDGE_GRACE_US) {
        slot->served[0] = 0;
        slot->crashed_us = 0;
    }
}

/*  nginx gets the edges that were ready once and are in the directory; one that is not ready at the moment still serves what it
    knows. When none is in the directory, all that live: it is the directory that is away then. */
static void
s_tell_edges (crew_t *self, uint64_t now_us, effects_t *effects)
{
    slot_t *slots = self->slots[KIND_EDGE];
    size_t seen = 0;
    uint64_t digest = 1;
    for (uint64_t number = 1; number <= SLOTS_MAX; number++)
        seen += s_is_serving (&slots[number]) && slots[number].unseen_us == 0;
    for (uint64_t number = 1; number <= SLOTS_MAX; number++) {
        s_choose_served (&slots[number], seen > 0, now_us);
        if (slots[number].served[0])
            digest = hash_pair (
                hash_bytes (digest, slots[number].served, strlen (slots[number].served)), number);
    }
    if (digest == self->edges_digest)
        return;
    self->edges_digest = digest;
    effects_send (effects, s_program, MSG_TOPOLOGY);
    for (uint64_t number = 1; number <= SLOTS_MAX; number++)
        if (slots[number].served[0]) {
            process_t *edge = effects_entry (effects, &record_process);
            edge->kind = KIND_EDGE;
            edge->number = number;
            memcpy (edge->http_endpoint, slots[number].served, sizeof edge->http_endpoint);
        }
}

/* -------------------------------------------------------------------------- settling */

static void
s_settle_kind (crew_t *self, uint64_t kind, uint64_t now_us, effects_t *effects)
{
    uint64_t goal = self->wanted.counts[kind] + self->extra[kind];
    uint64_t count = 0;
    for (uint64_t number = 1; number <= SLOTS_MAX; number++)
        count += slot_is_wanted (&self->slots[kind][number]);
    for (uint64_t number = 1; number <= SLOTS_MAX && count < goal; number++)
        if (self->slots[kind][number].state == SLOT_EMPTY) {
            s_start (&self->slots[kind][number], kind, number, now_us, effects);
            count++;
        }
    for (uint64_t number = SLOTS_MAX; number > 0 && count > goal; number--)
        if (slot_is_wanted (&self->slots[kind][number])) {
            crew_leave (self, kind, number, false, now_us, effects);
            count--;
        }
}

/*  One kind after the other: the provider's last webhooks need nginx and an edge, an edge that finishes its requests needs the
    limiters, those need seckill. */
static void
s_settle_stop (crew_t *self, uint64_t now_us, effects_t *effects)
{
    for (size_t i = supervisor_start_order_count; i-- > 0;) {
        kind_t kind = supervisor_start_order[i];
        bool is_occupied = false;
        if (kind != KIND_PROVIDER && !self->is_door_closed) {
            self->is_door_closed = 1;
            s_tell (effects, MSG_DRAIN, KIND_SUPERVISOR, SUPERVISOR_LOCAL);
        }
        for (uint64_t number = 1; number <= SLOTS_MAX; number++)
            if (self->slots[kind][number].state != SLOT_EMPTY) {
                crew_leave (self, kind, number, false, now_us, effects);
                is_occupied |= self->slots[kind][number].state != SLOT_EMPTY;
            }
        if (is_occupied)
            return;
    }
}

void
crew_settle (crew_t *self, uint64_t now_us, effects_t *effects)
{
    if (self->is_stopping) {
        s_settle_stop (self, now_us, effects);
        return;
    }
    for (size_t i = 0; i < supervisor_start_order_count; i++)
        s_settle_kind (self, supervisor_start_order[i], now_us, effects);
    s_tell_edges (self, now_us, effects);
}

void
crew_stop (crew_t *self, uint64_t now_us, effects_t *effects)
{
    self->is_stopping = 1;
    for (uint64_t number = 1; number <= SLOTS_MAX; number++)
        if (self->slots[KIND_EDGE][number].state == SLOT_OUT)
            self->slots[KIND_EDGE][number].due_us = now_us;
    crew_settle (self, now_us, effects);
}

/* -------------------------------------------------------------------------- time */

/*  A broker that hangs cannot report others: it is judged without one. */
static uint64_t
s_unseen_due_us (const crew_t *self, uint64_t kind, const slot_t *slot)
{
    if (slot->unseen_us == 0 || (kind != KIND_BROKER && self->brokers_us == 0))
        return UINT64_MAX;
    uint64_t since_us = slot->unseen_us;
    if (kind != KIND_BROKER && self->brokers_us > since_us)
        since_us = self->brokers_us;
    return since_us + UNSEEN_US;
}

static uint64_t
s_step_due_us (const crew_t *self, uint64_t kind, const slot_t *slot)
{
    switch (slot->state) {
    case SLOT_WAITING:
    case SLOT_OUT:
    case SLOT_LEAVING:
        return slot->due_us;
    case SLOT_UP:
        return s_unseen_due_us (self, kind, slot);
    case SLOT_EMPTY:
    case SLOT_STARTING:
    case SLOT_KILLED:
        break;
    }
    return UINT64_MAX;
}

static uint64_t
s_slot_due_us (const crew_t *self, uint64_t kind, const slot_t *slot)
{
    uint64_t due_us = s_step_due_us (self, kind, slot);
    uint64_t grace_us =
        slot->crashed_us && !self->is_stopping ? slot->crashed_us + EDGE_GRACE_US : UINT64_MAX;
    return due_us < grace_us ? due_us : grace_us;
}

uint64_t
crew_wake_us (const crew_t *self)
{
    uint64_t wake_us = UINT64_MAX;
    for (uint64_t kind = 0; kind < KIND_COUNT; kind++)
        for (uint64_t number = 1; number <= SLOTS_MAX; number++) {
            uint64_t due_us = s_slot_due_us (self, kind, &self->slots[kind][number]);
            if (due_us < wake_us)
                wake_us = due_us;
        }
    return wake_us;
}

static void
s_tick_slot (crew_t *self, uint64_t kind, uint64_t number, uint64_t now_us, effects_t *effects)
{
    slot_t *slot = &self->slots[kind][number];
    if (s_step_due_us (self, kind, slot) > now_us)
        return; /* an edge's grace is looked at by crew_settle */
    if (slot->state == SLOT_WAITING)
        s_start (slot, kind, number, now_us, effects);
    else if (slot->state == SLOT_OUT)
        s_terminate (self, slot, kind, number, now_us, effects);
    else {
        bool hangs = slot->state == SLOT_UP;
        effects_log (effects, LOG_LEVEL_WARNING, "process_killed",
                     "%s/%" PRIu64 " pid %" PRIu64 ": %s", kind_name (kind), number, slot->pid,
                     hangs ? "no broker hears of it" : "not gone in time after SIGTERM");
        slot->returns |= hangs && !self->is_stopping;
        s_kill (slot, kind, number, effects);
    }
}

void
crew_tick (crew_t *self, uint64_t now_us, effects_t *effects)
{
    for (size_t i = 0; i < supervisor_start_order_count; i++)
        for (uint64_t number = 1; number <= SLOTS_MAX; number++)
            s_tick_slot (self, supervisor_start_order[i], number, now_us, effects);
}

/* -------------------------------------------------------------------------- looking */

size_t
crew_occupied (const crew_t *self)
{
    size_t count = 0;
    for (uint64_t kind = 0; kind < KIND_COUNT; kind++)
        for (uint64_t number = 1; number <= SLOTS_MAX; number++)
            count += self->slots[kind][number].state != SLOT_EMPTY;
    return count;
}

bool
crew_is_complete (const crew_t *self)
{
    for (uint64_t kind = 0; kind < KIND_COUNT; kind++) {
        uint64_t ready = 0;
        for (uint64_t number = 1; number <= SLOTS_MAX; number++)
            ready += slot_is_ready (&self->slots[kind][number]);
        if (ready < self->wanted.counts[kind])
            return false;
    }
    return true;
}

void
crew_check (const crew_t *self)
{
    for (uint64_t kind = 0; kind < KIND_COUNT; kind++) {
        CHECK (self->wanted.counts[kind] <= WANTED_MAX);
        CHECK (self->extra[kind] <= SLOTS_MAX - WANTED_MAX);
        for (uint64_t number = 0; number <= SLOTS_MAX; number++) {
            const slot_t *slot = &self->slots[kind][number];
            bool has_pid = slot->state >= SLOT_UP;
            CHECK (has_pid == (slot->pid != 0)); /* 1 */
            CHECK (slot->state != SLOT_EMPTY || slot->due_us == 0);
            CHECK (!(slot->is_ready && !slot->was_ready)); /* 3 */
        }
    }
}
