/*  Ordering: writes reservations as orders into PostgreSQL, carries them through payment, cancel and expiry, and answers questions about
    them. README.md says how. */

#ifndef MS_ORDERING_H
#define MS_ORDERING_H

#include "actor.h"

/*  Questions that wait for PostgreSQL at once; beyond it they are answered busy. */
#define ORDERING_QUESTIONS_MAX 1024u
/*  Likewise cancels, payments and events of providers: of each so many. */
#define ORDERING_CHANGES_MAX 1024u

extern const actor_class_t ordering_class;

#endif
