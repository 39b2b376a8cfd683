/*  An ordering on the bench, with the steps that its tests begin with. delivery_window is 2, lease_ms 3000, query_deadline_ms 3000. */

#ifndef MS_ORDERING_BENCH_H
#define MS_ORDERING_BENCH_H

#include "ordering.h"
#include "rig.h"

#define MS 1000u
#define PROBE_US (250 * MS)
#define CREDIT_US (1000 * MS)
#define SCAN_US (500 * MS)
#define PARK_US (50 * MS)
/*  Of ordering_state.h: a test says itself what it expects. */
#define TAG_PROBE 1u
#define TAG_LEASE 2u
#define TAG_EXPIRY 3u
#define TAG_CHARGES 4u
#define TAG_PLACE 0x10000u
#define TAG_READ 0x20000u
#define TAG_LANE 0x30000u

static inline rig_t *
bench_new (void)
{
    static params_t params;
    params_set_defaults (&params);
    return rig_new (&ordering_class, &params);
}

static inline const char *
bench_text (rig_t *rig)
{
    return rig_text (rig, false);
}

static inline const char *
bench_probed (rig_t *rig, result_status_t status)
{
    return rig_result (rig, CALL_ORDER_LIST, TAG_PROBE, status, NULL, 0);
}

static inline const char *
bench_advance (rig_t *rig, uint64_t us)
{
    rig->now_us += us;
    event_t event = { .type = EVENT_TIMER };
    rig_step (rig, &event);
    return bench_text (rig);
}

/*  The store is open and broker/1 has its credit. The lease was asked for and is not answered: nothing is scanned. */
static inline rig_t *
bench_open (void)
{
    rig_t *rig = bench_new ();
    rig_event (rig, EVENT_START);
    bench_probed (rig, RESULT_OK);
    bench_advance (rig, 0);
    rig_peer (rig, EVENT_PEER_UP, KIND_BROKER, 1, STATE_READY);
    return rig;
}

static inline const char *
bench_lease (rig_t *rig, uint64_t held, uint64_t token)
{
    lease_t lease = { .held = held, .token = token };
    return rig_result (rig, CALL_LEASE_TAKE, TAG_LEASE, RESULT_OK, &lease, 1);
}

#endif
