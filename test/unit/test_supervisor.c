/*  The supervisor's core: what is started, restarted, drained and killed, and when. A small world stands for the program: it
    gives every started process a pid and lets it end when told. */

#include "check.h"
#include "supervisor.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND 1000000u
#define TEXT_BYTES 16384u
#define NGINX_CLOSES "client/1 DRAIN [{\"kind\":8,\"count\":1}]"

typedef struct world_t {
    void *core;
    effects_t *effects;
    uint64_t now_us;
    uint64_t next_pid;
    uint64_t pids[KIND_COUNT][100];
    char text[TEXT_BYTES]; /* effects since s_clear, without metrics */
} world_t;

static void
s_clear (world_t *world)
{
    world->text[0] = 0;
}

static void
s_step (world_t *world, event_t event)
{
    char text[TEXT_BYTES];
    event.now_us = world->now_us;
    effects_clear (world->effects);
    supervisor_class.step (world->core, &event, world->effects);
    supervisor_class.check (world->core);
    effects_dump (world->effects, false, text, sizeof text);
    size_t used = strlen (world->text);
    snprintf (world->text + used, sizeof world->text - used, "%s", text);
}

static void
s_local (world_t *world, message_type_t type, const void *entry)
{
    header_t header = { .type = type, .from_kind = KIND_CLIENT, .from_number = SUPERVISOR_LOCAL };
    s_step (world,
            (event_t){ .type = EVENT_MESSAGE, .header = &header, .entries = entry, .count = 1 });
}

/*  The program's part: every order to start is answered by a pid. Returns how many were started. */
static size_t
s_obey (world_t *world)
{
    struct {
        uint64_t kind, number;
    } started[64];
    size_t count = 0;
    for (size_t i = 0; i < effects_count (world->effects); i++) {
        const effect_t *effect = effects_at (world->effects, i);
        if (effect->type == EFFECT_SEND && effect->header.to_kind == KIND_CLIENT &&
            effect->header.type == MSG_RESTART) {
            const scale_t *order = effect->entries;
            started[count].kind = order->kind;
            started[count++].number = order->count;
        }
    }
    for (size_t i = 0; i < count; i++) {
        process_t process = { .kind = started[i].kind,
                              .number = started[i].number,
                              .pid = ++world->next_pid };
        world->pids[process.kind][process.number] = process.pid;
        s_local (world, MSG_HEARTBEAT, &process);
    }
    return count;
}

static void
s_peer (world_t *world, event_type_t type, uint64_t kind, uint64_t number, uint64_t state)
{
    process_t process = {
        .kind = kind, .number = number, .pid = world->pids[kind][number], .state = state
    };
    process.incarnation = process.pid * 1000;
    if (kind == KIND_EDGE)
        snprintf (process.http_endpoint, sizeof process.http_endpoint, "http://127.0.0.1:%" PRIu64,
                  9000 + process.pid);
    s_step (world, (event_t){ .type = type, .peer = &process });
}

static void
s_ended (world_t *world, uint64_t kind, uint64_t number)
{
    leave_t leave = { .kind = kind, .number = number, .pid = world->pids[kind][number] };
    s_local (world, MSG_LEAVE, &leave);
}

/*  Time goes on to the next thing that is due, at most to `until_us`. False if nothing is due before. */
static bool
s_tick (world_t *world, uint64_t until_us)
{
    uint64_t wake_us = supervisor_class.wake_us (world->core);
    if (wake_us > until_us) {
        world->now_us = until_us;
        return false;
    }
    if (wake_us > world->now_us)
        world->now_us = wake_us;
    s_step (world, (event_t){ .type = EVENT_TIMER });
    return true;
}

static void
s_ask (world_t *world, message_type_t type, uint64_t kind, uint64_t count, uint64_t rolling)
{
    header_t header = { .type = type, .from_kind = KIND_CONSOLE, .from_number = 7, .batch_id = 5 };
    scale_t scale = { .kind = kind, .count = count, .rolling = rolling };
    s_step (world,
            (event_t){ .type = EVENT_MESSAGE, .header = &header, .entries = &scale, .count = 1 });
}

/*  An instance of `scale`, all processes up and ready. */
static world_t *
s_world (const char *scale)
{
    world_t *world = calloc (1, sizeof *world);
    params_t params;
    params_set_defaults (&params);
    snprintf (params.scale, sizeof params.scale, "%s", scale);
    world->now_us = 100 * SECOND;
    world->core = supervisor_class.new_ (&params, (address_t){ KIND_SUPERVISOR, 1, 9 });
    world->effects = effects_new ();
    s_step (world, (event_t){ .type = EVENT_START });
    return world;
}

static world_t *
s_ready_world (const char *scale)
{
    world_t *world = s_world (scale);
    s_obey (world);
    for (uint64_t kind = 0; kind < KIND_COUNT; kind++)
        for (uint64_t number = 1; number < 100; number++)
            if (world->pids[kind][number])
                s_peer (world, EVENT_PEER_UP, kind, number, STATE_READY);
    s_clear (world);
    return world;
}

static void
s_world_destroy (world_t *world)
{
    supervisor_class.destroy (&world->core);
    effects_destroy (&world->effects);
    free (world);
}

static void
s_assert_says (const world_t *world, const char *expected)
{
    if (!strstr (world->text, expected))
        fail_msg ("'%s' is not in:\n%s", expected, world->text);
}

static void
s_assert_silent (const world_t *world, const char *unexpected)
{
    if (strstr (world->text, unexpected))
        fail_msg ("'%s' is in:\n%s", unexpected, world->text);
}

/*  Wanted processes are started once each, brokers first and edges last. */
static void
test_starts_in_order (void **state)
{
    (void)state;
    world_t *world =
        s_world ("edge=2 limiter=1 seckill=1 broker=1 ordering=1 inventory=1 account=1 provider=1");
    uint64_t kinds[16];
    size_t count = 0;
    for (size_t i = 0; i < effects_count (world->effects); i++) {
        const effect_t *effect = effects_at (world->effects, i);
        if (effect->type == EFFECT_SEND && effect->header.type == MSG_RESTART)
            kinds[count++] = ((const scale_t *)effect->entries)->kind;
    }
    const uint64_t expected[] = { KIND_BROKER,   KIND_INVENTORY, KIND_ACCOUNT,
                                  KIND_ORDERING, KIND_SECKILL,   KIND_LIMITER,
                                  KIND_EDGE,     KIND_EDGE,      KIND_PROVIDER };
    assert_int_equal (count, 9);
    assert_memory_equal (kinds, expected, sizeof expected);
    s_world_destroy (world);
}

/*  A process that ends is started again at once, and every broker hears of its pid. */
static void
test_restarts_at_once (void **state)
{
    (void)state;
    world_t *world = s_ready_world ("seckill=1 broker=2");
    world->now_us += 60 * SECOND;
    uint64_t pid = world->pids[KIND_SECKILL][1];
    s_ended (world, KIND_SECKILL, 1);
    char expected[120];
    for (int broker = 1; broker <= 2; broker++) {
        snprintf (expected, sizeof expected, "send broker/%d LEAVE", broker);
        s_assert_says (world, expected);
    }
    snprintf (expected, sizeof expected, "\"pid\":%" PRIu64, pid);
    s_assert_says (world, expected);
    assert_true (s_tick (world, world->now_us));
    assert_int_equal (s_obey (world), 1);
    assert_int_not_equal (world->pids[KIND_SECKILL][1], pid);
    s_world_destroy (world);
}

/*  Repeated quick deaths are answered 0, 50, 100 … 5,000 ms later; one long life forgives all. */
static void
test_backs_off (void **state)
{
    (void)state;
    static const uint64_t expected_ms[] = {
        0, 50, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000
    };
    world_t *world = s_ready_world ("limiter=1");
    for (size_t i = 0; i < sizeof expected_ms / sizeof expected_ms[0]; i++) {
        world->now_us += SECOND;
        uint64_t ended_us = world->now_us;
        s_ended (world, KIND_LIMITER, 1);
        assert_true (s_tick (world, UINT64_MAX - 1));
        assert_int_equal (world->now_us - ended_us, expected_ms[i] * 1000);
        assert_int_equal (s_obey (world), 1);
    }
    world->now_us += 10 * SECOND;
    uint64_t ended_us = world->now_us;
    s_ended (world, KIND_LIMITER, 1);
    assert_true (s_tick (world, UINT64_MAX - 1));
    assert_int_equal (world->now_us, ended_us);
    s_world_destroy (world);
}

/*  The end of a process that is no longer the slot's (a late report) changes nothing. */
static void
test_ignores_old_pids (void **state)
{
    (void)state;
    world_t *world = s_ready_world ("limiter=1 broker=1");
    leave_t leave = { .kind = KIND_LIMITER, .number = 1, .pid = 999 };
    s_local (world, MSG_LEAVE, &leave);
    assert_string_equal (world->text, "");
    assert_false (s_tick (world, world->now_us + SECOND));
    s_world_destroy (world);
}

/*  Scaling down ends the highest number with SIGTERM; SIGKILL comes drain_ms + 2 s later and not before; the number is free only
    after the confirmed end. */
static void
test_drains_then_kills (void **state)
{
    (void)state;
    world_t *world = s_ready_world ("ordering=3 broker=1");
    s_ask (world, MSG_SCALE, KIND_ORDERING, 2, 0);
    s_assert_says (world, "send client/1 DRAIN [{\"kind\":5,\"count\":3}]");
    s_assert_says (world, "send client/1 SCALE [{\"kind\":5,\"count\":2}]");
    s_assert_says (world, "send console/7 OUTCOME batch=5");
    uint64_t asked_us = world->now_us;
    s_clear (world);
    assert_true (s_tick (world, UINT64_MAX - 1));
    assert_int_equal (world->now_us - asked_us, 7 * SECOND);
    s_assert_says (world, "send client/1 LEAVE");
    s_clear (world);
    s_ask (world, MSG_SCALE, KIND_ORDERING, 3, 0);
    s_assert_says (world, "send client/1 RESTART [{\"kind\":5,\"count\":4}]");
    s_world_destroy (world);
}

/*  An edge leaves nginx first and gets its SIGTERM 300 ms later. */
static void
test_takes_an_edge_from_nginx_first (void **state)
{
    (void)state;
    world_t *world = s_ready_world ("edge=2 broker=1");
    s_ask (world, MSG_SCALE, KIND_EDGE, 1, 0);
    char kept[80], gone[80];
    snprintf (kept, sizeof kept, "http://127.0.0.1:%" PRIu64, 9000 + world->pids[KIND_EDGE][1]);
    snprintf (gone, sizeof gone, "http://127.0.0.1:%" PRIu64, 9000 + world->pids[KIND_EDGE][2]);
    s_assert_says (world, "send client/1 TOPOLOGY");
    s_assert_says (world, kept);
    s_assert_silent (world, gone);
    s_assert_silent (world, "client/1 DRAIN");
    uint64_t asked_us = world->now_us;
    assert_true (s_tick (world, UINT64_MAX - 1));
    assert_int_equal (world->now_us - asked_us, 300000);
    s_assert_says (world, "client/1 DRAIN [{\"kind\":1,\"count\":2}]");
    s_world_destroy (world);
}

/*  nginx is told an edge when it is ready for the first time, and keeps it while it is not ready for a moment. */
static void
test_tells_nginx_the_edges (void **state)
{
    (void)state;
    world_t *world = s_world ("edge=2 broker=1");
    s_obey (world);
    s_peer (world, EVENT_PEER_UP, KIND_BROKER, 1, STATE_READY);
    s_clear (world);
    s_peer (world, EVENT_PEER_UP, KIND_EDGE, 1, STATE_STARTING);
    assert_string_equal (world->text, "");
    s_peer (world, EVENT_PEER_UP, KIND_EDGE, 1, STATE_READY);
    s_assert_says (world, "client/1 TOPOLOGY");
    s_clear (world);
    s_peer (world, EVENT_PEER_UP, KIND_EDGE, 1, STATE_STARTING);
    assert_string_equal (world->text, "");
    s_world_destroy (world);
}

/*  An edge that crashed stays with nginx for 2 s, so that nothing is reloaded if it returns on its port; then it is taken out. */
static void
test_keeps_a_crashed_edge_for_a_moment (void **state)
{
    (void)state;
    world_t *world = s_ready_world ("edge=2 broker=1");
    world->now_us += 60 * SECOND;
    uint64_t port_pid = world->pids[KIND_EDGE][1];
    s_peer (world, EVENT_PEER_DOWN, KIND_EDGE, 1, STATE_READY);
    s_ended (world, KIND_EDGE, 1);
    assert_true (s_tick (world, world->now_us));
    assert_int_equal (s_obey (world), 1);
    s_assert_silent (world, "TOPOLOGY");
    char kept[80];
    snprintf (kept, sizeof kept, "http://127.0.0.1:%" PRIu64, 9000 + port_pid);
    world->now_us += SECOND;
    process_t same_port = {
        .kind = KIND_EDGE, .number = 1, .pid = world->pids[KIND_EDGE][1], .state = STATE_READY
    };
    memcpy (same_port.http_endpoint, kept, strlen (kept) + 1);
    s_step (world, (event_t){ .type = EVENT_PEER_UP, .peer = &same_port });
    s_assert_silent (world, "TOPOLOGY");
    s_ended (world, KIND_EDGE, 2);
    uint64_t crashed_us = world->now_us;
    s_clear (world);
    while (s_tick (world, crashed_us + 2 * SECOND))
        if (strstr (world->text, "TOPOLOGY"))
            break;
    s_assert_says (world, kept);
    assert_int_equal (world->now_us - crashed_us, 2 * SECOND);
    s_world_destroy (world);
}

/*  Rolling: one more starts, becomes ready, then the old one leaves; never fewer ready ones than wanted; answered at the end. */
static void
test_rolls (void **state)
{
    (void)state;
    world_t *world = s_ready_world ("seckill=2 broker=1");
    s_ask (world, MSG_RESTART, KIND_SECKILL, 0, 1);
    assert_int_equal (s_obey (world), 1);
    s_assert_silent (world, "client/1 DRAIN");
    s_peer (world, EVENT_PEER_UP, KIND_SECKILL, 3, STATE_READY);
    s_assert_says (world, "client/1 DRAIN [{\"kind\":3,\"count\":1}]");
    s_assert_silent (world, "OUTCOME");
    s_clear (world);
    s_ended (world, KIND_SECKILL, 1);
    s_assert_says (world, "client/1 RESTART [{\"kind\":3,\"count\":1}]");
    assert_int_equal (s_obey (world), 1);
    s_peer (world, EVENT_PEER_UP, KIND_SECKILL, 1, STATE_READY);
    s_assert_says (world, "client/1 DRAIN [{\"kind\":3,\"count\":2}]");
    s_assert_silent (world, "OUTCOME");
    s_ended (world, KIND_SECKILL, 2);
    s_assert_says (world, "send console/7 OUTCOME batch=5");
    s_world_destroy (world);
}

/*  A broker's path is fixed, so it leaves and returns under its number; RESTART without rolling does the same for all at once. */
static void
test_restarts_in_place (void **state)
{
    (void)state;
    world_t *world = s_ready_world ("broker=1 account=2");
    s_ask (world, MSG_DRAIN, KIND_BROKER, 1, 0);
    s_assert_says (world, "client/1 DRAIN [{\"kind\":4,\"count\":1}]");
    s_assert_silent (world, "client/1 RESTART");
    s_ended (world, KIND_BROKER, 1);
    assert_true (s_tick (world, world->now_us));
    assert_int_equal (s_obey (world), 1);
    s_assert_silent (world, "OUTCOME");
    s_peer (world, EVENT_PEER_UP, KIND_BROKER, 1, STATE_READY);
    s_assert_says (world, "OUTCOME");
    s_clear (world);
    s_ask (world, MSG_RESTART, KIND_ACCOUNT, 0, 0);
    s_assert_says (world, "{\"kind\":7,\"count\":1}");
    s_assert_says (world, "{\"kind\":7,\"count\":2}");
    for (uint64_t number = 1; number <= 2; number++) {
        s_ended (world, KIND_ACCOUNT, number);
        s_tick (world, world->now_us);
        s_obey (world);
        s_assert_silent (world, "OUTCOME");
    }
    s_peer (world, EVENT_PEER_UP, KIND_ACCOUNT, 1, STATE_READY);
    s_assert_silent (world, "OUTCOME");
    s_peer (world, EVENT_PEER_UP, KIND_ACCOUNT, 2, STATE_READY);
    s_assert_says (world, "OUTCOME");
    s_world_destroy (world);
}

/*  A process that lives and that no broker hears of is killed after 15 s and starts again after its end; while no broker is there
    nobody is judged. */
static void
test_kills_what_hangs (void **state)
{
    (void)state;
    world_t *world = s_ready_world ("limiter=1 broker=1");
    s_peer (world, EVENT_PEER_DOWN, KIND_LIMITER, 1, STATE_READY);
    uint64_t since_us = world->now_us;
    assert_true (s_tick (world, UINT64_MAX - 1));
    assert_int_equal (world->now_us - since_us, 15 * SECOND);
    s_assert_says (world, "client/1 LEAVE [{\"kind\":2,\"number\":1");
    s_ended (world, KIND_LIMITER, 1);
    assert_true (s_tick (world, world->now_us));
    assert_int_equal (s_obey (world), 1);
    s_peer (world, EVENT_PEER_UP, KIND_LIMITER, 1, STATE_READY);
    s_ended (world, KIND_BROKER, 1);
    s_peer (world, EVENT_PEER_DOWN, KIND_BROKER, 1, STATE_READY);
    s_peer (world, EVENT_PEER_DOWN, KIND_LIMITER, 1, STATE_READY);
    assert_true (s_tick (world, world->now_us));
    assert_int_equal (s_obey (world), 1);
    s_clear (world);
    s_peer (world, EVENT_PEER_UP, KIND_BROKER, 1, STATE_READY);
    assert_false (s_tick (world, world->now_us + 14 * SECOND));
    assert_string_equal (world->text, "");
    s_world_destroy (world);
}

/*  Stopping: the provider's last webhooks first, then nginx, then kind after kind in the reverse order of starting; done when the last
    has ended; nothing starts. */
static void
test_stops_in_order (void **state)
{
    (void)state;
    static const uint64_t order[] = { KIND_PROVIDER, KIND_EDGE,    KIND_LIMITER,   KIND_SECKILL,
                                      KIND_ORDERING, KIND_ACCOUNT, KIND_INVENTORY, KIND_BROKER };
    world_t *world = s_ready_world (
        "edge=1 limiter=1 seckill=1 broker=1 ordering=1 inventory=1 account=1 provider=1");
    s_step (world, (event_t){ .type = EVENT_STOP });
    s_assert_silent (world, NGINX_CLOSES);
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        char expected[80];
        actor_status_t status;
        supervisor_class.status (world->core, &status);
        assert_int_equal (status.in_flight, 8 - i);
        snprintf (expected, sizeof expected, "client/1 DRAIN [{\"kind\":%" PRIu64 ",\"count\":1}]",
                  order[i]);
        s_assert_says (world, expected);
        assert_int_equal (strstr (world->text, NGINX_CLOSES) != NULL, order[i] == KIND_EDGE);
        s_clear (world);
        s_ended (world, order[i], 1);
    }
    s_assert_silent (world, "client/1");
    s_world_destroy (world);
}

/*  Without a provider nginx closes at once, and once. */
static void
test_stops_without_provider (void **state)
{
    (void)state;
    world_t *world = s_ready_world ("edge=1 broker=1");
    s_step (world, (event_t){ .type = EVENT_STOP });
    s_assert_says (world, NGINX_CLOSES);
    s_clear (world);
    s_ended (world, KIND_EDGE, 1);
    s_assert_silent (world, NGINX_CLOSES);
    s_world_destroy (world);
}

/*  The provider is started again like every other process, replaced by one beside it, and not multiplied. */
static void
test_provider (void **state)
{
    (void)state;
    world_t *world = s_ready_world ("broker=1 provider=1");
    world->now_us += 60 * SECOND;
    s_ended (world, KIND_PROVIDER, 1);
    s_assert_says (world, "send broker/1 LEAVE [{\"kind\":11,\"number\":1");
    assert_true (s_tick (world, world->now_us));
    assert_int_equal (s_obey (world), 1);
    s_peer (world, EVENT_PEER_UP, KIND_PROVIDER, 1, STATE_READY);
    s_clear (world);
    s_ask (world, MSG_SCALE, KIND_PROVIDER, 2, 0);
    s_assert_says (world, "\"code\":17");
    s_assert_silent (world, "client/1");
    s_clear (world);
    s_ask (world, MSG_DRAIN, KIND_PROVIDER, 1, 0);
    assert_int_equal (s_obey (world), 1);
    s_peer (world, EVENT_PEER_UP, KIND_PROVIDER, 2, STATE_READY);
    s_assert_says (world, "client/1 DRAIN [{\"kind\":11,\"count\":1}]");
    s_ended (world, KIND_PROVIDER, 1);
    s_assert_says (world, "OUTCOME batch=5");
    s_clear (world);
    s_ask (world, MSG_SCALE, KIND_PROVIDER, 0, 0);
    s_assert_says (world, "client/1 DRAIN [{\"kind\":11,\"count\":2}]");
    s_world_destroy (world);
}

static void
s_lead (world_t *world, event_type_t type, uint64_t number, bool leads)
{
    process_t process = { .kind = KIND_INVENTORY,
                          .number = number,
                          .pid = world->pids[KIND_INVENTORY][number],
                          .incarnation = 500 + number,
                          .state = STATE_READY,
                          .leader = leads };
    s_step (world, (event_t){ .type = type, .peer = &process });
}

/*  Orders that are taken go to the operators' log by the inventory that leads, with who, what, and the counts; refused ones do not; while
    nobody leads nothing is sent. */
static void
test_logs_actions (void **state)
{
    (void)state;
    world_t *world = s_ready_world ("broker=1 inventory=2 seckill=2");
    s_ask (world, MSG_SCALE, KIND_SECKILL, 3, 0);
    s_assert_silent (world, "LOG_ADD");
    s_lead (world, EVENT_PEER_UP, 1, false);
    s_lead (world, EVENT_PEER_UP, 2, true);
    header_t header = { .type = MSG_SCALE, .from_kind = KIND_EDGE, .from_number = 1 };
    scale_t scale = { .kind = KIND_SECKILL, .count = 2, .actor = "rosa" };
    s_step (world,
            (event_t){ .type = EVENT_MESSAGE, .header = &header, .entries = &scale, .count = 1 });
    s_assert_says (world, "send inventory/2 LOG_ADD [{\"who\":\"rosa\",\"action\":\"actors_scale\","
                          "\"target\":\"seckill\",\"before\":\"3\",\"after\":\"2\"}]\n");
    s_assert_silent (world, "send inventory/1");
    s_ask (world, MSG_RESTART, KIND_SECKILL, 0, 0);
    s_assert_says (world, "[{\"who\":\"console\",\"action\":\"actors_restart\","
                          "\"target\":\"seckill\",\"before\":\"2\",\"after\":\"2\"}]");
    s_ask (world, MSG_DRAIN, KIND_INVENTORY, 1, 0);
    s_assert_says (world, "[{\"who\":\"console\",\"action\":\"actors_drain\","
                          "\"target\":\"inventory/1\",\"before\":\"2\",\"after\":\"2\"}]");
    s_clear (world);
    s_ask (world, MSG_SCALE, KIND_SECKILL, 9, 0);
    s_ask (world, MSG_DRAIN, KIND_EDGE, 1, 0);
    s_ask (world, MSG_SCALE, KIND_BROKER, 0, 0);
    s_assert_silent (world, "LOG_ADD");
    s_lead (world, EVENT_PEER_UP, 2, false);
    s_ask (world, MSG_SCALE, KIND_EDGE, 1, 0);
    s_assert_silent (world, "LOG_ADD");
    s_lead (world, EVENT_PEER_UP, 2, true);
    s_lead (world, EVENT_PEER_DOWN, 2, true);
    s_ask (world, MSG_SCALE, KIND_EDGE, 2, 0);
    s_assert_silent (world, "LOG_ADD");
    s_world_destroy (world);
}

/*  A count out of range, an unknown kind, a second job for a kind: refused, nothing changes. */
static void
test_refuses (void **state)
{
    (void)state;
    world_t *world = s_ready_world ("seckill=1 broker=1");
    s_ask (world, MSG_SCALE, KIND_SECKILL, 65, 0);
    s_assert_says (world, "\"code\":17");
    s_clear (world);
    s_ask (world, MSG_SCALE, KIND_SUPERVISOR, 1, 0);
    s_assert_says (world, "\"code\":17");
    s_clear (world);
    s_ask (world, MSG_SCALE, KIND_BROKER, 0, 0);
    s_assert_says (world, "\"code\":17");
    s_clear (world);
    s_ask (world, MSG_DRAIN, KIND_SECKILL, 9, 0);
    s_assert_says (world, "\"code\":8");
    s_ask (world, MSG_RESTART, KIND_SECKILL, 0, 1);
    s_clear (world);
    s_ask (world, MSG_SCALE, KIND_SECKILL, 3, 0);
    s_assert_says (world, "\"code\":50");
    s_assert_silent (world, "client/1");
    s_world_destroy (world);
}

/*  The text of counts: what is read is what is printed; anything else is refused with a reason and changes nothing. */
static void
test_wanted_text (void **state)
{
    (void)state;
    wanted_t wanted = { 0 };
    char text[200], reason[200];
    assert_true (wanted_parse (&wanted, " edge=3\nbroker=1 ", reason, sizeof reason));
    wanted_print (&wanted, text, sizeof text);
    assert_string_equal (text,
                         "edge=3 limiter=0 seckill=0 broker=1 ordering=0 inventory=0 account=0 "
                         "provider=0");
    static const char *const wrong[] = { "edge",         "edge=",    "edge=x",  "edge=65",   "=1",
                                         "supervisor=1", "edge=1,2", "edge=-1", "provider=2" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        reason[0] = 0;
        assert_false (wanted_parse (&wanted, wrong[i], reason, sizeof reason));
        assert_true (reason[0]);
        assert_int_equal (wanted.counts[KIND_EDGE], 3);
    }
}

/*  10,000 random events against the invariants (checked after every step); the same seed gives the same digest. */
static uint64_t
s_random_life (uint64_t seed)
{
    world_t *world = s_world ("edge=2 limiter=2 broker=1 ordering=1 provider=1");
    s_obey (world);
    uint64_t x = seed;
    for (int i = 0; i < 10000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        uint64_t kind = KIND_EDGE + (x >> 8) % 8, number = 1 + (x >> 16) % 4;
        if (kind == KIND_SUPERVISOR)
            kind = KIND_PROVIDER;
        world->text[0] = 0;
        world->now_us += (x >> 24) % 400000;
        switch (x % 8) {
        case 0:
        case 1:
            if (world->pids[kind][number])
                s_ended (world, kind, number);
            break;
        case 2:
        case 3:
            s_peer (world, EVENT_PEER_UP, kind, number, STATE_READY);
            break;
        case 4:
            s_peer (world, EVENT_PEER_DOWN, kind, number, STATE_READY);
            break;
        case 5:
            s_ask (world, MSG_SCALE, kind, 1 + (x >> 32) % 3, 0);
            break;
        case 6:
            s_ask (world, (x >> 40) & 1 ? MSG_DRAIN : MSG_RESTART, kind, number, (x >> 41) & 1);
            break;
        default:
            s_tick (world, world->now_us);
        }
        while (s_obey (world) > 0)
            ;
    }
    uint64_t digest = supervisor_class.digest (world->core);
    s_world_destroy (world);
    return digest;
}

static void
test_random_lives (void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++)
        assert_int_equal (s_random_life (seed * 7919), s_random_life (seed * 7919));
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_starts_in_order),
        cmocka_unit_test (test_restarts_at_once),
        cmocka_unit_test (test_backs_off),
        cmocka_unit_test (test_ignores_old_pids),
        cmocka_unit_test (test_drains_then_kills),
        cmocka_unit_test (test_takes_an_edge_from_nginx_first),
        cmocka_unit_test (test_tells_nginx_the_edges),
        cmocka_unit_test (test_keeps_a_crashed_edge_for_a_moment),
        cmocka_unit_test (test_rolls),
        cmocka_unit_test (test_restarts_in_place),
        cmocka_unit_test (test_kills_what_hangs),
        cmocka_unit_test (test_stops_in_order),
        cmocka_unit_test (test_stops_without_provider),
        cmocka_unit_test (test_provider),
        cmocka_unit_test (test_logs_actions),
        cmocka_unit_test (test_refuses),
        cmocka_unit_test (test_wanted_text),
        cmocka_unit_test (test_random_lives),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
