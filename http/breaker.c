#include "breaker.h"

static void
s_tell (const breaker_t *self, effects_t *effects)
{
    breaker_state_t state = self->open_until_us == 0 ? BREAKER_CLOSED
                            : self->probe_qid        ? BREAKER_HALF_OPEN
                                                     : BREAKER_OPEN;
    effects_gauge (effects, METRIC_BREAKER_STATE, self->guards, (int64_t)state);
}

bool
breaker_lets_pass (breaker_t *self, uint64_t qid, uint64_t now_us, effects_t *effects)
{
    if (self->open_until_us == 0)
        return true;
    if (self->probe_qid || now_us < self->open_until_us)
        return false;
    self->probe_qid = qid;
    s_tell (self, effects);
    return true;
}

void
breaker_succeeded (breaker_t *self, effects_t *effects)
{
    bool was_open = self->open_until_us != 0;
    self->failures = 0;
    self->open_until_us = 0;
    self->probe_qid = 0;
    if (was_open)
        s_tell (self, effects);
}

void
breaker_failed (breaker_t *self, uint64_t now_us, effects_t *effects)
{
    bool was_open = self->open_until_us != 0;
    self->failures++;
    if (self->failures < BREAKER_FAILURES && !was_open)
        return;
    self->open_until_us = now_us + BREAKER_OPEN_US;
    self->probe_qid = 0;
    if (!was_open)
        effects_add (effects, METRIC_BREAKER_OPENINGS, self->guards, 1);
    s_tell (self, effects);
}

void
breaker_forget (breaker_t *self, uint64_t qid, uint64_t now_us, effects_t *effects)
{
    if (self->probe_qid == qid && qid)
        breaker_failed (self, now_us, effects);
}
