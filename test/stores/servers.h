/*  A private Redis and a private PostgreSQL for one test program, in a folder of their own under /tmp.

    1. Both are children of the test, run as the service users when the test is root, and get a signal from the kernel when
       the test dies, however it dies: nothing stays behind.
    2. Redis answers on a unix socket only, with appendonly and appendfsync always; PostgreSQL likewise, without passwords.
    3. servers_new ends with the users of schema/lua/README.md, all migrations and the Lua scripts in place. */

#ifndef MS_SERVERS_H
#define MS_SERVERS_H

#include <hiredis/hiredis.h>
#include <libpq-fe.h>
#include <stdbool.h>

typedef struct servers_t servers_t;

/*  Starts both. Returns NULL, with a sentence on stderr, if one does not start. Cost: about 2 s. */
servers_t *servers_new (void);
/*  Ends both and removes the folder. */
void servers_destroy (servers_t **self_p);

const char *servers_folder (const servers_t *self);
const char *servers_redis_socket (const servers_t *self);
/*  For libpq's `host`. */
const char *servers_postgres_folder (const servers_t *self);

/*  A connection as this user (NULL: the administrator), or NULL. The caller frees it. */
redisContext *servers_redis (const servers_t *self, const char *user);
/*  A connection to a database ("minishop") as this role (NULL: the superuser), or NULL. The caller finishes it. */
PGconn *servers_sql (const servers_t *self, const char *role, const char *database);

/*  SIGKILL and a confirmed exit. */
void servers_kill_redis (servers_t *self);
/*  Again on the same data; false if it does not answer within 10 s. Users and scripts are in place afterwards. */
bool servers_start_redis (servers_t *self);
/*  Removes the data of a killed Redis: the loss of a disk. */
void servers_wipe_redis (servers_t *self);
void servers_kill_postgres (servers_t *self);
bool servers_start_postgres (servers_t *self);

/*  Loads the Lua scripts over this connection (needs SCRIPT LOAD). */
bool servers_load_scripts (redisContext *redis);

#endif
