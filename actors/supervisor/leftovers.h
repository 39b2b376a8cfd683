/*  Processes of this instance that nobody watches: what a killed supervisor, or a killed master of nginx or PostgreSQL, left behind.

    They are known by their program and their working folder together, which no other process of the machine shares: every program is
    started in a folder of the instance, and nothing else starts these programs there. Pid files are not believed: a number may be
    another's by now. A process is signalled through its pidfd, after both were looked at again through it. */

#ifndef MS_LEFTOVERS_H
#define MS_LEFTOVERS_H

#include "instance.h"

/*  Ends every process whose program's name begins with `program` and whose working folder is `folder`: SIGTERM, after grace_ms SIGKILL;
    0 = SIGKILL at once. Returns how many there were; all of them have ended (or `reason` is set: 5 s after SIGKILL one had not). */
size_t leftovers_end (const char *program, const char *folder, int grace_ms, char *reason);
/*  All that an earlier supervisor of this instance left: actors first, then nginx, then the stores. */
bool leftovers_end_all (const instance_t *instance, char *reason);

#endif
