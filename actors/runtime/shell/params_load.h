/*  Parameters from the environment (MINISHOP_<NAME>), over DIR/minishop.conf (zconfig: `name =
   value` lines), over the defaults; and the files of an instance. */

#ifndef MS_PARAMS_LOAD_H
#define MS_PARAMS_LOAD_H

#include "params.h"

/*  Returns false with a sentence in `reason` that names the parameter, its source and what it may
 * be. `params->dir` becomes absolute. */
bool params_load (params_t *params, char *reason, size_t reason_bytes);
/*  The table for --help on stdout: name, default, range, unit, prose. */
void params_print (void);

/*  Path below DIR. Returns false if it does not fit. */
bool instance_path (const params_t *params, char *path, size_t path_bytes, const char *format, ...)
    __attribute__ ((format (printf, 4, 5)));
/*  Reads DIR/<name> without its line end into `text`. False if it is missing, longer, or readable
 * by others than the owner. */
bool instance_secret (const params_t *params, const char *name, char *text, size_t text_bytes);

#endif
