/*  Words of the command line as bodies of HTTP calls. Pure: no I/O, so that its tests need no instance. */

#ifndef MS_CONSOLE_ARGS_H
#define MS_CONSOLE_ARGS_H

#include "wire_limits.h"

#include <jansson.h>

#include <stdbool.h>
#include <stdint.h>

typedef struct sale_args_t {
    const char *id;  /* edit, stock; of argv */
    const char *key; /* stock: Idempotency-Key, NULL = none; of argv */
    json_t *body;
    bool is_published; /* create: --publish */
    bool as_json;      /* --json */
} sale_args_t;

/*  argv[0] is the verb. Each returns false on wrong usage: an unknown option, a missing one, a number that is none; what was read is
    released then. Times are counted from `now_ms`.
    create  --title T --price CENTS --stock N [OPTION…] [--publish] [--json]
    edit    ID [OPTION…] [--json], at least one option
    stock   ID --delta N --reason T [--key K] [--json] */
bool sale_args_create (int argc, char **argv, uint64_t now_ms, sale_args_t *self);
bool sale_args_edit (int argc, char **argv, uint64_t now_ms, sale_args_t *self);
bool sale_args_stock (int argc, char **argv, sale_args_t *self);
void sale_args_free (sale_args_t *self);

/*  The number of a sale or a dead letter. */
bool args_is_id (const char *text);
/*  UUID text of an order. */
bool args_is_order_id (const char *text);
/*  A whole decimal number and nothing else. */
bool args_number (const char *text, json_int_t *number);
/*  Takes `--json`, if it is there, out of the words; returns whether it was. */
bool args_take_json (int *argc, char **argv);

#endif
