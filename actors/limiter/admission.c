/*  Adaptive concurrency. Invariants:
    1. bound_min ≤ bound ≤ bound_max.
    2. in_flight is the sum of the flights' entries; each edge has at most one flight.
    3. Every flight ends: by the edge's next batch, by the edge's end, or after expiry_us.

    The bound follows AIMD, as TCP's window does: every entry that comes back within the target raises it
    by its part of GROWTH_ENTRIES, so that growth does not depend on the number of edges; a longer trip takes
    a quarter, at most once per trip, because all batches that wait in the same queue report the same
    congestion.
    Source: Chiu and Jain, "Analysis of the increase and decrease algorithms for congestion avoidance", 1989. */

#include "admission.h"

#include "check.h"

#include <string.h>

/*  By how much a whole bound of entries raises it when it comes back in time: from the least to the
    greatest bound in 64 trips at full use. */
#define GROWTH_ENTRIES 128u

void
admission_init (admission_t *self, const params_t *params)
{
    memset (self, 0, sizeof *self);
    self->bound_min = params->limiter_in_flight_min;
    self->bound_max = params->limiter_in_flight_max;
    if (self->bound_max < self->bound_min)
        self->bound_max = self->bound_min;
    self->bound = self->bound_max;
    self->target_us = params->limiter_target_ms * 1000;
    self->expiry_us = params->purchase_deadline_ms * 1000;
}

/*  `forwarded` is what went out with the batch that took trip_us: a trip of refusals alone says nothing
    about what lies behind. */
static void
s_sample (admission_t *self, uint64_t forwarded, uint64_t trip_us, uint64_t now_us)
{
    if (trip_us == 0 || forwarded == 0)
        return;
    if (trip_us <= self->target_us)
        self->bound += 1 + GROWTH_ENTRIES * forwarded / self->bound;
    else if (now_us - self->shrunk_us >= trip_us || self->shrunk_us == 0) {
        self->bound -= self->bound / 4;
        self->shrunk_us = now_us;
    }
    if (self->bound > self->bound_max)
        self->bound = self->bound_max;
    if (self->bound < self->bound_min)
        self->bound = self->bound_min;
}

static void
s_end (admission_t *self, flight_t *flight)
{
    CHECK (self->in_flight >= flight->entries);
    self->in_flight -= flight->entries;
    flight->entries = 0;
}

/*  The edge's flight; a new one takes a free place, or that of the edge that was silent longest. */
static flight_t *
s_flight (admission_t *self, uint64_t edge_number)
{
    flight_t *stalest = &self->flights[0];
    for (uint64_t i = 0; i < self->flight_count; i++) {
        flight_t *flight = &self->flights[i];
        if (flight->edge_number == edge_number)
            return flight;
        if (flight->since_us < stalest->since_us)
            stalest = flight;
    }
    if (self->flight_count < PEERS_MAX)
        return &self->flights[self->flight_count++];
    s_end (self, stalest);
    return stalest;
}

flight_t *
admission_arrive (admission_t *self, uint64_t edge_number, uint64_t edge_incarnation,
                  uint64_t trip_us, uint64_t now_us)
{
    admission_expire (self, now_us);
    flight_t *flight = s_flight (self, edge_number);
    s_end (self, flight);
    if (flight->edge_number != edge_number || flight->edge_incarnation != edge_incarnation)
        *flight = (flight_t){ .edge_number = edge_number, .edge_incarnation = edge_incarnation };
    s_sample (self, flight->forwarded, trip_us, now_us);
    flight->forwarded = 0;
    flight->since_us = now_us;
    return flight;
}

uint64_t
admission_room (const admission_t *self)
{
    return self->bound > self->in_flight ? self->bound - self->in_flight : 0;
}

void
admission_depart (admission_t *self, flight_t *flight, uint64_t entries, uint64_t seckill_number,
                  uint64_t now_us)
{
    CHECK (flight->entries == 0);
    flight->entries = flight->forwarded = entries;
    flight->since_us = now_us;
    flight->seckill_number = seckill_number;
    self->in_flight += entries;
}

void
admission_forget (admission_t *self, uint64_t edge_number, uint64_t edge_incarnation)
{
    for (uint64_t i = 0; i < self->flight_count; i++) {
        flight_t *flight = &self->flights[i];
        if (flight->edge_number != edge_number || flight->edge_incarnation != edge_incarnation)
            continue;
        s_end (self, flight);
        *flight = self->flights[--self->flight_count];
        memset (&self->flights[self->flight_count], 0, sizeof *flight);
        return;
    }
}

void
admission_expire (admission_t *self, uint64_t now_us)
{
    for (uint64_t i = 0; i < self->flight_count; i++)
        if (now_us >= self->flights[i].since_us + self->expiry_us)
            s_end (self, &self->flights[i]);
}

uint64_t
admission_wake_us (const admission_t *self)
{
    uint64_t wake_us = UINT64_MAX;
    for (uint64_t i = 0; i < self->flight_count; i++) {
        const flight_t *flight = &self->flights[i];
        if (flight->entries > 0 && flight->since_us + self->expiry_us < wake_us)
            wake_us = flight->since_us + self->expiry_us;
    }
    return wake_us;
}

void
admission_check (const admission_t *self)
{
    uint64_t sum = 0;
    CHECK (self->bound_min <= self->bound && self->bound <= self->bound_max);
    CHECK (self->flight_count <= PEERS_MAX);
    for (uint64_t i = 0; i < self->flight_count; i++) {
        sum += self->flights[i].entries;
        for (uint64_t k = 0; k < i; k++)
            CHECK (self->flights[k].edge_number != self->flights[i].edge_number);
    }
    CHECK (sum == self->in_flight);
}
