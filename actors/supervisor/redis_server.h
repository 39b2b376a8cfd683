/*  The private Redis of an instance: gate and journal. Its promise is that what it acknowledged is on disk (appendfsync always). */

#ifndef MS_REDIS_SERVER_H
#define MS_REDIS_SERVER_H

#include "instance.h"

/*  Writes run/redis.conf and run/redis.acl, links run/redis.sock, starts the server. Returns its pid, or −1. */
pid_t redis_server_start (const instance_t *instance, char *reason);
/*  It answers, with its data loaded. */
bool redis_server_is_ready (const instance_t *instance);

#endif
