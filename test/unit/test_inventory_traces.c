/*  Random traces: the core between two stores that do what 008_sale_operations.sql and the gate's scripts say, in memory, on one sale with one
    rejected order and its dead letter. Calls get lost, answers get lost, calls take effect long after they were given up, the lease changes
    its token, Redis restarts, at any moment. Always: what an open gate of PostgreSQL's epoch has is no more than PostgreSQL's total, and no
    more is sold than held. When all is quiet: every operation is decided and had its effect once. */

#include "inventory_bench.h"

#include "dice.h"

#define TOTAL 12u
#define OPS_MAX 24u
#define LATE_MAX 64u
#define ORDER_UNITS 3u
#define RUNS 1000u
#define STEPS 1000u

static const uint8_t s_rid[16] = { 0, 0, 0, 0, 0, 1, 0x55 };

typedef struct op_t {
    stock_change_t change;
    uint64_t epoch, state; /* 0 = not begun */
} op_t;

typedef struct note_t {
    uint64_t number, code;
} note_t;

typedef struct world_t {
    bench_t *bench;
    dice_t dice;
    /* PostgreSQL */
    uint64_t token, epoch, version, total, sold, numbers;
    op_t ops[OPS_MAX];
    uint64_t op_count;
    uint64_t order_status, order_final_epoch, letter_state, mark, box_place;
    bool has_rival; /* the shopper has another order, of which the gate does not know */
    /* the gate */
    bool is_open, is_same_run;
    uint64_t gate_epoch, gate_version, gate_token, available, held, changes;
    uint64_t op_codes[OPS_MAX]; /* + 1; 0 = the epoch does not know it */
    bool rid_is_known, rid_is_held;
    note_t note;
    bool loaded_rid, loaded_rid_is_held; /* of the next epoch */
    /* calls that were given up and have their effect later */
    waiting_call_t late[LATE_MAX];
    uint64_t late_count;
    /* how often rare things happened */
    uint64_t late_effects, refusals, readmitted, given_back, rebuilds, terms, done;
} world_t;

/* -------------------------------------------------------------------------- PostgreSQL */

static bool
s_has_lease (const world_t *self, uint64_t token)
{
    return token >= self->token;
}

static op_t *
s_find_op (world_t *self, const uint8_t op_id[16])
{
    for (size_t i = 0; i < self->op_count; i++)
        if (memcmp (self->ops[i].change.op_id, op_id, 16) == 0)
            return &self->ops[i];
    return NULL;
}

static stock_op_t
s_op_row (const op_t *op, uint64_t code)
{
    stock_op_t row = { .sale_id = 1, .epoch = op->epoch, .state = op->state };
    memcpy (row.op_id, op->change.op_id, 16);
    row.taking = op->change.delta < 0;
    row.units = (uint64_t)(row.taking ? -op->change.delta : op->change.delta);
    row.code = code ? code : op->state == STOCK_REFUSED ? ERROR_INVALID_STATE : ERROR_NONE;
    return row;
}

static void
s_count_op (world_t *self, const op_t *op)
{
    self->total += (uint64_t)op->change.delta;
    self->version++;
}

static stock_op_t
s_stock_begin (world_t *self, const stock_change_t *change)
{
    op_t *op = s_find_op (self, change->op_id);
    if (!op) {
        op = &self->ops[self->op_count++];
        *op = (op_t){ .change = *change, .epoch = self->epoch };
        bool is_too_much = (int64_t)(self->total - self->sold) + change->delta < 0;
        op->state = is_too_much ? STOCK_REFUSED : STOCK_BEGUN;
        if (op->state == STOCK_BEGUN && change->delta > 0)
            s_count_op (self, op);
    } else if (op->state == STOCK_BEGUN) {
        if (change->delta > 0 && op->epoch < self->epoch)
            op->state = STOCK_DONE;
        if (change->delta < 0)
            op->epoch = self->epoch;
    }
    return s_op_row (op, 0);
}

static stock_op_t
s_stock_done (world_t *self, const stock_op_t *row)
{
    op_t *op = s_find_op (self, row->op_id);
    assert_non_null (op);
    if (op->state != STOCK_BEGUN)
        return s_op_row (op, 0);
    if (!s_has_lease (self, row->token))
        return s_op_row (op, ERROR_FENCED);
    bool is_taking = op->change.delta < 0;
    if (is_taking && row->code == ERROR_NONE && self->epoch != row->epoch)
        return s_op_row (op, ERROR_STALE_EPOCH);
    op->state = row->code == ERROR_NONE || !is_taking ? STOCK_DONE : STOCK_REFUSED;
    if (is_taking && op->state == STOCK_DONE)
        s_count_op (self, op);
    self->refusals += op->state == STOCK_REFUSED;
    return s_op_row (op, 0);
}

static readmission_t
s_readmission_row (const world_t *self, uint64_t code)
{
    readmission_t row = { .sale_id = 1, .epoch = self->epoch, .mark = self->mark, .letter = 12 };
    memcpy (row.rid, s_rid, 16);
    row.state = self->letter_state;
    row.code = code;
    return row;
}

static readmission_t
s_dead_begin (world_t *self, const dead_change_t *wish)
{
    if (self->letter_state == DEAD_REQUEUED)
        return s_readmission_row (self, ERROR_NONE);
    if (self->letter_state == DEAD_OPEN && self->order_status != ORDER_REJECTED)
        return s_readmission_row (self, ERROR_INVALID_STATE);
    if (self->letter_state == DEAD_OPEN && wish->requeue != 1)
        return s_readmission_row (self, ERROR_RECOVERING);
    self->letter_state = DEAD_REQUEUEING;
    if (self->mark > 0)
        self->box_place = 0;
    if (self->box_place > 0)
        return s_readmission_row (self, ERROR_BUSY);
    self->mark = ++self->numbers;
    return s_readmission_row (self, ERROR_NONE);
}

static readmission_t
s_order_readmit (world_t *self, const readmission_t *row)
{
    if (self->letter_state == DEAD_REQUEUED)
        return s_readmission_row (self, ERROR_NONE);
    if (!s_has_lease (self, row->token))
        return s_readmission_row (self, ERROR_FENCED);
    if (self->letter_state != DEAD_REQUEUEING || self->mark != row->mark ||
        self->epoch != row->epoch)
        return s_readmission_row (self, ERROR_STALE_EPOCH);
    uint64_t code = row->code == ERROR_NOT_FOUND ? ERROR_INVALID_STATE : row->code;
    if (code == ERROR_NONE && self->order_status != ORDER_REJECTED)
        code = ERROR_INVALID_STATE;
    if (code == ERROR_NONE && self->total - self->sold < ORDER_UNITS)
        code = ERROR_SOLD_OUT;
    if (code == ERROR_NONE && self->has_rival)
        code = ERROR_ALREADY_PURCHASED;
    self->box_place = 0;
    self->mark = 0;
    self->letter_state = code ? DEAD_OPEN : DEAD_REQUEUED;
    if (code == ERROR_NONE) {
        self->order_status = ORDER_PENDING_PAYMENT;
        self->order_final_epoch = 0;
        self->sold += ORDER_UNITS;
        self->readmitted++;
    } else if (row->code == ERROR_NONE) {
        self->box_place = ++self->numbers;
        self->given_back++;
    }
    return s_readmission_row (self, code);
}

/*  The pending order is cancelled and, to go on for ever, its letter opened again as if it had been rejected anew. */
static void
s_cancel (world_t *self)
{
    if (self->order_status != ORDER_PENDING_PAYMENT || !self->is_open ||
        self->gate_epoch != self->epoch)
        return;
    self->order_status = ORDER_REJECTED;
    self->order_final_epoch = self->epoch;
    self->sold -= ORDER_UNITS;
    self->box_place = ++self->numbers;
    self->letter_state = DEAD_OPEN;
}

/*  The journal entry of the rejected order comes again: the gate may still hold it, as far as ordering knows. */
static void
s_redeliver (world_t *self)
{
    bool is_of_present = self->order_final_epoch == self->epoch;
    if (self->order_status == ORDER_REJECTED && is_of_present && self->box_place == 0)
        self->box_place = ++self->numbers;
}

/* -------------------------------------------------------------------------- the gate */

static uint64_t
s_gate_refusal (world_t *self, uint64_t token, uint64_t epoch)
{
    if (self->gate_token > token)
        return ERROR_FENCED;
    if (!self->is_open || !self->is_same_run || self->gate_epoch < epoch)
        return ERROR_RECOVERING;
    return self->gate_epoch > epoch ? ERROR_STALE_EPOCH : ERROR_NONE;
}

static uint64_t
s_gate_stock (world_t *self, const stock_op_t *row)
{
    uint64_t refusal = s_gate_refusal (self, row->token, row->epoch);
    op_t *op = s_find_op (self, row->op_id);
    if (refusal)
        return refusal;
    assert_non_null (op);
    uint64_t *known = &self->op_codes[op - self->ops];
    if (*known)
        return *known - 1;
    self->gate_token = row->token;
    *known = ERROR_NONE + 1;
    if (row->taking && self->available < row->units)
        *known = ERROR_SOLD_OUT + 1;
    else
        self->available += row->taking ? -row->units : row->units;
    self->changes++;
    return *known - 1;
}

static uint64_t
s_gate_readmit (world_t *self, const readmission_t *row)
{
    uint64_t refusal = s_gate_refusal (self, row->token, row->epoch);
    if (refusal)
        return refusal;
    if (self->note.number > row->mark)
        return ERROR_LATE;
    if (self->note.number == row->mark && self->note.code)
        return self->note.code;
    uint64_t code = !self->rid_is_known                                   ? ERROR_NOT_FOUND
                    : !self->rid_is_held && self->available < ORDER_UNITS ? ERROR_SOLD_OUT
                                                                          : ERROR_NONE;
    self->note = (note_t){ row->mark, code };
    self->gate_token = row->token;
    if (code == ERROR_NONE && !self->rid_is_held) {
        self->rid_is_held = true;
        self->available -= ORDER_UNITS;
        self->held += ORDER_UNITS;
        self->changes++;
    }
    return code;
}

static uint64_t
s_gate_release (world_t *self, const release_t *row)
{
    uint64_t refusal = s_gate_refusal (self, row->token, row->epoch);
    if (refusal)
        return refusal == ERROR_STALE_EPOCH ? ERROR_RECOVERING : refusal;
    if (!self->rid_is_held || self->note.number > row->place)
        return ERROR_NONE;
    if (self->note.number)
        self->note = (note_t){ row->place, ERROR_NONE };
    self->rid_is_held = false;
    self->available += ORDER_UNITS;
    self->held -= ORDER_UNITS;
    self->changes++;
    self->gate_token = row->token;
    return ERROR_NONE;
}

static gate_state_t
s_gate_state (const world_t *self)
{
    gate_state_t state = { .present = self->gate_epoch > 0,
                           .same_run = self->is_same_run,
                           .epoch = self->gate_epoch,
                           .version = self->gate_version,
                           .want = SALE_OPEN,
                           .recovering = !self->is_open,
                           .token = self->gate_token,
                           .available = self->available,
                           .held_units = self->held,
                           .changes = self->changes,
                           .gate_us = bench_gate_us (self->bench) };
    return state;
}

static gate_state_t
s_gate_close (world_t *self, const gate_key_t *key)
{
    gate_state_t before = s_gate_state (self);
    before.code = self->gate_token > key->token ? ERROR_FENCED : ERROR_NONE;
    if (before.code == ERROR_NONE) {
        self->is_open = false;
        self->is_same_run = true;
        self->gate_token = key->token;
    }
    return before;
}

static uint64_t
s_gate_open (world_t *self, const gate_config_t *config)
{
    if (self->gate_token > config->token)
        return ERROR_FENCED;
    if (!self->is_same_run || self->gate_token != config->token)
        return ERROR_RECOVERING;
    if (self->is_open)
        return self->gate_epoch == config->epoch ? ERROR_NONE : ERROR_RECOVERING;
    if (config->epoch <= self->gate_epoch)
        return ERROR_STALE_EPOCH;
    if (config->version < self->gate_version)
        return ERROR_STALE_VERSION;
    self->is_open = true;
    self->gate_epoch = config->epoch;
    self->gate_version = config->version;
    self->available = config->available;
    self->held = config->held_units;
    self->changes++;
    memset (self->op_codes, 0, sizeof self->op_codes);
    self->note = (note_t){ 0 };
    self->rid_is_known = self->loaded_rid;
    self->rid_is_held = self->loaded_rid && self->loaded_rid_is_held;
    self->rebuilds++;
    return ERROR_NONE;
}

static uint64_t
s_gate_load (world_t *self, const gate_entry_t *entry)
{
    if (self->gate_token > entry->token)
        return ERROR_FENCED;
    if (self->is_open || !self->is_same_run || self->gate_token != entry->token)
        return ERROR_RECOVERING;
    if (entry->epoch <= self->gate_epoch)
        return ERROR_STALE_EPOCH;
    self->loaded_rid = true;
    self->loaded_rid_is_held = entry->held;
    return ERROR_NONE;
}

static uint64_t
s_gate_update (world_t *self, const gate_config_t *config)
{
    uint64_t refusal = s_gate_refusal (self, config->token, config->epoch);
    if (refusal)
        return refusal;
    if (config->version < self->gate_version)
        return ERROR_STALE_VERSION;
    self->gate_version = config->version;
    self->gate_token = config->token;
    return ERROR_NONE;
}

/* -------------------------------------------------------------------------- one call */

static sale_t
s_sale_row (const world_t *self)
{
    sale_t sale = bench_sale (1);
    sale.version = self->version;
    sale.stock_total = self->total;
    sale.sold = self->sold;
    sale.epoch = self->epoch;
    return sale;
}

static epoch_row_t
s_epoch_bump (world_t *self, const epoch_row_t *asked)
{
    epoch_row_t row = { .sale_id = 1, .token = asked->token, .epoch = self->epoch };
    row.code = !s_has_lease (self, asked->token) ? ERROR_FENCED
               : asked->epoch != self->epoch     ? ERROR_STALE_EPOCH
                                                 : ERROR_NONE;
    if (row.code == ERROR_NONE) {
        row.epoch = ++self->epoch;
        row.sold = self->sold;
        row.stock_total = self->total;
        self->loaded_rid = false;
    }
    return row;
}

static size_t
s_epoch_page (const world_t *self, const gate_entry_t *asked, gate_entry_t *entry)
{
    if (asked->place > 0)
        return 0;
    *entry =
        (gate_entry_t){ .sale_id = 1, .epoch = asked->epoch, .token = asked->token, .user_id = 8 };
    memcpy (entry->rid, s_rid, 16);
    entry->quantity = ORDER_UNITS;
    entry->held = self->order_final_epoch == 0 || self->order_final_epoch >= asked->epoch;
    entry->place = 1;
    return 1;
}

typedef union rows_t {
    lease_t lease;
    sale_t sale;
    limits_t limits;
    gate_state_t state;
    outcome_t outcome;
    stock_op_t stock;
    readmission_t readmission;
    release_t release;
    epoch_row_t epoch;
    gate_entry_t entry;
    books_t books;
    stock_op_t pending[OPS_MAX];
} rows_t;

static size_t
s_outcome (rows_t *rows, uint64_t code)
{
    rows->outcome.code = code;
    return 1;
}

static size_t
s_list_pending (const world_t *self, rows_t *rows)
{
    size_t count = 0;
    for (size_t i = 0; i < self->op_count; i++)
        if (self->ops[i].state == STOCK_BEGUN)
            rows->pending[count++] = s_op_row (&self->ops[i], 0);
    return count;
}

static size_t
s_list_releases (const world_t *self, rows_t *rows)
{
    bool is_hidden = self->letter_state == DEAD_REQUEUEING && self->mark > 0;
    if (self->box_place == 0 || (is_hidden && self->mark < self->box_place))
        return 0;
    rows->release = (release_t){ .sale_id = 1, .epoch = self->epoch, .place = self->box_place };
    memcpy (rows->release.rid, s_rid, 16);
    return 1;
}

static size_t
s_release_done (world_t *self, const release_t *row, rows_t *rows)
{
    if (!s_has_lease (self, row->token))
        return s_outcome (rows, ERROR_FENCED);
    if (row->place == self->box_place && row->code == ERROR_NONE)
        self->box_place = 0;
    return s_outcome (rows, ERROR_NONE);
}

static size_t
s_sql_call (world_t *self, call_name_t call, const void *argument, rows_t *rows)
{
    switch (call) {
    case CALL_LEASE_TAKE:
        rows->lease = (lease_t){ .name = "inventory", .token = self->token, .held = 1 };
        return 1;
    case CALL_SALE_LIVE:
        rows->sale = s_sale_row (self);
        return ((const query_t *)argument)->after == 0;
    case CALL_SALE_LOAD:
        rows->sale = s_sale_row (self);
        return 1;
    case CALL_LIMITS_LOAD:
        rows->limits = (limits_t){ .version = 1 };
        return 1;
    case CALL_STOCK_BEGIN:
        rows->stock = s_stock_begin (self, argument);
        return 1;
    case CALL_STOCK_DONE:
        rows->stock = s_stock_done (self, argument);
        return 1;
    case CALL_STOCK_PENDING:
        return s_list_pending (self, rows);
    case CALL_DEAD_BEGIN:
        rows->readmission = s_dead_begin (self, argument);
        return 1;
    case CALL_ORDER_READMIT:
        rows->readmission = s_order_readmit (self, argument);
        return 1;
    case CALL_DEAD_PENDING:
        rows->readmission = s_readmission_row (self, 0);
        return self->letter_state == DEAD_REQUEUEING;
    case CALL_RELEASE_LIST:
        return s_list_releases (self, rows);
    case CALL_RELEASE_DONE:
        return s_release_done (self, argument, rows);
    case CALL_EPOCH_BUMP:
        rows->epoch = s_epoch_bump (self, argument);
        return 1;
    case CALL_EPOCH_PAGE:
        return s_epoch_page (self, argument, &rows->entry);
    case CALL_SALE_BOOKS:
        rows->books = (books_t){ .sale_id = 1, .stock_total = self->total, .sold = self->sold };
        rows->books.pending_payment = self->sold;
        rows->books.returning = self->box_place ? ORDER_UNITS : 0;
        rows->books.moving = self->letter_state == DEAD_REQUEUEING ? ORDER_UNITS : 0;
        for (size_t i = 0; i < self->op_count; i++)
            rows->books.moving +=
                self->ops[i].state == STOCK_BEGUN ? s_op_row (&self->ops[i], 0).units : 0;
        return 1;
    case CALL_ARCHIVE_LIST:
        return 0;
    default:
        fail_msg ("%s", schema_call (call)->name);
        return 0;
    }
}

static size_t
s_gate_call (world_t *self, call_name_t call, const void *argument, rows_t *rows)
{
    switch (call) {
    case CALL_GATE_STAT:
        rows->state = s_gate_state (self);
        if (((const gate_key_t *)argument)->sale_id == 0)
            rows->state = (gate_state_t){ .gate_us = bench_gate_us (self->bench) };
        return 1;
    case CALL_GATE_CLOSE:
        rows->state = s_gate_close (self, argument);
        return 1;
    case CALL_GATE_RELEASE:
        rows->release = *(const release_t *)argument;
        rows->release.code = s_gate_release (self, argument);
        return 1;
    case CALL_GATE_OPEN:
        return s_outcome (rows, s_gate_open (self, argument));
    case CALL_GATE_LOAD:
        return s_outcome (rows, s_gate_load (self, argument));
    case CALL_GATE_UPDATE:
        return s_outcome (rows, s_gate_update (self, argument));
    case CALL_GATE_STOCK:
        return s_outcome (rows, s_gate_stock (self, argument));
    case CALL_GATE_READMIT:
        return s_outcome (rows, s_gate_readmit (self, argument));
    default:
        fail_msg ("%s", schema_call (call)->name);
        return 0;
    }
}

static size_t
s_execute (world_t *self, const waiting_call_t *call, rows_t *rows)
{
    memset (rows, 0, sizeof *rows);
    bool is_gate = schema_call (call->call)->store == STORE_GATE;
    return is_gate ? s_gate_call (self, call->call, call->argument, rows)
                   : s_sql_call (self, call->call, call->argument, rows);
}

/* -------------------------------------------------------------------------- the trace */

static void
s_assert_moment (const world_t *self)
{
    if (!self->is_open || self->gate_epoch != self->epoch)
        return;
    assert_true (self->available + self->held <= self->total);
    assert_true (self->held == (self->rid_is_held ? ORDER_UNITS : 0));
    assert_true (self->sold <= self->held);
}

/*  One waiting call: answered, or lost in one of four ways. `is_calm`: answered. */
static void
s_answer_one (world_t *self, bool is_calm)
{
    static rows_t rows;
    bench_t *bench = self->bench;
    waiting_call_t *call = &bench->calls[dice_roll (&self->dice, bench->call_count)];
    bool is_quick = call->call == CALL_LEASE_TAKE || call->call == CALL_SALE_LIVE;
    uint64_t fate = is_calm || is_quick ? 0 : dice_roll (&self->dice, 100);
    if (fate < 75) {
        size_t count = s_execute (self, call, &rows);
        bench_answer_at (bench, call, RESULT_OK, &rows, count);
    } else if (fate < 82) {
        bench_answer_at (bench, call, RESULT_UNAVAILABLE, NULL, 0);
    } else if (fate < 90) {
        s_execute (self, call, &rows);
        bench_answer_at (bench, call, RESULT_UNKNOWN, NULL, 0);
    } else {
        if (fate < 97 && self->late_count < LATE_MAX)
            self->late[self->late_count++] = *call;
        bench_answer_at (bench, call, RESULT_UNKNOWN, NULL, 0);
    }
}

static void
s_late_effect (world_t *self)
{
    static rows_t rows;
    if (self->late_count == 0)
        return;
    uint64_t at = dice_roll (&self->dice, self->late_count);
    waiting_call_t call = self->late[at];
    self->late[at] = self->late[--self->late_count];
    s_execute (self, &call, &rows);
    self->late_effects++;
}

static void
s_ask (world_t *self)
{
    if (dice_roll (&self->dice, 2) == 0) {
        dead_change_t wish = { .place = 12, .requeue = 1, .actor = "ann" };
        bench_ask (self->bench, MSG_DEAD_CHANGE, &wish);
        return;
    }
    uint64_t number = dice_roll (&self->dice, OPS_MAX);
    stock_change_t change = { .sale_id = 1, .op_id = { (uint8_t)(number + 1) }, .actor = "ann" };
    change.delta = (int64_t)(number % 9) - 5;
    change.delta += change.delta == 0;
    bench_ask (self->bench, MSG_SALE_STOCK, &change);
}

static void
s_trouble (world_t *self)
{
    switch (dice_roll (&self->dice, 8)) {
    case 0:
        self->is_same_run = false; /* Redis was started anew, with its file */
        break;
    case 1:
        self->token++; /* another led, and this one has the lease again */
        self->terms++;
        break;
    case 3:
    case 4:
        s_redeliver (self);
        break;
    case 2:
        self->has_rival = dice_roll (&self->dice, 4) == 0;
        break;
    default:
        s_late_effect (self);
    }
}

static void
s_step (world_t *self)
{
    uint64_t roll = dice_roll (&self->dice, 100);
    if (roll < 70 && self->bench->call_count > 0)
        s_answer_one (self, false);
    else if (roll < 82)
        bench_pass (self->bench, dice_roll (&self->dice, 60) * MS);
    else if (roll < 90)
        s_ask (self);
    else if (roll < 94)
        s_cancel (self);
    else
        s_trouble (self);
    s_assert_moment (self);
    bench_take (self->bench);
}

static bool
s_is_quiet (const world_t *self)
{
    bool is_begun = self->letter_state == DEAD_REQUEUEING || self->box_place > 0;
    for (size_t i = 0; i < self->op_count; i++)
        is_begun = is_begun || self->ops[i].state == STOCK_BEGUN;
    return !is_begun && self->is_open && self->is_same_run && self->gate_epoch == self->epoch;
}

static void
s_calm_down (world_t *self)
{
    for (int rounds = 0; rounds < 3000 && !s_is_quiet (self); rounds++) {
        for (int n = 0; n < 50 && self->bench->call_count > 0; n++)
            s_answer_one (self, true);
        bench_pass (self->bench, 20 * MS);
        s_assert_moment (self);
        bench_take (self->bench);
    }
    assert_true (s_is_quiet (self));
}

static void
s_assert_end (world_t *self)
{
    uint64_t total = TOTAL;
    for (size_t i = 0; i < self->op_count; i++) {
        bool is_done = self->ops[i].state == STOCK_DONE;
        total += is_done ? (uint64_t)self->ops[i].change.delta : 0;
        self->done += is_done;
    }
    assert_int_equal (self->total, total);
    assert_int_equal (self->sold, self->order_status == ORDER_PENDING_PAYMENT ? ORDER_UNITS : 0);
    assert_int_equal (self->held, self->sold);
    assert_int_equal (self->available + self->held, self->total);
}

static void
s_begin (world_t *self, uint64_t seed)
{
    *self = (world_t){
        .dice = { seed }, .token = BENCH_TOKEN, .epoch = 2, .version = 3, .total = TOTAL
    };
    self->numbers = 5;
    self->order_status = ORDER_REJECTED;
    self->order_final_epoch = 2;
    self->letter_state = DEAD_OPEN;
    self->box_place = 5;
    self->is_open = self->is_same_run = self->rid_is_known = self->rid_is_held = true;
    self->gate_epoch = 2;
    self->gate_version = 3;
    self->gate_token = BENCH_TOKEN;
    self->available = TOTAL - ORDER_UNITS;
    self->held = ORDER_UNITS;
    self->bench = bench_new ();
    bench_event (self->bench, EVENT_START);
}

static void
test_traces (void **state)
{
    (void)state;
    static world_t world;
    uint64_t late = 0, refusals = 0, readmitted = 0, given_back = 0, rebuilds = 0, terms = 0,
             done = 0;
    dice_t dice = dice_seeded (20261125);
    for (uint64_t run = 0; run < RUNS; run++) {
        s_begin (&world, dice_next (&dice));
        for (uint64_t i = 0; i < STEPS; i++)
            s_step (&world);
        s_calm_down (&world);
        s_assert_end (&world);
        /* what is still on its way changes nothing any more */
        while (world.late_count > 0)
            s_late_effect (&world);
        s_assert_moment (&world);
        s_calm_down (&world);
        s_assert_end (&world);
        late += world.late_effects;
        refusals += world.refusals;
        readmitted += world.readmitted;
        given_back += world.given_back;
        rebuilds += world.rebuilds;
        terms += world.terms;
        done += world.done;
        bench_destroy (world.bench);
    }
    print_message ("# late effects %" PRIu64 " refused %" PRIu64 " readmitted %" PRIu64
                   " given back %" PRIu64 " rebuilds %" PRIu64 " terms %" PRIu64 " changes %" PRIu64
                   "\n",
                   late, refusals, readmitted, given_back, rebuilds, terms, done);
    assert_true (late > RUNS && readmitted > RUNS && rebuilds > RUNS && done > RUNS &&
                 refusals > RUNS / 10 && given_back > RUNS / 10);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_traces),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
