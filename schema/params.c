#include "params.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const param_t s_params[] = {
#define PARAM_NUMBER(name, default_, min, max, unit, prose)                                        \
    { #name, true, offsetof (params_t, name), default_, min, max, NULL, unit, prose },
#define PARAM_TEXT(name, default_, prose)                                                          \
    { #name, false, offsetof (params_t, name), 0, 0, 0, default_, NULL, prose },
#include "params.def"
#undef PARAM_NUMBER
#undef PARAM_TEXT
};

#define PARAM_COUNT (sizeof s_params / sizeof s_params[0])

const param_t *
param_at (size_t index)
{
    return index < PARAM_COUNT ? &s_params[index] : NULL;
}

static void
s_set_number (params_t *params, const param_t *param, uint64_t number)
{
    memcpy ((char *)params + param->offset, &number, sizeof number);
}

static void
s_set_text (params_t *params, const param_t *param, const char *text)
{
    snprintf ((char *)params + param->offset, PARAM_TEXT_BYTES_MAX + 1, "%s", text);
}

void
params_set_defaults (params_t *params)
{
    for (size_t i = 0; i < PARAM_COUNT; i++)
        if (s_params[i].is_number)
            s_set_number (params, &s_params[i], s_params[i].default_number);
        else
            s_set_text (params, &s_params[i], s_params[i].default_text);
}

static bool
s_parse_number (const char *text, uint64_t *number)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *number = strtoull (text, &end, 10);
    return errno == 0 && *end == 0;
}

bool
params_set (params_t *params, const char *name, const char *text, char *reason, size_t reason_bytes)
{
    const param_t *param = NULL;
    for (size_t i = 0; i < PARAM_COUNT && !param; i++)
        if (strcmp (s_params[i].name, name) == 0)
            param = &s_params[i];
    if (!param) {
        snprintf (reason, reason_bytes, "there is no parameter %.40s; --help lists them", name);
        return false;
    }
    if (!param->is_number) {
        if (strlen (text) > PARAM_TEXT_BYTES_MAX) {
            snprintf (reason, reason_bytes, "%s is longer than %u bytes", name,
                      PARAM_TEXT_BYTES_MAX);
            return false;
        }
        s_set_text (params, param, text);
        return true;
    }
    uint64_t number;
    if (!s_parse_number (text, &number) || number < param->min || number > param->max) {
        snprintf (reason, reason_bytes,
                  "%s is a number of %s from %" PRIu64 " to %" PRIu64 ", not '%.40s'", name,
                  param->unit, param->min, param->max, text);
        return false;
    }
    s_set_number (params, param, number);
    return true;
}
