/*  One JSON object per line on stderr:
   {"at_ms":…,"level":"info","process":"edge/1","event":"…","detail":"…"}. Texts are escaped, so a
    client cannot forge a line. Thread-safe. */

#ifndef MS_LOG_H
#define MS_LOG_H

#include "effects.h"

/*  Once, before any thread: process name for every line, and the least important level that is
 * written ("info"). */
void log_open (const char *process, const char *level);
void log_write (log_level_t level, const char *event, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

#endif
