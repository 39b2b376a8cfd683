#include "peers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define KEYS 20000u

static process_t
s_process (uint64_t number, uint64_t incarnation, process_state_t state)
{
    return (process_t){
        .kind = KIND_LIMITER, .number = number, .incarnation = incarnation, .state = state
    };
}

static void
s_up (peers_t *peers, uint64_t number, process_state_t state)
{
    process_t process = s_process (number, 100 + number, state);
    peers_up (peers, &process);
}

/*  Property: peers stand in order of their numbers, one incarnation each; the newer one replaces the older. */
static void
test_up_and_down (void **state)
{
    (void)state;
    peers_t peers = { 0 };
    process_t third = s_process (3, 1, STATE_STARTING), first = s_process (1, 2, STATE_READY),
              reborn = s_process (3, 9, STATE_READY);
    assert_true (peers_up (&peers, &third));
    assert_true (peers_up (&peers, &first));
    assert_false (peers_up (&peers, &first));
    assert_int_equal (peers.peers[0].address.number, 1);
    assert_int_equal (peers_ready_count (&peers), 1);
    third.state = STATE_READY;
    assert_false (peers_up (&peers, &third));
    assert_int_equal (peers_ready_count (&peers), 2);
    assert_true (peers_up (&peers, &reborn));
    assert_int_equal (peers.count, 2);
    assert_null (peers_find (&peers, 3, 1));
    assert_non_null (peers_find (&peers, 3, 9));
    assert_non_null (peers_find (&peers, 3, 0));
    assert_false (peers_down (&peers, &third));
    assert_true (peers_down (&peers, &reborn));
    assert_null (peers_find (&peers, 3, 0));
    assert_int_equal (peers.count, 1);
}

/*  Property: no more than PEERS_MAX are kept, those beyond are ignored and the kept ones stay. */
static void
test_bound (void **state)
{
    (void)state;
    peers_t peers = { 0 };
    for (uint64_t number = 1; number <= PEERS_MAX + 5; number++)
        s_up (&peers, number, STATE_READY);
    assert_int_equal (peers.count, PEERS_MAX);
    for (uint64_t number = 1; number <= PEERS_MAX; number++)
        assert_non_null (peers_find (&peers, number, 0));
    assert_null (peers_find (&peers, PEERS_MAX + 1, 0));
}

static void
s_owners (const peers_t *peers, uint64_t *owners)
{
    for (uint64_t key = 0; key < KEYS; key++)
        owners[key] = peers_of_key (peers, key)->address.number;
}

/*  Property: keys spread evenly, and when a peer leaves (or drains) only its own keys move; when it comes back they return. */
static void
test_rendezvous (void **state)
{
    (void)state;
    static uint64_t before[KEYS], without[KEYS], again[KEYS];
    peers_t peers = { 0 };
    size_t share[9] = { 0 };
    assert_null (peers_of_key (&peers, 1));
    for (uint64_t number = 1; number <= 8; number++)
        s_up (&peers, number, STATE_READY);
    s_owners (&peers, before);
    for (uint64_t key = 0; key < KEYS; key++)
        share[before[key]]++;
    for (size_t number = 1; number <= 8; number++)
        assert_in_range (share[number], KEYS / 8 * 9 / 10, KEYS / 8 * 11 / 10);
    s_up (&peers, 5, STATE_DRAINING);
    s_owners (&peers, without);
    for (uint64_t key = 0; key < KEYS; key++)
        assert_true (without[key] != 5 && (before[key] == 5 || without[key] == before[key]));
    process_t fifth = s_process (5, 105, STATE_DRAINING);
    peers_down (&peers, &fifth);
    s_owners (&peers, again);
    assert_memory_equal (again, without, sizeof again);
    s_up (&peers, 5, STATE_READY);
    s_owners (&peers, again);
    assert_memory_equal (again, before, sizeof again);
}

/*  Property: peers take turns, each as often as the others; one that is not ready is passed over, the avoided one only taken if
    there is no other. */
static void
test_turns (void **state)
{
    (void)state;
    peers_t peers = { 0 };
    uint64_t turn = 0;
    size_t taken[5] = { 0 };
    assert_null (peers_in_turn (&peers, &turn, 0));
    for (uint64_t number = 1; number <= 4; number++)
        s_up (&peers, number, number == 2 ? STATE_STARTING : STATE_READY);
    for (size_t i = 0; i < 300; i++)
        taken[peers_in_turn (&peers, &turn, 0)->address.number]++;
    assert_int_equal (taken[2], 0);
    assert_true (taken[1] >= 75 && taken[3] >= 75 && taken[4] >= 75);
    for (size_t i = 0; i < 300; i++)
        assert_int_not_equal (peers_in_turn (&peers, &turn, 3)->address.number, 3);
    s_up (&peers, 1, STATE_DRAINING);
    s_up (&peers, 4, STATE_DRAINING);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal (peers_in_turn (&peers, &turn, 3)->address.number, 3);
    s_up (&peers, 3, STATE_DRAINING);
    assert_null (peers_in_turn (&peers, &turn, 0));
}

/*  Property: the leader is the peer that says so, and nobody if none does. */
static void
test_leader (void **state)
{
    (void)state;
    peers_t peers = { 0 };
    process_t leader = s_process (2, 5, STATE_READY);
    s_up (&peers, 1, STATE_READY);
    assert_null (peers_leader (&peers));
    leader.leader = 1;
    peers_up (&peers, &leader);
    assert_int_equal (peers_leader (&peers)->address.number, 2);
    leader.leader = 0;
    peers_up (&peers, &leader);
    assert_null (peers_leader (&peers));
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_up_and_down), cmocka_unit_test (test_bound),
        cmocka_unit_test (test_rendezvous),  cmocka_unit_test (test_turns),
        cmocka_unit_test (test_leader),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
