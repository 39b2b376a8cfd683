/*  The private PostgreSQL of an instance: the authority for stock, orders and accounts. */

#ifndef MS_POSTGRES_SERVER_H
#define MS_POSTGRES_SERVER_H

#include "instance.h"

#include <libpq-fe.h>

/*  Makes the cluster in postgres/ if there is none (about a second). */
bool postgres_server_init (const instance_t *instance, char *reason);
/*  Links run/.s.PGSQL.5432 and starts the server. Returns its pid, or −1. */
pid_t postgres_server_start (const instance_t *instance, char *reason);
/*  A connection as administrator; NULL while the server is not ready, with its words in `reason`. The caller closes it. */
PGconn *postgres_server_connect (const instance_t *instance, const char *database, char *reason);

#endif
