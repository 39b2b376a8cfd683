/*  The core of the supervisor: decides which process runs, when it is started again, and in which order things end. It starts
    and signals nothing itself: the program's own part (up.c) does, and the two talk in local messages under KIND_CLIENT/1.

    core → program                                        program → core
      RESTART  {kind, count = number}  start it             HEARTBEAT {kind, number, pid}   it runs under this pid
      DRAIN    {kind, count = number}  SIGTERM              LEAVE     {kind, number, pid}   it has ended (confirmed), or
      LEAVE    {kind, number, pid}     SIGKILL                                              could not be started (pid 0)
      SCALE    {kind, count}           keep this count
      TOPOLOGY {edges}                 nginx serves these, and no others
      DRAIN    {kind = supervisor}     the instance stops: nginx closes its door                                          */

#ifndef MS_SUPERVISOR_H
#define MS_SUPERVISOR_H

#include "actor.h"
#include "wanted.h"

/*  Number of the local end in messages to and from the program. */
#define SUPERVISOR_LOCAL 1u

/*  The kinds in the order in which they are started; they are stopped in the reverse. */
extern const kind_t supervisor_start_order[];
extern const size_t supervisor_start_order_count;

/*  Wanted counts come from params->scale. */
extern const actor_class_t supervisor_class;

#endif
