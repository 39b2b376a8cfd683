/*  Two real brokers and a model of everything around them: gates that live on, or are lost with their disk; ordering processes that
    commit, lose, refuse and die; a lease that passes from one to the other while the first one thinks that it has it; epochs that
    move. Random, from a printed seed. The gates follow the rules at the top of the scripts (schema/lua).

    Properties
    P1  No entry is deleted that is not committed, as an order or as a dead letter.
    P2  In the end, when faults have stopped, every entry is committed and deleted, but those that were lost with a disk.
    P3  When a delivery leaves, the deliveries outstanding to its consumer are within the credit which that consumer gave
        this broker last, and within delivery_window. That goes for dead letters and delayed messages too.
    P4  All sendings of one delivery hold the same entries.
    P5  A broker has at most one read out, and only one deletion per sale and epoch.
    P6  A broker makes no store call but for the lease unless it holds the lease, as far as PostgreSQL or a gate has told it; every
        call carries its token, and none that a gate has refused is made again by the one who is fenced.
    P7  Only what deserves it becomes a dead letter: it is unreadable, or was refused alone more than 5 times, or was alone at more
        than 20 deaths of consumers. No poison becomes an order.
    P8  By delayed messages alone, without a scanner, every order expires in the end, but those whose messages were lost with a disk.
    P9  A broker has at most one delayed message of a sale out, unless its epoch has just moved. */

#include "broker.h"
#include "dice.h"
#include "hash.h"
#include "rig.h"

#define STEPS 200000u
#define SALES 3u
#define BROKERS 2u
#define CONSUMERS 3u
#define ITEMS_MAX 400000u
#define HELD_MAX 64u
#define CALLS_MAX 128u
#define OUT_MAX 64u
#define IDS_MAX 400000u
#define WINDOW 2u
#define BUCKET_US 250000u
#define DUES_MAX 512u
#define PENDING_MAX 100000u
#define EPOCH_SETTLED_US 60000000u

typedef struct item_t {
    uint64_t sale_id, epoch, pay_us;
    uint64_t counted[2], failure; /* as at the gate: refusals, deaths, name of the last failure */
    uint32_t refusals, deaths;    /* that really happened to it alone */
    uint64_t first_life;          /* of the broker that saw the first of them */
    bool is_poison, is_unreadable, is_committed, is_dead, is_deleted, is_lost, is_expired;
    bool may_miss; /* its delayed message was lost with a disk */
} item_t;

typedef struct held_t {
    size_t broker;
    uint64_t life; /* of that broker */
    uint64_t batch_id, sale_id;
    message_type_t type;
    uint64_t items[BATCH_ENTRIES_MAX];
    size_t count;
} held_t;

typedef struct consumer_t {
    uint64_t incarnation; /* 0 = dead */
    held_t held[HELD_MAX];
    size_t held_count;
} consumer_t;

/*  A delivery as the broker must see it. */
typedef struct out_t {
    uint64_t incarnation, batch_id, due_us;
    message_type_t type;
    uint64_t lone;    /* 1 + the item of a DELIVER of one entry */
    uint64_t sale_id; /* of a DUE */
} out_t;

typedef struct gate_call_t {
    call_name_t call;
    uint64_t tag;
    journal_position_t positions[BATCH_ENTRIES_MAX];
    delivery_failure_t failure;
    delay_t delay;
    size_t count;
} gate_call_t;

typedef struct bench_t {
    rig_t *rig;
    uint64_t life;
    bool is_lease_out, is_held, is_read_out;
    uint64_t lease_asked, token, fenced_by;
    uint64_t read_tag;
    journal_position_t positions[SALES];
    size_t position_count;
    gate_call_t calls[CALLS_MAX];
    size_t call_count;
    out_t outs[OUT_MAX];
    size_t out_count;
    uint64_t credit[CONSUMERS];    /* as told to this broker */
    uint64_t credit_of[CONSUMERS]; /* by this incarnation */
    uint64_t contents[IDS_MAX];    /* hash of the entries of each delivery */
} bench_t;

typedef struct gate_t {
    uint64_t epoch, moved_us, token;
    uint64_t dues[DUES_MAX];
    size_t due_count;
    uint64_t pending[PENDING_MAX]; /* orders that can expire */
    size_t pending_count;
} gate_t;

static item_t items[ITEMS_MAX];
static size_t item_count;
static size_t first_live; /* no item before it is in a journal, odd ones apart */
static size_t odds[ITEMS_MAX];
static size_t odd_count;
static gate_t gates[SALES + 1];
static consumer_t consumers[CONSUMERS];
static bench_t benches[BROKERS];
static lease_t lease_row;
static uint64_t lease_until_us;
static uint64_t incarnations = 1000;
static uint64_t now_us = 1000000;
static params_t params;
static dice_t dice;
static struct {
    uint64_t deliveries, redeliveries, commits, lost_acks, dependency, poison, deaths, restarts,
        lease_moves, both_active, epoch_moves, failed_reads, failed_calls, deleted, committed_again,
        expired, rejects, dead_letters, unreadable, carried_over, counted, counted_again, dues,
        dues_refused, kept, fenced, wipes, lost;
} seen;

/* -------------------------------------------------------------------------- effects of a broker */

static size_t
s_consumer_of (uint64_t incarnation)
{
    for (size_t i = 0; i < CONSUMERS; i++)
        if (consumers[i].incarnation == incarnation)
            return i;
    return CONSUMERS;
}

/*  All of a consumer, or with 0 all of them. */
static void
s_forget_outs (bench_t *bench, uint64_t incarnation)
{
    for (size_t i = 0; i < bench->out_count;)
        if (!incarnation || bench->outs[i].incarnation == incarnation)
            bench->outs[i] = bench->outs[--bench->out_count];
        else
            i++;
}

static void
s_blame (const bench_t *bench, uint64_t lone, bool has_died)
{
    if (!lone)
        return;
    item_t *item = &items[lone - 1];
    item->refusals += !has_died;
    item->deaths += has_died;
    if (item->first_life == 0)
        item->first_life = bench->life;
}

/*  P7 */
static void
s_check_reject (const bench_t *bench, const dead_letter_t *dead)
{
    const item_t *item = &items[dead->entry_ms - 1];
    assert_true (item->is_unreadable || item->refusals > 5 || item->deaths > 20);
    assert_true (item->is_unreadable == !strcmp (dead->reason, "unreadable"));
    assert_true (dead->attempts <= (uint64_t)item->refusals + item->deaths);
    seen.rejects++;
    seen.unreadable += item->is_unreadable;
    seen.carried_over += !item->is_unreadable && item->first_life != bench->life;
}

/*  P3, P4, P9; fills in the items that the delivery holds. */
static void
s_check_delivery (bench_t *bench, const effect_t *effect, size_t index, held_t *held)
{
    bool is_due = effect->header.type == MSG_DUE;
    uint64_t contents = effect->count;
    assert_true (bench->is_held);
    assert_true (effect->count > 0 && effect->header.batch_id < IDS_MAX);
    for (size_t i = 0; i < effect->count && !is_due; i++) {
        const order_event_t *event = (const order_event_t *)effect->entries + i;
        const dead_letter_t *dead = effect->entries;
        bool is_reject = effect->header.type == MSG_REJECT;
        uint64_t entry_ms = is_reject ? dead->entry_ms : event->entry_ms;
        assert_true (entry_ms <= item_count);
        const item_t *item = &items[entry_ms - 1];
        assert_true (item->sale_id == (is_reject ? dead->sale_id : event->sale_id));
        assert_true (item->epoch == (is_reject ? dead->epoch : event->epoch));
        assert_true (is_reject || !item->is_unreadable);
        contents = hash_pair (contents, entry_ms);
        held->items[i] = entry_ms - 1;
    }
    const due_t *due = effect->entries;
    held->sale_id = is_due ? due->sale_id : 0;
    uint64_t *known = &bench->contents[effect->header.batch_id];
    assert_true (*known == 0 || *known == contents);
    *known = contents;
    size_t outstanding = 0;
    for (size_t i = 0; i < bench->out_count; i++) {
        outstanding += bench->outs[i].incarnation == effect->header.to_incarnation;
        bool is_second = is_due && bench->outs[i].sale_id == held->sale_id;
        assert_true (!is_second || now_us < gates[held->sale_id].moved_us + EPOCH_SETTLED_US);
    }
    assert_true (bench->credit_of[index] == effect->header.to_incarnation);
    assert_true (outstanding + 1 <= bench->credit[index] && outstanding + 1 <= WINDOW);
}

static void
s_take_delivery (size_t broker, const effect_t *effect)
{
    static held_t held;
    bench_t *bench = &benches[broker];
    size_t index = s_consumer_of (effect->header.to_incarnation);
    assert_true (index < CONSUMERS);
    held = (held_t){ .broker = broker,
                     .life = bench->life,
                     .batch_id = effect->header.batch_id,
                     .type = (message_type_t)effect->header.type,
                     .count = effect->count };
    s_check_delivery (bench, effect, index, &held);
    if (held.type == MSG_REJECT)
        s_check_reject (bench, effect->entries);
    assert_true (bench->out_count < OUT_MAX);
    bench->outs[bench->out_count++] =
        (out_t){ .incarnation = effect->header.to_incarnation,
                 .batch_id = held.batch_id,
                 .due_us = now_us + params.delivery_deadline_ms * 1000,
                 .type = held.type,
                 .lone = held.type == MSG_DELIVER && held.count == 1 ? held.items[0] + 1 : 0,
                 .sale_id = held.sale_id };
    seen.deliveries++;
    seen.redeliveries += effect->header.attempt > 1;
    consumer_t *consumer = &consumers[index];
    if (dice_roll (&dice, 50) == 0 || consumer->held_count == HELD_MAX)
        return; /* lost on the way: the deadline repairs it */
    consumer->held[consumer->held_count++] = held;
}

/*  P1, P5, P6 */
static void
s_check_deletion (const bench_t *bench, const gate_call_t *deletion)
{
    assert_true (deletion->count > 0 && deletion->count <= BATCH_ENTRIES_MAX);
    for (size_t i = 0; i < deletion->count; i++) {
        const journal_position_t *position = &deletion->positions[i];
        assert_true (items[position->entry_ms - 1].is_committed);
        assert_true (position->sale_id == deletion->positions[0].sale_id &&
                     position->epoch == deletion->positions[0].epoch);
        assert_true (position->token == bench->token);
    }
    for (size_t i = 0; i + 1 < bench->call_count; i++)
        assert_true (bench->calls[i].call != CALL_JOURNAL_DELETE ||
                     bench->calls[i].tag != deletion->tag);
}

static void
s_take_gate_call (bench_t *bench, const effect_t *effect)
{
    assert_true (bench->is_held && bench->call_count < CALLS_MAX);
    gate_call_t *call = &bench->calls[bench->call_count++];
    call->call = effect->call;
    call->tag = effect->tag;
    call->count = effect->count;
    if (effect->call == CALL_JOURNAL_DELETE) {
        memcpy (call->positions, effect->entries, effect->count * sizeof call->positions[0]);
        s_check_deletion (bench, call);
    } else if (effect->call == CALL_DELIVERY_COUNT) {
        call->failure = *(const delivery_failure_t *)effect->entries;
        assert_true (call->failure.token == bench->token);
    } else {
        assert_true (effect->call == CALL_DELAY_DUE || effect->call == CALL_DELAY_DONE);
        call->delay = *(const delay_t *)effect->entries;
        assert_true (call->delay.token == bench->token);
    }
}

static void
s_take_call (bench_t *bench, const effect_t *effect)
{
    if (effect->call == CALL_LEASE_TAKE) {
        const lease_t *lease = effect->entries;
        assert_false (bench->is_lease_out);
        bench->is_lease_out = true;
        bench->lease_asked = lease->token;
    } else if (effect->call == CALL_JOURNAL_READ) {
        assert_false (bench->is_read_out); /* P5 */
        assert_true (bench->is_held && effect->count <= SALES);
        bench->is_read_out = true;
        bench->read_tag = effect->tag;
        bench->position_count = effect->count;
        memcpy (bench->positions, effect->entries, effect->count * sizeof bench->positions[0]);
    } else {
        s_take_gate_call (bench, effect);
    }
}

/*  Deadlines pass before anything is sent, and close their consumer. */
static void
s_expire (bench_t *bench)
{
    for (size_t i = 0; i < bench->out_count;) {
        if (bench->outs[i].due_us > now_us) {
            i++;
            continue;
        }
        size_t index = s_consumer_of (bench->outs[i].incarnation);
        if (index < CONSUMERS)
            bench->credit[index] = 0;
        bench->outs[i] = bench->outs[--bench->out_count];
        seen.expired++;
    }
}

static void
s_take_effects (size_t broker)
{
    bench_t *bench = &benches[broker];
    s_expire (bench);
    for (size_t i = 0; i < effects_count (bench->rig->effects); i++) {
        const effect_t *effect = effects_at (bench->rig->effects, i);
        uint64_t type = effect->type == EFFECT_SEND ? effect->header.type : 0;
        if (type == MSG_DELIVER || type == MSG_REJECT || type == MSG_DUE)
            s_take_delivery (broker, effect);
        else if (effect->type == EFFECT_CALL)
            s_take_call (bench, effect);
    }
}

static void
s_step (size_t broker, event_t *event)
{
    benches[broker].rig->now_us = now_us;
    rig_step (benches[broker].rig, event);
    s_take_effects (broker);
}

/* -------------------------------------------------------------------------- what happens to a broker */

static void
s_tell_sale (size_t broker, uint64_t sale_id)
{
    sale_t sale = { .sale_id = sale_id, .epoch = gates[sale_id].epoch, .state = SALE_OPEN };
    header_t header = { .type = MSG_SALES, .from_kind = KIND_INVENTORY, .from_number = 1 };
    event_t event = { .type = EVENT_MESSAGE, .header = &header, .entries = &sale, .count = 1 };
    s_step (broker, &event);
}

static void
s_tell_peer (size_t broker, event_type_t type, size_t index, uint64_t incarnation)
{
    bench_t *bench = &benches[broker];
    process_t peer = {
        .kind = KIND_ORDERING, .number = index + 1, .incarnation = incarnation, .state = STATE_READY
    };
    event_t event = { .type = type, .peer = &peer };
    if (type == EVENT_PEER_DOWN) {
        for (size_t i = 0; i < bench->out_count; i++)
            if (bench->outs[i].incarnation == incarnation)
                s_blame (bench, bench->outs[i].lone, true);
        s_forget_outs (bench, incarnation);
    }
    s_step (broker, &event);
}

static void
s_send (size_t broker, size_t index, message_type_t type, uint64_t batch_id, const ack_t *ack)
{
    bench_t *bench = &benches[broker];
    header_t header = { .type = type,
                        .from_kind = KIND_ORDERING,
                        .from_number = index + 1,
                        .from_incarnation = consumers[index].incarnation,
                        .batch_id = batch_id };
    event_t event = { .type = EVENT_MESSAGE, .header = &header, .entries = ack, .count = 1 };
    bench->credit[index] = ack->credit;
    bench->credit_of[index] = consumers[index].incarnation;
    for (size_t i = 0; type == MSG_ACK && i < bench->out_count; i++)
        if (bench->outs[i].batch_id == batch_id &&
            bench->outs[i].incarnation == consumers[index].incarnation) {
            if (ack->code == ERROR_POISON)
                s_blame (bench, bench->outs[i].lone, false);
            bench->outs[i] = bench->outs[--bench->out_count];
            break;
        }
    s_step (broker, &event);
}

static void
s_send_credit (size_t broker, size_t index, uint64_t credit)
{
    ack_t ack = { .credit = credit };
    s_send (broker, index, MSG_CREDIT, 0, &ack);
}

static void
s_start_broker (size_t broker)
{
    bench_t *bench = &benches[broker];
    if (bench->rig)
        rig_destroy (&bench->rig);
    uint64_t life = bench->life ? bench->life : broker;
    memset (bench, 0, sizeof *bench);
    bench->life = life + BROKERS;
    bench->rig = rig_new (&broker_class, &params);
    bench->rig->is_quick = true;
    event_t event = { .type = EVENT_START };
    s_step (broker, &event);
    for (uint64_t sale_id = 1; sale_id <= SALES; sale_id++)
        s_tell_sale (broker, sale_id);
    for (size_t i = 0; i < CONSUMERS; i++)
        if (consumers[i].incarnation) {
            s_tell_peer (broker, EVENT_PEER_UP, i, consumers[i].incarnation);
            s_send_credit (broker, i, WINDOW);
        }
}

/*  lease_take of schema/sql; the life of a broker stands for holder (its lowest bits) and incarnation. */
static lease_t
s_take_lease (size_t broker)
{
    const bench_t *bench = &benches[broker];
    uint64_t asked = bench->lease_asked;
    bool renews = lease_row.incarnation == bench->life && lease_row.token >= asked;
    bool is_successor = lease_row.incarnation % BROKERS == bench->life % BROKERS && asked == 0;
    uint64_t highest = lease_row.token > asked ? lease_row.token : asked;
    if (!renews && !is_successor && lease_until_us > now_us)
        return (lease_t){ .token = lease_row.token };
    lease_row.token = renews ? highest : highest + 1;
    lease_row.incarnation = bench->life;
    lease_until_us = now_us + params.lease_ms * 1000;
    return (lease_t){ .token = lease_row.token, .held = 1 };
}

static void
s_set_held (bench_t *bench, bool is_held)
{
    if (bench->is_held != is_held) {
        s_forget_outs (bench, 0);
        seen.lease_moves++;
    }
    bench->is_held = is_held;
}

static void
s_answer_lease (size_t broker, bool is_calm)
{
    bench_t *bench = &benches[broker];
    if (!bench->is_lease_out)
        return;
    bench->is_lease_out = false;
    uint64_t roll = is_calm ? 0 : dice_roll (&dice, 10);
    event_t event = { .type = EVENT_RESULT, .call = CALL_LEASE_TAKE, .detail = "" };
    lease_t lease = { 0 };
    if (roll != 9) /* the statement may have run though its answer is lost */
        lease = s_take_lease (broker);
    if (roll >= 7) {
        event.status = roll == 9 ? RESULT_UNAVAILABLE : RESULT_UNKNOWN;
    } else {
        bool is_held = lease.held && lease.token >= bench->fenced_by;
        s_set_held (bench, is_held);
        bench->token = is_held ? lease.token : 0;
        event.entries = &lease;
        event.count = 1;
    }
    s_step (broker, &event);
    seen.both_active += benches[0].is_held && benches[1].is_held;
}

static size_t
s_read_item (size_t index, const journal_position_t *position, order_event_t *event)
{
    const item_t *item = &items[index];
    if (item->is_deleted || item->sale_id != position->sale_id || item->epoch != position->epoch)
        return 0;
    *event = (order_event_t){
        .sale_id = item->sale_id, .epoch = item->epoch, .entry_ms = index + 1, .user_id = 1
    };
    if (!item->is_unreadable) {
        event->rid[0] = 1;
        event->quantity = event->sequence = event->reserved_us = 1;
        event->pay_before_us = item->pay_us;
    }
    return 1;
}

static void
s_answer_read (size_t broker, bool is_calm)
{
    static order_event_t events[BATCH_ENTRIES_MAX];
    bench_t *bench = &benches[broker];
    if (!bench->is_read_out)
        return;
    bench->is_read_out = false;
    event_t event = {
        .type = EVENT_RESULT, .call = CALL_JOURNAL_READ, .tag = bench->read_tag, .detail = ""
    };
    if (!is_calm && dice_roll (&dice, 20) == 0) {
        event.status = dice_roll (&dice, 2) ? RESULT_UNAVAILABLE : RESULT_UNKNOWN;
        seen.failed_reads++;
        s_step (broker, &event);
        return;
    }
    size_t max = is_calm ? BATCH_ENTRIES_MAX : 1 + dice_roll (&dice, 40);
    for (size_t p = 0; p < bench->position_count; p++) {
        const journal_position_t *position = &bench->positions[p];
        size_t from = position->entry_ms > first_live ? position->entry_ms : first_live;
        for (size_t i = 0; i < odd_count && event.count < max; i++)
            if (odds[i] >= position->entry_ms && odds[i] < from)
                event.count += s_read_item (odds[i], position, &events[event.count]);
        for (size_t i = from; i < item_count && event.count < max; i++)
            event.count += s_read_item (i, position, &events[event.count]);
    }
    event.entries = events;
    s_step (broker, &event);
}

/* -------------------------------------------------------------------------- what the gates do */

static uint64_t
s_keep (gate_t *gate, uint64_t time_us)
{
    uint64_t soonest_us = (now_us / BUCKET_US + 1) * BUCKET_US;
    uint64_t due_us = (time_us + BUCKET_US - 1) / BUCKET_US * BUCKET_US;
    due_us = due_us > soonest_us ? due_us : soonest_us;
    for (size_t i = 0; i < gate->due_count; i++)
        if (gate->dues[i] == due_us)
            return 0;
    assert_true (gate->due_count < DUES_MAX);
    gate->dues[gate->due_count++] = due_us;
    seen.kept++;
    return 1;
}

static uint64_t
s_delete (gate_t *gate, const gate_call_t *call)
{
    uint64_t deleted = 0, kept = 0;
    for (size_t i = 0; i < call->count; i++) {
        item_t *item = &items[call->positions[i].entry_ms - 1];
        deleted += !item->is_deleted;
        item->is_deleted = true;
    }
    for (size_t i = 0; i < call->count && deleted; i++)
        if (call->positions[i].pay_before_us)
            kept += s_keep (gate, call->positions[i].pay_before_us);
    seen.deleted += deleted;
    return kept;
}

static void
s_count (const delivery_failure_t *failure, journal_state_t *state)
{
    item_t *item = &items[failure->entry_ms - 1];
    if (item->is_deleted) {
        state->code = ERROR_NOT_FOUND;
        return;
    }
    uint64_t name = hash_pair (failure->token, hash_pair (failure->batch_id, failure->attempt));
    if (name != item->failure)
        item->counted[failure->died]++;
    else
        seen.counted_again++;
    item->failure = name;
    state->refusals = item->counted[0];
    state->deaths = item->counted[1];
    seen.counted++;
}

static void
s_done (gate_t *gate, const delay_t *delay, journal_state_t *state)
{
    for (size_t i = 0; i < gate->due_count;)
        if (gate->dues[i] <= delay->until_us)
            gate->dues[i] = gate->dues[--gate->due_count];
        else
            i++;
    if (delay->again_us)
        state->kept = s_keep (gate, delay->again_us);
}

static journal_state_t
s_run_script (const gate_call_t *call)
{
    bool is_delete = call->call == CALL_JOURNAL_DELETE;
    bool is_count = call->call == CALL_DELIVERY_COUNT;
    uint64_t sale_id = is_delete  ? call->positions[0].sale_id
                       : is_count ? call->failure.sale_id
                                  : call->delay.sale_id;
    uint64_t token = is_delete  ? call->positions[0].token
                     : is_count ? call->failure.token
                                : call->delay.token;
    gate_t *gate = &gates[sale_id];
    journal_state_t state = { .gate_us = now_us };
    if (token < gate->token) {
        state.code = ERROR_FENCED;
        state.token = gate->token;
        return state;
    }
    state.token = gate->token = token;
    if (is_delete)
        state.kept = s_delete (gate, call);
    else if (is_count)
        s_count (&call->failure, &state);
    else if (call->call == CALL_DELAY_DONE)
        s_done (gate, &call->delay, &state);
    for (size_t i = 0; i < gate->due_count; i++)
        if (!state.due_us || gate->dues[i] < state.due_us)
            state.due_us = gate->dues[i];
    return state;
}

static void
s_answer_call (size_t broker, size_t which, result_status_t status, bool has_run)
{
    bench_t *bench = &benches[broker];
    static gate_call_t call;
    call = bench->calls[which];
    /* the rest stays in order: one connection */
    memmove (&bench->calls[which], &bench->calls[which + 1],
             (bench->call_count - which - 1) * sizeof call);
    bench->call_count--;
    journal_state_t state = { 0 };
    if (has_run)
        state = s_run_script (&call);
    event_t event = { .type = EVENT_RESULT,
                      .call = call.call,
                      .tag = call.tag,
                      .status = status,
                      .entries = &state,
                      .count = status == RESULT_OK,
                      .detail = "" };
    seen.failed_calls += status != RESULT_OK;
    if (status == RESULT_OK && state.code == ERROR_FENCED) {
        seen.fenced++;
        if (state.token > bench->fenced_by)
            bench->fenced_by = state.token;
        if (bench->is_held && bench->token < bench->fenced_by)
            s_set_held (bench, false);
    }
    s_step (broker, &event);
}

static void
s_answer_gate (size_t broker, bool is_calm)
{
    static const result_status_t statuses[] = { RESULT_UNAVAILABLE, RESULT_REFUSED,
                                                RESULT_UNKNOWN };
    if (!benches[broker].call_count)
        return;
    uint64_t roll = is_calm ? 3 : dice_roll (&dice, 20);
    s_answer_call (broker, 0, roll < 3 ? statuses[roll] : RESULT_OK, roll >= 2);
}

/*  Entries of a sale in its journal. */
static size_t
s_live (uint64_t sale_id)
{
    size_t live = 0;
    for (size_t i = first_live; i < item_count; i++)
        live += !items[i].is_deleted && items[i].sale_id == sale_id;
    for (size_t i = 0; i < odd_count; i++)
        live +=
            odds[i] < first_live && !items[odds[i]].is_deleted && items[odds[i]].sale_id == sale_id;
    return live;
}

static void
s_reserve (void)
{
    while (first_live < item_count &&
           (items[first_live].is_deleted || items[first_live].is_poison ||
            items[first_live].is_unreadable))
        first_live++;
    if (item_count - first_live > 3000)
        return;
    for (uint64_t i = 1 + dice_roll (&dice, 30); i && item_count < ITEMS_MAX; i--) {
        uint64_t sale_id = 1 + dice_roll (&dice, SALES), odd = dice_roll (&dice, 4000);
        if (odd < 2)
            odds[odd_count++] = item_count;
        items[item_count++] = (item_t){ .sale_id = sale_id,
                                        .epoch = gates[sale_id].epoch,
                                        .pay_us = now_us + dice_roll (&dice, 2000000),
                                        .is_poison = odd == 0,
                                        .is_unreadable = odd == 1 };
    }
}

/*  A new epoch is installed only when the journal of the old one is empty: poison does not stop it for ever. */
static void
s_move_epoch (void)
{
    uint64_t sale_id = 1 + dice_roll (&dice, SALES);
    if (s_live (sale_id))
        return;
    gates[sale_id].epoch++;
    gates[sale_id].moved_us = now_us;
    seen.epoch_moves++;
    for (size_t broker = 0; broker < BROKERS; broker++)
        s_tell_sale (broker, sale_id);
}

/*  Redis comes back empty; the gates are rebuilt under new epochs. */
static void
s_wipe (void)
{
    for (size_t i = 0; i < item_count; i++) {
        item_t *item = &items[i];
        seen.lost += !item->is_deleted && !item->is_committed;
        item->may_miss |= !item->is_expired;
        item->is_lost |= !item->is_deleted;
        item->is_deleted = true;
    }
    for (uint64_t sale_id = 1; sale_id <= SALES; sale_id++) {
        gates[sale_id].epoch++;
        gates[sale_id].moved_us = now_us;
        gates[sale_id].token = gates[sale_id].due_count = 0;
    }
    for (size_t broker = 0; broker < BROKERS; broker++) {
        while (benches[broker].call_count)
            s_answer_call (broker, 0, RESULT_UNKNOWN, false);
        for (uint64_t sale_id = 1; sale_id <= SALES; sale_id++)
            s_tell_sale (broker, sale_id);
    }
    seen.wipes++;
}

/* -------------------------------------------------------------------------- what consumers do */

static bool
s_has_poison (const held_t *held)
{
    for (size_t i = 0; i < held->count; i++)
        if (items[held->items[i]].is_poison)
            return true;
    return false;
}

static void
s_commit (const held_t *held)
{
    for (size_t i = 0; i < held->count; i++) {
        item_t *item = &items[held->items[i]];
        gate_t *gate = &gates[item->sale_id];
        seen.committed_again += item->is_committed;
        if (item->is_committed)
            continue;
        item->is_committed = true;
        item->is_dead = held->type == MSG_REJECT;
        seen.dead_letters += item->is_dead;
        if (item->is_dead)
            continue;
        /* an order that waited for its row stays payable for a moment */
        item->pay_us = item->pay_us > now_us + 100000 ? item->pay_us : now_us + 100000;
        assert_true (gate->pending_count < PENDING_MAX);
        gate->pending[gate->pending_count++] = held->items[i];
    }
    seen.commits++;
}

/*  order_expire: what is over now ends; when to look again. */
static uint64_t
s_expire_orders (uint64_t sale_id)
{
    gate_t *gate = &gates[sale_id];
    uint64_t again_us = 0;
    for (size_t i = 0; i < gate->pending_count;) {
        item_t *item = &items[gate->pending[i]];
        if (item->pay_us <= now_us) {
            item->is_expired = true;
            gate->pending[i] = gate->pending[--gate->pending_count];
            continue;
        }
        if (!again_us || item->pay_us < again_us)
            again_us = item->pay_us;
        i++;
    }
    seen.dues++;
    return again_us;
}

static void
s_consume (size_t index, bool is_calm)
{
    consumer_t *consumer = &consumers[index];
    if (!consumer->held_count)
        return;
    size_t which = dice_roll (&dice, consumer->held_count);
    static held_t held;
    held = consumer->held[which];
    consumer->held[which] = consumer->held[--consumer->held_count];
    ack_t ack = { .credit = WINDOW };
    uint64_t roll = is_calm ? 100 : dice_roll (&dice, 30);
    if (roll == 0) {
        ack.code = ERROR_DEPENDENCY_UNAVAILABLE;
        ack.credit = 0;
        seen.dependency++;
    } else if (held.type == MSG_DELIVER && s_has_poison (&held)) {
        ack.code = ERROR_POISON;
        seen.poison++;
    } else if (held.type != MSG_DELIVER && roll < 5) {
        ack.code = ERROR_POISON; /* ordering cannot do it now */
        seen.dues_refused += held.type == MSG_DUE;
    } else if (held.type == MSG_DUE) {
        ack.again_us = s_expire_orders (held.sale_id);
    } else {
        s_commit (&held);
        ack.credit = roll == 6 ? 1 : WINDOW;
    }
    if (roll == 7) {
        seen.lost_acks++;
        return;
    }
    if (benches[held.broker].life == held.life)
        s_send (held.broker, index, MSG_ACK, held.batch_id, &ack);
}

static void
s_kill (size_t index)
{
    uint64_t incarnation = consumers[index].incarnation;
    if (!incarnation)
        return;
    seen.deaths++;
    consumers[index].held_count = 0;
    consumers[index].incarnation = 0;
    for (size_t broker = 0; broker < BROKERS; broker++) {
        benches[broker].credit_of[index] = 0;
        s_tell_peer (broker, EVENT_PEER_DOWN, index, incarnation);
    }
}

static void
s_start_consumer (size_t index)
{
    if (consumers[index].incarnation)
        return;
    consumers[index].incarnation = ++incarnations;
    for (size_t broker = 0; broker < BROKERS; broker++) {
        s_tell_peer (broker, EVENT_PEER_UP, index, consumers[index].incarnation);
        s_send_credit (broker, index, WINDOW);
    }
}

static void
s_give_credit (size_t index, bool is_calm)
{
    if (!consumers[index].incarnation)
        return;
    for (size_t broker = 0; broker < BROKERS; broker++)
        s_send_credit (broker, index, is_calm ? WINDOW : dice_roll (&dice, WINDOW + 2));
}

static void
s_tick (uint64_t us)
{
    now_us += us;
    for (size_t broker = 0; broker < BROKERS; broker++) {
        event_t event = { .type = EVENT_TIMER };
        s_step (broker, &event);
    }
}

/* -------------------------------------------------------------------------- the runs */

static void
s_random_step (void)
{
    size_t broker = dice_roll (&dice, BROKERS), index = dice_roll (&dice, CONSUMERS);
    uint64_t roll = dice_roll (&dice, 1000);
    if (roll < 130)
        s_reserve ();
    else if (roll < 320)
        s_answer_read (broker, false);
    else if (roll < 610)
        s_consume (index, false);
    else if (roll < 800)
        s_answer_gate (broker, false);
    else if (roll < 830)
        s_answer_lease (broker, false);
    else if (roll < 880)
        s_give_credit (index, false);
    else if (roll < 882)
        s_kill (index);
    else if (roll < 920)
        s_start_consumer (index);
    else if (roll < 960)
        s_tick (dice_roll (&dice, 100000));
    else if (roll < 962)
        s_tick (dice_roll (&dice, 20000000));
    else if (roll < 990)
        s_move_epoch ();
    else if (roll == 990 && dice_roll (&dice, 4) == 0) {
        s_start_broker (broker);
        seen.restarts++;
    } else if (roll == 991 && dice_roll (&dice, 20) == 0) {
        s_wipe ();
    }
}

static void
s_calm_step (void)
{
    for (size_t broker = 0; broker < BROKERS; broker++) {
        s_answer_lease (broker, true);
        s_answer_read (broker, true);
        s_answer_gate (broker, true);
    }
    for (size_t index = 0; index < CONSUMERS; index++) {
        s_start_consumer (index);
        s_consume (index, true);
        s_give_credit (index, true);
    }
    s_tick (20000);
}

/*  P2, P7, P8 */
static void
s_check_end (void)
{
    size_t odd = 0, missed = 0;
    for (size_t i = 0; i < item_count; i++) {
        const item_t *item = &items[i];
        assert_true (item->is_deleted && (item->is_committed || item->is_lost));
        assert_true (!item->is_committed || !(item->is_poison || item->is_unreadable) ||
                     item->is_dead);
        assert_true (!item->is_committed || item->is_dead || item->is_expired || item->may_miss);
        missed += item->is_committed && !item->is_dead && !item->is_expired;
        odd += item->is_poison || item->is_unreadable;
    }
    printf ("# entries %zu, planted %zu, left to the scanner %zu\n", item_count, odd, missed);
}

static void
s_print_seen (void)
{
    printf ("# deliveries %" PRIu64 ", again %" PRIu64 ", commits %" PRIu64
            ", entries committed again %" PRIu64 ", deleted %" PRIu64 ", lost with a disk %" PRIu64
            "\n",
            seen.deliveries, seen.redeliveries, seen.commits, seen.committed_again, seen.deleted,
            seen.lost);
    printf ("# lost acks %" PRIu64 ", dependency %" PRIu64 ", poison %" PRIu64 ", expired %" PRIu64
            ", deaths %" PRIu64 ", restarts %" PRIu64 ", epochs %" PRIu64 ", wipes %" PRIu64
            ", failed reads %" PRIu64 ", failed calls %" PRIu64 "\n",
            seen.lost_acks, seen.dependency, seen.poison, seen.expired, seen.deaths, seen.restarts,
            seen.epoch_moves, seen.wipes, seen.failed_reads, seen.failed_calls);
    printf ("# lease moves %" PRIu64 ", both active %" PRIu64 ", fenced %" PRIu64
            "; counted %" PRIu64 ", told twice %" PRIu64 ", REJECT %" PRIu64 ", unreadable %" PRIu64
            ", begun by another broker %" PRIu64 ", dead letters %" PRIu64
            "; messages kept %" PRIu64 ", DUE taken %" PRIu64 ", refused %" PRIu64 "\n",
            seen.lease_moves, seen.both_active, seen.fenced, seen.counted, seen.counted_again,
            seen.rejects, seen.unreadable, seen.carried_over, seen.dead_letters, seen.kept,
            seen.dues, seen.dues_refused);
}

/*  P1 … P9 over 200,000 random steps and a calm end. */
static void
test_model (void **state)
{
    (void)state;
    params_set_defaults (&params);
    assert_int_equal (params.delivery_window, WINDOW);
    dice = dice_seeded (20240611);
    for (size_t i = 0; i <= SALES; i++)
        gates[i].epoch = 1;
    for (size_t broker = 0; broker < BROKERS; broker++)
        s_start_broker (broker);
    for (size_t i = 0; i < STEPS; i++) {
        s_random_step ();
        if (i % 64 == 0)
            for (size_t broker = 0; broker < BROKERS; broker++)
                broker_class.check (benches[broker].rig->core);
    }
    for (size_t i = 0; i < 6000; i++)
        s_calm_step ();
    s_print_seen ();
    s_check_end ();
    /* a branch that ran 0 times shows nothing */
    const uint64_t *counts = (const uint64_t *)&seen;
    for (size_t i = 0; i < sizeof seen / sizeof counts[0]; i++)
        if (!counts[i])
            fail_msg ("branch %zu of `seen` never ran", i);
    for (size_t broker = 0; broker < BROKERS; broker++)
        rig_destroy (&benches[broker].rig);
}

int
main (void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test (test_model) };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
