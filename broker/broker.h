/*  The broker: directory of processes (directory.h) and durable delivery (router.h) as one actor. Protocol: README.md. */

#ifndef MS_BROKER_H
#define MS_BROKER_H

#include "actor.h"

extern const actor_class_t broker_class;

#endif
