#include "breaker.h"

bool
breaker_lets_pass (breaker_t *self, uint64_t qid, uint64_t now_us)
{
    if (self->open_until_us == 0)
        return true;
    if (self->probe_qid || now_us < self->open_until_us)
        return false;
    self->probe_qid = qid;
    return true;
}

void
breaker_succeeded (breaker_t *self)
{
    self->failures = 0;
    self->open_until_us = 0;
    self->probe_qid = 0;
}

void
breaker_failed (breaker_t *self, uint64_t now_us)
{
    self->failures++;
    if (self->failures >= BREAKER_FAILURES || self->open_until_us) {
        self->open_until_us = now_us + BREAKER_OPEN_US;
        self->probe_qid = 0;
    }
}

void
breaker_forget (breaker_t *self, uint64_t qid, uint64_t now_us)
{
    if (self->probe_qid == qid && qid)
        breaker_failed (self, now_us);
}
