/*  The gate's clock as one edge sees it: gate time = local time + offset, where the offset is the largest (gate time − time of
    receipt) of the last ten seconds: the message that was least delayed is nearest the truth. It goes on when the gate is away. */

#ifndef MS_GATE_CLOCK_H
#define MS_GATE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define GATE_CLOCK_SECONDS 10u

typedef struct gate_clock_t {
    bool is_set;
    int64_t offset_us;
    struct {
        uint64_t second; /* local; + 1, so that 0 = never */
        int64_t offset_us;
    } best[GATE_CLOCK_SECONDS]; /* of one second each, a ring */
} gate_clock_t;

/*  Takes one sample. Returns true if the offset changed. */
bool gate_clock_sample (gate_clock_t *self, uint64_t gate_us, uint64_t now_us);
/*  Gate time of a local time, 0 before the first sample. */
uint64_t gate_clock_now_us (const gate_clock_t *self, uint64_t now_us);

#endif
