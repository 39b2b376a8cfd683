/*  The core: questions of operators become goals of the crew (crew.h), or jobs that take several steps.

    job        steps                                                                                   answered
    RESTART    every process asked for leaves and returns                                              all are ready again
    REPLACE    for one process after the other: a further one starts → is ready → the old one leaves   the last one has left
               (a broker, whose path is fixed, leaves and returns)

    Invariants
    1. One job per kind; while there is one, no new count and no other job is taken for the kind (busy).
    2. Every job is answered once: done, or busy when JOB_US is over; the crew goes on by itself then.
    3. An order that was taken is told to the leader of the inventories in view, for the log of operators' actions, once; without
       one, or when the message is lost, the supervisor's own log alone has it.                                    */

#include "supervisor.h"

#include "check.h"
#include "crew.h"
#include "hash.h"
#include "peers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOB_US 120000000u

typedef enum job_type_t { JOB_NONE, JOB_RESTART, JOB_REPLACE } job_type_t;

typedef struct job_t {
    job_type_t type;
    header_t asked; /* the question: its sender gets the answer */
    uint64_t started_us;
    uint8_t is_todo[SLOTS_MAX + 1]; /* numbers not yet dealt with */
    uint64_t pids[SLOTS_MAX + 1];   /* of the kind when the job (REPLACE: its present step) began */
    uint64_t current;               /* REPLACE: the number being replaced, 0 = none */
    uint64_t is_leaving; /* REPLACE: the replacement is ready, the old one on its way out */
} job_t;

typedef struct supervisor_t {
    crew_t crew;
    job_t jobs[KIND_COUNT];
    peers_t brokers;
    peers_t inventories;
} supervisor_t;

static void *
s_new (const params_t *params, address_t address)
{
    (void)address;
    supervisor_t *self = calloc (1, sizeof *self);
    CHECK (self);
    char reason[200];
    CHECK (wanted_parse (&self->crew.wanted, params->scale, reason,
                         sizeof reason)); /* the program checked it */
    self->crew.drain_us = params->drain_ms * 1000;
    return self;
}

static void
s_destroy (void **self_p)
{
    free (*self_p);
    *self_p = NULL;
}

/* -------------------------------------------------------------------------- jobs */

static void
s_job_answer (job_t *job, error_code_t code, const char *detail, effects_t *effects)
{
    effects_reply_outcome (effects, &job->asked, code, detail, 0);
    memset (job, 0, sizeof *job);
}

static uint64_t
s_job_next (const job_t *job)
{
    for (uint64_t number = 1; number <= SLOTS_MAX; number++)
        if (job->is_todo[number])
            return number;
    return 0;
}

/*  Another process than when the job began has the number, and is ready. */
static bool
s_is_renewed (const supervisor_t *self, uint64_t kind, const job_t *job, uint64_t number)
{
    const slot_t *slot = &self->crew.slots[kind][number];
    return slot_is_ready (slot) && slot->pid != job->pids[number];
}

static void
s_job_step_restart (supervisor_t *self, uint64_t kind, job_t *job, effects_t *effects)
{
    for (uint64_t number = 1; number <= SLOTS_MAX; number++)
        if (job->is_todo[number]) {
            const slot_t *slot = &self->crew.slots[kind][number];
            if (s_is_renewed (self, kind, job, number) || slot->state == SLOT_EMPTY)
                job->is_todo[number] = 0;
        }
    if (s_job_next (job) == 0)
        s_job_answer (job, ERROR_NONE, NULL, effects);
}

/*  A process of the kind that was not there when this step began is ready. */
static bool
s_has_replacement (const supervisor_t *self, uint64_t kind, const job_t *job)
{
    for (uint64_t number = 1; number <= SLOTS_MAX; number++)
        if (s_is_renewed (self, kind, job, number))
            return true;
    return false;
}

static void
s_remember (const supervisor_t *self, uint64_t kind, job_t *job)
{
    for (uint64_t number = 1; number <= SLOTS_MAX; number++)
        job->pids[number] = self->crew.slots[kind][number].pid;
}

static void
s_job_take (supervisor_t *self, uint64_t kind, job_t *job, uint64_t now_us, effects_t *effects)
{
    job->current = s_job_next (job);
    job->is_todo[job->current] = 0;
    s_remember (self, kind, job);
    job->is_leaving = 0;
    if (kind == KIND_BROKER)
        crew_leave (&self->crew, kind, job->current, true, now_us, effects);
    else
        self->crew.extra[kind] = 1;
}

/*  Returns true if a further step may be possible at once. */
static bool
s_job_step_replace (supervisor_t *self, uint64_t kind, job_t *job, uint64_t now_us,
                    effects_t *effects)
{
    const slot_t *slot = &self->crew.slots[kind][job->current];
    if (job->current == 0) {
        if (s_job_next (job) == 0) {
            s_job_answer (job, ERROR_NONE, NULL, effects);
            return false;
        }
        s_job_take (self, kind, job, now_us, effects);
        return true;
    }
    bool is_gone = slot->pid != job->pids[job->current];
    if (kind == KIND_BROKER) {
        if (!s_is_renewed (self, kind, job, job->current))
            return false;
    } else if (!job->is_leaving) {
        if (!s_has_replacement (self, kind, job))
            return false;
        self->crew.extra[kind] = 0;
        job->is_leaving = 1;
        if (!is_gone)
            crew_leave (&self->crew, kind, job->current, false, now_us, effects);
        return true;
    } else if (!is_gone)
        return false;
    job->current = 0;
    return true;
}

static void
s_jobs_step (supervisor_t *self, uint64_t now_us, effects_t *effects)
{
    for (uint64_t kind = 0; kind < KIND_COUNT; kind++) {
        job_t *job = &self->jobs[kind];
        if (job->type == JOB_RESTART)
            s_job_step_restart (self, kind, job, effects);
        while (job->type == JOB_REPLACE && s_job_step_replace (self, kind, job, now_us, effects))
            crew_settle (&self->crew, now_us, effects);
        if (job->type != JOB_NONE && now_us >= job->started_us + JOB_US) {
            self->crew.extra[kind] = 0;
            s_job_answer (job, ERROR_BUSY, "Not all are ready yet; `minishop status` shows them.",
                          effects);
        }
    }
}

/*  One entry for the operators' log, sent and forgotten. */
static void
s_log_action (const supervisor_t *self, const scale_t *asked, const char *action, uint64_t before,
              uint64_t after, effects_t *effects)
{
    const char *who = asked->actor[0] ? asked->actor : "console";
    bool is_one = strcmp (action, "actors_scale") != 0 && asked->count > 0;
    char number[24] = "";
    if (is_one)
        snprintf (number, sizeof number, "/%" PRIu64, asked->count);
    effects_log (effects, LOG_LEVEL_INFO, action, "%s%s from %" PRIu64 " to %" PRIu64 " by %s",
                 kind_name (asked->kind), number, before, after, who);
    const peer_t *leader = peers_leader (&self->inventories);
    if (!leader)
        return;
    effects_send (effects, leader->address, MSG_LOG_ADD);
    log_entry_t *entry = effects_entry (effects, &record_log_entry);
    snprintf (entry->who, sizeof entry->who, "%s", who);
    snprintf (entry->action, sizeof entry->action, "%s", action);
    snprintf (entry->target, sizeof entry->target, "%s%s", kind_name (asked->kind), number);
    snprintf (entry->before, sizeof entry->before, "%" PRIu64, before);
    snprintf (entry->after, sizeof entry->after, "%" PRIu64, after);
}

static void
s_job_begin (supervisor_t *self, job_type_t type, const event_t *event, const scale_t *asked,
             effects_t *effects)
{
    crew_t *crew = &self->crew;
    job_t *job = &self->jobs[asked->kind];
    bool is_any = false;
    memset (job, 0, sizeof *job);
    for (uint64_t number = 1; number <= SLOTS_MAX; number++) {
        bool is_meant = asked->count == 0 || asked->count == number;
        job->is_todo[number] = is_meant && slot_is_wanted (&crew->slots[asked->kind][number]);
        is_any |= job->is_todo[number] != 0;
    }
    if (!is_any) {
        effects_reply_outcome (effects, event->header, ERROR_NOT_FOUND, "No such process runs.", 0);
        return;
    }
    bool is_drain = event->header->type == MSG_DRAIN;
    s_log_action (self, asked, is_drain ? "actors_drain" : "actors_restart",
                  crew->wanted.counts[asked->kind], crew->wanted.counts[asked->kind], effects);
    job->type = type;
    job->asked = *event->header;
    job->started_us = event->now_us;
    s_remember (self, asked->kind, job);
    if (type == JOB_RESTART)
        for (uint64_t number = 1; number <= SLOTS_MAX; number++)
            if (job->is_todo[number])
                crew_leave (crew, asked->kind, number, true, event->now_us, effects);
}

/* -------------------------------------------------------------------------- questions of operators */

static void
s_handle_scale (supervisor_t *self, const event_t *event, const scale_t *asked, effects_t *effects)
{
    if (asked->count > wanted_max (asked->kind) ||
        (asked->kind == KIND_BROKER && asked->count == 0)) {
        effects_reply_outcome (effects, event->header, ERROR_INVALID_FIELD,
                               "A count is a number from 0 to 64; of brokers there is at least "
                               "one, of the provider at most one.",
                               0);
        return;
    }
    s_log_action (self, asked, "actors_scale", self->crew.wanted.counts[asked->kind], asked->count,
                  effects);
    self->crew.wanted.counts[asked->kind] = asked->count;
    effects_send (effects, (address_t){ KIND_CLIENT, SUPERVISOR_LOCAL, 0 }, MSG_SCALE);
    scale_t *kept = effects_entry (effects, &record_scale);
    kept->kind = asked->kind;
    kept->count = asked->count;
    effects_reply_outcome (effects, event->header, ERROR_NONE, NULL, 0);
}

static void
s_handle_question (supervisor_t *self, const event_t *event, effects_t *effects)
{
    const scale_t *asked = event->entries;
    if (event->count != 1 || !kind_is_actor (asked->kind))
        effects_reply_outcome (effects, event->header, ERROR_INVALID_FIELD,
                               "There is no such kind.", 0);
    else if (self->crew.is_stopping)
        effects_reply_outcome (effects, event->header, ERROR_DRAINING, "The instance is stopping.",
                               0);
    else if (self->jobs[asked->kind].type != JOB_NONE)
        effects_reply_outcome (effects, event->header, ERROR_BUSY,
                               "Processes of this kind are being restarted.", 0);
    else if (event->header->type == MSG_SCALE)
        s_handle_scale (self, event, asked, effects);
    else if (event->header->type == MSG_RESTART && !asked->rolling)
        s_job_begin (self, JOB_RESTART, event, asked, effects);
    else
        s_job_begin (self, JOB_REPLACE, event, asked, effects);
}

/* -------------------------------------------------------------------------- what the program reports */

static void
s_tell_brokers (const supervisor_t *self, const leave_t *ended, effects_t *effects)
{
    for (size_t i = 0; i < self->brokers.count; i++) {
        effects_send (effects, self->brokers.peers[i].address, MSG_LEAVE);
        leave_t *leave = effects_entry (effects, &record_leave);
        leave->kind = ended->kind;
        leave->number = ended->number;
        leave->pid = ended->pid;
    }
}

static bool
s_is_slot (uint64_t kind, uint64_t number)
{
    return kind_is_actor (kind) && number >= 1 && number <= SLOTS_MAX;
}

static void
s_handle_report (supervisor_t *self, const event_t *event, effects_t *effects)
{
    if (event->header->type == MSG_HEARTBEAT) {
        const process_t *started = event->entries;
        CHECK (s_is_slot (started->kind, started->number));
        crew_started (&self->crew, started->kind, started->number, started->pid, event->now_us,
                      effects);
    } else if (event->header->type == MSG_LEAVE) {
        const leave_t *ended = event->entries;
        CHECK (s_is_slot (ended->kind, ended->number));
        if (crew_ended (&self->crew, ended->kind, ended->number, ended->pid, event->now_us,
                        effects) &&
            ended->pid)
            s_tell_brokers (self, ended, effects);
    }
}

static void
s_handle_message (supervisor_t *self, const event_t *event, effects_t *effects)
{
    if (event->header->from_kind == KIND_CLIENT) {
        s_handle_report (self, event, effects);
        return;
    }
    switch (event->header->type) {
    case MSG_SCALE:
    case MSG_RESTART:
    case MSG_DRAIN:
        s_handle_question (self, event, effects);
        break;
    default:
        break; /* any other message is invalid here */
    }
}

static void
s_handle_peer (supervisor_t *self, const event_t *event)
{
    const process_t *peer = event->peer;
    bool is_up = event->type == EVENT_PEER_UP;
    if (peer->kind == KIND_BROKER) {
        if (is_up)
            peers_up (&self->brokers, peer);
        else
            peers_down (&self->brokers, peer);
        if (self->brokers.count == 0)
            self->crew.brokers_us = 0;
        else if (self->crew.brokers_us == 0)
            self->crew.brokers_us = event->now_us;
    }
    if (peer->kind == KIND_INVENTORY && is_up)
        peers_up (&self->inventories, peer);
    else if (peer->kind == KIND_INVENTORY)
        peers_down (&self->inventories, peer);
    if (is_up)
        crew_seen (&self->crew, peer);
    else
        crew_unseen (&self->crew, peer, event->now_us);
}

/* -------------------------------------------------------------------------- the class */

static void
s_step (void *self_, const event_t *event, effects_t *effects)
{
    supervisor_t *self = self_;
    switch (event->type) {
    case EVENT_MESSAGE:
        s_handle_message (self, event, effects);
        break;
    case EVENT_PEER_UP:
    case EVENT_PEER_DOWN:
        s_handle_peer (self, event);
        break;
    case EVENT_TIMER:
        crew_tick (&self->crew, event->now_us, effects);
        break;
    case EVENT_STOP:
        crew_stop (&self->crew, event->now_us, effects);
        break;
    case EVENT_START:
    case EVENT_RESULT:
        break;
    }
    crew_settle (&self->crew, event->now_us, effects);
    if (!self->crew.is_stopping)
        s_jobs_step (self, event->now_us, effects);
}

static uint64_t
s_wake_us (const void *self_)
{
    const supervisor_t *self = self_;
    uint64_t wake_us = crew_wake_us (&self->crew);
    for (uint64_t kind = 0; kind < KIND_COUNT; kind++)
        if (self->jobs[kind].type != JOB_NONE && self->jobs[kind].started_us + JOB_US < wake_us)
            wake_us = self->jobs[kind].started_us + JOB_US;
    return wake_us;
}

static void
s_status (const void *self_, actor_status_t *status)
{
    const supervisor_t *self = self_;
    memset (status, 0, sizeof *status);
    status->is_ready = crew_is_complete (&self->crew);
    /* the host ends a stopped process when nothing is in flight: here, when every process has left */
    status->in_flight = self->crew.is_stopping ? crew_occupied (&self->crew) : 0;
}

static uint64_t
s_digest (const void *self)
{
    return hash_bytes (0, self, sizeof (supervisor_t));
}

static void
s_check (const void *self_)
{
    const supervisor_t *self = self_;
    crew_check (&self->crew);
    for (uint64_t kind = 0; kind < KIND_COUNT; kind++)
        CHECK (self->crew.extra[kind] == 0 || self->jobs[kind].type == JOB_REPLACE);
}

const actor_class_t supervisor_class = {
    .kind = KIND_SUPERVISOR,
    .new_ = s_new,
    .destroy = s_destroy,
    .step = s_step,
    .wake_us = s_wake_us,
    .status = s_status,
    .digest = s_digest,
    .check = s_check,
};
