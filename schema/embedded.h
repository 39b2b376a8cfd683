/*  The Lua scripts and SQL migrations, compiled in. */

#ifndef MS_EMBEDDED_H
#define MS_EMBEDDED_H

typedef struct embedded_t {
    const char *name; /* file name without its ending; NULL ends the array */
    const char *sha1; /* scripts: in hex, as EVALSHA wants it */
    const char *text;
} embedded_t;

extern const embedded_t embedded_scripts[];
extern const embedded_t embedded_migrations[]; /* in the order in which they are applied */

#endif
