/*  What is due when: a binary heap of (time, key), allocated once. Equal times come in the order of their keys, so that the order
    never depends on how the heap came to be.
    Source: Knuth, TAOCP 3, 5.2.3. */

#ifndef MS_AGENDA_H
#define MS_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct agenda_t agenda_t;

agenda_t *agenda_new (size_t items_max);
void agenda_destroy (agenda_t **self_p);
size_t agenda_count (const agenda_t *self);
/*  A key stands in it at most once: the caller's duty. More than items_max end the process. */
void agenda_put (agenda_t *self, uint64_t due_us, uint64_t key);
/*  When the first item is due; UINT64_MAX = there is none. */
uint64_t agenda_due_us (const agenda_t *self);
/*  Takes the first item out; false if there is none. */
bool agenda_take (agenda_t *self, uint64_t *key);
void agenda_clear (agenda_t *self);
/*  CHECKs that no item is due before its parent. */
void agenda_check (const agenda_t *self);

#endif
