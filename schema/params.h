/*  Every tunable of params.def as one struct. Loading it (environment, file) is the shell's work:
    runtime/shell/params_load.h. */

#ifndef MS_PARAMS_H
#define MS_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARAM_TEXT_BYTES_MAX 255u

typedef struct params_t {
#define PARAM_NUMBER(name, default_, min, max, unit, prose) uint64_t name;
#define PARAM_TEXT(name, default_, prose) char name[PARAM_TEXT_BYTES_MAX + 1];
#include "params.def"
#undef PARAM_NUMBER
#undef PARAM_TEXT
} params_t;

typedef struct param_t {
    const char *name;
    bool is_number;
    size_t offset; /* in params_t */
    uint64_t default_number, min, max;
    const char *default_text;
    const char *unit;
    const char *prose;
} param_t;

/*  Row of the table, NULL beyond the last. */
const param_t *param_at (size_t index);

/*  Sets all to their defaults. */
void params_set_defaults (params_t *params);

/*  Sets one from text. Returns false, and a sentence that says why in `reason` (at least 200 bytes), if there
    is no such parameter, it is not a number, or it is out of range; nothing is changed then. */
bool params_set (params_t *params, const char *name, const char *text, char *reason,
                 size_t reason_bytes);

#endif
