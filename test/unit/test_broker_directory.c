/*  The directory of the broker: events in, effects out as text. */

#include "broker.h"
#include "rig.h"

#define MS 1000u

static rig_t *
s_start (void)
{
    static params_t params;
    params_set_defaults (&params);
    rig_t *rig = rig_new (&broker_class, &params);
    rig_event (rig, EVENT_START);
    return rig;
}

static process_t
s_process (kind_t kind, uint64_t number, uint64_t incarnation)
{
    return (process_t){ .kind = kind,
                        .number = number,
                        .incarnation = incarnation,
                        .pid = 1000 + number,
                        .state = STATE_READY,
                        .since_ms = incarnation };
}

/*  A heartbeat of a process that has the topology of `version`. */
static const char *
s_heartbeat (rig_t *rig, const process_t *process, uint64_t version)
{
    header_t header = { .type = MSG_HEARTBEAT,
                        .from_kind = process->kind,
                        .from_number = process->number,
                        .from_incarnation = process->incarnation,
                        .batch_id = version };
    event_t event = { .type = EVENT_MESSAGE, .header = &header, .entries = process, .count = 1 };
    rig_step (rig, &event);
    return rig_text (rig, false);
}

static void
s_peer_down (rig_t *rig, const process_t *process)
{
    event_t event = { .type = EVENT_PEER_DOWN, .peer = process };
    rig_step (rig, &event);
}

static uint64_t
s_version (const rig_t *rig)
{
    const effect_t *topology = rig_sent (rig, MSG_TOPOLOGY, 0);
    return topology ? topology->header.batch_id : 0;
}

/*  TOPOLOGY messages of the last step, each with `processes` entries. */
static size_t
s_topologies (const rig_t *rig, size_t processes)
{
    size_t count = 0;
    const effect_t *topology;
    while ((topology = rig_sent (rig, MSG_TOPOLOGY, count))) {
        assert_int_equal (topology->count, processes);
        count++;
    }
    return count;
}

/*  A new process is answered by PONG and told the topology; so is everybody who was there, the broker itself too. */
static void
test_registers (void **state)
{
    (void)state;
    rig_t *rig = s_start ();
    process_t self = s_process (KIND_BROKER, 1, 77), edge = s_process (KIND_EDGE, 1, 500);
    assert_string_equal (
        s_heartbeat (rig, &self, 0),
        "log info process_registered broker/1 incarnation 000000000000004d\n"
        "send broker/1 PONG [{\"topology_version\":1000001,\"state\":2}]\n"
        "send broker/1 TOPOLOGY batch=1000001 [{\"kind\":4,\"number\":1,\"incarnation\":77,"
        "\"pid\":1001,\"state\":2,\"since_ms\":77}]\n");
    s_heartbeat (rig, &edge, 0);
    assert_int_equal (s_topologies (rig, 2), 2);
    assert_int_equal (s_version (rig), 1000002);
    rig_destroy (&rig);
}

/*  Load changes nothing; state, leader and endpoints make a new version; a process without the version gets it again. */
static void
test_topology_is_sent_when_it_changed_or_is_lacked (void **state)
{
    (void)state;
    rig_t *rig = s_start ();
    process_t edge = s_process (KIND_EDGE, 1, 500), limiter = s_process (KIND_LIMITER, 1, 501);
    s_heartbeat (rig, &edge, 0);
    s_heartbeat (rig, &limiter, 0);
    uint64_t version = s_version (rig);
    edge.in_flight = 7;
    edge.rate_per_s = 1000;
    edge.queue_depth = 3;
    s_heartbeat (rig, &edge, version);
    assert_int_equal (s_topologies (rig, 2), 0);
    edge.state = STATE_DRAINING;
    s_heartbeat (rig, &edge, version);
    assert_int_equal (s_topologies (rig, 2), 2);
    assert_int_equal (s_version (rig), version + 1);
    /* the limiter missed it */
    s_heartbeat (rig, &limiter, version);
    assert_int_equal (s_topologies (rig, 2), 1);
    assert_int_equal (rig_sent (rig, MSG_TOPOLOGY, 0)->header.to_kind, KIND_LIMITER);
    s_heartbeat (rig, &limiter, version + 1);
    assert_int_equal (s_topologies (rig, 2), 0);
    rig_destroy (&rig);
}

/*  The version of a new broker differs from that of its predecessor, so nobody takes the old topology for the new one. */
static void
test_versions_of_two_brokers_differ (void **state)
{
    (void)state;
    rig_t *first = s_start ();
    process_t edge = s_process (KIND_EDGE, 1, 500);
    s_heartbeat (first, &edge, 0);
    uint64_t version = s_version (first);
    rig_destroy (&first);
    static params_t params;
    params_set_defaults (&params);
    rig_t *second = rig_new (&broker_class, &params);
    second->now_us += 5 * MS;
    rig_event (second, EVENT_START);
    s_heartbeat (second, &edge, version);
    assert_true (s_version (second) > version);
    rig_destroy (&second);
}

/*  A later start replaces an earlier one under the same name; a heartbeat that was on its way from the earlier does not. */
static void
test_newer_incarnation_replaces_older (void **state)
{
    (void)state;
    rig_t *rig = s_start ();
    process_t old = s_process (KIND_SECKILL, 1, 500), new = s_process (KIND_SECKILL, 1, 600);
    s_heartbeat (rig, &old, 0);
    s_heartbeat (rig, &new, 0);
    assert_int_equal (s_topologies (rig, 1), 1);
    const process_t *named = rig_sent (rig, MSG_TOPOLOGY, 0)->entries;
    assert_int_equal (named->incarnation, 600);
    uint64_t version = s_version (rig);
    s_heartbeat (rig, &old, 0);
    assert_int_equal (rig_added (rig, METRIC_WRONG_INCARNATION, 0), 1);
    assert_int_equal (s_topologies (rig, 1), 0);
    s_heartbeat (rig, &new, version);
    assert_int_equal (s_topologies (rig, 1), 0);
    rig_destroy (&rig);
}

static const char *
s_leave (rig_t *rig, kind_t from, const leave_t *leave)
{
    header_t header = { .type = MSG_LEAVE,
                        .from_kind = from,
                        .from_number = from == KIND_SUPERVISOR ? 1 : leave->number,
                        .from_incarnation = from == KIND_SUPERVISOR ? 9 : leave->incarnation };
    event_t event = { .type = EVENT_MESSAGE, .header = &header, .entries = leave, .count = 1 };
    rig_step (rig, &event);
    return rig_text (rig, false);
}

/*  LEAVE removes at once: by incarnation from the process itself, by pid from the supervisor; a late heartbeat does not
    bring it back, and nobody can remove another. */
static void
test_leave_removes (void **state)
{
    (void)state;
    rig_t *rig = s_start ();
    process_t edge = s_process (KIND_EDGE, 1, 500), other = s_process (KIND_EDGE, 2, 501);
    process_t limiter = s_process (KIND_LIMITER, 1, 502);
    s_heartbeat (rig, &edge, 0);
    s_heartbeat (rig, &other, 0);
    s_heartbeat (rig, &limiter, 0);
    leave_t foreign = { .kind = KIND_EDGE, .number = 1, .incarnation = 500 };
    s_leave (rig, KIND_LIMITER, &foreign);
    assert_int_equal (rig_added (rig, METRIC_FRAMES_REFUSED, 0), 1);
    s_leave (rig, KIND_EDGE, &foreign);
    assert_int_equal (s_topologies (rig, 2), 2);
    s_heartbeat (rig, &edge, 0);
    assert_int_equal (s_topologies (rig, 2), 0);
    leave_t wrong_pid = { .kind = KIND_EDGE, .number = 2, .pid = 1 };
    s_leave (rig, KIND_SUPERVISOR, &wrong_pid);
    assert_int_equal (s_topologies (rig, 2), 0);
    leave_t by_pid = { .kind = KIND_EDGE, .number = 2, .pid = 1002 };
    assert_non_null (strstr (s_leave (rig, KIND_SUPERVISOR, &by_pid), "process_removed edge/2"));
    assert_int_equal (s_topologies (rig, 1), 1);
    rig_destroy (&rig);
}

/*  Silence beyond heartbeat_miss_ms removes; the socket's end removes at once. */
static void
test_silence_and_disconnection_remove (void **state)
{
    (void)state;
    rig_t *rig = s_start ();
    process_t edge = s_process (KIND_EDGE, 1, 500), other = s_process (KIND_EDGE, 2, 501);
    process_t third = s_process (KIND_EDGE, 3, 502);
    s_heartbeat (rig, &edge, 0);
    s_heartbeat (rig, &other, 0);
    s_heartbeat (rig, &third, 0);
    s_peer_down (rig, &third);
    assert_int_equal (s_topologies (rig, 2), 2);
    uint64_t version = s_version (rig);
    for (int i = 0; i < 4; i++) {
        rig->now_us += 500 * MS;
        s_heartbeat (rig, &edge, version);
        assert_int_equal (s_topologies (rig, 2), 0);
    }
    rig->now_us = broker_class.wake_us (rig->core);
    assert_non_null (strstr (rig_event (rig, EVENT_TIMER), "process_removed edge/2 silent"));
    assert_int_equal (s_topologies (rig, 1), 1);
    rig_destroy (&rig);
}

/*  After a pause of the broker (SIGSTOP) nobody is taken for silent: their heartbeats wait in the inbox. */
static void
test_pause_gives_everybody_a_full_period (void **state)
{
    (void)state;
    rig_t *rig = s_start ();
    process_t edge = s_process (KIND_EDGE, 1, 500);
    s_heartbeat (rig, &edge, 0);
    uint64_t version = s_version (rig);
    rig->now_us += 60 * 1000 * MS;
    rig_event (rig, EVENT_TIMER);
    assert_null (strstr (rig->text, "process_removed"));
    s_heartbeat (rig, &edge, version);
    assert_int_equal (s_topologies (rig, 1), 0);
    rig_destroy (&rig);
}

/*  DIRECTORY tells everything, present load included, and repeats the question's number. */
static void
test_directory_get (void **state)
{
    (void)state;
    rig_t *rig = s_start ();
    process_t edge = s_process (KIND_EDGE, 1, 500);
    edge.in_flight = 7;
    s_heartbeat (rig, &edge, 0);
    query_t query = { 0 };
    header_t extras = { .batch_id = 33 };
    assert_string_equal (
        rig_message (rig, KIND_CONSOLE, 1, MSG_DIRECTORY_GET, &extras, &query, 1),
        "send console/1 DIRECTORY batch=33 [{\"kind\":1,\"number\":1,\"incarnation\":500,"
        "\"pid\":1001,\"state\":2,\"since_ms\":500,\"in_flight\":7}]\n");
    rig_destroy (&rig);
}

/*  Heartbeats in another's name, of kinds that do not register, without number or incarnation: counted, nothing changes. */
static void
test_refuses_false_heartbeats (void **state)
{
    (void)state;
    rig_t *rig = s_start ();
    process_t false_ones[] = { s_process (KIND_CONSOLE, 1, 500), s_process (KIND_EDGE, 0, 500),
                               s_process (KIND_EDGE, 1, 0), s_process (KIND_COUNT, 1, 500) };
    for (size_t i = 0; i < sizeof false_ones / sizeof false_ones[0]; i++) {
        assert_string_equal (s_heartbeat (rig, &false_ones[i], 0), "");
        assert_int_equal (rig_added (rig, METRIC_FRAMES_REFUSED, 0), 1);
    }
    process_t edge = s_process (KIND_EDGE, 1, 500);
    rig_message (rig, KIND_LIMITER, 1, MSG_HEARTBEAT, NULL, &edge, 1);
    assert_int_equal (rig_added (rig, METRIC_FRAMES_REFUSED, 0), 1);
    rig_message (rig, KIND_EDGE, 1, MSG_HEARTBEAT, NULL, &edge, 0);
    assert_int_equal (rig_added (rig, METRIC_FRAMES_REFUSED, 0), 1);
    rig_destroy (&rig);
}

/*  256 processes register; one more is refused and told once in the log; everybody hears of a change although one step has
    no room for so much: the rest follows in the steps after it. */
static void
test_full_directory_is_told_in_portions (void **state)
{
    (void)state;
    rig_t *rig = s_start ();
    for (uint64_t i = 1; i <= PROCESSES_MAX; i++) {
        process_t process = s_process (1 + i % 8, i, 1000 + i);
        s_heartbeat (rig, &process, 0);
    }
    while (broker_class.wake_us (rig->core) <= rig->now_us)
        rig_event (rig, EVENT_TIMER);
    process_t late = s_process (KIND_EDGE, 999, 5000);
    assert_non_null (strstr (s_heartbeat (rig, &late, 0), "log error directory_full edge/999"));
    assert_null (strstr (s_heartbeat (rig, &late, 0), "directory_full"));
    process_t changed = s_process (1 + 1 % 8, 1, 1001);
    changed.state = STATE_DRAINING;
    s_heartbeat (rig, &changed, 0);
    size_t told = s_topologies (rig, PROCESSES_MAX), steps = 1;
    while (broker_class.wake_us (rig->core) <= rig->now_us) {
        rig_event (rig, EVENT_TIMER);
        told += s_topologies (rig, PROCESSES_MAX);
        steps++;
    }
    assert_int_equal (told, PROCESSES_MAX);
    assert_int_equal (steps, 8);
    rig_destroy (&rig);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_registers),
        cmocka_unit_test (test_topology_is_sent_when_it_changed_or_is_lacked),
        cmocka_unit_test (test_versions_of_two_brokers_differ),
        cmocka_unit_test (test_newer_incarnation_replaces_older),
        cmocka_unit_test (test_leave_removes),
        cmocka_unit_test (test_silence_and_disconnection_remove),
        cmocka_unit_test (test_pause_gives_everybody_a_full_period),
        cmocka_unit_test (test_directory_get),
        cmocka_unit_test (test_refuses_false_heartbeats),
        cmocka_unit_test (test_full_directory_is_told_in_portions),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
