/*  The core of an edge: what waits for an answer, who is asked, and what its HTTP threads are told. Pure: see actor.h.

    The HTTP threads are KIND_CLIENT. A worker asks under its slot (from 1) by a message whose batch_id is its ticket, and gets
    exactly one answer with that batch_id: VERDICT for a PURCHASE, the answering message or OUTCOME for a question. Number 0
    stands for all of them: it gets SALES, STOCK, LIMITS, DENIALS and READINESS to publish, and SAMPLES (header: origin_number and
    origin_incarnation of the process, attempt its kind). */

#ifndef MS_GATEWAY_H
#define MS_GATEWAY_H

#include "actor.h"

extern const actor_class_t gateway_class;

#endif
