/*  Starts a program as a child of its own session: no descriptor but its log, no blocked or ignored signal, another account if asked.

    PR_SET_PDEATHSIG is not used: the actors go on selling when the supervisor alone is killed, and the next one ends them first
    (leftovers.h). */

#ifndef MS_SPAWN_H
#define MS_SPAWN_H

#include "instance.h"

#include <sys/types.h>

typedef struct spawn_t {
    const char *const *argv; /* argv[0] is the path of the program */
    const char *folder;      /* its working folder: by that, and its program, leftovers are known */
    const char *
        log_path; /* stdout and stderr, appended; beyond LOG_BYTES_MAX the old log is kept as .old */
    const os_user_t *user; /* NULL or the own account: no change */
    bool is_clean;         /* only PATH and LANG of the environment */
    int nice;              /* 0 to 9: gives way to the others */
} spawn_t;

/*  Returns the pid, or −1 with a reason. That the program is there and starts is only known when it lives on. */
pid_t spawn_start (const spawn_t *what, char *reason);
/*  Starts it and waits for its end. True if it ended with 0; its last words are in the log. */
bool spawn_run (const spawn_t *what, char *reason);

#endif
