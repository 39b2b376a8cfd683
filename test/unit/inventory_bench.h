/*  The inventory core on the bench with its stores in the test's hand: calls wait in a list until the test answers them, and the
    effects gather as text. Looks at gates, renewals and reloads go on all the time; they are left out of the text unless asked for. */

#ifndef MS_INVENTORY_BENCH_H
#define MS_INVENTORY_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "rig.h"

#include "inventory.h"
#include "state.h"

#define CALLS_MAX 4096u
#define SECOND_US 1000000u

typedef struct waiting_call_t {
    call_name_t call;
    uint64_t tag;
    size_t count;
    uint8_t argument[4096]; /* the first one */
} waiting_call_t;

typedef struct bench_t {
    rig_t *rig;
    params_t params;
    waiting_call_t calls[CALLS_MAX];
    size_t call_count;
    bool shows_all;
    char text[1 << 20];
    size_t text_count;
} bench_t;

static inline const inventory_t *
bench_core (const bench_t *self)
{
    return self->rig->core;
}

static inline bool
s_is_background (const waiting_call_t *call)
{
    uint64_t purpose = call->tag & 0xff;
    return purpose == PURPOSE_LEASE || purpose == PURPOSE_RELOAD || purpose == PURPOSE_LIMITS ||
           purpose == PURPOSE_POLL || purpose == PURPOSE_CLOCK || call->call == CALL_RELEASE_LIST;
}

/*  Appends the line without its tag, which is the core's own affair. */
static inline void
s_keep_line (bench_t *self, const char *line, size_t bytes)
{
    const char *tag = strstr (line, " tag=");
    size_t head = tag && tag < line + bytes ? (size_t)(tag - line) : bytes;
    const char *rest = head < bytes ? strchr (tag + 1, ' ') : NULL;
    memcpy (self->text + self->text_count, line, head);
    self->text_count += head;
    if (rest && rest < line + bytes) {
        memcpy (self->text + self->text_count, rest, (size_t)(line + bytes - rest));
        self->text_count += (size_t)(line + bytes - rest);
    }
    self->text[self->text_count] = 0;
}

static inline void
s_keep_call (bench_t *self, const effect_t *effect)
{
    assert_true (self->call_count < CALLS_MAX);
    waiting_call_t *call = &self->calls[self->call_count++];
    *call = (waiting_call_t){ .call = effect->call, .tag = effect->tag, .count = effect->count };
    if (effect->count)
        memcpy (call->argument, effect->entries, effect->record->size_bytes);
}

static inline void
s_keep (bench_t *self)
{
    const char *line = rig_text (self->rig, false);
    for (size_t i = 0; i < effects_count (self->rig->effects); i++) {
        const effect_t *effect = effects_at (self->rig->effects, i);
        if (effect->type >= EFFECT_COUNT)
            continue;
        const char *end = strchr (line, '\n'); /* NULL: the text of the largest steps is cut */
        bool is_shown = effect->type == EFFECT_SEND ? effect->header.type != MSG_STOCK : false;
        if (effect->type == EFFECT_CALL) {
            s_keep_call (self, effect);
            is_shown = !s_is_background (&self->calls[self->call_count - 1]);
        }
        if (end && (is_shown || self->shows_all) && self->text_count < sizeof self->text / 2)
            s_keep_line (self, line, (size_t)(end + 1 - line));
        line = end ? end + 1 : "";
    }
}

/*  The effects since the last taking. */
static inline const char *
bench_take (bench_t *self)
{
    static char taken[1 << 20];
    memcpy (taken, self->text, self->text_count + 1);
    self->text_count = 0;
    self->text[0] = 0;
    return taken;
}

static inline bench_t *
bench_new (void)
{
    bench_t *self = calloc (1, sizeof *self);
    params_set_defaults (&self->params);
    self->rig = rig_new (&inventory_class, &self->params);
    return self;
}

static inline void
bench_destroy (bench_t *self)
{
    rig_destroy (&self->rig);
    free (self);
}

static inline void
bench_event (bench_t *self, event_type_t type)
{
    rig_event (self->rig, type);
    s_keep (self);
}

/*  Lets time pass as the shell would: a TIMER whenever the core wants one. */
static inline void
bench_pass (bench_t *self, uint64_t us)
{
    uint64_t end_us = self->rig->now_us + us;
    for (size_t rounds = 0; rounds < 100000; rounds++) {
        uint64_t wake_us = inventory_class.wake_us (self->rig->core);
        if (wake_us > end_us)
            break;
        if (wake_us > self->rig->now_us)
            self->rig->now_us = wake_us;
        bench_event (self, EVENT_TIMER);
        assert_true (rounds < 99999);
    }
    self->rig->now_us = end_us;
}

/*  Oldest waiting call of this name (and purpose, unless PURPOSE_NONE). */
static inline waiting_call_t *
bench_find (bench_t *self, call_name_t call, purpose_t purpose)
{
    for (size_t i = 0; i < self->call_count; i++) {
        bool fits = !purpose || (self->calls[i].tag & 0xff) == (uint64_t)purpose;
        if (self->calls[i].call == call && fits)
            return &self->calls[i];
    }
    return NULL;
}

static inline size_t
bench_count (const bench_t *self, call_name_t call, purpose_t purpose)
{
    size_t count = 0;
    for (size_t i = 0; i < self->call_count; i++)
        count += self->calls[i].call == call &&
                 (!purpose || (self->calls[i].tag & 0xff) == (uint64_t)purpose);
    return count;
}

static inline void
bench_answer_at (bench_t *self, waiting_call_t *waiting, result_status_t status, const void *rows,
                 size_t count)
{
    assert_non_null (waiting);
    waiting_call_t call = *waiting;
    size_t at = (size_t)(waiting - self->calls);
    self->call_count--;
    memmove (&self->calls[at], &self->calls[at + 1],
             (self->call_count - at) * sizeof self->calls[0]);
    rig_result (self->rig, call.call, call.tag, status, rows, count);
    s_keep (self);
}

static inline void
bench_answer (bench_t *self, call_name_t call, purpose_t purpose, const void *rows, size_t count)
{
    bench_answer_at (self, bench_find (self, call, purpose), RESULT_OK, rows, count);
}

static inline void
bench_fail (bench_t *self, call_name_t call, purpose_t purpose, result_status_t status)
{
    bench_answer_at (self, bench_find (self, call, purpose), status, NULL, 0);
}

static inline void
bench_code (bench_t *self, call_name_t call, purpose_t purpose, error_code_t code)
{
    outcome_t outcome = { .code = code };
    bench_answer (self, call, purpose, &outcome, 1);
}

/* -------------------------------------------------------------------------- the usual answers */

#define BENCH_TOKEN 7u
#define BENCH_GATE_US 5000000000000000u /* gate time when the bench begins */

static inline void
bench_lease (bench_t *self, uint64_t token, bool held)
{
    lease_t row = { .name = "inventory",
                    .holder = "inventory/1",
                    .incarnation = 77,
                    .token = token,
                    .held = held };
    bench_answer (self, CALL_LEASE_TAKE, PURPOSE_NONE, &row, 1);
}

static inline uint64_t
bench_gate_us (const bench_t *self)
{
    return BENCH_GATE_US + self->rig->now_us;
}

/*  A sale that sells now: 100 units, none sold, version 3, epoch 2. */
static inline sale_t
bench_sale (uint64_t sale_id)
{
    sale_t sale = { .sale_id = sale_id,
                    .version = 3,
                    .state = SALE_OPEN,
                    .title = "T",
                    .price_cents = 500,
                    .currency = "EUR",
                    .stock_total = 100,
                    .starts_at_ms = BENCH_GATE_US / 1000 - 1000,
                    .ends_at_ms = BENCH_GATE_US / 1000 + 3600000,
                    .per_user_limit = 2,
                    .pay_within_s = 900,
                    .epoch = 2 };
    return sale;
}

/*  Its gate, whole and at rest. */
static inline gate_state_t
bench_gate (const bench_t *self)
{
    gate_state_t gate = { .present = 1,
                          .same_run = 1,
                          .epoch = 2,
                          .version = 3,
                          .want = SALE_OPEN,
                          .token = BENCH_TOKEN,
                          .available = 100,
                          .changes = 10,
                          .gate_us = bench_gate_us (self) };
    return gate;
}

/*  Leader with these sales loaded; gates not looked at yet. */
static inline void
bench_lead (bench_t *self, const sale_t *sales, size_t count)
{
    limits_t limits = { .version = 1, .user_count = 50, .user_window_ms = 1000 };
    bench_event (self, EVENT_START);
    bench_lease (self, BENCH_TOKEN, true);
    bench_answer (self, CALL_SALE_LIVE, PURPOSE_RELOAD, sales, count);
    if (count)
        bench_answer (self, CALL_SALE_LIVE, PURPOSE_RELOAD, NULL, 0);
    bench_answer (self, CALL_LIMITS_LOAD, PURPOSE_LIMITS, &limits, 1);
    bench_answer (self, CALL_RELEASE_LIST, PURPOSE_RELAY, NULL, 0);
}

/*  Answers the oldest look at a gate. */
static inline void
bench_poll (bench_t *self, const gate_state_t *gate)
{
    bench_answer (self, CALL_GATE_STAT, PURPOSE_POLL, gate, 1);
}

/*  Leader with one sale whose gate is whole. */
static inline void
bench_lead_one (bench_t *self)
{
    sale_t sale = bench_sale (1);
    bench_lead (self, &sale, 1);
    gate_state_t gate = bench_gate (self);
    bench_poll (self, &gate);
    bench_take (self);
}

/*  Leader with two sales whose gates are whole. */
static inline void
bench_lead_two (bench_t *self, const sale_t sales[2])
{
    bench_lead (self, sales, 2);
    gate_state_t gate = bench_gate (self);
    bench_poll (self, &gate);
    bench_poll (self, &gate);
}

/*  Renewal, reload, relay and own audit go on with nothing new; call it every so often when time passes. */
static inline void
bench_renew (bench_t *self)
{
    if (bench_find (self, CALL_LEASE_TAKE, PURPOSE_NONE))
        bench_lease (self, BENCH_TOKEN, true);
    if (bench_find (self, CALL_RELEASE_LIST, PURPOSE_RELAY))
        bench_answer (self, CALL_RELEASE_LIST, PURPOSE_RELAY, NULL, 0);
}

/*  Lets time pass in steps of 100 ms, with the lease renewed. */
static inline void
bench_live (bench_t *self, uint64_t us)
{
    for (uint64_t done_us = 0; done_us < us; done_us += 100 * MS) {
        bench_pass (self, 100 * MS);
        bench_renew (self);
    }
}

static inline void
bench_ack (bench_t *self, kind_t kind, uint64_t number, uint64_t version)
{
    snapshot_ack_t ack = { .version = version };
    rig_message (self->rig, kind, number, MSG_SNAPSHOT_ACK, NULL, &ack, 1);
    s_keep (self);
}

static inline void
bench_peer (bench_t *self, event_type_t type, kind_t kind, uint64_t number, process_state_t state)
{
    rig_peer (self->rig, type, kind, number, state);
    s_keep (self);
}

/*  A question of edge 1, batch 900. */
static inline void
bench_ask (bench_t *self, message_type_t type, const void *entry)
{
    header_t extras = { .batch_id = 900 };
    rig_message (self->rig, KIND_EDGE, 1, type, &extras, entry, 1);
    s_keep (self);
}

#endif
