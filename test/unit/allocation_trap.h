/*  Cores allocate only in new: while the trap is armed, an allocation ends the test. Include it in one source of a program that is
    linked with ALLOCATION_TRAP_OPTIONS (test/unit/kit.tests.cmake). */

#ifndef MS_ALLOCATION_TRAP_H
#define MS_ALLOCATION_TRAP_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static bool allocation_trap_is_armed;
static unsigned long
    allocation_trap_steps; /* times it was armed: a trap that never was proves nothing */

void *__real_malloc (size_t bytes);
void *__real_calloc (size_t count, size_t bytes);
void *__real_realloc (void *memory, size_t bytes);
void *__wrap_malloc (size_t bytes);
void *__wrap_calloc (size_t count, size_t bytes);
void *__wrap_realloc (void *memory, size_t bytes);

static inline void
allocation_trap_arm (bool armed)
{
    allocation_trap_is_armed = armed;
    allocation_trap_steps += armed;
}

static inline void
allocation_trap_spring (const char *function)
{
    if (allocation_trap_is_armed) {
        fprintf (stderr, "%s within step\n", function);
        abort ();
    }
}

void *
__wrap_malloc (size_t bytes)
{
    allocation_trap_spring ("malloc");
    return __real_malloc (bytes);
}

void *
__wrap_calloc (size_t count, size_t bytes)
{
    allocation_trap_spring ("calloc");
    return __real_calloc (count, bytes);
}

void *
__wrap_realloc (void *memory, size_t bytes)
{
    allocation_trap_spring ("realloc");
    return __real_realloc (memory, bytes);
}

#endif
