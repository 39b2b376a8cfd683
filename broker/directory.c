/*  Who is alive.

    Invariants
    D1  Members stand in ascending order of (kind, number); no two share both.
    D2  The version rises with every change of anything but load, and with nothing else.
    D3  A member whose topology_sent is not the version is sent TOPOLOGY before this step ends, or, when the
        step's budget is used up, in the step that follows at once.
    D4  A process that sent LEAVE (or was reported by the supervisor) never comes back under that incarnation.

    States of one (kind, number)

    state   | HEARTBEAT, same       | HEARTBEAT, other incarnation | LEAVE, PEER_DOWN | silence
            | incarnation           |                              |                  |
    --------+-----------------------+------------------------------+------------------+--------
    absent  | -                     | registered, version + 1      | nothing          | -
    present | renewed; version + 1  | started later: replaces,     | absent,          | absent,
            | if it changed         | version + 1; earlier: counted| version + 1      | version + 1
                                                                                                          */

#include "directory.h"

#include "check.h"
#include "hash.h"

#include <inttypes.h>
#include <string.h>

/*  Entries of all TOPOLOGY messages of one step: 256 processes that tell 256 others would be 24 MB of effects. */
#define TOPOLOGY_ENTRIES_PER_STEP 8192u
/*  Incarnations that are remembered as gone: a heartbeat that was on its way is at most seconds late. */
#define LEFT_MAX 64u

typedef struct member_t {
    process_t process;
    uint64_t heard_us;
    uint64_t topology_sent; /* version that was sent last; 0 = none, or it seems lost */
} member_t;

struct directory_t {
    uint64_t miss_us;
    uint64_t now_us;
    uint64_t version; /* starts at the time: so it differs from that of the broker before */
    member_t members[PROCESSES_MAX];
    size_t count;
    uint64_t left[LEFT_MAX];
    size_t left_next;
    bool is_full_told;
};

directory_t *
directory_new (const params_t *params)
{
    directory_t *self = calloc (1, sizeof *self);
    CHECK (self);
    self->miss_us = params->heartbeat_miss_ms * 1000;
    return self;
}

void
directory_destroy (directory_t **self_p)
{
    free (*self_p);
    *self_p = NULL;
}

void
directory_begin (directory_t *self, uint64_t now_us)
{
    if (self->version == 0)
        self->version = now_us ? now_us : 1;
    else if (now_us - self->now_us > self->miss_us / 2)
        for (size_t i = 0; i < self->count; i++)
            self->members[i].heard_us = now_us;
    self->now_us = now_us;
}

/* -------------------------------------------------------------------------- members */

static bool
s_is_before (const process_t *process, uint64_t kind, uint64_t number)
{
    return process->kind < kind || (process->kind == kind && process->number < number);
}

static size_t
s_position (const directory_t *self, uint64_t kind, uint64_t number)
{
    size_t i = 0;
    while (i < self->count && s_is_before (&self->members[i].process, kind, number))
        i++;
    return i;
}

static member_t *
s_find (directory_t *self, uint64_t kind, uint64_t number)
{
    size_t i = s_position (self, kind, number);
    if (i == self->count)
        return NULL;
    member_t *member = &self->members[i];
    bool is_same = member->process.kind == kind && member->process.number == number;
    return is_same ? member : NULL;
}

static member_t *
s_insert (directory_t *self, const process_t *process)
{
    if (self->count == PROCESSES_MAX)
        return NULL;
    size_t i = s_position (self, process->kind, process->number);
    memmove (&self->members[i + 1], &self->members[i], (self->count - i) * sizeof (member_t));
    self->count++;
    memset (&self->members[i], 0, sizeof (member_t));
    return &self->members[i];
}

static void
s_remove (directory_t *self, member_t *member, const char *why, effects_t *effects)
{
    effects_log (effects, LOG_LEVEL_INFO, "process_removed", "%s/%" PRIu64 " %s",
                 kind_name (member->process.kind), member->process.number, why);
    size_t i = (size_t)(member - self->members);
    self->count--;
    memmove (&self->members[i], &self->members[i + 1], (self->count - i) * sizeof (member_t));
    self->version++;
    self->is_full_told = false;
}

static bool
s_has_left (const directory_t *self, uint64_t incarnation)
{
    for (size_t i = 0; i < LEFT_MAX; i++)
        if (self->left[i] == incarnation)
            return true;
    return false;
}

/*  Equal in everything but load. */
static bool
s_is_same (const process_t *a, const process_t *b)
{
    return a->incarnation == b->incarnation && a->state == b->state && a->leader == b->leader &&
           a->pid == b->pid && a->since_ms == b->since_ms && !strcmp (a->endpoint, b->endpoint) &&
           !strcmp (a->http_endpoint, b->http_endpoint) && !strcmp (a->version, b->version) &&
           !strcmp (a->operations_endpoint, b->operations_endpoint);
}

/* -------------------------------------------------------------------------- HEARTBEAT */

static bool
s_is_from (const header_t *header, uint64_t kind, uint64_t number, uint64_t incarnation)
{
    return header->from_kind == kind && header->from_number == number &&
           header->from_incarnation == incarnation;
}

static bool
s_is_acceptable (const event_t *event)
{
    const process_t *process = event->entries;
    return event->count == 1 &&
           (kind_is_actor (process->kind) || process->kind == KIND_SUPERVISOR) &&
           process->number > 0 && process->incarnation > 0 &&
           s_is_from (event->header, process->kind, process->number, process->incarnation);
}

static void
s_reply_pong (const directory_t *self, const event_t *event, const pong_t *own, effects_t *effects)
{
    effects_reply (effects, event->header, MSG_PONG);
    pong_t *pong = effects_entry (effects, &record_pong);
    *pong = *own;
    pong->topology_version = self->version;
}

/*  Enters a process that was not there, or not under this incarnation. NULL if there is no room. */
static member_t *
s_register (directory_t *self, member_t *member, const process_t *process, effects_t *effects)
{
    if (!member)
        member = s_insert (self, process);
    if (member) {
        member->topology_sent = 0;
        effects_log (effects, LOG_LEVEL_INFO, "process_registered",
                     "%s/%" PRIu64 " incarnation %016" PRIx64, kind_name (process->kind),
                     process->number, process->incarnation);
    } else if (!self->is_full_told) {
        self->is_full_told = true;
        effects_log (effects, LOG_LEVEL_ERROR, "directory_full",
                     "%s/%" PRIu64 " is not registered: there are %u processes",
                     kind_name (process->kind), process->number, PROCESSES_MAX);
    }
    return member;
}

static void
s_renew (directory_t *self, const process_t *process, effects_t *effects)
{
    member_t *member = s_find (self, process->kind, process->number);
    bool is_other = member && member->process.incarnation != process->incarnation;
    if (s_has_left (self, process->incarnation) ||
        (is_other && process->since_ms < member->process.since_ms)) {
        effects_add (effects, METRIC_WRONG_INCARNATION, 0, 1);
        return;
    }
    if (!member || is_other)
        member = s_register (self, member, process, effects);
    if (!member)
        return;
    if (!s_is_same (&member->process, process))
        self->version++;
    member->process = *process;
    member->heard_us = self->now_us;
}

void
directory_handle_heartbeat (directory_t *self, const event_t *event, const pong_t *own,
                            effects_t *effects)
{
    if (!s_is_acceptable (event)) {
        effects_add (effects, METRIC_FRAMES_REFUSED, 0, 1);
        return;
    }
    const process_t *process = event->entries;
    s_renew (self, process, effects);
    s_reply_pong (self, event, own, effects);
    member_t *member = s_find (self, process->kind, process->number);
    if (member && member->process.incarnation == process->incarnation &&
        event->header->batch_id != self->version)
        member->topology_sent = 0;
}

/* -------------------------------------------------------------------------- the other messages */

void
directory_handle_leave (directory_t *self, const event_t *event, effects_t *effects)
{
    const leave_t *leave = event->entries;
    if (event->count != 1 ||
        (event->header->from_kind != KIND_SUPERVISOR &&
         !s_is_from (event->header, leave->kind, leave->number, leave->incarnation))) {
        effects_add (effects, METRIC_FRAMES_REFUSED, 0, 1);
        return;
    }
    member_t *member = s_find (self, leave->kind, leave->number);
    bool is_meant =
        member && (leave->incarnation ? member->process.incarnation == leave->incarnation
                                      : member->process.pid == leave->pid);
    uint64_t incarnation = is_meant ? member->process.incarnation : leave->incarnation;
    if (incarnation && !s_has_left (self, incarnation))
        self->left[self->left_next++ % LEFT_MAX] = incarnation;
    if (is_meant)
        s_remove (self, member, "left", effects);
}

void
directory_handle_get (const directory_t *self, const event_t *event, effects_t *effects)
{
    effects_reply (effects, event->header, MSG_DIRECTORY);
    for (size_t i = 0; i < self->count; i++) {
        process_t *process = effects_entry (effects, &record_process);
        *process = self->members[i].process;
    }
}

void
directory_handle_peer_down (directory_t *self, const process_t *process, effects_t *effects)
{
    member_t *member = s_find (self, process->kind, process->number);
    if (member && member->process.incarnation == process->incarnation)
        s_remove (self, member, "disconnected", effects);
}

/* -------------------------------------------------------------------------- the end of a step */

static void
s_remove_silent (directory_t *self, effects_t *effects)
{
    size_t i = 0;
    while (i < self->count) {
        if (self->now_us - self->members[i].heard_us > self->miss_us)
            s_remove (self, &self->members[i], "silent", effects);
        else
            i++;
    }
}

static void
s_send_topology (directory_t *self, member_t *member, effects_t *effects)
{
    const process_t *to = &member->process;
    address_t address = { to->kind, to->number, to->incarnation };
    effects_send (effects, address, MSG_TOPOLOGY)->batch_id = self->version;
    for (size_t i = 0; i < self->count; i++) {
        process_t *process = effects_entry (effects, &record_process);
        *process = self->members[i].process;
    }
    member->topology_sent = self->version;
}

void
directory_end (directory_t *self, effects_t *effects)
{
    s_remove_silent (self, effects);
    size_t budget = TOPOLOGY_ENTRIES_PER_STEP;
    for (size_t i = 0; i < self->count && self->count <= budget; i++) {
        if (self->members[i].topology_sent != self->version) {
            s_send_topology (self, &self->members[i], effects);
            budget -= self->count;
        }
    }
}

/* -------------------------------------------------------------------------- for the shell and tests */

uint64_t
directory_wake_us (const directory_t *self)
{
    /* more often than half a miss period, so that a longer gap between steps can only be a pause */
    uint64_t wake_us = self->now_us + self->miss_us / 4;
    for (size_t i = 0; i < self->count; i++) {
        uint64_t silent_us = self->members[i].heard_us + self->miss_us + 1;
        if (self->members[i].topology_sent != self->version)
            return self->now_us;
        if (silent_us < wake_us)
            wake_us = silent_us;
    }
    return wake_us;
}

/*  Field by field: what stands behind the end of a text is no state. */
static uint64_t
s_digest_process (uint64_t digest, const process_t *process)
{
    for (size_t i = 0; i < record_process.field_count; i++) {
        const field_t *field = &record_process.fields[i];
        const char *value = (const char *)process + field->offset;
        size_t bytes = field->kind == FIELD_TEXT ? strlen (value) : field->size_bytes;
        digest = hash_bytes (digest, value, bytes);
    }
    return digest;
}

uint64_t
directory_digest (const directory_t *self)
{
    uint64_t digest = hash_pair (self->version, self->now_us);
    for (size_t i = 0; i < self->count; i++) {
        const member_t *member = &self->members[i];
        digest = s_digest_process (digest, &member->process);
        digest = hash_pair (digest, hash_pair (member->heard_us, member->topology_sent));
    }
    return hash_bytes (digest, self->left, sizeof self->left);
}

void
directory_check (const directory_t *self)
{
    CHECK (self->count <= PROCESSES_MAX);
    for (size_t i = 0; i < self->count; i++) {
        const member_t *member = &self->members[i];
        CHECK (member->process.incarnation && member->heard_us <= self->now_us);
        CHECK (member->topology_sent <= self->version);
        CHECK (!s_has_left (self, member->process.incarnation));
        if (i > 0)
            CHECK (s_is_before (&self->members[i - 1].process, member->process.kind,
                                member->process.number));
    }
}
