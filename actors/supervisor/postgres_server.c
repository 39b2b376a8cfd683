#include "postgres_server.h"

#include "params_load.h"
#include "spawn.h"

#include <errno.h>
#include <glob.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*  Where Debian puts the programs: of the version that made the cluster, otherwise the newest there is. */
/*  Shoppers wait for the gate, nobody waits for an order's row: while both want the same cores, the gate goes first and the journal holds
    what is to be written. A niceness of 5 leaves PostgreSQL a quarter of a saturated machine (scripts/bench: persisted/s). */
#define POSTGRES_NICE 5

static bool
s_find_program (const instance_t *instance, const char *name, char *path, size_t path_bytes,
                char *reason)
{
    char version[16], pattern[128];
    glob_t found;
    if (!file_read (instance_file (instance, "postgres/PG_VERSION"), version, sizeof version))
        snprintf (version, sizeof version, "*");
    snprintf (pattern, sizeof pattern, "/usr/lib/postgresql/%.8s/bin/%s", version, name);
    bool is_found =
        glob (pattern, 0, NULL, &found) == 0 && found.gl_pathc > 0 &&
        (size_t)snprintf (path, path_bytes, "%s", found.gl_pathv[found.gl_pathc - 1]) < path_bytes;
    globfree (&found);
    if (!is_found)
        snprintf (reason, REASON_BYTES, "%s is not there; scripts/build installs PostgreSQL",
                  pattern);
    return is_found;
}

static bool
s_run_initdb (const instance_t *instance, const char *fresh, const char *password_path,
              char *reason)
{
    char program[PATH_MAX];
    if (!s_find_program (instance, "initdb", program, sizeof program, reason))
        return false;
    const char *argv[] = { program,
                           "--pgdata",
                           fresh,
                           "--username=postgres",
                           "--pwfile",
                           password_path,
                           "--auth-local=scram-sha-256",
                           "--auth-host=scram-sha-256",
                           "--encoding=UTF8",
                           "--locale=C",
                           NULL };
    spawn_t what = { .argv = argv,
                     .folder = "/",
                     .log_path = instance_file (instance, "log/postgres.log"),
                     .user = &instance->postgres,
                     .is_clean = true };
    return spawn_run (&what, reason);
}

/*  The cluster is made beside and moved in place when it is whole. */
bool
postgres_server_init (const instance_t *instance, char *reason)
{
    char fresh[PATH_MAX], password_path[PATH_MAX], password[128];
    if (access (instance_file (instance, "postgres/PG_VERSION"), F_OK) == 0)
        return true;
    snprintf (fresh, sizeof fresh, "%s", instance_file (instance, "postgres.new"));
    snprintf (password_path, sizeof password_path, "%s",
              instance_file (instance, "run/postgres-initial"));
    const char *remove[] = { "/bin/rm", "-rf", fresh, NULL };
    spawn_t removal = { .argv = remove,
                        .folder = "/",
                        .log_path = instance_file (instance, "log/postgres.log"),
                        .is_clean = true };
    if (!instance_secret (&instance->params, "postgres-password", password, sizeof password)) {
        snprintf (reason, REASON_BYTES, "%s/postgres-password is missing, or others may read it",
                  instance->params.dir);
        return false;
    }
    bool is_done =
        spawn_run (&removal, reason) &&
        folder_make (fresh, 0700, instance->postgres.uid, instance->postgres.gid, reason) &&
        file_write (password_path, 0400, instance->postgres.uid, instance->postgres.gid, password,
                    reason) &&
        s_run_initdb (instance, fresh, password_path, reason);
    unlink (password_path);
    sodium_memzero (password, sizeof password);
    if (is_done && rename (fresh, instance_file (instance, "postgres")) != 0) {
        snprintf (reason, REASON_BYTES, "%.300s: %s", fresh, strerror (errno));
        is_done = false;
    }
    return is_done;
}

pid_t
postgres_server_start (const instance_t *instance, char *reason)
{
    char program[PATH_MAX], folder[PATH_MAX], sockets[PATH_MAX + 32];
    const char *link_path = instance_file (instance, "run/.s.PGSQL.5432");
    if (symlink ("../postgres/.s.PGSQL.5432", link_path) != 0 && errno != EEXIST) {
        snprintf (reason, REASON_BYTES, "%.300s: %s", link_path, strerror (errno));
        return -1;
    }
    if (!s_find_program (instance, "postgres", program, sizeof program, reason))
        return -1;
    snprintf (folder, sizeof folder, "%s", instance_file (instance, "postgres"));
    snprintf (sockets, sizeof sockets, "unix_socket_directories=%s", folder);
    /* No process of this folder is left (leftovers.h) and the instance is locked: its pid file can only be stale, and its number may be
       another server's by now, for which this one would refuse to start. */
    unlink (instance_file (instance, "postgres/postmaster.pid"));
    const char *argv[] = { program,
                           "-D",
                           folder,
                           "-c",
                           "listen_addresses=",
                           "-c",
                           sockets,
                           "-c",
                           "unix_socket_permissions=0700",
                           "-c",
                           "max_connections=100",
                           "-c",
                           "fsync=on",
                           "-c",
                           "synchronous_commit=on",
                           "-c",
                           "full_page_writes=on",
                           "-c",
                           "shared_buffers=128MB",
                           "-c",
                           "max_wal_size=4GB",
                           "-c",
                           "checkpoint_timeout=15min",
                           "-c",
                           "wal_level=minimal",
                           "-c",
                           "max_wal_senders=0",
                           "-c",
                           "wal_compression=lz4",
                           "-c",
                           "timezone=UTC",
                           "-c",
                           "log_timezone=UTC",
                           NULL };
    spawn_t what = { .argv = argv,
                     .folder = folder,
                     .log_path = instance_file (instance, "log/postgres.log"),
                     .user = &instance->postgres,
                     .is_clean = true,
                     .nice = POSTGRES_NICE };
    return spawn_start (&what, reason);
}

PGconn *
postgres_server_connect (const instance_t *instance, const char *database, char *reason)
{
    char password[128];
    if (!instance_secret (&instance->params, "postgres-password", password, sizeof password)) {
        snprintf (reason, REASON_BYTES, "%s/postgres-password is missing, or others may read it",
                  instance->params.dir);
        return NULL;
    }
    const char *const names[] = {
        "host",    "port", "user", "dbname", "password", "connect_timeout", "application_name",
        "options", NULL
    };
    const char *const values[] = { instance_file (instance, "postgres"),
                                   "5432",
                                   "postgres",
                                   database,
                                   password,
                                   "5",
                                   "minishop",
                                   "-c client_min_messages=warning",
                                   NULL };
    PGconn *connection = PQconnectdbParams (names, values, 0);
    sodium_memzero (password, sizeof password);
    if (PQstatus (connection) == CONNECTION_OK)
        return connection;
    snprintf (reason, REASON_BYTES, "PostgreSQL: %s", PQerrorMessage (connection));
    PQfinish (connection);
    return NULL;
}
