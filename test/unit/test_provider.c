/*  The payment provider's core: what it says of each charge, how often, and when nobody hears it. */

#include "agenda.h"
#include "dice.h"
#include "provider.h"
#include "rig.h"
#include "test_method.h"

#include <inttypes.h>

#define MS 1000u
#define SECOND 1000000u

/*  Payment number n: ids that differ in their last bytes. */
static charge_t
s_charge (uint64_t n, const char *outcome, uint64_t refund)
{
    charge_t charge = { .amount_cents = 1000 + n, .refund = refund };
    for (unsigned i = 0; i < 8; i++) {
        charge.payment_id[15 - i] = (uint8_t)(n >> 8 * i);
        charge.rid[15 - i] = (uint8_t)(n >> 8 * i);
    }
    charge.rid[0] = 0xaa;
    snprintf (charge.outcome, sizeof charge.outcome, "%s", outcome);
    return charge;
}

static rig_t *
s_rig (const params_t *given)
{
    params_t params;
    params_set_defaults (&params);
    rig_t *rig = rig_new (&provider_class, given ? given : &params);
    rig_event (rig, EVENT_START);
    return rig;
}

static const char *
s_ask (rig_t *rig, const charge_t *charges, size_t count)
{
    header_t extras = { .batch_id = 7 };
    return rig_message (rig, KIND_ORDERING, 1, MSG_CHARGE, &extras, charges, count);
}

/*  Time goes on to the next thing that is due. Returns what is done then, without metrics. */
static const char *
s_tick (rig_t *rig)
{
    uint64_t wake_us = rig->class_->wake_us (rig->core);
    assert_true (wake_us != UINT64_MAX);
    if (wake_us > rig->now_us)
        rig->now_us = wake_us;
    rig_event (rig, EVENT_TIMER);
    return rig_text (rig, false);
}

static const char *
s_answer (rig_t *rig, uint64_t tag, error_code_t code)
{
    outcome_t outcome = { .code = code, .detail = "as it was" };
    return rig_result (rig, CALL_WEBHOOK_POST, tag, RESULT_OK, &outcome, 1);
}

static uint64_t
s_due_ms (const rig_t *rig)
{
    return (rig->class_->wake_us (rig->core) - rig->now_us) / MS;
}

/* -------------------------------------------------------------------------- outcomes */

/*  A charge is acknowledged at once under its batch; what becomes of it is told after the provider's time, under a name made of the
    payment alone; when it was heard, nothing is left. */
static void
test_outcomes (void **state)
{
    (void)state;
    rig_t *rig = s_rig (NULL);
    charge_t charges[] = { s_charge (1, "succeed", 0), s_charge (2, "decline", 0),
                           s_charge (3, "succeed", 1), s_charge (4, "", 0),
                           s_charge (5, "what?", 0) };
    assert_string_equal (s_ask (rig, charges, 5), "send ordering/1 CHARGE_ACK batch=7 [{}]\n");
    assert_int_equal (s_due_ms (rig), 20);
    rig->now_us += 20 * MS;
    rig_event (rig, EVENT_TIMER);
    const char *text = rig_text (rig, false);
    static const char *const expected[] = {
        "{\"event_id\":\"00000000000000000000000000000001-charge\","
        "\"payment_id\":\"00000000000000000000000000000001\","
        "\"rid\":\"aa000000000000000000000000000001\",\"outcome\":2,\"amount_cents\":1001}",
        "{\"event_id\":\"00000000000000000000000000000002-charge\","
        "\"payment_id\":\"00000000000000000000000000000002\","
        "\"rid\":\"aa000000000000000000000000000002\",\"outcome\":3,\"amount_cents\":1002}",
        "{\"event_id\":\"00000000000000000000000000000003-refund\","
        "\"payment_id\":\"00000000000000000000000000000003\","
        "\"rid\":\"aa000000000000000000000000000003\",\"outcome\":5,\"amount_cents\":1003}",
        "\"rid\":\"aa000000000000000000000000000004\",\"outcome\":2",
        "\"rid\":\"aa000000000000000000000000000005\",\"outcome\":3",
    };
    for (size_t i = 0; i < 5; i++)
        if (!strstr (text, expected[i]))
            fail_msg ("%s\nis not in\n%s", expected[i], text);
    assert_int_equal (rig_status (rig).in_flight, 5);
    assert_true (rig->class_->wake_us (rig->core) == UINT64_MAX);
    for (uint64_t tag = 1; tag <= 5; tag++)
        assert_string_equal (s_answer (rig, tag, ERROR_NONE), "");
    assert_int_equal (rig_status (rig).in_flight, 0);
    rig_destroy (&rig);
}

/*  A charge that hangs is acknowledged and never told; its refund is. A refund of a payment never heard of is told, too. */
static void
test_hang (void **state)
{
    (void)state;
    rig_t *rig = s_rig (NULL);
    charge_t hangs = s_charge (1, "hang", 0), refund = s_charge (1, "hang", 1);
    assert_string_equal (s_ask (rig, &hangs, 1), "send ordering/1 CHARGE_ACK batch=7 [{}]\n");
    assert_true (rig->class_->wake_us (rig->core) == UINT64_MAX);
    s_ask (rig, &refund, 1);
    assert_non_null (strstr (s_tick (rig), "01-refund"));
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- the same twice */

/*  The same charge again, before it is told and while its webhook is out, is acknowledged and is one. After it was told, and at a
    provider that knows nothing of it, it makes the very same event again. */
static void
test_same_charge (void **state)
{
    (void)state;
    rig_t *rig = s_rig (NULL);
    charge_t charge = s_charge (1, "succeed", 0);
    charge_t twice[] = { charge, charge };
    char first[2048];
    s_ask (rig, twice, 2);
    assert_string_equal (s_ask (rig, &charge, 1), "send ordering/1 CHARGE_ACK batch=7 [{}]\n");
    assert_int_equal (rig_status (rig).in_flight, 1);
    snprintf (first, sizeof first, "%s", s_tick (rig));
    assert_string_equal (s_ask (rig, &charge, 1), "send ordering/1 CHARGE_ACK batch=7 [{}]\n");
    assert_int_equal (rig_status (rig).in_flight, 1);
    s_answer (rig, 1, ERROR_NONE);
    rig_t *successor = s_rig (NULL);
    s_ask (successor, &charge, 1);
    assert_string_equal (s_tick (successor), first);
    s_ask (rig, &charge, 1);
    assert_string_equal (strstr (s_tick (rig), "[{"), strstr (first, "[{"));
    rig_destroy (&successor);
    rig_destroy (&rig);
}

/*  A charge and the refund of one payment are two events. */
static void
test_refund_beside_charge (void **state)
{
    (void)state;
    rig_t *rig = s_rig (NULL);
    charge_t both[] = { s_charge (1, "succeed", 0), s_charge (1, "succeed", 1) };
    s_ask (rig, both, 2);
    const char *text = s_tick (rig);
    assert_non_null (strstr (text, "01-charge"));
    assert_non_null (strstr (text, "01-refund"));
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- bad manners */

/*  provider_twice_per_mille: the event is told again after it was heard, once, and then is over. */
static void
test_twice (void **state)
{
    (void)state;
    params_t params;
    params_set_defaults (&params);
    params.provider_twice_per_mille = 1000;
    rig_t *rig = s_rig (&params);
    charge_t charge = s_charge (1, "succeed", 0);
    s_ask (rig, &charge, 1);
    char first[2048];
    snprintf (first, sizeof first, "%s", strstr (s_tick (rig), "[{"));
    const char *again = s_answer (rig, 1, ERROR_NONE);
    assert_string_equal (strstr (again, "[{"), first);
    assert_string_equal (s_answer (rig, 2, ERROR_NONE), "");
    assert_int_equal (rig_status (rig).in_flight, 0);
    rig_destroy (&rig);
}

/*  provider_late_per_mille: the late one comes after those charged later. Who is late depends on the payment alone: as many as the
    parameter says, always the same ones, and not the same ones as are told twice. */
static void
test_late (void **state)
{
    (void)state;
    params_t params;
    params_set_defaults (&params);
    params.provider_late_per_mille = 200;
    params.provider_twice_per_mille = 200;
    uint64_t late = 0, twice = 0, both = 0, first_late = 0, first_prompt = 0;
    for (uint64_t n = 1; n <= 10000; n++) {
        charge_t charge = s_charge (n, "succeed", 0);
        decision_t decision = test_method_decide (&params, &charge);
        bool is_late = decision.delay_us > 20 * MS;
        assert_int_equal (decision.delay_us, is_late ? 5020 * MS : 20 * MS);
        late += is_late;
        twice += decision.tellings == 2;
        both += is_late && decision.tellings == 2;
        if (is_late && !first_late)
            first_late = n;
        if (!is_late && !first_prompt && first_late)
            first_prompt = n;
    }
    assert_in_range (late, 1800, 2200);
    assert_in_range (twice, 1800, 2200);
    assert_in_range (both, 300, 500);
    params.provider_twice_per_mille = 0;
    rig_t *rig = s_rig (&params);
    charge_t charges[] = { s_charge (first_late, "succeed", 0),
                           s_charge (first_prompt, "succeed", 0) };
    char prompt[40], slow[40];
    snprintf (prompt, sizeof prompt, "%032" PRIx64 "-charge", first_prompt);
    snprintf (slow, sizeof slow, "%032" PRIx64 "-charge", first_late);
    s_ask (rig, charges, 2);
    const char *text = s_tick (rig);
    assert_non_null (strstr (text, prompt));
    assert_null (strstr (text, slow));
    s_answer (rig, 1, ERROR_NONE);
    assert_int_equal (s_due_ms (rig), 5000);
    assert_non_null (strstr (s_tick (rig), slow));
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- nobody hears */

/*  What was not heard is told again after 100 ms … 5 s, doubling, for as long as it takes: by 503, by no connection, by a worker that
    could not. A good answer ends it. */
static void
test_backoff (void **state)
{
    (void)state;
    static const uint64_t expected_ms[] = { 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000 };
    rig_t *rig = s_rig (NULL);
    charge_t charge = s_charge (1, "succeed", 0);
    s_ask (rig, &charge, 1);
    char first[2048];
    snprintf (first, sizeof first, "%s", strstr (s_tick (rig), "[{"));
    uint64_t tag = 1;
    for (size_t i = 0; i < sizeof expected_ms / sizeof expected_ms[0]; i++) {
        if (i % 3 == 2)
            rig_result (rig, CALL_WEBHOOK_POST, tag, RESULT_REFUSED, NULL, 0);
        else
            s_answer (rig, tag, i % 3 ? ERROR_DEPENDENCY_UNAVAILABLE : ERROR_BUSY);
        tag++;
        assert_int_equal (s_due_ms (rig), expected_ms[i]);
        assert_string_equal (strstr (s_tick (rig), "[{"), first);
    }
    s_answer (rig, tag, ERROR_NONE);
    assert_int_equal (rig_status (rig).in_flight, 0);
    rig_destroy (&rig);
}

/*  401 and 400 are not told again: logged with the event's name and given up; ordering's next charge makes it anew. */
static void
test_gives_up (void **state)
{
    (void)state;
    rig_t *rig = s_rig (NULL);
    charge_t charge = s_charge (1, "succeed", 0);
    static const error_code_t codes[] = { ERROR_UNAUTHENTICATED, ERROR_INVALID_FIELD };
    for (uint64_t i = 0; i < 2; i++) {
        s_ask (rig, &charge, 1);
        s_tick (rig);
        assert_string_equal (s_answer (rig, i + 1, codes[i]),
                             "log error webhook_refused 00000000000000000000000000000001-charge "
                             "captured: as it was\n");
        assert_int_equal (rig_added (rig, METRIC_WEBHOOKS, codes[i]), 1);
        assert_int_equal (rig_status (rig).in_flight, 0);
    }
    rig_destroy (&rig);
}

/*  At most POSTS_MAX webhooks are out. After twice as many failures in a row it is said once that nobody answers, and one at a time is tried,
    every 50 ms at most; the first good answer opens all again. */
static void
test_away (void **state)
{
    (void)state;
    rig_t *rig = s_rig (NULL);
    charge_t charges[60];
    for (uint64_t n = 0; n < 60; n++)
        charges[n] = s_charge (n + 1, "succeed", 0);
    s_ask (rig, charges, 60);
    s_tick (rig);
    uint64_t tag = 0, told = 0;
    assert_int_equal (rig_status (rig).in_flight - rig_status (rig).queue_depth, POSTS_MAX);
    for (uint64_t i = 0; i < 2 * POSTS_MAX; i++)
        told += strstr (s_answer (rig, ++tag, ERROR_BUSY), "webhook_away") != NULL;
    assert_int_equal (told, 1);
    for (uint64_t i = 0; i < POSTS_MAX - 1; i++) /* those that were out */
        s_answer (rig, ++tag, ERROR_BUSY);
    assert_int_equal (rig_status (rig).in_flight - rig_status (rig).queue_depth, 0);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal (s_due_ms (rig), 50);
        s_tick (rig);
        assert_int_equal (rig_status (rig).in_flight - rig_status (rig).queue_depth, 1);
        assert_null (strstr (s_answer (rig, ++tag, ERROR_DEPENDENCY_UNAVAILABLE), "webhook"));
    }
    s_tick (rig);
    rig->now_us += 10 * SECOND;
    assert_non_null (strstr (s_answer (rig, ++tag, ERROR_NONE), "webhook_back"));
    assert_int_equal (rig_status (rig).in_flight - rig_status (rig).queue_depth, POSTS_MAX);
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- limits */

/*  NOTICES_MAX payments are under way at most. A batch that does not fit whole is not acknowledged; what fitted is kept; the batch
    again, when there is room, is acknowledged. What is known already needs no room. */
static void
test_table_full (void **state)
{
    (void)state;
    rig_t *rig = s_rig (NULL);
    charge_t charges[256];
    rig->is_quick = true;
    for (uint64_t batch = 0; batch < NOTICES_MAX / 256; batch++) {
        for (uint64_t i = 0; i < 256; i++)
            charges[i] = s_charge (1 + batch * 256 + i, "succeed", 0);
        if (batch == NOTICES_MAX / 256 - 1)
            charges[255] = charges[254]; /* one place is left */
        assert_string_equal (s_ask (rig, charges, 256),
                             "send ordering/1 CHARGE_ACK batch=7 [{}]\n");
    }
    charges[0] = s_charge (1000001, "succeed", 0);
    charges[1] = s_charge (1000002, "succeed", 0);
    assert_string_equal (s_ask (rig, charges, 2), "");
    assert_int_equal (rig_added (rig, METRIC_CHARGES, ERROR_NONE), 1);
    assert_int_equal (rig_added (rig, METRIC_CHARGES, ERROR_BUSY), 1);
    assert_int_equal (rig_status (rig).in_flight, NOTICES_MAX);
    assert_string_equal (s_ask (rig, charges, 1), "send ordering/1 CHARGE_ACK batch=7 [{}]\n");
    s_tick (rig);
    s_answer (rig, 1, ERROR_NONE);
    assert_string_equal (s_ask (rig, charges, 2), "send ordering/1 CHARGE_ACK batch=7 [{}]\n");
    rig->class_->check (rig->core);
    rig_destroy (&rig);
}

/*  Only ordering's CHARGE is taken; anything else is counted and not answered. */
static void
test_strangers (void **state)
{
    (void)state;
    rig_t *rig = s_rig (NULL);
    charge_t charge = s_charge (1, "succeed", 0);
    query_t query = { 0 };
    assert_string_equal (rig_message (rig, KIND_EDGE, 1, MSG_CHARGE, NULL, &charge, 1), "");
    assert_int_equal (rig_added (rig, METRIC_FRAMES_REFUSED, 0), 1);
    assert_string_equal (rig_message (rig, KIND_ORDERING, 1, MSG_ORDER_GET, NULL, &query, 1), "");
    assert_int_equal (rig_added (rig, METRIC_FRAMES_REFUSED, 0), 1);
    assert_int_equal (rig_status (rig).in_flight, 0);
    rig_destroy (&rig);
}

/*  STOP: nothing more is taken or acknowledged; what waits, late ones and those in backoff too, is told at once, and what is not heard
    then is left to ordering: the process can leave. */
static void
test_stop (void **state)
{
    (void)state;
    params_t params;
    params_set_defaults (&params);
    params.provider_delay_ms = 10000;
    rig_t *rig = s_rig (&params);
    charge_t charges[20];
    for (uint64_t n = 0; n < 20; n++)
        charges[n] = s_charge (n + 1, "succeed", 0);
    s_ask (rig, charges, 20);
    rig_event (rig, EVENT_STOP);
    assert_int_equal (rig_status (rig).in_flight - rig_status (rig).queue_depth, POSTS_MAX);
    assert_string_equal (s_ask (rig, charges, 1), "");
    assert_int_equal (rig_added (rig, METRIC_CHARGES, ERROR_DRAINING), 1);
    for (uint64_t tag = 1; tag <= 20; tag++) {
        assert_int_equal (rig_status (rig).in_flight, 21 - tag);
        s_answer (rig, tag, tag % 2 ? ERROR_NONE : ERROR_BUSY);
    }
    assert_int_equal (rig_status (rig).in_flight, 0);
    rig_destroy (&rig);
}

/* -------------------------------------------------------------------------- the agenda */

/*  Items come out by time, equal times by key, whatever the order of putting: against a sorted array. */
static int
s_compare (const void *a, const void *b)
{
    return memcmp (a, b, 16);
}

static void
test_agenda (void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    static uint8_t sorted[COUNT][16];
    dice_t dice = dice_seeded (5);
    agenda_t *agenda = agenda_new (COUNT);
    for (int round = 0; round < 50; round++) {
        for (uint64_t i = 0; i < COUNT; i++) {
            uint64_t due_us = dice_roll (&dice, 100), key = dice_next (&dice);
            agenda_put (agenda, due_us, key);
            agenda_check (agenda);
            for (unsigned k = 0; k < 8; k++) {
                sorted[i][7 - k] = (uint8_t)(due_us >> 8 * k);
                sorted[i][15 - k] = (uint8_t)(key >> 8 * k);
            }
        }
        qsort (sorted, COUNT, sizeof sorted[0], s_compare);
        for (uint64_t i = 0; i < COUNT; i++) {
            uint64_t key, expected = 0;
            for (unsigned k = 8; k < 16; k++)
                expected = expected << 8 | sorted[i][k];
            assert_int_equal (agenda_due_us (agenda), sorted[i][7]);
            assert_true (agenda_take (agenda, &key));
            assert_true (key == expected);
            agenda_check (agenda);
        }
        uint64_t key;
        assert_false (agenda_take (agenda, &key));
        assert_true (agenda_due_us (agenda) == UINT64_MAX);
    }
    agenda_destroy (&agenda);
}

/* -------------------------------------------------------------------------- random lives */

#define PAYMENTS 300u

typedef struct life_t {
    rig_t *rig;
    dice_t dice;
    struct {
        uint64_t tag, payment;
    } out[POSTS_MAX];
    size_t out_count;
    uint64_t heard[PAYMENTS][2]; /* by payment and charge or refund */
    uint64_t asked[PAYMENTS][2];
    uint64_t outcome[PAYMENTS][2];
    uint64_t failed, repeated;
} life_t;

static uint64_t
s_number_of (const uint8_t id[16])
{
    return (uint64_t)id[14] << 8 | id[15];
}

/*  Posts of the last step; each says what its charge asked for. */
static void
s_note_posts (life_t *life)
{
    for (size_t i = 0; i < effects_count (life->rig->effects); i++) {
        const effect_t *effect = effects_at (life->rig->effects, i);
        if (effect->type != EFFECT_CALL)
            continue;
        const payment_event_t *event = effect->entries;
        bool is_refund = strstr (event->event_id, "-refund") != NULL;
        uint64_t n = s_number_of (event->payment_id);
        assert_true (life->asked[n][is_refund]);
        assert_int_equal (event->outcome, life->outcome[n][is_refund]);
        assert_int_equal (event->amount_cents, 1000 + n);
        assert_true (life->out_count < POSTS_MAX);
        life->out[life->out_count].tag = effect->tag;
        life->out[life->out_count++].payment = n << 1 | is_refund;
    }
}

static void
s_ask_some (life_t *life)
{
    static const char *const words[] = { "succeed", "decline", "hang" };
    charge_t charges[8];
    size_t count = 1 + dice_roll (&life->dice, 8);
    for (size_t i = 0; i < count; i++) {
        uint64_t n = dice_roll (&life->dice, PAYMENTS), refund = dice_roll (&life->dice, 4) == 0;
        charges[i] = s_charge (n, words[n % 3], refund);
        life->asked[n][refund]++;
        life->outcome[n][refund] = refund       ? PAYMENT_REFUNDED
                                   : n % 3 == 0 ? PAYMENT_CAPTURED
                                                : PAYMENT_DECLINED;
    }
    s_ask (life->rig, charges, count);
}

static void
s_answer_some (life_t *life, bool always_good)
{
    if (life->out_count == 0)
        return;
    size_t which = dice_roll (&life->dice, life->out_count);
    uint64_t tag = life->out[which].tag, payment = life->out[which].payment;
    life->out[which] = life->out[--life->out_count];
    bool is_good = always_good || dice_roll (&life->dice, 3) > 0;
    if (is_good)
        life->repeated += life->heard[payment >> 1][payment & 1]++ > 0;
    else
        life->failed++;
    s_answer (life->rig, tag, is_good ? ERROR_NONE : ERROR_BUSY);
}

static uint64_t
s_random_life (uint64_t seed, uint64_t *failed, uint64_t *repeated)
{
    life_t *life = calloc (1, sizeof *life);
    params_t params;
    params_set_defaults (&params);
    params.provider_twice_per_mille = 300;
    params.provider_late_per_mille = 300;
    life->rig = s_rig (&params);
    life->dice.state = seed;
    for (int i = 0; i < 4000; i++) {
        life->rig->now_us += dice_roll (&life->dice, 50 * MS);
        switch (dice_roll (&life->dice, 4)) {
        case 0:
            s_ask_some (life);
            break;
        case 1:
            rig_event (life->rig, EVENT_TIMER);
            break;
        default:
            s_answer_some (life, false);
        }
        s_note_posts (life);
    }
    while (rig_status (life->rig).in_flight > 0) {
        if (life->out_count > 0)
            s_answer_some (life, true);
        else
            s_tick (life->rig);
        s_note_posts (life);
    }
    for (uint64_t n = 0; n < PAYMENTS; n++)
        for (uint64_t refund = 0; refund < 2; refund++) {
            bool is_told = life->asked[n][refund] && (refund || n % 3 != 2);
            assert_int_equal (life->heard[n][refund] > 0, is_told);
        }
    uint64_t digest = life->rig->class_->digest (life->rig->core);
    *failed += life->failed;
    *repeated += life->repeated;
    rig_destroy (&life->rig);
    free (life);
    return digest;
}

/*  Whatever fails and repeats: in the end every event that was asked for was heard, none that was not, each as its charge said; the
    same seed gives the same digest. No step allocates. */
static void
test_random_lives (void **state)
{
    (void)state;
    dice_t dice = dice_seeded (20261125);
    uint64_t failed = 0, repeated = 0;
    for (int i = 0; i < 10; i++) {
        uint64_t seed = dice_next (&dice);
        assert_true (s_random_life (seed, &failed, &repeated) ==
                     s_random_life (seed, &failed, &repeated));
    }
    printf ("# %" PRIu64 " failed, %" PRIu64 " told again\n", failed, repeated);
    assert_true (failed > 100 && repeated > 100 && allocation_trap_steps > 10000);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_outcomes),    cmocka_unit_test (test_hang),
        cmocka_unit_test (test_same_charge), cmocka_unit_test (test_refund_beside_charge),
        cmocka_unit_test (test_twice),       cmocka_unit_test (test_late),
        cmocka_unit_test (test_backoff),     cmocka_unit_test (test_gives_up),
        cmocka_unit_test (test_away),        cmocka_unit_test (test_table_full),
        cmocka_unit_test (test_strangers),   cmocka_unit_test (test_stop),
        cmocka_unit_test (test_agenda),      cmocka_unit_test (test_random_lives),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
