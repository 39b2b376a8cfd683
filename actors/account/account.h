/*  The account actor: accounts, sessions and roles, and the list of tokens that are refused though their signature is good. It stands
    apart so that a storm of log-ins cannot slow a sale. */

#ifndef MS_ACCOUNT_H
#define MS_ACCOUNT_H

#include "actor.h"

extern const actor_class_t account_class;

#endif
