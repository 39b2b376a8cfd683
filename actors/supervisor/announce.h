/*  What people wait for when they start an instance: that it serves, and where. Runs in a process of its own beside the supervisor. */

#ifndef MS_ANNOUNCE_H
#define MS_ANNOUNCE_H

#include "instance.h"

#include <sys/types.h>

/*  Waits until every wanted process is ready, nginx serves all the edges, /readyz is 200 and the operator can log in; puts the
    demonstration sales there at the first start; prints the address and the log-in. `supervisor` is the process that is starting; if
    it is a child, its end ends the waiting. Returns the exit code. */
int announce_run (bool with_demo, pid_t supervisor, bool is_child);
/*  nginx serves exactly so many edges, and no reload is under way that would cost a new client its connection. */
bool announce_is_public (const instance_t *instance, uint64_t edges);

#endif
