/*  A private Redis and a private PostgreSQL for one test program. */

#include "servers.h"

#include "embedded.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATH_BYTES 256
#define START_MS 10000
#define POLL_MS 10
#define CHILDREN_MAX 64u
#define POSTGRES_BIN "/usr/lib/postgresql/15/bin/"
#define ACL_FILE "schema/lua/README.md" /* tests run in the source tree */

struct servers_t {
    char folder[PATH_BYTES];
    char redis_folder[PATH_BYTES];
    char redis_socket[PATH_BYTES];
    char postgres_folder[PATH_BYTES];
    char postgres_data[PATH_BYTES];
    pid_t redis_pid;
    pid_t postgres_pid;
};

/* -------------------------------------------------------------------------- processes */

static void
s_become (const char *user)
{
    struct passwd *row = getuid () == 0 ? getpwnam (user) : NULL;
    if (!row)
        return;
    if (initgroups (user, row->pw_gid) || setgid (row->pw_gid) || setuid (row->pw_uid))
        _exit (126);
}

/*  Runs argv as `user`, its output in `log`. The death signal is set after the change of user, which would clear it. */
static pid_t
s_spawn (const char *user, const char *log, int death_signal, char *const argv[])
{
    pid_t parent = getpid ();
    pid_t pid = fork ();
    if (pid != 0)
        return pid;
    int fd = open (log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (fd >= 0) {
        dup2 (fd, STDOUT_FILENO);
        dup2 (fd, STDERR_FILENO);
    }
    s_become (user);
    prctl (PR_SET_PDEATHSIG, death_signal);
    if (getppid () != parent || chdir ("/"))
        _exit (126);
    execvp (argv[0], argv);
    _exit (127);
}

static int
s_wait (pid_t pid)
{
    int status = -1;
    while (waitpid (pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

static void
s_kill (pid_t *pid, int signal)
{
    if (*pid > 0) {
        kill (*pid, signal);
        s_wait (*pid);
    }
    *pid = 0;
}

static void
s_pause (void)
{
    nanosleep (&(struct timespec){ .tv_nsec = POLL_MS * 1000000L }, NULL);
}

static bool
s_make_folder (const char *path, const char *user)
{
    if (mkdir (path, 0755))
        return false;
    struct passwd *row = getuid () == 0 ? getpwnam (user) : NULL;
    return !row || chown (path, row->pw_uid, row->pw_gid) == 0;
}

static int
s_remove_one (const char *path, const struct stat *status, int type, struct FTW *at)
{
    (void)status, (void)type, (void)at;
    return remove (path);
}

static void
s_remove (const char *path)
{
    nftw (path, s_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* -------------------------------------------------------------------------- Redis */

bool
servers_load_scripts (redisContext *redis)
{
    for (const embedded_t *script = embedded_scripts; script->name; script++) {
        const char *argv[] = { "SCRIPT", "LOAD", script->text };
        redisReply *reply = redisCommandArgv (redis, 3, argv, NULL);
        bool is_same =
            reply && reply->type == REDIS_REPLY_STRING && !strcmp (reply->str, script->sha1);
        if (!is_same)
            fprintf (stderr, "servers: %s: %s\n", script->name, reply ? reply->str : redis->errstr);
        if (reply)
            freeReplyObject (reply);
        if (!is_same)
            return false;
    }
    return true;
}

/*  Applies the lines `user NAME RULE …` of the file: what is documented is what is tested. */
static bool
s_set_users (redisContext *redis)
{
    FILE *file = fopen (ACL_FILE, "r");
    if (!file)
        return false;
    char line[2048];
    unsigned users = 0;
    bool is_done = true;
    while (fgets (line, sizeof line, file)) {
        if (strncmp (line, "user ", 5) != 0)
            continue;
        const char *argv[128] = { "ACL", "SETUSER" };
        int argc = 2;
        char *rest = NULL;
        for (char *word = strtok_r (line + 5, " \n", &rest); word && argc < 127;
             word = strtok_r (NULL, " \n", &rest))
            argv[argc++] = strcmp (word, "#PASSWORD") ? word : "nopass";
        redisReply *reply = redisCommandArgv (redis, argc, argv, NULL);
        if (!reply || reply->type != REDIS_REPLY_STATUS) {
            fprintf (stderr, "servers: user %s: %s\n", argv[2], reply ? reply->str : redis->errstr);
            is_done = false;
        }
        if (reply)
            freeReplyObject (reply);
        users++;
    }
    fclose (file);
    return is_done && users == 3;
}

redisContext *
servers_redis (const servers_t *self, const char *user)
{
    redisContext *redis = redisConnectUnix (self->redis_socket);
    if (!redis || redis->err) {
        if (redis)
            redisFree (redis);
        return NULL;
    }
    if (user) {
        redisReply *reply = redisCommand (redis, "AUTH %s x", user);
        bool is_in = reply && reply->type == REDIS_REPLY_STATUS;
        if (reply)
            freeReplyObject (reply);
        if (!is_in) {
            redisFree (redis);
            return NULL;
        }
    }
    return redis;
}

static bool
s_redis_answers (const servers_t *self)
{
    redisContext *redis = servers_redis (self, NULL);
    redisReply *reply = redis ? redisCommand (redis, "PING") : NULL;
    bool answers = reply && reply->type == REDIS_REPLY_STATUS;
    if (reply)
        freeReplyObject (reply);
    if (answers)
        answers = s_set_users (redis) && servers_load_scripts (redis);
    if (redis)
        redisFree (redis);
    return answers;
}

bool
servers_start_redis (servers_t *self)
{
    char log[PATH_BYTES + 16];
    snprintf (log, sizeof log, "%s/redis.log", self->folder);
    char *argv[] = { "redis-server",
                     "--port",
                     "0",
                     "--unixsocket",
                     self->redis_socket,
                     "--unixsocketperm",
                     "777",
                     "--dir",
                     self->redis_folder,
                     "--appendonly",
                     "yes",
                     "--appendfsync",
                     "always",
                     "--save",
                     "",
                     "--maxmemory-policy",
                     "noeviction",
                     "--enable-debug-command",
                     "yes",
                     NULL };
    self->redis_pid = s_spawn ("redis", log, SIGKILL, argv);
    for (unsigned waited_ms = 0; waited_ms < START_MS; waited_ms += POLL_MS) {
        if (waitpid (self->redis_pid, NULL, WNOHANG) != 0) {
            self->redis_pid = 0;
            break;
        }
        if (access (self->redis_socket, F_OK) == 0 && s_redis_answers (self))
            return true;
        s_pause ();
    }
    fprintf (stderr, "servers: Redis does not start, see %s\n", log);
    return false;
}

void
servers_kill_redis (servers_t *self)
{
    s_kill (&self->redis_pid, SIGKILL);
    unlink (self->redis_socket);
}

void
servers_wipe_redis (servers_t *self)
{
    s_remove (self->redis_folder);
    s_make_folder (self->redis_folder, "redis");
}

/* -------------------------------------------------------------------------- PostgreSQL */

PGconn *
servers_sql (const servers_t *self, const char *role, const char *database)
{
    const char *keys[] = { "host", "user", "dbname", "connect_timeout", NULL };
    const char *values[] = { self->postgres_folder, role ? role : "postgres", database, "2", NULL };
    PGconn *sql = PQconnectdbParams (keys, values, 0);
    if (PQstatus (sql) == CONNECTION_OK)
        return sql;
    PQfinish (sql);
    return NULL;
}

bool
servers_start_postgres (servers_t *self)
{
    char log[PATH_BYTES + 16];
    snprintf (log, sizeof log, "%s/postgres.log", self->folder);
    static char program[] = POSTGRES_BIN "postgres";
    char *argv[] = { program,
                     "-D",
                     self->postgres_data,
                     "-k",
                     self->postgres_folder,
                     "-c",
                     "listen_addresses=",
                     "-c",
                     "shared_buffers=128MB",
                     NULL };
    self->postgres_pid = s_spawn ("postgres", log, SIGQUIT, argv);
    for (unsigned waited_ms = 0; waited_ms < START_MS; waited_ms += POLL_MS) {
        if (waitpid (self->postgres_pid, NULL, WNOHANG) != 0) {
            self->postgres_pid = 0;
            break;
        }
        PGconn *sql = servers_sql (self, NULL, "postgres");
        if (sql) {
            PQfinish (sql);
            return true;
        }
        s_pause ();
    }
    fprintf (stderr, "servers: PostgreSQL does not start, see %s\n", log);
    return false;
}

/*  Opens a pidfd of every child. */
static size_t
s_find_children (pid_t parent, int *pidfds, size_t most)
{
    char path[64];
    long pid;
    size_t count = 0;
    snprintf (path, sizeof path, "/proc/%ld/task/%ld/children", (long)parent, (long)parent);
    FILE *children = fopen (path, "re");
    while (children && count < most && fscanf (children, "%ld", &pid) == 1) {
        pidfds[count] = (int)syscall (SYS_pidfd_open, (pid_t)pid, 0);
        count += pidfds[count] >= 0;
    }
    if (children)
        fclose (children);
    return count;
}

/*  Its children go too: one that nobody has told yet would still answer, and hold the memory that the next server wants. */
void
servers_kill_postgres (servers_t *self)
{
    int pidfds[CHILDREN_MAX];
    if (self->postgres_pid > 0)
        kill (self->postgres_pid, SIGSTOP); /* no further child */
    size_t count = s_find_children (self->postgres_pid, pidfds, CHILDREN_MAX);
    s_kill (&self->postgres_pid, SIGKILL);
    for (size_t i = 0; i < count; i++) {
        struct pollfd end = { .fd = pidfds[i], .events = POLLIN };
        syscall (SYS_pidfd_send_signal, pidfds[i], SIGKILL, NULL, 0);
        poll (&end, 1, START_MS);
        close (pidfds[i]);
    }
    char path[PATH_BYTES + 16];
    snprintf (path, sizeof path, "%s/postmaster.pid", self->postgres_data);
    unlink (path);
}

static bool
s_make_database (servers_t *self)
{
    char log[PATH_BYTES + 16];
    snprintf (log, sizeof log, "%s/initdb.log", self->folder);
    static char program[] = POSTGRES_BIN "initdb";
    char *argv[] = { program, "-D",   self->postgres_data, "-U",        "postgres", "-A", "trust",
                     "-E",    "UTF8", "--locale=C",        "--no-sync", NULL };
    int status = s_wait (s_spawn ("postgres", log, SIGKILL, argv));
    if (!WIFEXITED (status) || WEXITSTATUS (status) != 0) {
        fprintf (stderr, "servers: initdb failed, see %s\n", log);
        return false;
    }
    return true;
}

static bool
s_run_sql (PGconn *sql, const char *name, const char *text)
{
    PGresult *result = PQexec (sql, text);
    bool is_done =
        PQresultStatus (result) == PGRES_COMMAND_OK || PQresultStatus (result) == PGRES_TUPLES_OK;
    if (!is_done)
        fprintf (stderr, "servers: %s: %s", name, PQerrorMessage (sql));
    PQclear (result);
    return is_done;
}

static bool
s_migrate (servers_t *self)
{
    PGconn *sql = servers_sql (self, NULL, "postgres");
    bool is_done = sql && s_run_sql (sql, "minishop", "CREATE DATABASE minishop");
    PQfinish (sql);
    sql = is_done ? servers_sql (self, NULL, "minishop") : NULL;
    is_done = sql != NULL;
    for (const embedded_t *migration = embedded_migrations; is_done && migration->name; migration++)
        is_done = s_run_sql (sql, migration->name, "BEGIN") &&
                  s_run_sql (sql, migration->name, migration->text) &&
                  s_run_sql (sql, migration->name, "COMMIT");
    PQfinish (sql);
    return is_done;
}

/* -------------------------------------------------------------------------- both */

static bool
s_start (servers_t *self)
{
    snprintf (self->folder, sizeof self->folder, "/tmp/ms-stores.XXXXXX");
    if (!mkdtemp (self->folder) || chmod (self->folder, 0755))
        return false;
    snprintf (self->redis_folder, sizeof self->redis_folder, "%.200s/redis", self->folder);
    snprintf (self->redis_socket, sizeof self->redis_socket, "%.200s/redis.sock",
              self->redis_folder);
    snprintf (self->postgres_folder, sizeof self->postgres_folder, "%.200s/postgres", self->folder);
    snprintf (self->postgres_data, sizeof self->postgres_data, "%.200s/data",
              self->postgres_folder);
    return s_make_folder (self->redis_folder, "redis") &&
           s_make_folder (self->postgres_folder, "postgres") && servers_start_redis (self) &&
           s_make_database (self) && servers_start_postgres (self) && s_migrate (self);
}

servers_t *
servers_new (void)
{
    signal (SIGPIPE, SIG_IGN); /* hiredis writes without MSG_NOSIGNAL */
    servers_t *self = calloc (1, sizeof *self);
    if (self && !s_start (self)) {
        fprintf (stderr, "servers: not started, %s is kept\n", self->folder);
        s_kill (&self->redis_pid, SIGKILL);
        s_kill (&self->postgres_pid, SIGQUIT);
        free (self);
        return NULL;
    }
    return self;
}

void
servers_destroy (servers_t **self_p)
{
    servers_t *self = *self_p;
    if (!self)
        return;
    s_kill (&self->redis_pid, SIGKILL);
    s_kill (&self->postgres_pid, SIGQUIT);
    s_remove (self->folder);
    free (self);
    *self_p = NULL;
}

const char *
servers_folder (const servers_t *self)
{
    return self->folder;
}

const char *
servers_redis_socket (const servers_t *self)
{
    return self->redis_socket;
}

const char *
servers_postgres_folder (const servers_t *self)
{
    return self->postgres_folder;
}
