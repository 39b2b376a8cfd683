#include "params_load.h"

#include <ctype.h>
#include <czmq.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
s_set_from (params_t *params, const char *name, const char *text, const char *source, char *reason,
            size_t reason_bytes)
{
    char why[200];
    if (params_set (params, name, text, why, sizeof why))
        return true;
    snprintf (reason, reason_bytes, "%s: %s", source, why);
    return false;
}

static bool
s_load_file (params_t *params, char *reason, size_t reason_bytes)
{
    char path[PATH_MAX];
    if (!instance_path (params, path, sizeof path, "minishop.conf") || access (path, F_OK) != 0)
        return true;
    zconfig_t *root = zconfig_load (path);
    if (!root) {
        snprintf (reason, reason_bytes, "%s cannot be read as zconfig: lines are `name = value`",
                  path);
        return false;
    }
    bool is_good = true;
    for (zconfig_t *item = zconfig_child (root); item && is_good; item = zconfig_next (item))
        is_good = s_set_from (params, zconfig_name (item), zconfig_value (item), path, reason,
                              reason_bytes);
    zconfig_destroy (&root);
    return is_good;
}

static const char *
s_environment (const char *name)
{
    char variable[80];
    snprintf (variable, sizeof variable, "MINISHOP_%s", name);
    for (char *c = variable; *c; c++)
        *c = (char)toupper (*c);
    return getenv (variable);
}

/*  An instance is found by its folder wherever a command is called from. */
static bool
s_make_absolute (params_t *params, char *reason, size_t reason_bytes)
{
    char cwd[PATH_MAX], path[2 * PATH_MAX];
    if (params->dir[0] == '/')
        return true;
    const char *relative = strncmp (params->dir, "./", 2) == 0 ? params->dir + 2 : params->dir;
    if (!getcwd (cwd, sizeof cwd) ||
        (size_t)snprintf (path, sizeof path, "%s/%s", cwd, relative) > PARAM_TEXT_BYTES_MAX) {
        snprintf (reason, reason_bytes, "MINISHOP_DIR: the absolute path is longer than %u bytes",
                  PARAM_TEXT_BYTES_MAX);
        return false;
    }
    return params_set (params, "dir", path, reason, reason_bytes);
}

bool
params_load (params_t *params, char *reason, size_t reason_bytes)
{
    params_set_defaults (params);
    const char *dir = s_environment ("dir");
    if (dir && !s_set_from (params, "dir", dir, "environment", reason, reason_bytes))
        return false;
    if (!s_make_absolute (params, reason, reason_bytes) ||
        !s_load_file (params, reason, reason_bytes))
        return false;
    const param_t *param;
    for (size_t i = 0; (param = param_at (i)); i++) {
        const char *text = strcmp (param->name, "dir") ? s_environment (param->name) : NULL;
        /* an empty number means unset; an empty text is a value of its own (unlimited_cidrs) */
        if (text && (*text || !param->is_number) &&
            !s_set_from (params, param->name, text, "environment", reason, reason_bytes))
            return false;
    }
    return true;
}

void
params_print (void)
{
    const param_t *param;
    printf (
        "Parameters: environment MINISHOP_<NAME>, over DIR/minishop.conf, over the default.\n\n");
    for (size_t i = 0; (param = param_at (i)); i++)
        if (param->is_number)
            printf ("  %-22s %" PRIu64 " %s (%" PRIu64 "–%" PRIu64 ")\n      %s\n", param->name,
                    param->default_number, param->unit, param->min, param->max, param->prose);
        else
            printf ("  %-22s \"%s\"\n      %s\n", param->name, param->default_text, param->prose);
}

bool
instance_path (const params_t *params, char *path, size_t path_bytes, const char *format, ...)
{
    int head = snprintf (path, path_bytes, "%s/", params->dir);
    if (head < 0 || (size_t)head >= path_bytes)
        return false;
    va_list arguments;
    va_start (arguments, format);
    int tail = vsnprintf (path + head, path_bytes - (size_t)head, format, arguments);
    va_end (arguments);
    return tail >= 0 && (size_t)head + (size_t)tail < path_bytes;
}

bool
instance_secret (const params_t *params, const char *name, char *text, size_t text_bytes)
{
    char path[PATH_MAX];
    struct stat about;
    if (!instance_path (params, path, sizeof path, "%s", name))
        return false;
    FILE *file = fopen (path, "re");
    if (!file)
        return false;
    size_t count = fread (text, 1, text_bytes, file);
    bool is_private = fstat (fileno (file), &about) == 0 && (about.st_mode & 077) == 0;
    fclose (file);
    if (!is_private || count == text_bytes)
        return false;
    while (count > 0 && (text[count - 1] == '\n' || text[count - 1] == '\r'))
        count--;
    text[count] = 0;
    return count > 0;
}
