/*  Where HTTP workers wait for answers: one slot per worker. A worker puts its question in its slot and sleeps; the I/O thread takes
    all waiting slots at once, and wakes each with its answer.

    state      | by                      | next
    IDLE       | worker asks             | QUEUED (in the list, descriptor written if the list was empty)
    QUEUED     | I/O thread takes it     | TAKEN
    QUEUED     | worker's patience ends  | ABANDONED (still in the list: the slot refuses questions until it is out)
    TAKEN      | answer                  | ANSWERED, the worker is woken
    TAKEN      | worker's patience ends  | IDLE; a late answer has an old ticket
    ABANDONED  | I/O thread takes it     | IDLE
    HELD       | in between, while the I/O thread copies a question or an answer: nobody gives up then

    The list is one atomic pointer: pushing is one exchange, and of all workers that ask while the I/O thread is busy only the first
    pays a system call. */

#ifndef MS_SLOTS_H
#define MS_SLOTS_H

#include "schema.h"

typedef struct slots_t slots_t;
typedef struct slot_t slot_t;

/*  An answer: its entries belong to the slot until its next question. */
typedef struct answer_t {
    uint64_t type; /* message */
    const void *entries;
    size_t count;
} answer_t;

/*  `patience_us`: a backstop far beyond the core's own deadlines. */
slots_t *slots_new (uint32_t count, uint64_t patience_us);
void slots_destroy (slots_t **self_p);
/*  Readable when slots wait to be taken. */
int slots_fd (const slots_t *self);
/*  A slot for the calling worker for the rest of its life, NULL if all are given. */
slot_t *slots_claim (slots_t *self);
/*  Refuses all questions from now on and wakes those who wait. */
void slots_close (slots_t *self);

/*  Asks and waits. Returns false if no answer came. `extras` has trace_id and span_id. */
bool slot_ask (slot_t *self, message_type_t type, const header_t *extras, const void *entry,
               answer_t *answer);

/*  For the I/O thread: hands every waiting question to `inject`, oldest first; and an answer to its worker. */
typedef void (*slots_inject_fn) (void *context, uint64_t number, message_type_t type,
                                 const header_t *extras, const void *entry);
void slots_take (slots_t *self, slots_inject_fn inject, void *context);
void slots_deliver (slots_t *self, const header_t *header, const void *entries, size_t count);

#endif
