/*  Two real brokers and a model of everything around them: journals that live on, ordering processes that commit, lose, refuse
    and die, a lease that both may hold for a moment, epochs that move. Random, from a printed seed.

    Properties
    P1  No entry is deleted that no ordering process has committed.
    P2  In the end, when faults have stopped, every entry is committed and deleted, but the planted poison: that is never
        acknowledged and still in the journal.
    P3  When a delivery leaves, the deliveries outstanding to its consumer are within the credit which that consumer gave
        this broker last, and within delivery_window.
    P4  All sendings of one delivery hold the same entries.
    P5  A broker has at most one read out, and only one deletion per sale and epoch. */

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
#define DELETES 64u
#define OUT_MAX 64u
#define IDS_MAX 200000u
#define WINDOW 2u

typedef struct item_t {
    uint64_t sale_id, epoch;
    bool is_poison, is_committed, is_deleted;
} item_t;

typedef struct held_t {
    size_t broker;
    uint64_t life; /* of that broker */
    uint64_t batch_id;
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
} out_t;

typedef struct deletion_t {
    uint64_t tag;
    uint64_t items[CALL_ROWS_MAX];
    size_t count;
} deletion_t;

typedef struct bench_t {
    rig_t *rig;
    uint64_t life;
    bool is_lease_out, is_held, is_read_out;
    uint64_t read_tag;
    journal_position_t positions[SALES];
    size_t position_count;
    deletion_t deletions[DELETES];
    size_t deletion_count;
    out_t outs[OUT_MAX];
    size_t out_count;
    uint64_t credit[CONSUMERS];    /* as told to this broker */
    uint64_t credit_of[CONSUMERS]; /* by this incarnation */
    uint64_t contents[IDS_MAX];    /* hash of the entries of each delivery */
} bench_t;

static item_t items[ITEMS_MAX];
static size_t item_count;
static size_t first_live; /* no item before it is in a journal, poison apart */
static size_t poisons[ITEMS_MAX];
static size_t poison_count;
static uint64_t epochs[SALES + 1];
static consumer_t consumers[CONSUMERS];
static bench_t benches[BROKERS];
static uint64_t incarnations = 1000;
static uint64_t now_us = 1000000;
static params_t params;
static dice_t dice;
static struct {
    uint64_t deliveries, redeliveries, commits, lost_acks, dependency, poison, deaths, restarts,
        lease_moves, both_active, epoch_moves, failed_reads, failed_deletes, deleted,
        committed_again, expired, parked;
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

static void
s_forget_outs (bench_t *bench, uint64_t incarnation)
{
    for (size_t i = 0; i < bench->out_count;)
        if (!incarnation || bench->outs[i].incarnation == incarnation)
            bench->outs[i] = bench->outs[--bench->out_count];
        else
            i++;
}

/*  P3, P4 */
static void
s_check_delivery (bench_t *bench, const effect_t *effect, size_t index)
{
    const order_event_t *events = effect->entries;
    uint64_t contents = effect->count;
    assert_true (bench->is_held);
    assert_true (effect->count > 0 && effect->header.batch_id < IDS_MAX);
    for (size_t i = 0; i < effect->count; i++) {
        assert_true (events[i].entry_ms <= item_count);
        const item_t *item = &items[events[i].entry_ms - 1];
        assert_true (item->sale_id == events[i].sale_id && item->epoch == events[i].epoch);
        contents = hash_pair (contents, events[i].entry_ms);
    }
    uint64_t *known = &bench->contents[effect->header.batch_id];
    assert_true (effect->header.attempt == 1 ? *known == 0 : *known == contents);
    *known = contents;
    size_t outstanding = 0;
    for (size_t i = 0; i < bench->out_count; i++)
        outstanding += bench->outs[i].incarnation == effect->header.to_incarnation;
    assert_true (bench->credit_of[index] == effect->header.to_incarnation);
    assert_true (outstanding + 1 <= bench->credit[index] && outstanding + 1 <= WINDOW);
}

static void
s_take_delivery (size_t broker, const effect_t *effect)
{
    bench_t *bench = &benches[broker];
    size_t index = s_consumer_of (effect->header.to_incarnation);
    assert_true (index < CONSUMERS);
    s_check_delivery (bench, effect, index);
    assert_true (bench->out_count < OUT_MAX);
    bench->outs[bench->out_count++] =
        (out_t){ effect->header.to_incarnation, effect->header.batch_id,
                 now_us + params.delivery_deadline_ms * 1000 };
    seen.deliveries++;
    seen.redeliveries += effect->header.attempt > 1;
    consumer_t *consumer = &consumers[index];
    if (dice_roll (&dice, 50) == 0 || consumer->held_count == HELD_MAX)
        return; /* lost on the way: the deadline repairs it */
    held_t *held = &consumer->held[consumer->held_count++];
    *held = (held_t){ .broker = broker,
                      .life = bench->life,
                      .batch_id = effect->header.batch_id,
                      .count = effect->count };
    const order_event_t *events = effect->entries;
    for (size_t i = 0; i < effect->count; i++)
        held->items[i] = events[i].entry_ms - 1;
}

static void
s_take_call (bench_t *bench, const effect_t *effect)
{
    const journal_position_t *positions = effect->entries;
    if (effect->call == CALL_LEASE_TAKE) {
        assert_false (bench->is_lease_out);
        bench->is_lease_out = true;
    } else if (effect->call == CALL_JOURNAL_READ) {
        assert_false (bench->is_read_out); /* P5 */
        assert_true (bench->is_held && effect->count <= SALES);
        bench->is_read_out = true;
        bench->read_tag = effect->tag;
        bench->position_count = effect->count;
        memcpy (bench->positions, positions, effect->count * sizeof *positions);
    } else {
        assert_int_equal (effect->call, CALL_JOURNAL_DELETE);
        assert_true (effect->count > 0 && effect->count <= BATCH_ENTRIES_MAX);
        assert_true (bench->deletion_count < DELETES);
        deletion_t *deletion = &bench->deletions[bench->deletion_count++];
        deletion->tag = effect->tag;
        deletion->count = effect->count;
        for (size_t i = 0; i < effect->count; i++) {
            deletion->items[i] = positions[i].entry_ms - 1;
            assert_true (items[deletion->items[i]].is_committed); /* P1 */
            assert_true (positions[i].sale_id == positions[0].sale_id &&
                         positions[i].epoch == positions[0].epoch);
        }
        for (size_t i = 0; i + 1 < bench->deletion_count; i++)
            assert_true (bench->deletions[i].tag != effect->tag); /* P5 */
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
        if (effect->type == EFFECT_SEND && effect->header.type == MSG_DELIVER)
            s_take_delivery (broker, effect);
        else if (effect->type == EFFECT_CALL)
            s_take_call (bench, effect);
        else if (effect->type == EFFECT_LOG && !strcmp (effect->event, "entry_parked"))
            seen.parked++;
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
    sale_t sale = { .sale_id = sale_id, .epoch = epochs[sale_id], .state = SALE_OPEN };
    header_t header = { .type = MSG_SALES, .from_kind = KIND_INVENTORY, .from_number = 1 };
    event_t event = { .type = EVENT_MESSAGE, .header = &header, .entries = &sale, .count = 1 };
    s_step (broker, &event);
}

static void
s_tell_peer (size_t broker, event_type_t type, size_t index, uint64_t incarnation)
{
    process_t peer = {
        .kind = KIND_ORDERING, .number = index + 1, .incarnation = incarnation, .state = STATE_READY
    };
    event_t event = { .type = type, .peer = &peer };
    if (type == EVENT_PEER_DOWN)
        s_forget_outs (&benches[broker], incarnation);
    s_step (broker, &event);
}

static void
s_send (size_t broker, size_t index, message_type_t type, uint64_t batch_id, error_code_t code,
        uint64_t credit)
{
    bench_t *bench = &benches[broker];
    ack_t ack = { .code = code, .credit = credit };
    header_t header = { .type = type,
                        .from_kind = KIND_ORDERING,
                        .from_number = index + 1,
                        .from_incarnation = consumers[index].incarnation,
                        .batch_id = batch_id };
    event_t event = { .type = EVENT_MESSAGE, .header = &header, .entries = &ack, .count = 1 };
    bench->credit[index] = credit;
    bench->credit_of[index] = consumers[index].incarnation;
    for (size_t i = 0; type == MSG_ACK && i < bench->out_count; i++)
        if (bench->outs[i].batch_id == batch_id &&
            bench->outs[i].incarnation == consumers[index].incarnation) {
            bench->outs[i] = bench->outs[--bench->out_count];
            break;
        }
    s_step (broker, &event);
}

static void
s_start_broker (size_t broker)
{
    bench_t *bench = &benches[broker];
    if (bench->rig)
        rig_destroy (&bench->rig);
    uint64_t life = bench->life;
    memset (bench, 0, sizeof *bench);
    bench->life = life + 1;
    bench->rig = rig_new (&broker_class, &params);
    bench->rig->is_quick = true;
    event_t event = { .type = EVENT_START };
    s_step (broker, &event);
    for (uint64_t sale_id = 1; sale_id <= SALES; sale_id++)
        s_tell_sale (broker, sale_id);
    for (size_t i = 0; i < CONSUMERS; i++)
        if (consumers[i].incarnation) {
            s_tell_peer (broker, EVENT_PEER_UP, i, consumers[i].incarnation);
            s_send (broker, i, MSG_CREDIT, 0, ERROR_NONE, WINDOW);
        }
}

static void
s_answer_lease (size_t broker, bool is_calm)
{
    bench_t *bench = &benches[broker];
    if (!bench->is_lease_out)
        return;
    bench->is_lease_out = false;
    uint64_t roll = dice_roll (&dice, 10);
    lease_t lease = { .held = is_calm ? broker == 0 : roll < 7, .token = 1 };
    event_t event = {
        .type = EVENT_RESULT, .call = CALL_LEASE_TAKE, .entries = &lease, .count = 1, .detail = ""
    };
    if (!is_calm && roll == 9)
        event.status = RESULT_UNKNOWN;
    else if (bench->is_held != (lease.held != 0)) {
        bench->is_held = lease.held;
        s_forget_outs (bench, 0);
        seen.lease_moves++;
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
    *event = (order_event_t){ .sale_id = item->sale_id,
                              .epoch = item->epoch,
                              .entry_ms = index + 1,
                              .user_id = 1,
                              .quantity = 1 };
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
        for (size_t i = 0; i < poison_count && event.count < max; i++)
            if (poisons[i] >= position->entry_ms && poisons[i] < from)
                event.count += s_read_item (poisons[i], position, &events[event.count]);
        for (size_t i = from; i < item_count && event.count < max; i++)
            event.count += s_read_item (i, position, &events[event.count]);
    }
    event.entries = events;
    s_step (broker, &event);
}

static void
s_answer_delete (size_t broker, bool is_calm)
{
    bench_t *bench = &benches[broker];
    if (!bench->deletion_count)
        return;
    size_t which = dice_roll (&dice, bench->deletion_count);
    static deletion_t deletion;
    deletion = bench->deletions[which];
    bench->deletions[which] = bench->deletions[--bench->deletion_count];
    uint64_t roll = is_calm ? 100 : dice_roll (&dice, 20);
    bool is_done = roll != 0 && roll != 1;
    for (size_t i = 0; is_done && i < deletion.count; i++) {
        seen.deleted += !items[deletion.items[i]].is_deleted;
        items[deletion.items[i]].is_deleted = true;
    }
    outcome_t outcome = { 0 };
    event_t event = { .type = EVENT_RESULT,
                      .call = CALL_JOURNAL_DELETE,
                      .tag = deletion.tag,
                      .entries = &outcome,
                      .count = 1,
                      .detail = "" };
    static const result_status_t statuses[] = { RESULT_UNAVAILABLE, RESULT_REFUSED,
                                                RESULT_UNKNOWN };
    if (roll < 3) {
        event.status = statuses[roll];
        seen.failed_deletes++;
    }
    s_step (broker, &event);
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
        seen.committed_again += items[held->items[i]].is_committed;
        items[held->items[i]].is_committed = true;
    }
    seen.commits++;
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
    error_code_t code = ERROR_NONE;
    uint64_t roll = is_calm ? 100 : dice_roll (&dice, 30), credit = WINDOW;
    if (roll == 0) {
        code = ERROR_DEPENDENCY_UNAVAILABLE;
        credit = 0;
        seen.dependency++;
    } else if (s_has_poison (&held)) {
        code = ERROR_POISON;
        seen.poison++;
    } else {
        s_commit (&held);
        credit = roll == 1 ? 1 : WINDOW;
    }
    if (roll == 2) {
        seen.lost_acks++;
        return;
    }
    if (benches[held.broker].life == held.life)
        s_send (held.broker, index, MSG_ACK, held.batch_id, code, credit);
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
        s_send (broker, index, MSG_CREDIT, 0, ERROR_NONE, WINDOW);
    }
}

static void
s_give_credit (size_t index, bool is_calm)
{
    if (!consumers[index].incarnation)
        return;
    for (size_t broker = 0; broker < BROKERS; broker++)
        s_send (broker, index, MSG_CREDIT, 0, ERROR_NONE,
                is_calm ? WINDOW : dice_roll (&dice, WINDOW + 2));
}

/* -------------------------------------------------------------------------- what the gates do */

/*  Entries of a sale in its journal, poison apart. */
static size_t
s_live (uint64_t sale_id)
{
    size_t live = 0;
    for (size_t i = first_live; i < item_count; i++)
        live += !items[i].is_deleted && !items[i].is_poison && items[i].sale_id == sale_id;
    return live;
}

static void
s_reserve (void)
{
    while (first_live < item_count && (items[first_live].is_deleted || items[first_live].is_poison))
        first_live++;
    if (item_count - first_live > 3000)
        return;
    for (uint64_t i = 1 + dice_roll (&dice, 30); i && item_count < ITEMS_MAX; i--) {
        uint64_t sale_id = 1 + dice_roll (&dice, SALES);
        bool is_poison = dice_roll (&dice, 4000) == 0;
        if (is_poison)
            poisons[poison_count++] = item_count;
        items[item_count++] =
            (item_t){ .sale_id = sale_id, .epoch = epochs[sale_id], .is_poison = is_poison };
    }
}

/*  A new epoch is installed only when the journal of the old one is empty, or holds nothing but poison. */
static void
s_move_epoch (void)
{
    uint64_t sale_id = 1 + dice_roll (&dice, SALES);
    if (s_live (sale_id))
        return;
    epochs[sale_id]++;
    seen.epoch_moves++;
    for (size_t broker = 0; broker < BROKERS; broker++)
        s_tell_sale (broker, sale_id);
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
    if (roll < 150)
        s_reserve ();
    else if (roll < 350)
        s_answer_read (broker, false);
    else if (roll < 650)
        s_consume (index, false);
    else if (roll < 800)
        s_answer_delete (broker, false);
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
    }
}

static void
s_calm_step (void)
{
    for (size_t broker = 0; broker < BROKERS; broker++) {
        s_answer_lease (broker, true);
        s_answer_read (broker, true);
        s_answer_delete (broker, true);
    }
    for (size_t index = 0; index < CONSUMERS; index++) {
        s_start_consumer (index);
        s_consume (index, true);
        s_give_credit (index, true);
    }
    s_tick (50000);
}

/*  P1 … P5 over 200,000 random steps and a calm end. */
static void
test_model (void **state)
{
    (void)state;
    params_set_defaults (&params);
    assert_int_equal (params.delivery_window, WINDOW);
    dice = dice_seeded (20240611);
    for (size_t i = 0; i <= SALES; i++)
        epochs[i] = 1;
    for (size_t broker = 0; broker < BROKERS; broker++)
        s_start_broker (broker);
    for (size_t i = 0; i < STEPS; i++) {
        s_random_step ();
        if (i % 64 == 0)
            for (size_t broker = 0; broker < BROKERS; broker++)
                broker_class.check (benches[broker].rig->core);
    }
    for (size_t i = 0; i < 3000; i++)
        s_calm_step ();
    size_t poison = 0;
    for (size_t i = 0; i < item_count; i++) {
        assert_true (items[i].is_committed == !items[i].is_poison);
        assert_true (items[i].is_deleted == !items[i].is_poison);
        poison += items[i].is_poison;
    }
    printf ("# entries %zu, poison %zu; deliveries %" PRIu64 ", again %" PRIu64 ", commits %" PRIu64
            ", entries committed again %" PRIu64 ", deleted %" PRIu64 "\n",
            item_count, poison, seen.deliveries, seen.redeliveries, seen.commits,
            seen.committed_again, seen.deleted);
    printf ("# lost acks %" PRIu64 ", dependency %" PRIu64 ", poison %" PRIu64 ", parked %" PRIu64
            ", expired %" PRIu64 ", deaths %" PRIu64 ", restarts %" PRIu64 ", lease moves %" PRIu64
            ", both active %" PRIu64 ", epochs %" PRIu64 ", failed reads %" PRIu64
            ", failed deletions %" PRIu64 "\n",
            seen.lost_acks, seen.dependency, seen.poison, seen.parked, seen.expired, seen.deaths,
            seen.restarts, seen.lease_moves, seen.both_active, seen.epoch_moves, seen.failed_reads,
            seen.failed_deletes);
    /* a branch that ran 0 times shows nothing */
    const uint64_t *counts = (const uint64_t *)&seen;
    for (size_t i = 0; i < sizeof seen / sizeof counts[0]; i++)
        assert_true (counts[i] > 0);
    for (size_t broker = 0; broker < BROKERS; broker++)
        rig_destroy (&benches[broker].rig);
}

int
main (void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test (test_model) };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
