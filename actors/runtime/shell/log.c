#include "log.h"

#include "clock.h"
#include "json_dump.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES_MAX 4096

static char s_process[64] = "minishop";
static log_level_t s_least = LOG_LEVEL_INFO;

static const char *const s_levels[] = { "error", "warning", "info", "debug" };

void
log_open (const char *process, const char *level)
{
    snprintf (s_process, sizeof s_process, "%s", process);
    for (log_level_t i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++)
        if (strcmp (s_levels[i], level) == 0)
            s_least = i;
}

void
log_write (log_level_t level, const char *event, const char *format, ...)
{
    if (level > s_least)
        return;
    char detail[1024], line[LINE_BYTES_MAX];
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (detail, sizeof detail, format, arguments);
    va_end (arguments);
    int head = snprintf (line, sizeof line,
                         "{\"at_ms\":%" PRIu64
                         ",\"level\":\"%s\",\"process\":\"%s\",\"event\":\"%s\",\"detail\":",
                         clock_wall_ms (), s_levels[level], s_process, event);
    size_t used = (size_t)head;
    size_t room = sizeof line - used - 3;
    size_t wanted = json_dump_text (detail, line + used, room);
    used += wanted < room ? wanted : room - 1;
    line[used++] = '}';
    line[used++] = '\n';
    /* one write per line: lines of threads and processes that share the file do not mix */
    if (write (STDERR_FILENO, line, used) < 0)
        return;
}
