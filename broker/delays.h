/*  Delayed messages: when orders of a sale may have run out of time to pay, ordering is told. They are kept at the gate, in the step
    that deletes the order's journal entry (schema/lua/journal_delete.lua), so a lost broker loses none. Part of the router
    (router.h), over the table of streams.h. */

#ifndef MS_DELAYS_H
#define MS_DELAYS_H

#include "actor.h"
#include "streams.h"

/*  Asks the gates of sales whose time has come, and takes away what was delivered. */
void delays_call (streams_t *self, uint64_t now_us, effects_t *effects);
/*  RESULT of DELAY_DUE, DELAY_DONE. */
void delays_handle_due (streams_t *self, const event_t *event, effects_t *effects);
void delays_handle_done (streams_t *self, const event_t *event, effects_t *effects);
/*  RESULT of JOURNAL_DELETE: it may have kept a message. Before streams_handle_deleted. */
void delays_handle_deleted (streams_t *self, const event_t *event, effects_t *effects);
/*  A consumer took the message of the stream with this index, and wants another one at `again_us` (0 = none). */
void delays_handle_delivered (streams_t *self, uint32_t index, uint64_t again_us, uint64_t now_us);
/*  When delays_call has something to do; UINT64_MAX = an answer comes first. */
uint64_t delays_wake_us (const streams_t *self);

#endif
