/*  How many attempts each shopper made lately: a sliding window per user, in a table of fixed size. */

#ifndef MS_USER_WINDOWS_H
#define MS_USER_WINDOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct user_windows_t user_windows_t;

/*  A count above this is taken as this: counts of sub-windows have 16 bits. */
#define USER_COUNT_MAX UINT16_MAX

/*  Room for `users_max` users, rounded up to a power of two. */
user_windows_t *user_windows_new (size_t users_max, uint64_t seed);
void user_windows_destroy (user_windows_t **self_p);

/*  At most `count` attempts in any `window_us`; either 0 = unlimited. Another window than before
    begins all windows anew. */
void user_windows_limit (user_windows_t *self, uint64_t count, uint64_t window_us);
/*  Time until the user may try; 0 = now. Changes nothing, so a refused attempt costs nothing. */
uint64_t user_windows_wait_us (const user_windows_t *self, uint64_t user_id, uint64_t now_us);
/*  Counts one attempt of the user, who must be allowed to make it. Returns true if another user's
    window had to be forgotten. */
bool user_windows_charge (user_windows_t *self, uint64_t user_id, uint64_t now_us);

uint64_t user_windows_digest (const user_windows_t *self);
/*  CHECKs that no window holds more than the count. */
void user_windows_check (const user_windows_t *self);

#endif
