/*  The pipes of a process to its peers: one PUSH socket each, with a monitor that tells when it
   connects and when it breaks.

    A link is known by (kind, number); a newer incarnation replaces the older. Endpoints of brokers
   and of the supervisor are fixed paths, and their links stay and reconnect; all others carry the
   incarnation in the path, and a broken link is gone. */

#ifndef MS_LINK_H
#define MS_LINK_H

#include "actor.h"

typedef struct links_t links_t;

typedef enum link_change_t { LINK_CONNECTED, LINK_BROKEN } link_change_t;

/*  What happened to a link, in order. `process` is valid during the call. */
typedef void (*link_change_fn) (void *context, link_change_t change, const process_t *process);

/*  `epoll_fd` gets the monitors' descriptors with data.u64 = `epoll_data`. */
links_t *links_new (void *zmq_context, int epoll_fd, uint64_t epoll_data, const params_t *params,
                    link_change_fn change, void *context);
void links_destroy (links_t **self_p);

/*  Opens a link, or updates what is known of the process. A process with another incarnation than
   the known one replaces it (LINK_BROKEN is told first). False if the table is full. */
bool links_learn (links_t *self, const process_t *process);
/*  Closes the link; LINK_BROKEN is told. */
void links_drop (links_t *self, uint64_t kind, uint64_t number);
/*  NULL if there is none. `incarnation` 0 = whichever. */
const process_t *links_find (const links_t *self, uint64_t kind, uint64_t number,
                             uint64_t incarnation);
bool links_is_connected (const links_t *self, uint64_t kind, uint64_t number);
/*  A peer that a broker no longer names is asked itself (PING): it is dropped only if it does not
   answer. `links_doubt` returns true when the doubt is new; `links_drop_doubted` drops those in
   doubt since before `since_us` and returns true if there are others in doubt. */
bool links_doubt (links_t *self, uint64_t kind, uint64_t number, uint64_t now_us);
void links_trust (links_t *self, uint64_t kind, uint64_t number);
bool links_drop_doubted (links_t *self, uint64_t since_us);
/*  Walks all: NULL beyond the last. */
const process_t *links_at (const links_t *self, size_t index);
/*  Sends two frames without waiting. False if there is no such link or its pipe is full: the
 * message is dropped. */
bool links_send (links_t *self, uint64_t kind, uint64_t number, uint64_t incarnation,
                 const void *header, size_t header_bytes, const void *body, size_t body_bytes);
/*  Reads the monitors; to be called when epoll reports them. */
void links_process (links_t *self);

#endif
