#include "slots.h"

#include "check.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/*  Most answers are one verdict, order or sale; longer ones are allocated. */
#define INLINE_BYTES 4096u

typedef enum slot_state_t {
    SLOT_IDLE,
    SLOT_QUEUED,
    SLOT_TAKEN,
    SLOT_HELD, /* by the I/O thread, which is copying the question or the answer */
    SLOT_ANSWERED,
    SLOT_ABANDONED
} slot_state_t;

struct slot_t {
    _Alignas(64) _Atomic int state;
    sem_t answered;
    slot_t *next; /* in the list */
    slots_t *slots;
    uint64_t number;
    /* the question: written by the worker before it is queued */
    message_type_t type;
    header_t extras; /* batch_id is the ticket */
    _Alignas(16) uint8_t question[sizeof (sale_t)];
    /* the answer: written by the I/O thread before the state is ANSWERED */
    uint64_t answer_type;
    size_t answer_count;
    void *answer_heap; /* NULL: in answer_bytes */
    _Alignas(16) uint8_t answer_bytes[INLINE_BYTES];
};

struct slots_t {
    _Atomic (slot_t *) waiting; /* last asked first */
    _Atomic uint32_t claimed;
    _Atomic bool is_closed;
    int fd;
    uint32_t count;
    uint64_t patience_us;
    slot_t *slots;
    _Alignas(16) uint8_t question[sizeof (sale_t)]; /* the one being handed over */
};

slots_t *
slots_new (uint32_t count, uint64_t patience_us)
{
    slots_t *self = calloc (1, sizeof *self);
    CHECK (self);
    self->count = count;
    self->patience_us = patience_us;
    self->fd = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
    self->slots = aligned_alloc (64, count * sizeof *self->slots);
    CHECK (self->fd >= 0 && self->slots);
    memset (self->slots, 0, count * sizeof *self->slots);
    for (uint32_t i = 0; i < count; i++) {
        self->slots[i].slots = self;
        self->slots[i].number = i + 1;
        CHECK (sem_init (&self->slots[i].answered, 0, 0) == 0);
    }
    return self;
}

void
slots_destroy (slots_t **self_p)
{
    slots_t *self = *self_p;
    if (self) {
        for (uint32_t i = 0; i < self->count; i++) {
            sem_destroy (&self->slots[i].answered);
            free (self->slots[i].answer_heap);
        }
        close (self->fd);
        free (self->slots);
        free (self);
        *self_p = NULL;
    }
}

int
slots_fd (const slots_t *self)
{
    return self->fd;
}

slot_t *
slots_claim (slots_t *self)
{
    uint32_t index = atomic_fetch_add (&self->claimed, 1);
    return index < self->count ? &self->slots[index] : NULL;
}

static bool
s_change (slot_t *self, int from, int to)
{
    return atomic_compare_exchange_strong (&self->state, &from, to);
}

void
slots_close (slots_t *self)
{
    atomic_store (&self->is_closed, true);
    for (uint32_t i = 0; i < self->count; i++)
        sem_post (&self->slots[i].answered);
}

/* -------------------------------------------------------------------------- the worker */

static void
s_push (slots_t *self, slot_t *slot)
{
    slot_t *head = atomic_load (&self->waiting);
    do
        slot->next = head;
    while (!atomic_compare_exchange_weak (&self->waiting, &head, slot));
    uint64_t one = 1;
    if (!head && write (self->fd, &one, sizeof one) < 0)
        return; /* the counter is full: then it is readable anyway */
}

static void
s_deadline (uint64_t patience_us, struct timespec *at)
{
    clock_gettime (CLOCK_MONOTONIC, at);
    uint64_t nanoseconds = (uint64_t)at->tv_nsec + patience_us % 1000000 * 1000;
    at->tv_sec += (time_t)(patience_us / 1000000 + nanoseconds / 1000000000);
    at->tv_nsec = (long)(nanoseconds % 1000000000);
}

/*  Returns true when the state is ANSWERED. While the I/O thread holds the slot there is no giving up: it holds it for a copy. */
static bool
s_wait (slot_t *self)
{
    struct timespec until;
    s_deadline (self->slots->patience_us, &until);
    while (atomic_load (&self->state) != SLOT_ANSWERED) {
        bool is_over =
            sem_clockwait (&self->answered, CLOCK_MONOTONIC, &until) != 0 && errno == ETIMEDOUT;
        if (!is_over && !atomic_load (&self->slots->is_closed))
            continue;
        if (s_change (self, SLOT_QUEUED, SLOT_ABANDONED) || s_change (self, SLOT_TAKEN, SLOT_IDLE))
            return false;
    }
    return true;
}

bool
slot_ask (slot_t *self, message_type_t type, const header_t *extras, const void *entry,
          answer_t *answer)
{
    if (!self || atomic_load (&self->slots->is_closed) || atomic_load (&self->state) != SLOT_IDLE)
        return false;
    size_t bytes = schema_message (type)->record->size_bytes;
    CHECK (bytes <= sizeof self->question);
    uint64_t ticket = self->extras.batch_id + 1;
    self->type = type;
    self->extras = *extras;
    self->extras.batch_id = ticket;
    memcpy (self->question, entry, bytes);
    while (sem_trywait (&self->answered) == 0)
        continue; /* a wake-up that an earlier question no longer waited for */
    free (self->answer_heap);
    self->answer_heap = NULL;
    atomic_store (&self->state, SLOT_QUEUED);
    s_push (self->slots, self);
    if (!s_wait (self))
        return false;
    atomic_store (&self->state, SLOT_IDLE);
    answer->type = self->answer_type;
    answer->count = self->answer_count;
    answer->entries = self->answer_heap ? self->answer_heap : self->answer_bytes;
    return true;
}

/* -------------------------------------------------------------------------- the I/O thread */

/*  `inject` may answer before it returns, and a worker that gives up may ask anew at any time: so it gets a copy. */
static void
s_hand_over (slots_t *self, slot_t *slot, slots_inject_fn inject, void *context)
{
    if (!s_change (slot, SLOT_QUEUED, SLOT_HELD)) {
        s_change (slot, SLOT_ABANDONED, SLOT_IDLE);
        return;
    }
    message_type_t type = slot->type;
    header_t extras = slot->extras;
    memcpy (self->question, slot->question, schema_message (type)->record->size_bytes);
    atomic_store (&slot->state, SLOT_TAKEN);
    inject (context, slot->number, type, &extras, self->question);
}

void
slots_take (slots_t *self, slots_inject_fn inject, void *context)
{
    uint64_t count;
    if (read (self->fd, &count, sizeof count) < 0)
        count = 0;
    slot_t *oldest = NULL, *slot = atomic_exchange (&self->waiting, NULL);
    while (slot) {
        slot_t *next = slot->next;
        slot->next = oldest;
        oldest = slot;
        slot = next;
    }
    while (oldest) {
        slot = oldest;
        oldest = slot->next; /* its worker may ask again as soon as it is answered */
        s_hand_over (self, slot, inject, context);
    }
}

void
slots_deliver (slots_t *self, const header_t *header, const void *entries, size_t count)
{
    if (header->to_number == 0 || header->to_number > self->count)
        return;
    slot_t *slot = &self->slots[header->to_number - 1];
    if (!s_change (slot, SLOT_TAKEN, SLOT_HELD))
        return;
    if (slot->extras.batch_id != header->batch_id) {
        atomic_store (&slot->state, SLOT_TAKEN);
        return;
    }
    size_t bytes = count * schema_message (header->type)->record->size_bytes;
    void *heap = bytes > INLINE_BYTES ? malloc (bytes) : NULL;
    CHECK (heap || bytes <= INLINE_BYTES);
    if (bytes)
        memcpy (heap ? heap : slot->answer_bytes, entries, bytes);
    slot->answer_type = header->type;
    slot->answer_count = count;
    slot->answer_heap = heap;
    atomic_store (&slot->state, SLOT_ANSWERED);
    sem_post (&slot->answered);
}
