/*  The public side: nginx before the edges. Its settings are made from scripts/deploy/nginx/nginx.conf.in. */

#ifndef MS_NGINX_H
#define MS_NGINX_H

#include "instance.h"
#include "schema.h"

/*  Keeps the port for nginx as long as this process lives. False, with a sentence that says what to do, if it is another's. */
bool nginx_reserve_port (const instance_t *instance, char *reason);
/*  Writes what is under "/": the web client if it was built beside the programs; otherwise what is there stays, or a page that says
    where things are. Before nginx starts. */
bool nginx_write_pages (const instance_t *instance, char *reason);
/*  Writes nginx/nginx.conf for these edges (http_endpoint). */
bool nginx_write (const instance_t *instance, const process_t *edges, size_t count, char *reason);
/*  Starts it with the settings written last. Returns its pid, or −1. */
pid_t nginx_start (const instance_t *instance, char *reason);

#endif
