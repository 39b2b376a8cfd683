/*  The `ip` level: a token bucket per client address (an IPv6 client is its /64). Bounded: a table of sets, in which the bucket that
    was idle longest makes room. Thread-safe. */

#ifndef MS_IP_LIMIT_H
#define MS_IP_LIMIT_H

#include "schema.h"

typedef struct ip_limit_t ip_limit_t;

/*  `cidrs`: comma separated networks that are spared. Returns NULL, with a sentence in `reason`, if one is no network. */
ip_limit_t *ip_limit_new (const char *cidrs, char *reason, size_t reason_bytes);
void ip_limit_destroy (ip_limit_t **self_p);
/*  0 = unlimited. */
void ip_limit_set (ip_limit_t *self, uint64_t rate_per_s, uint64_t burst);
/*  Takes one request of an address. Returns 0, or the milliseconds until the next is allowed. Text that is no address is one
    client of its own. */
uint64_t ip_limit_take (ip_limit_t *self, const char *text, uint64_t now_us);

#endif
