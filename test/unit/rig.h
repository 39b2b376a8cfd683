/*  A core on the bench: events in, effects out as text. Every step runs with the allocation trap armed and is followed by the
    core's own check. Link with ALLOCATION_TRAP_OPTIONS. */

#ifndef MS_RIG_H
#define MS_RIG_H

#include "actor.h"
#include "allocation_trap.h"
#include "check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

typedef struct rig_t {
    const actor_class_t *class_;
    void *core;
    effects_t *effects;
    uint64_t now_us;
    uint64_t message_id;
    bool is_quick; /* no check after each step: for runs of millions */
    char text[1 << 20];
} rig_t;

static inline rig_t *
rig_new (const actor_class_t *class_, const params_t *params)
{
    rig_t *self = calloc (1, sizeof *self);
    address_t address = { class_->kind, 1, 77 };
    CHECK (self);
    self->class_ = class_;
    self->core = class_->new_ (params, address);
    self->effects = effects_new ();
    self->now_us = 1000000;
    return self;
}

static inline void
rig_destroy (rig_t **self_p)
{
    (*self_p)->class_->destroy (&(*self_p)->core);
    assert_null ((*self_p)->core);
    effects_destroy (&(*self_p)->effects);
    free (*self_p);
    *self_p = NULL;
}

static inline void
rig_step (rig_t *self, event_t *event)
{
    event->now_us = self->now_us;
    effects_clear (self->effects);
    allocation_trap_arm (true);
    self->class_->step (self->core, event, self->effects);
    allocation_trap_arm (false);
    if (!self->is_quick)
        self->class_->check (self->core);
}

static inline const char *
rig_text (rig_t *self, bool with_metrics)
{
    effects_dump (self->effects, with_metrics, self->text, sizeof self->text);
    return self->text;
}

/*  Steps with an event that carries nothing but its type. */
static inline const char *
rig_event (rig_t *self, event_type_t type)
{
    event_t event = { .type = type };
    rig_step (self, &event);
    return rig_text (self, true);
}

/*  A message from a process of incarnation 100 + number; `extras` (may be NULL) has the rest of the header. */
static inline const char *
rig_message (rig_t *self, kind_t from, uint64_t number, message_type_t type, const header_t *extras,
             const void *entries, size_t count)
{
    header_t header = { 0 };
    if (extras)
        header = *extras;
    header.type = type;
    header.from_kind = from;
    header.from_number = number;
    header.from_incarnation = 100 + number;
    header.message_id = ++self->message_id;
    header.count = count;
    event_t event = {
        .type = EVENT_MESSAGE, .header = &header, .entries = entries, .count = count
    };
    rig_step (self, &event);
    return rig_text (self, false);
}

static inline const char *
rig_result (rig_t *self, call_name_t call, uint64_t tag, result_status_t status,
            const void *entries, size_t count)
{
    event_t event = { .type = EVENT_RESULT,
                      .call = call,
                      .tag = tag,
                      .status = status,
                      .entries = entries,
                      .count = count };
    event.detail = status == RESULT_REFUSED ? "NOSCRIPT" : "";
    rig_step (self, &event);
    return rig_text (self, false);
}

static inline void
rig_peer (rig_t *self, event_type_t type, kind_t kind, uint64_t number, process_state_t state)
{
    process_t peer = {
        .kind = kind, .number = number, .incarnation = 100 + number, .state = state
    };
    event_t event = { .type = type, .peer = &peer };
    rig_step (self, &event);
}

static inline actor_status_t
rig_status (const rig_t *self)
{
    actor_status_t status;
    self->class_->status (self->core, &status);
    return status;
}

/*  Sum of what the last step added to a counter. */
static inline int64_t
rig_added (const rig_t *self, metric_name_t metric, uint64_t label)
{
    int64_t sum = 0;
    for (size_t i = 0; i < effects_count (self->effects); i++) {
        const effect_t *effect = effects_at (self->effects, i);
        if (effect->type == EFFECT_COUNT && effect->metric == metric && effect->label == label)
            sum += effect->value;
    }
    return sum;
}

/*  The index-th SEND of this type in the last step, NULL if there are fewer. */
static inline const effect_t *
rig_sent (const rig_t *self, message_type_t type, size_t index)
{
    for (size_t i = 0; i < effects_count (self->effects); i++) {
        const effect_t *effect = effects_at (self->effects, i);
        if (effect->type == EFFECT_SEND && effect->header.type == type && index-- == 0)
            return effect;
    }
    return NULL;
}

#endif
