/*  How many processes of each kind are wanted, and its text: "edge=2 limiter=1". */

#ifndef MS_WANTED_H
#define MS_WANTED_H

#include "schema.h"

/*  Of one kind at most: numbers stay below 100, so that the path of every inbox keeps its length. */
#define WANTED_MAX 64u

typedef struct wanted_t {
    uint64_t counts[KIND_COUNT];
} wanted_t;

/*  The most that may be wanted of a kind: of the provider there is one, which keeps what is under way; of the others WANTED_MAX. */
uint64_t wanted_max (uint64_t kind);
/*  Sets the kinds that the text names, leaves the others. Returns false, and a sentence in `reason`, if a word is not KIND=N. */
bool wanted_parse (wanted_t *self, const char *text, char *reason, size_t reason_bytes);
/*  The text of all kinds. Returns the length, as snprintf. */
size_t wanted_print (const wanted_t *self, char *text, size_t text_bytes);

#endif
