#include "database.h"

#include "clock.h"
#include "embedded.h"
#include "params_load.h"
#include "postgres_server.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPERATOR "admin"

/*  Runs a statement of at most four text parameters; NULL ends them. Returns its result, to be cleared by the caller, or NULL with a
    reason. */
static PGresult *
s_run (PGconn *connection, const char *statement, const char *const *values, char *reason)
{
    int count = 0;
    while (values && values[count])
        count++;
    PGresult *result = PQexecParams (connection, statement, count, NULL, values, NULL, NULL, 0);
    if (PQresultStatus (result) == PGRES_COMMAND_OK || PQresultStatus (result) == PGRES_TUPLES_OK)
        return result;
    snprintf (reason, REASON_BYTES, "PostgreSQL: %s", PQerrorMessage (connection));
    PQclear (result);
    return NULL;
}

static bool
s_do (PGconn *connection, const char *statement, const char *const *values, char *reason)
{
    PGresult *result = s_run (connection, statement, values, reason);
    PQclear (result);
    return result != NULL;
}

/*  True with `is_there` = the statement gives a row. */
static bool
s_look (PGconn *connection, const char *statement, const char *const *values, bool *is_there,
        char *reason)
{
    PGresult *result = s_run (connection, statement, values, reason);
    *is_there = result && PQntuples (result) > 0;
    PQclear (result);
    return result != NULL;
}

/* -------------------------------------------------------------------------- database and migrations */

static bool
s_make_database (const instance_t *instance, bool *is_new, char *reason)
{
    bool is_there = false;
    PGconn *connection = postgres_server_connect (instance, "postgres", reason);
    if (!connection)
        return false;
    bool is_done = s_look (connection, "SELECT FROM pg_database WHERE datname = 'minishop'", NULL,
                           &is_there, reason) &&
                   (is_there || s_do (connection, "CREATE DATABASE minishop", NULL, reason));
    *is_new = is_done && !is_there;
    PQfinish (connection);
    return is_done;
}

static bool
s_migrate_one (PGconn *connection, const embedded_t *migration, char *reason)
{
    const char *const values[] = { migration->name, NULL };
    PGresult *result = PQexec (connection, "BEGIN");
    PQclear (result);
    result = PQexec (connection, migration->text); /* several statements: no parameters */
    bool is_good =
        PQresultStatus (result) == PGRES_COMMAND_OK || PQresultStatus (result) == PGRES_TUPLES_OK;
    if (!is_good)
        snprintf (reason, REASON_BYTES, "migration %s: %s", migration->name,
                  PQerrorMessage (connection));
    PQclear (result);
    if (is_good && s_do (connection, "RESET ROLE", NULL, reason) &&
        s_do (connection, "INSERT INTO schema_migration (name) VALUES ($1)", values, reason) &&
        s_do (connection, "COMMIT", NULL, reason)) {
        printf ("migration %s\n", migration->name);
        return true;
    }
    PQclear (PQexec (connection, "ROLLBACK"));
    return false;
}

static bool
s_migrate (PGconn *connection, char *reason)
{
    if (!s_do (connection,
               "CREATE TABLE IF NOT EXISTS schema_migration (name text PRIMARY KEY, at timestamptz "
               "NOT NULL DEFAULT now ())",
               NULL, reason))
        return false;
    for (const embedded_t *migration = embedded_migrations; migration->name; migration++) {
        const char *const values[] = { migration->name, NULL };
        bool is_there;
        if (!s_look (connection, "SELECT FROM schema_migration WHERE name = $1", values, &is_there,
                     reason) ||
            (!is_there && !s_migrate_one (connection, migration, reason)))
            return false;
    }
    return true;
}

/* -------------------------------------------------------------------------- passwords of the roles */

/*  Only the SCRAM verifier is sent: a plain password would stand in the server's log when a statement fails. */
static bool
s_set_password (PGconn *connection, const instance_t *instance, const char *name, char *reason)
{
    char role[64], secret[64], password[128], statement[512];
    bool is_there;
    snprintf (role, sizeof role, "minishop_%s", name);
    snprintf (secret, sizeof secret, "secrets/postgres-%s", name);
    const char *const values[] = { role, NULL };
    if (!s_look (connection, "SELECT FROM pg_roles WHERE rolname = $1", values, &is_there, reason))
        return false;
    if (!is_there)
        return true;
    if (!instance_secret (&instance->params, secret, password, sizeof password)) {
        snprintf (reason, REASON_BYTES, "%s is missing, or others may read it",
                  instance_file (instance, "%s", secret));
        return false;
    }
    char *verifier = PQencryptPasswordConn (connection, password, role, "scram-sha-256");
    sodium_memzero (password, sizeof password);
    if (!verifier)
        return false;
    snprintf (statement, sizeof statement, "ALTER ROLE %s PASSWORD '%s'", role, verifier);
    PQfreemem (verifier);
    return s_do (connection, statement, NULL, reason);
}

static bool
s_set_passwords (PGconn *connection, const instance_t *instance, char *reason)
{
    static const char *const roles[] = { "ordering", "inventory", "account", "broker" };
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        if (!s_set_password (connection, instance, roles[i], reason))
            return false;
    return true;
}

/* -------------------------------------------------------------------------- the operator */

static bool
s_hash (const char *password, char *hash, char *reason)
{
    if (crypto_pwhash_str (hash, password, strlen (password), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                           crypto_pwhash_MEMLIMIT_INTERACTIVE) == 0)
        return true;
    snprintf (reason, REASON_BYTES, "no memory to hash the operator's password");
    return false;
}

static bool
s_add_operator (PGconn *connection, const char *password, char *reason)
{
    char hash[crypto_pwhash_STRBYTES], user_id[32];
    uint64_t id;
    randombytes_buf (&id, sizeof id);
    snprintf (user_id, sizeof user_id, "%" PRIu64, (id >> 1) | 1);
    const char *const values[] = { user_id, hash, NULL };
    return s_hash (password, hash, reason) &&
           s_do (connection,
                 "INSERT INTO account (user_id, username, role, display_name, password_hash, "
                 "at_ms) VALUES ($1, '" OPERATOR "', 'operator', 'Operator', $2, (extract (epoch "
                 "FROM clock_timestamp ()) * 1000)::bigint)",
                 values, reason);
}

/*  Another password than before ends the operator's sessions: tokens issued before this second are denied. */
static bool
s_change_operator (const instance_t *instance, PGconn *connection, const char *user_id,
                   char *reason)
{
    char hash[crypto_pwhash_STRBYTES], not_before_ms[32], until_ms[32];
    uint64_t now_ms = clock_wall_ms () / 1000 * 1000;
    snprintf (not_before_ms, sizeof not_before_ms, "%" PRIu64, now_ms);
    snprintf (until_ms, sizeof until_ms, "%" PRIu64,
              now_ms + instance->params.token_hours * 3600000);
    const char *const change[] = { user_id, hash, NULL };
    const char *const denial[] = { user_id, not_before_ms, until_ms, NULL };
    return s_hash (instance->params.admin_password, hash, reason) &&
           s_do (connection, "BEGIN", NULL, reason) &&
           s_do (connection,
                 "UPDATE account SET password_hash = $2, role = 'operator' WHERE user_id = $1",
                 change, reason) &&
           s_do (connection,
                 "INSERT INTO denial AS d (user_id, token_id, not_before_ms, until_ms) VALUES ($1, "
                 "decode (repeat ('00', 16), 'hex'), "
                 "$2, $3) ON CONFLICT (user_id, token_id) DO UPDATE SET not_before_ms = greatest "
                 "(d.not_before_ms, "
                 "excluded.not_before_ms), until_ms = greatest (d.until_ms, excluded.until_ms)",
                 denial, reason) &&
           s_do (connection, "COMMIT", NULL, reason);
}

static bool
s_prepare_operator (const instance_t *instance, PGconn *connection, char *reason)
{
    char password[PARAM_TEXT_BYTES_MAX + 1];
    const char *asked = instance->params.admin_password;
    PGresult *found =
        s_run (connection,
               "SELECT user_id, password_hash FROM account WHERE username = '" OPERATOR
               "' AND role = 'operator'",
               NULL, reason);
    if (!found)
        return false;
    bool is_there = PQntuples (found) == 1, is_done = true;
    if (is_there && asked[0] &&
        crypto_pwhash_str_verify (PQgetvalue (found, 0, 1), asked, strlen (asked)) != 0)
        is_done = s_change_operator (instance, connection, PQgetvalue (found, 0, 0), reason);
    PQclear (found);
    if (is_there)
        return is_done;
    if (asked[0])
        return s_add_operator (connection, asked, reason);
    is_done = instance_make_secret (instance, "admin-password", 12, reason) &&
              instance_secret (&instance->params, "admin-password", password, sizeof password) &&
              s_add_operator (connection, password, reason);
    sodium_memzero (password, sizeof password);
    return is_done;
}

bool
database_prepare (const instance_t *instance, bool *is_new, char *reason)
{
    if (!s_make_database (instance, is_new, reason))
        return false;
    PGconn *connection = postgres_server_connect (instance, "minishop", reason);
    if (!connection)
        return false;
    bool is_done = s_migrate (connection, reason) &&
                   s_set_passwords (connection, instance, reason) &&
                   s_prepare_operator (instance, connection, reason);
    PQfinish (connection);
    return is_done;
}
