/*  Where an instance lives, which accounts its services run under, and its secrets.

    DIR is what MINISHOP_DIR names. The home is where the data and the sockets are: DIR itself, or /var/lib/minishop/<hash of DIR> when
    the services' accounts cannot enter DIR or a socket's path would be too long; DIR then holds a link to everything in it. The
    parameters that the processes get name the home.                                                                               */

#ifndef MS_INSTANCE_H
#define MS_INSTANCE_H

#include "files.h"
#include "params.h"

#include <limits.h>

/*  An account of the operating system. */
typedef struct os_user_t {
    char name[32];
    uid_t uid;
    gid_t gid;
} os_user_t;

typedef struct instance_t {
    params_t params;                      /* params.dir is the home */
    char asked[PARAM_TEXT_BYTES_MAX + 1]; /* DIR */
    char programs[PATH_MAX];              /* folder of this program and of the actors' */
    bool is_root;                         /* services run under accounts of their own */
    os_user_t redis, postgres, nginx;
    int lock_fd; /* -1 = not locked */
} instance_t;

/*  Loads the parameters and finds the home; makes nothing. */
bool instance_find (instance_t *self, char *reason);
/*  For `up`: makes DIR, chooses the home, says so on stdout if it is elsewhere, takes the instance's lock, makes all folders and the
    secrets that are missing. */
bool instance_settle (instance_t *self, char *reason);
/*  Takes the lock that a running supervisor holds. False if it is held (reason) or there is no instance. */
bool instance_lock (instance_t *self, char *reason);
bool instance_is_running (const instance_t *self);
/*  Makes DIR/<name> with that many random bytes in hex, if it is missing. */
bool instance_make_secret (const instance_t *self, const char *name, size_t random_bytes,
                           char *reason);
/*  Path below the home; the text lives until the fourth call from now. */
const char *instance_file (const instance_t *self, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));
/*  "http://127.0.0.1:8080" of the running instance, or of the parameters if it does not run. */
void instance_url (const instance_t *self, char *url, size_t url_bytes);

#endif
