#include "gate_clock.h"

bool
gate_clock_sample (gate_clock_t *self, uint64_t gate_us, uint64_t now_us)
{
    int64_t sample_us = (int64_t)gate_us - (int64_t)now_us;
    uint64_t second = now_us / 1000000 + 1;
    uint64_t place = second % GATE_CLOCK_SECONDS;
    if (self->best[place].second != second || self->best[place].offset_us < sample_us) {
        self->best[place].second = second;
        self->best[place].offset_us = sample_us;
    }
    int64_t offset_us = sample_us;
    for (uint64_t i = 0; i < GATE_CLOCK_SECONDS; i++)
        if (self->best[i].second && self->best[i].second + GATE_CLOCK_SECONDS > second &&
            self->best[i].offset_us > offset_us)
            offset_us = self->best[i].offset_us;
    bool is_changed = !self->is_set || offset_us != self->offset_us;
    self->is_set = true;
    self->offset_us = offset_us;
    return is_changed;
}

uint64_t
gate_clock_now_us (const gate_clock_t *self, uint64_t now_us)
{
    return self->is_set ? (uint64_t)((int64_t)now_us + self->offset_us) : 0;
}
