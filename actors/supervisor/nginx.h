/*  The public side: nginx before the edges. Its settings are made from scripts/deploy/nginx/nginx.conf.in. */

#ifndef MS_NGINX_H
#define MS_NGINX_H

#include "instance.h"
#include "schema.h"

/*  False, with a sentence that says what to do, if the port is another's. */
bool nginx_port_is_free (const instance_t *instance, char *reason);
/*  Writes nginx/nginx.conf for these edges (http_endpoint) and, the first time, what is under "/". */
bool nginx_write (const instance_t *instance, const process_t *edges, size_t count, char *reason);
/*  Starts it with the settings written last. Returns its pid, or −1. */
pid_t nginx_start (const instance_t *instance, char *reason);

#endif
