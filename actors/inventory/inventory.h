/*  The inventory actor: sales, limits, gates. See README.md. */

#ifndef MS_INVENTORY_H
#define MS_INVENTORY_H

#include "actor.h"

extern const actor_class_t inventory_class;

#endif
