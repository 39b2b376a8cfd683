/*  The shell around the inventory core of the stores' tests. */

#include "inventory_play.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

uint64_t
play_now_us (void)
{
    struct timespec now;
    clock_gettime (CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void s_step (play_t *self, event_t *event);

static void
s_message (play_t *self, kind_t kind, message_type_t type, uint64_t batch_id, const void *entry)
{
    header_t header = { .type = type,
                        .from_kind = kind,
                        .from_number = 1,
                        .from_incarnation = 101,
                        .batch_id = batch_id,
                        .count = 1 };
    event_t event = { .type = EVENT_MESSAGE, .header = &header, .entries = entry, .count = 1 };
    s_step (self, &event);
}

/* -------------------------------------------------------------------------- effects */

typedef struct sent_t {
    uint64_t kind, type, version;
} sent_t;

static void
s_take_send (play_t *self, const effect_t *effect)
{
    const sale_t *sales = effect->entries;
    const stock_t *stocks = effect->entries;
    bool is_answer = effect->header.batch_id == 900;
    if (is_answer)
        self->answer_type = effect->header.type;
    if (effect->header.type == MSG_SALE_REPLY)
        self->sale = sales[0];
    else if (effect->header.type == MSG_AUDIT)
        self->audit = *(const audit_t *)effect->entries;
    else if (effect->header.type == MSG_OUTCOME)
        self->outcome = *(const outcome_t *)effect->entries;
    for (size_t i = 0; effect->header.type == MSG_SALES && i < effect->count; i++)
        if (sales[i].sale_id == self->sale_id && effect->header.to_kind == KIND_BROKER)
            self->epoch_shown = sales[i].epoch;
    for (size_t i = 0; effect->header.type == MSG_STOCK && i < effect->count; i++) {
        self->stock_count++;
        self->gate_us = stocks[i].gate_us > self->gate_us ? stocks[i].gate_us : self->gate_us;
    }
}

static void
s_take_call (play_t *self, const effect_t *effect)
{
    size_t bytes = effect->count * effect->record->size_bytes;
    assert_true (self->call_count < PLAY_CALLS_MAX);
    made_call_t *made = &self->calls[self->call_count++];
    *made = (made_call_t){ effect->call, effect->tag, effect->count, malloc (bytes + 1) };
    memcpy (made->arguments, effect->entries, bytes);
}

/*  One event, and at once the acknowledgements of what was pushed by it. */
static void
s_step (play_t *self, event_t *event)
{
    sent_t pushed[64];
    size_t pushed_count = 0;
    event->now_us = play_now_us ();
    effects_clear (self->effects);
    inventory_class.step (self->core, event, self->effects);
    inventory_class.check (self->core);
    for (size_t i = 0; i < effects_count (self->effects); i++) {
        const effect_t *effect = effects_at (self->effects, i);
        if (effect->type == EFFECT_SEND) {
            s_take_send (self, effect);
            bool is_push = effect->header.batch_id != 900 &&
                           (effect->header.type == MSG_SALES || effect->header.type == MSG_LIMITS);
            if (is_push)
                pushed[pushed_count++] = (sent_t){ effect->header.to_kind, effect->header.type,
                                                   effect->header.batch_id };
        } else if (effect->type == EFFECT_CALL) {
            s_take_call (self, effect);
        } else if (effect->type == EFFECT_COUNT) {
            self->recoveries += effect->metric == METRIC_RECOVERIES;
            self->resumed_count += effect->metric == METRIC_OPERATIONS_RESUMED;
            self->violation_count += effect->metric == METRIC_VIOLATIONS;
        }
    }
    for (size_t i = 0; i < pushed_count; i++) {
        snapshot_ack_t ack = { .version = pushed[i].version };
        s_message (self, (kind_t)pushed[i].kind, MSG_SNAPSHOT_ACK, pushed[i].version, &ack);
    }
}

static void
s_event (play_t *self, event_type_t type)
{
    event_t event = { .type = type };
    s_step (self, &event);
}

/*  The core does not hear of the call, or it is dead. */
static void
s_cut_off (play_t *self, const made_call_t *made, bool is_dead)
{
    event_t event = { .type = EVENT_RESULT,
                      .call = made->call,
                      .tag = made->tag,
                      .status = RESULT_UNKNOWN,
                      .detail = "" };
    self->is_dead = is_dead;
    if (!is_dead)
        s_step (self, &event);
}

static void
s_run_call (play_t *self, const made_call_t *made)
{
    static uint8_t results[CALL_ROWS_MAX * sizeof (sale_t)];
    const call_t *row = schema_call (made->call);
    stage_t *stage = self->stage;
    bool is_gate = row->store == STORE_GATE;
    cut_t cut = made->call == self->cut_call ? self->cut : CUT_NONE;
    if (cut != CUT_NONE) {
        self->cut = CUT_NONE;
        self->cut_count++;
    }
    if (cut == CUT_BEFORE || cut == CUT_LOST_CALL) {
        s_cut_off (self, made, cut == CUT_BEFORE);
        return;
    }
    int count = is_gate ? gate_call (stage->inventory, stage->run_id, made->call, made->arguments,
                                     made->count, results, CALL_ROWS_MAX)
                        : sql_call (stage->inventory_sql, made->call, made->arguments, made->count,
                                    results, CALL_ROWS_MAX);
    bool is_broken =
        is_gate ? stage->inventory->err != 0 : PQstatus (stage->inventory_sql) != CONNECTION_OK;
    if (self->watch)
        self->watch (self);
    if (cut != CUT_NONE) {
        s_cut_off (self, made, cut == CUT_AFTER);
        return;
    }
    event_t event = {
        .type = EVENT_RESULT, .call = made->call, .tag = made->tag, .entries = results, .detail = ""
    };
    event.count = count > 0 ? (size_t)count : 0;
    event.status = count >= 0 ? RESULT_OK : is_broken ? RESULT_UNKNOWN : RESULT_REFUSED;
    if (event.status == RESULT_REFUSED)
        fail_msg ("%s: %s", row->name, store_error ());
    s_step (self, &event);
}

/* -------------------------------------------------------------------------- broker and ordering */

static void
s_pump (play_t *self)
{
    order_event_t events[64];
    order_outcome_t outcomes[64];
    journal_position_t positions[64] = { 0 };
    if (!self->pumps || !self->epoch_shown)
        return;
    size_t count = stage_journal (self->stage, self->sale_id, self->epoch_shown, events, 64);
    if (count == 0)
        return;
    assert_int_equal (
        sql_call (self->stage->ordering_sql, CALL_ORDER_WRITE, events, count, outcomes, 64),
        (int)count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal (outcomes[i].code, ERROR_NONE);
        positions[i].sale_id = self->sale_id;
        positions[i].epoch = self->epoch_shown;
        positions[i].entry_ms = events[i].entry_ms;
        positions[i].entry_seq = events[i].entry_seq;
    }
    journal_state_t outcome;
    int done = gate_call (self->stage->broker, self->stage->run_id, CALL_JOURNAL_DELETE, positions,
                          count, &outcome, 1);
    assert_int_equal (done, 1);
    self->pumped_count += count;
}

/*  Runs the process for a moment: one call of the store, or a timer. */
void
play_turn (play_t *self)
{
    if (self->call_count > 0) {
        made_call_t made = self->calls[0];
        memmove (&self->calls[0], &self->calls[1], --self->call_count * sizeof made);
        s_run_call (self, &made);
        free (made.arguments);
    } else if (inventory_class.wake_us (self->core) <= play_now_us ()) {
        s_event (self, EVENT_TIMER);
    } else {
        s_pump (self);
        usleep (1000);
    }
}

void
play_turn_for (play_t *self, uint64_t us)
{
    for (uint64_t end_us = play_now_us () + us; play_now_us () < end_us;)
        play_turn (self);
}

void
play_send (play_t *self, message_type_t type, const void *entry)
{
    self->answer_type = 0;
    s_message (self, KIND_EDGE, type, 900, entry);
}

uint64_t
play_ask (play_t *self, message_type_t type, const void *entry)
{
    play_send (self, type, entry);
    WAIT (self, self->answer_type);
    return self->answer_type;
}

void
play_change (play_t *self, sale_state_t state, bool from_draft)
{
    sale_change_t change = {
        .sale_id = self->sale_id, .state = state, .from_draft = from_draft, .actor = "admin"
    };
    assert_int_equal (play_ask (self, MSG_SALE_CHANGE, &change), MSG_SALE_REPLY);
    assert_int_equal (self->sale.state, state);
}

audit_t
play_audit (play_t *self)
{
    query_t query = { .sale_id = self->sale_id };
    assert_int_equal (play_ask (self, MSG_SALE_AUDIT, &query), MSG_AUDIT);
    return self->audit;
}

gate_verdict_t
play_reserve (play_t *self, uint64_t user_id)
{
    gate_purchase_t purchase = stage_purchase (self->sale_id, user_id, 1, 2);
    purchase.version = self->sale.version;
    return stage_reserve_one (self->stage, &purchase);
}

void
play_start (play_t *self, uint64_t number)
{
    static uint64_t incarnation = 1000;
    address_t address = { KIND_INVENTORY, number, ++incarnation };
    self->core = inventory_class.new_ (&self->params, address);
    s_event (self, EVENT_START);
    static const kind_t kinds[] = { KIND_EDGE, KIND_BROKER };
    for (size_t i = 0; i < 2; i++) {
        process_t peer = {
            .kind = kinds[i], .number = 1, .incarnation = 101, .state = STATE_READY
        };
        event_t event = { .type = EVENT_PEER_UP, .peer = &peer };
        s_step (self, &event);
    }
    actor_status_t status = { 0 };
    WAIT (self,
          (inventory_class.status (self->core, &status), status.is_leader && status.is_ready));
}

void
play_end (play_t *self)
{
    s_event (self, EVENT_STOP);
    while (self->call_count > 0)
        play_turn (self);
    inventory_class.destroy (&self->core);
}

void
play_kill (play_t *self)
{
    for (size_t i = 0; i < self->call_count; i++)
        free (self->calls[i].arguments);
    self->call_count = 0;
    self->is_dead = false;
    inventory_class.destroy (&self->core);
}
