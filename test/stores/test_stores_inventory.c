/*  The inventory core on a real Redis and a real PostgreSQL: this program is its shell, and plays the edge (acknowledges pushes), the
    seckill (reserves) and broker with ordering (drains journals). One sale lives through all tests, in their order. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "inventory.h"
#include "stage.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#define PENDING_MAX 512u
#define ANSWER_US 15000000u /* ten times what any of this may take */

typedef struct made_call_t {
    call_name_t call;
    uint64_t tag;
    size_t count;
    uint8_t *arguments; /* freed when the call is run */
} made_call_t;

typedef struct play_t {
    stage_t *stage;
    void *core;
    effects_t *effects;
    params_t params;
    made_call_t calls[PENDING_MAX];
    size_t call_count;
    bool pumps;           /* broker and ordering are there */
    uint64_t epoch_shown; /* to the broker, by SALES */
    uint64_t pumped_count;
    uint64_t answer_type; /* of the question asked last, 0 = none yet */
    sale_t sale;          /* SALE_REPLY */
    audit_t audit;
    outcome_t outcome;
    uint64_t stock_count, gate_us;
    uint64_t recoveries;
} play_t;

static play_t s_play;
static uint64_t s_sale_id;

static uint64_t
s_now_us (void)
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
        if (sales[i].sale_id == s_sale_id && effect->header.to_kind == KIND_BROKER)
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
    assert_true (self->call_count < PENDING_MAX);
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
    event->now_us = s_now_us ();
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
        } else if (effect->type == EFFECT_COUNT && effect->metric == METRIC_RECOVERIES) {
            self->recoveries++;
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

static void
s_run_call (play_t *self, const made_call_t *made)
{
    static uint8_t results[CALL_ROWS_MAX * sizeof (sale_t)];
    const call_t *row = schema_call (made->call);
    stage_t *stage = self->stage;
    bool is_gate = row->store == STORE_GATE;
    int count = is_gate ? gate_call (stage->inventory, stage->run_id, made->call, made->arguments,
                                     made->count, results, CALL_ROWS_MAX)
                        : sql_call (stage->inventory_sql, made->call, made->arguments, made->count,
                                    results, CALL_ROWS_MAX);
    bool is_broken =
        is_gate ? stage->inventory->err != 0 : PQstatus (stage->inventory_sql) != CONNECTION_OK;
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
    size_t count = stage_journal (self->stage, s_sale_id, self->epoch_shown, events, 64);
    if (count == 0)
        return;
    assert_int_equal (
        sql_call (self->stage->ordering_sql, CALL_ORDER_WRITE, events, count, outcomes, 64),
        (int)count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal (outcomes[i].code, ERROR_NONE);
        positions[i].sale_id = s_sale_id;
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
static void
s_turn (play_t *self)
{
    if (self->call_count > 0) {
        made_call_t made = self->calls[0];
        memmove (&self->calls[0], &self->calls[1], --self->call_count * sizeof made);
        s_run_call (self, &made);
        free (made.arguments);
    } else if (inventory_class.wake_us (self->core) <= s_now_us ()) {
        s_event (self, EVENT_TIMER);
    } else {
        s_pump (self);
        usleep (1000);
    }
}

static void
s_turn_for (play_t *self, uint64_t us)
{
    for (uint64_t end_us = s_now_us () + us; s_now_us () < end_us;)
        s_turn (self);
}

#define WAIT(play, condition)                                                                      \
    do {                                                                                           \
        uint64_t end_us = s_now_us () + ANSWER_US;                                                 \
        while (!(condition)) {                                                                     \
            s_turn (play);                                                                         \
            assert_true (s_now_us () < end_us);                                                    \
        }                                                                                          \
    } while (0)

static uint64_t
s_ask (play_t *self, message_type_t type, const void *entry)
{
    self->answer_type = 0;
    s_message (self, KIND_EDGE, type, 900, entry);
    WAIT (self, self->answer_type);
    return self->answer_type;
}

static void
s_change (play_t *self, sale_state_t state, bool from_draft)
{
    sale_change_t change = {
        .sale_id = s_sale_id, .state = state, .from_draft = from_draft, .actor = "admin"
    };
    assert_int_equal (s_ask (self, MSG_SALE_CHANGE, &change), MSG_SALE_REPLY);
    assert_int_equal (self->sale.state, state);
}

static audit_t
s_audit (play_t *self)
{
    query_t query = { .sale_id = s_sale_id };
    assert_int_equal (s_ask (self, MSG_SALE_AUDIT, &query), MSG_AUDIT);
    return self->audit;
}

static gate_verdict_t
s_reserve (play_t *self, uint64_t user_id)
{
    gate_purchase_t purchase = stage_purchase (s_sale_id, user_id, 1, 2);
    purchase.version = self->sale.version;
    return stage_reserve_one (self->stage, &purchase);
}

static void
s_start (play_t *self, uint64_t number)
{
    address_t address = { KIND_INVENTORY, number, 1000 + number };
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

static void
s_end (play_t *self)
{
    s_event (self, EVENT_STOP);
    while (self->call_count > 0)
        s_turn (self);
    inventory_class.destroy (&self->core);
}

/* -------------------------------------------------------------------------- the tests */

/*  A sale is created and published: its gate sells, the edge has clock and stock. */
static void
test_publish (void **state)
{
    play_t *self = &s_play;
    self->stage = *state;
    self->effects = effects_new ();
    self->pumps = true;
    params_set_defaults (&self->params);
    s_start (self, 1);
    WAIT (self, self->gate_us > 0);
    sale_t draft = {
        .title = "T", .currency = "EUR", .price_cents = 500, .stock_total = 100, .per_user_limit = 2
    };
    draft.starts_at_ms = self->gate_us / 1000 - 1000;
    draft.ends_at_ms = self->gate_us / 1000 + 3600000;
    draft.pay_within_s = 900;
    assert_int_equal (s_ask (self, MSG_SALE_CREATE, &draft), MSG_SALE_REPLY);
    s_sale_id = self->sale.sale_id;
    assert_int_equal (self->sale.state, SALE_DRAFT);
    assert_true (s_audit (self).balanced);
    s_change (self, SALE_OPEN, true);
    assert_int_equal (self->sale.epoch, 1);
    assert_int_equal (self->sale.stock_left, 100);
    assert_int_equal (s_reserve (self, 1).code, ERROR_NONE);
    WAIT (self, self->pumped_count == 1);
    s_turn_for (self, 50000);
    audit_t audit = s_audit (self);
    assert_true (audit.balanced && audit.at_rest);
    assert_int_equal (audit.pending_payment, 2);
    s_change (self, SALE_OPEN, true); /* already so */
}

/*  Reserved and not yet written is in flight. */
static void
test_in_flight (void **state)
{
    (void)state;
    play_t *self = &s_play;
    self->pumps = false;
    assert_int_equal (s_reserve (self, 2).code, ERROR_NONE);
    audit_t audit = s_audit (self);
    assert_true (audit.balanced && !audit.at_rest);
    assert_int_equal (audit.in_flight, 2);
    assert_int_equal (audit.reserved, 2);
    self->pumps = true;
    WAIT (self, self->pumped_count == 2);
}

/*  Pause, resume: the gate follows before the answer. */
static void
test_pause (void **state)
{
    (void)state;
    play_t *self = &s_play;
    s_change (self, SALE_PAUSED, false);
    assert_int_equal (s_reserve (self, 3).code, ERROR_SALE_PAUSED);
    s_change (self, SALE_OPEN, false);
    assert_int_equal (s_reserve (self, 3).code, ERROR_NONE);
    WAIT (self, self->pumped_count == 3);
}

/*  A cancelled order's units are back at the gate. */
static void
test_release (void **state)
{
    (void)state;
    play_t *self = &s_play;
    gate_purchase_t purchase = stage_purchase (s_sale_id, 3, 1, 2);
    stage_finish_order (self->stage->sql, s_sale_id, purchase.rid, ORDER_CANCELLED);
    WAIT (self, stage_stat (self->stage, s_sale_id).available == 96);
    WAIT (self, stage_books (self->stage, s_sale_id).returning == 0);
    s_turn_for (self, 50000);
    audit_t audit = s_audit (self);
    assert_true (audit.balanced && audit.at_rest);
    assert_int_equal (audit.cancelled_returned, 2);
}

/*  Redis is killed with a reservation in the journal, and comes back: closed, drained, rebuilt under a new epoch, nothing lost. */
static void
test_redis_restarts (void **state)
{
    (void)state;
    play_t *self = &s_play;
    self->pumps = false;
    assert_int_equal (s_reserve (self, 4).code, ERROR_NONE);
    s_turn_for (self, 300000);
    servers_kill_redis (self->stage->servers);
    s_turn_for (self, 300000);
    assert_true (servers_start_redis (self->stage->servers));
    stage_reconnect_redis (self->stage);
    assert_int_equal (s_reserve (self, 5).code, ERROR_RECOVERING);
    uint64_t recoveries = self->recoveries;
    s_turn_for (self, 1500000);
    assert_int_equal (self->recoveries, recoveries); /* the journal waits for broker and ordering */
    assert_int_equal (s_reserve (self, 5).code, ERROR_RECOVERING);
    self->pumps = true;
    WAIT (self, self->recoveries == recoveries + 1);
    gate_verdict_t again = s_reserve (self, 4), fresh = s_reserve (self, 5);
    assert_int_equal (again.code, ERROR_NONE);
    assert_int_equal (fresh.code, ERROR_NONE);
    assert_int_equal (fresh.sequence, again.sequence + 1);
    WAIT (self, self->pumped_count == 5);
    s_turn_for (self, 200000);
    audit_t audit = s_audit (self);
    assert_true (audit.balanced && audit.at_rest);
    assert_int_equal (audit.pending_payment, 8);
    assert_int_equal (audit.lost_with_disk, 0);
    assert_int_equal (stage_stat (self->stage, s_sale_id).epoch, 2);
}

/*  Redis loses its disk with a reservation in the journal: rebuilt from PostgreSQL, the loss is counted, nothing is oversold, and no
    sequence comes twice. */
static void
test_redis_wiped (void **state)
{
    (void)state;
    play_t *self = &s_play;
    self->pumps = false;
    uint64_t sequence = s_reserve (self, 6).sequence;
    s_turn_for (self, 1200000);
    servers_kill_redis (self->stage->servers);
    servers_wipe_redis (self->stage->servers);
    assert_true (servers_start_redis (self->stage->servers));
    stage_reconnect_redis (self->stage);
    uint64_t recoveries = self->recoveries;
    self->pumps = true;
    WAIT (self, self->recoveries == recoveries + 1);
    s_turn_for (self, 200000);
    audit_t audit = s_audit (self);
    assert_true (audit.balanced && audit.at_rest);
    assert_int_equal (audit.lost_with_disk, 2);
    assert_int_equal (audit.gate_left, 92);
    assert_int_equal (s_reserve (self, 1).code, ERROR_NONE); /* the same answer as ever */
    assert_true (s_reserve (self, 7).sequence > sequence + self->params.queue_bound - 10);
    WAIT (self, self->pumped_count == 6);
}

/*  The leader leaves, another process takes over at once; a gate that the first left closed is opened by the second. */
static void
test_take_over (void **state)
{
    (void)state;
    play_t *self = &s_play;
    s_end (self);
    gate_key_t key = { .sale_id = s_sale_id, .token = 1 };
    gate_state_t before;
    gate_call (self->stage->inventory, self->stage->run_id, CALL_GATE_CLOSE, &key, 1, &before, 1);
    uint64_t recoveries = self->recoveries;
    s_start (self, 2);
    WAIT (self, self->recoveries == recoveries + 1);
    assert_true (stage_stat (self->stage, s_sale_id).token > 1);
    assert_int_equal (s_reserve (self, 8).code, ERROR_NONE);
    WAIT (self, self->pumped_count == 7);
    s_turn_for (self, 200000);
    assert_true (s_audit (self).balanced);
}

/*  Ended: the gate refuses, the same key keeps its answer, the audit balances. */
static void
test_end (void **state)
{
    (void)state;
    play_t *self = &s_play;
    s_change (self, SALE_ENDED, false);
    assert_int_equal (s_reserve (self, 9).code, ERROR_SALE_ENDED);
    assert_int_equal (s_reserve (self, 1).code, ERROR_NONE);
    audit_t audit = s_audit (self);
    assert_true (audit.balanced && audit.at_rest);
    s_end (self);
    effects_destroy (&self->effects);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_publish),        cmocka_unit_test (test_in_flight),
        cmocka_unit_test (test_pause),          cmocka_unit_test (test_release),
        cmocka_unit_test (test_redis_restarts), cmocka_unit_test (test_redis_wiped),
        cmocka_unit_test (test_take_over),      cmocka_unit_test (test_end),
    };
    return cmocka_run_group_tests (tests, stage_set_up, stage_tear_down);
}
