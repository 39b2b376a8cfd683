/*  `minishop up`: starts the stores, then the supervisor's core, which starts the rest; runs until SIGTERM or SIGINT. */

#ifndef MS_UP_H
#define MS_UP_H

#include "instance.h"

/*  Returns the exit code. `is_detached`: from the moment all is started, output goes to log/supervisor-1.log. */
int up_run (instance_t *instance, bool is_detached);

#endif
