#include "retry_budget.h"

#define ONE 1000000u

static void
s_add (retry_budget_t *self, uint64_t millionths)
{
    self->saved += millionths;
    if (self->saved > (uint64_t)RESENDS_MAX * ONE)
        self->saved = (uint64_t)RESENDS_MAX * ONE;
}

void
retry_budget_earn (retry_budget_t *self, uint64_t first_attempts)
{
    s_add (self, first_attempts * (ONE / 100) * RESENDS_PER_HUNDRED);
}

bool
retry_budget_spend (retry_budget_t *self, uint64_t now_us)
{
    if (self->at_us == 0)
        self->saved = (uint64_t)RESENDS_MAX * ONE;
    else
        s_add (self, (now_us - self->at_us) * RESENDS_PER_S);
    self->at_us = now_us;
    if (self->saved < ONE)
        return false;
    self->saved -= ONE;
    return true;
}
