/*  What no core may be: test_purity must find both faults. */

#include <stdint.h>
#include <time.h>

uint64_t impure_canary (void);

uint64_t
impure_canary (void)
{
    static uint64_t count;
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_nsec + ++count;
}
