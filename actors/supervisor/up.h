/*  `minishop up`: starts the stores, then the supervisor's core, which starts the rest; runs until SIGTERM or SIGINT. */

#ifndef MS_UP_H
#define MS_UP_H

#include "instance.h"
#include "wanted.h"

/*  How many of each kind: MINISHOP_SCALE over the defaults, and the last `scale` over both. */
bool up_load_wanted (const instance_t *instance, wanted_t *wanted, char *reason);
/*  Returns the exit code. `is_detached`: from the moment all is started, output goes to log/supervisor-1.log. */
int up_run (instance_t *instance, bool is_detached);

#endif
