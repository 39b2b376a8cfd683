/*  A router on the bench, and what happens to it. One sale (5, epoch 1) unless a test says otherwise; entry ids are small numbers;
    ordering/1 has incarnation 101. Heartbeats are of no interest here. */

#ifndef MS_BROKER_BENCH_H
#define MS_BROKER_BENCH_H

#include "broker.h"
#include "rig.h"

#define MS 1000u
#define BACKOFF_US (50 * MS)
#define DEADLINE_US (15000 * MS)
#define RETRY_US (100 * MS)

static inline rig_t *
s_new (void)
{
    static params_t params;
    params_set_defaults (&params);
    return rig_new (&broker_class, &params);
}

static inline const char *
s_lease (rig_t *rig, uint64_t held)
{
    lease_t lease = { .held = held, .token = 4 };
    return rig_result (rig, CALL_LEASE_TAKE, 0, RESULT_OK, &lease, 1);
}

static inline const char *
s_sale (rig_t *rig, uint64_t sale_id, uint64_t epoch, sale_state_t state)
{
    sale_t sale = { .sale_id = sale_id, .epoch = epoch, .state = state };
    header_t extras = { .batch_id = 9 };
    return rig_message (rig, KIND_INVENTORY, 1, MSG_SALES, &extras, &sale, 1);
}

static inline const char *
s_credit (rig_t *rig, uint64_t number, uint64_t credit)
{
    ack_t ack = { .credit = credit };
    return rig_message (rig, KIND_ORDERING, number, MSG_CREDIT, NULL, &ack, 1);
}

static inline const char *
s_ack (rig_t *rig, uint64_t number, uint64_t batch_id, error_code_t code, uint64_t credit)
{
    ack_t ack = { .code = code, .credit = credit };
    header_t extras = { .batch_id = batch_id };
    return rig_message (rig, KIND_ORDERING, number, MSG_ACK, &extras, &ack, 1);
}

static inline void
s_up (rig_t *rig, uint64_t number, uint64_t credit)
{
    rig_peer (rig, EVENT_PEER_UP, KIND_ORDERING, number, STATE_READY);
    s_credit (rig, number, credit);
}

/*  Tag of the call of this name in the last step; fails if there was none. */
static inline uint64_t
s_tag (const rig_t *rig, call_name_t call)
{
    for (size_t i = 0; i < effects_count (rig->effects); i++) {
        const effect_t *effect = effects_at (rig->effects, i);
        if (effect->type == EFFECT_CALL && effect->call == call)
            return effect->tag;
    }
    fail_msg ("no call %s in:\n%s", schema_call (call)->name, rig->text);
    return 0;
}

static uint64_t read_tag; /* of the read that is out */

static inline order_event_t
s_event (uint64_t sale_id, uint64_t epoch, uint64_t id)
{
    return (order_event_t){ .sale_id = sale_id,
                            .epoch = epoch,
                            .entry_ms = id,
                            .rid = { 0xaa },
                            .user_id = 7,
                            .quantity = 1,
                            .sequence = 1,
                            .reserved_us = 1,
                            .pay_before_us = 2 };
}

/*  Its fields after the id, as the dumps show them. */
#define REST                                                                                       \
    "\"rid\":\"aa000000000000000000000000000000\",\"user_id\":7,\"quantity\":1,\"sequence\":1,"    \
    "\"reserved_us\":1,\"pay_before_us\":2}"

/*  What a deletion tells of it. */
#define TOLD "\"pay_before_us\":2,\"token\":4}"

/*  Entries first … last of a stream come from the read that is out. */
static inline const char *
s_entries (rig_t *rig, uint64_t sale_id, uint64_t epoch, uint64_t first, uint64_t last)
{
    static order_event_t events[CALL_ROWS_MAX];
    size_t count = 0;
    for (uint64_t id = first; id <= last; id++)
        events[count++] = s_event (sale_id, epoch, id);
    return rig_result (rig, CALL_JOURNAL_READ, read_tag, RESULT_OK, events, count);
}

static inline const char *
s_deleted (rig_t *rig, uint64_t tag, result_status_t status, error_code_t code)
{
    journal_state_t state = { .code = code };
    return rig_result (rig, CALL_JOURNAL_DELETE, tag, status, &state, 1);
}

static inline const char *
s_advance (rig_t *rig, uint64_t us)
{
    rig->now_us += us;
    event_t event = { .type = EVENT_TIMER };
    rig_step (rig, &event);
    return rig_text (rig, false);
}

/*  What a gate says of its delayed messages: `due_us` the soonest (0 = none), at gate time `gate_us`. */
static inline const char *
s_delay_answer (rig_t *rig, call_name_t call, uint64_t tag, uint64_t due_us, uint64_t gate_us)
{
    journal_state_t state = { .due_us = due_us, .gate_us = gate_us };
    return rig_result (rig, call, tag, RESULT_OK, &state, 1);
}

/*  The failure that is being counted has these numbers at the gate. */
static inline const char *
s_counted (rig_t *rig, uint64_t tag, uint64_t refusals, uint64_t deaths)
{
    journal_state_t state = { .refusals = refusals, .deaths = deaths };
    return rig_result (rig, CALL_DELIVERY_COUNT, tag, RESULT_OK, &state, 1);
}

/*  An active router that reads sale 5, which has no delayed messages; ordering/1 is up with this credit. */
static inline rig_t *
s_active (uint64_t credit)
{
    rig_t *rig = s_new ();
    rig_event (rig, EVENT_START);
    s_lease (rig, 1);
    s_sale (rig, 5, 1, SALE_OPEN);
    s_delay_answer (rig, CALL_DELAY_DUE, s_tag (rig, CALL_DELAY_DUE), 0, 1);
    s_up (rig, 1, credit);
    read_tag = credit ? s_tag (rig, CALL_JOURNAL_READ) : 0;
    return rig;
}

static inline bool
s_has_call (const rig_t *rig, call_name_t call)
{
    for (size_t i = 0; i < effects_count (rig->effects); i++)
        if (effects_at (rig->effects, i)->type == EFFECT_CALL &&
            effects_at (rig->effects, i)->call == call)
            return true;
    return false;
}

static inline size_t
s_delivered (const rig_t *rig)
{
    size_t count = 0;
    while (rig_sent (rig, MSG_DELIVER, count))
        count++;
    return count;
}

#endif
