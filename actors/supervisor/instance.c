#include "instance.h"

#include "params_load.h"
#include "wire_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOMES "/var/lib/minishop"
/*  The longest name of a socket below the home. */
#define LONGEST_SOCKET "/run/ipc/inventory-99-0123456789abcdef"

#define PLAIN_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+=:~"

/*  Everything of an instance; each name becomes a link in DIR when the home is elsewhere. */
static const char *const s_names[] = { "redis",
                                       "postgres",
                                       "run",
                                       "log",
                                       "secrets",
                                       "nginx",
                                       "redis-password",
                                       "postgres-password",
                                       "admin-password",
                                       "webhook-secret",
                                       "scale" };
#define NAME_COUNT (sizeof s_names / sizeof s_names[0])

const char *
instance_file (const instance_t *self, const char *format, ...)
{
    static char paths[4][PATH_MAX];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    int head = snprintf (path, PATH_MAX, "%s/", self->params.dir);
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (path + head, PATH_MAX - (size_t)head, format, arguments);
    va_end (arguments);
    return path;
}

/* -------------------------------------------------------------------------- finding */

/*  Where DIR's links lead, if the home is elsewhere. */
static bool
s_linked_home (const char *dir, char *home, size_t home_bytes)
{
    char path[PATH_MAX], target[PATH_MAX];
    snprintf (path, sizeof path, "%s/run", dir);
    ssize_t count = readlink (path, target, sizeof target - 1);
    if (count < 0)
        return false;
    target[count] = 0;
    char *slash = strrchr (target, '/');
    if (strncmp (target, HOMES "/", strlen (HOMES "/")) != 0 || strcmp (slash, "/run") != 0)
        return false;
    *slash = 0;
    return (size_t)snprintf (home, home_bytes, "%s", target) < home_bytes;
}

static bool
s_find_programs (instance_t *self, char *reason)
{
    ssize_t count = readlink ("/proc/self/exe", self->programs, sizeof self->programs - 1);
    if (count <= 0) {
        snprintf (reason, REASON_BYTES, "/proc/self/exe: %s", strerror (errno));
        return false;
    }
    self->programs[count] = 0;
    *strrchr (self->programs, '/') = 0;
    return true;
}

bool
instance_find (instance_t *self, char *reason)
{
    char real[PATH_MAX];
    memset (self, 0, sizeof *self);
    self->lock_fd = -1;
    self->is_root = geteuid () == 0;
    if (!params_load (&self->params, reason, REASON_BYTES) || !s_find_programs (self, reason))
        return false;
    if (realpath (self->params.dir, real) &&
        !params_set (&self->params, "dir", real, reason, REASON_BYTES))
        return false;
    memcpy (self->asked, self->params.dir, sizeof self->asked);
    char home[PARAM_TEXT_BYTES_MAX + 1];
    if (s_linked_home (self->asked, home, sizeof home))
        return params_set (&self->params, "dir", home, reason, REASON_BYTES);
    return true;
}

void
instance_url (const instance_t *self, char *url, size_t url_bytes)
{
    if (instance_is_running (self) && file_read (instance_file (self, "run/url"), url, url_bytes) &&
        url[0])
        return;
    bool is_any =
        strcmp (self->params.bind, "0.0.0.0") == 0 || strcmp (self->params.bind, "::") == 0;
    bool is_v6 = !is_any && strchr (self->params.bind, ':') != NULL;
    snprintf (url, url_bytes, "http://%s%s%s:%" PRIu64, is_v6 ? "[" : "",
              is_any ? "127.0.0.1" : self->params.bind, is_v6 ? "]" : "", self->params.port);
}

/* -------------------------------------------------------------------------- the lock */

/*  A lock of the open file (not of the process, so children do not drop it); unlike flock's it can be asked about without being taken
    for a moment, which could make a starting supervisor believe that there is another. */
static bool
s_lock_call (int fd, int command, struct flock *lock)
{
    *lock = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
    return fcntl (fd, command, lock) == 0;
}

bool
instance_lock (instance_t *self, char *reason)
{
    const char *path = instance_file (self, "run/lock/instance");
    struct flock lock;
    int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        snprintf (reason, REASON_BYTES, "%.300s: %s", path, strerror (errno));
        return false;
    }
    if (!s_lock_call (fd, F_OFD_SETLK, &lock)) {
        snprintf (reason, REASON_BYTES, "the instance in %s is running already", self->asked);
        close (fd);
        return false;
    }
    self->lock_fd = fd;
    return true;
}

bool
instance_is_running (const instance_t *self)
{
    struct flock lock;
    if (self->lock_fd >= 0)
        return true;
    int fd = open (instance_file (self, "run/lock/instance"), O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool is_held = s_lock_call (fd, F_OFD_GETLK, &lock) && lock.l_type != F_UNLCK;
    close (fd);
    return is_held;
}

/* -------------------------------------------------------------------------- choosing the home */

static bool
s_find_user (os_user_t *user, const char *name, bool is_root, char *reason)
{
    snprintf (user->name, sizeof user->name, "%s", name);
    user->uid = geteuid ();
    user->gid = getegid ();
    if (!is_root)
        return true;
    const struct passwd *row = getpwnam (name);
    if (!row) {
        snprintf (reason, REASON_BYTES,
                  "there is no account %s; scripts/build installs the packages that bring it",
                  name);
        return false;
    }
    user->uid = row->pw_uid;
    user->gid = row->pw_gid;
    return true;
}

/*  Tried, not computed: access lists and mounts count too. */
static bool
s_can_enter (const os_user_t *user, const char *path)
{
    pid_t pid = fork ();
    if (pid == 0) {
        bool can = setgroups (0, NULL) == 0 && setgid (user->gid) == 0 && setuid (user->uid) == 0 &&
                   chdir (path) == 0;
        _exit (can ? 0 : 1);
    }
    int status;
    return pid > 0 && waitpid (pid, &status, 0) == pid && status == 0;
}

static bool
s_needs_other_home (const instance_t *self, const char **why)
{
    *why = "its name has characters that the services' settings would have to quote";
    if (strspn (self->asked, PLAIN_CHARACTERS) != strlen (self->asked))
        return true;
    *why = "the path of a socket would be too long";
    if (strlen (self->asked) + strlen (LONGEST_SOCKET) > ENDPOINT_BYTES_MAX)
        return true;
    *why = "the accounts redis, postgres and www-data cannot enter it";
    return self->is_root &&
           !(s_can_enter (&self->redis, self->asked) &&
             s_can_enter (&self->postgres, self->asked) && s_can_enter (&self->nginx, self->asked));
}

static bool
s_link (const char *target_folder, const char *name, const char *link_folder, char *reason)
{
    char target[PATH_MAX], path[PATH_MAX];
    struct stat about;
    snprintf (target, sizeof target, "%s/%s", target_folder, name);
    snprintf (path, sizeof path, "%s/%s", link_folder, name);
    if (lstat (path, &about) == 0) {
        if (S_ISLNK (about.st_mode))
            return true;
        snprintf (reason, REASON_BYTES,
                  "%.150s is there and is no link to %.150s: move it away, or let the services "
                  "enter %.100s",
                  path, target, link_folder);
        return false;
    }
    if (symlink (target, path) == 0)
        return true;
    snprintf (reason, REASON_BYTES, "%.300s: %s", path, strerror (errno));
    return false;
}

/*  A home without a link to it belongs to a DIR that was deleted: it is kept aside, for it may be all that is left. */
static bool
s_set_aside (const char *home, char *reason)
{
    char aside[PATH_MAX];
    struct stat about;
    if (lstat (home, &about) != 0)
        return true;
    for (unsigned i = 1; i < 1000; i++) {
        snprintf (aside, sizeof aside, "%s.old-%u", home, i);
        if (lstat (aside, &about) == 0)
            continue;
        if (rename (home, aside) != 0)
            break;
        printf ("data of an earlier instance of this path, whose folder is gone, is now in %s\n",
                aside);
        return true;
    }
    snprintf (reason, REASON_BYTES, "%.300s: %s", home, strerror (errno));
    return false;
}

static bool
s_take_other_home (instance_t *self, const char *why, char *reason)
{
    uint8_t hash[8];
    char hex[sizeof hash * 2 + 1], home[PARAM_TEXT_BYTES_MAX + 1];
    crypto_generichash (hash, sizeof hash, (const uint8_t *)self->asked, strlen (self->asked), NULL,
                        0);
    sodium_bin2hex (hex, sizeof hex, hash, sizeof hash);
    snprintf (home, sizeof home, "%s/%s", HOMES, hex);
    if (!s_set_aside (home, reason) || !folder_make_path (home, reason))
        return false;
    for (size_t i = 0; i < NAME_COUNT; i++)
        if (!s_link (home, s_names[i], self->asked, reason))
            return false;
    if (!s_link (self->asked, "minishop.conf", home, reason))
        return false;
    printf ("data and sockets are in %s, linked from %s: %s\n", home, self->asked, why);
    return params_set (&self->params, "dir", home, reason, REASON_BYTES);
}

static bool
s_choose_home (instance_t *self, char *reason)
{
    char real[PATH_MAX], home[PARAM_TEXT_BYTES_MAX + 1];
    const char *why = "";
    if (!folder_make_path (self->asked, reason))
        return false;
    if (!realpath (self->asked, real) || strlen (real) > PARAM_TEXT_BYTES_MAX) {
        snprintf (reason, REASON_BYTES, "%.300s: %s", self->asked,
                  strerror (errno ? errno : ENAMETOOLONG));
        return false;
    }
    memcpy (self->asked, real, strlen (real) + 1);
    if (!params_set (&self->params, "dir", real, reason, REASON_BYTES))
        return false;
    if (s_linked_home (self->asked, home, sizeof home) && access (home, X_OK) == 0) {
        printf ("data and sockets are in %s, linked from %s\n", home, self->asked);
        return params_set (&self->params, "dir", home, reason, REASON_BYTES);
    }
    return !s_needs_other_home (self, &why) || s_take_other_home (self, why, reason);
}

/* -------------------------------------------------------------------------- folders and secrets */

static bool
s_make_folders (const instance_t *self, char *reason)
{
    const uid_t own_uid = (uid_t)-1;
    const gid_t own_gid = (gid_t)-1;
    return folder_make (instance_file (self, "run"), 0755, own_uid, own_gid, reason) &&
           folder_make (instance_file (self, "run/ipc"), 0700, own_uid, own_gid, reason) &&
           folder_make (instance_file (self, "run/lock"), 0700, own_uid, own_gid, reason) &&
           folder_make (instance_file (self, "secrets"), 0700, own_uid, own_gid, reason) &&
           folder_make (instance_file (self, "log"), 0750, own_uid, own_gid, reason) &&
           folder_make (instance_file (self, "nginx"), 0755, own_uid, own_gid, reason) &&
           folder_make (instance_file (self, "nginx/html"), 0755, own_uid, own_gid, reason) &&
           folder_make (instance_file (self, "redis"), 0700, self->redis.uid, self->redis.gid,
                        reason) &&
           folder_make (instance_file (self, "postgres"), 0700, self->postgres.uid,
                        self->postgres.gid, reason);
}

bool
instance_make_secret (const instance_t *self, const char *name, size_t random_bytes, char *reason)
{
    uint8_t bytes[32];
    char hex[sizeof bytes * 2 + 1], line[sizeof hex + 1];
    const char *path = instance_file (self, "%s", name);
    if (access (path, F_OK) == 0)
        return true;
    randombytes_buf (bytes, sizeof bytes);
    sodium_bin2hex (hex, sizeof hex, bytes, random_bytes);
    snprintf (line, sizeof line, "%s\n", hex);
    bool is_done = file_write (path, 0600, (uid_t)-1, (gid_t)-1, line, reason);
    sodium_memzero (bytes, sizeof bytes);
    sodium_memzero (hex, sizeof hex);
    sodium_memzero (line, sizeof line);
    return is_done;
}

static bool
s_make_secrets (const instance_t *self, char *reason)
{
    static const char *const names[] = { "secrets/token-key",          "secrets/id-key",
                                         "secrets/redis-seckill",      "secrets/redis-inventory",
                                         "secrets/redis-broker",       "secrets/postgres-ordering",
                                         "secrets/postgres-inventory", "secrets/postgres-account",
                                         "secrets/postgres-broker",    "redis-password",
                                         "postgres-password",          "webhook-secret" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!instance_make_secret (self, names[i], 32, reason))
            return false;
    return true;
}

bool
instance_settle (instance_t *self, char *reason)
{
    char pid[32];
    if (!s_find_user (&self->redis, "redis", self->is_root, reason) ||
        !s_find_user (&self->postgres, "postgres", self->is_root, reason) ||
        !s_find_user (&self->nginx, "www-data", self->is_root, reason))
        return false;
    if (!s_choose_home (self, reason) || !s_make_folders (self, reason) ||
        !instance_lock (self, reason))
        return false;
    unlink (instance_file (
        self,
        "run/url")); /* before our pid is told: who sees both knows that it serves (announce.c) */
    snprintf (pid, sizeof pid, "%ld\n", (long)getpid ());
    return s_make_secrets (self, reason) && file_write (instance_file (self, "run/supervisor.pid"),
                                                        0644, (uid_t)-1, (gid_t)-1, pid, reason);
}
