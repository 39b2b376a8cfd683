#include "failpoint.h"

#include "check.h"

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NUMBERS_MAX 256u
#define POINT_BYTES_MAX 96
#define LINE_BYTES_MAX 128

static const char *const s_moments[FAILPOINT_MOMENTS] = { "call",    "sent", "result",
                                                          "receive", "step", "send" };

/*  What DIR/run/failpoint says, as far as it is ours. */
typedef struct armed_t {
    struct timespec written; /* with inode: which file this was read from */
    ino_t inode;
    bool is_ours, is_stop;
    failpoint_moment_t moment;
    uint64_t number, passes_left;
    char point[POINT_BYTES_MAX];
} armed_t;

static struct {
    kind_t kind; /* KIND_NONE: no points */
    uint64_t number;
    char path[PATH_MAX], taken[PATH_MAX], log[PATH_MAX], seen[PATH_MAX];
    bool is_seen[FAILPOINT_MOMENTS][NUMBERS_MAX];
    armed_t armed;
} s_points;

void
failpoint_open (const params_t *params, kind_t kind, uint64_t number)
{
    CHECK (instance_path (params, s_points.path, PATH_MAX, "run/failpoint") &&
           instance_path (params, s_points.taken, PATH_MAX, "run/failpoint.%ld", (long)getpid ()) &&
           instance_path (params, s_points.log, PATH_MAX, "run/failpoint.log") &&
           instance_path (params, s_points.seen, PATH_MAX, "run/failpoint.seen"));
    s_points.kind = kind;
    s_points.number = number;
}

/* -------------------------------------------------------------------------- names */

static bool
s_is_of_call (failpoint_moment_t moment)
{
    return moment <= FAILPOINT_RESULT;
}

/*  Calls have their names in small letters, messages in capital ones. */
static const char *
s_name (failpoint_moment_t moment, uint64_t number)
{
    if (s_is_of_call (moment))
        return number < CALL_COUNT ? schema_call (number)->name : NULL;
    const message_t *message = schema_message (number);
    return number == FAILPOINT_TIMER ? "timer" : message ? message->name : NULL;
}

static void
s_print_point (failpoint_moment_t moment, uint64_t number, char *point)
{
    snprintf (point, POINT_BYTES_MAX, "%s.%s.%s", kind_name (s_points.kind), s_moments[moment],
              s_name (moment, number));
    for (char *at = point; *at; at++)
        *at = (char)tolower ((unsigned char)*at);
}

static bool
s_find_point (const char *point, failpoint_moment_t *moment, uint64_t *number)
{
    char own[POINT_BYTES_MAX];
    for (*moment = FAILPOINT_CALL; *moment < FAILPOINT_MOMENTS; ++*moment)
        for (*number = 0; *number < NUMBERS_MAX; ++*number) {
            if (!s_name (*moment, *number))
                continue;
            s_print_point (*moment, *number, own);
            if (strcmp (own, point) == 0)
                return true;
        }
    return false;
}

/* -------------------------------------------------------------------------- files */

static void
s_append (const char *path, const char *line)
{
    int fd = open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd >= 0) {
        /* one write: lines of several processes do not mix */
        CHECK (write (fd, line, strlen (line)) == (ssize_t)strlen (line));
        close (fd);
    }
}

static void
s_note_seen (failpoint_moment_t moment, uint64_t number)
{
    char point[POINT_BYTES_MAX], line[LINE_BYTES_MAX];
    if (s_points.is_seen[moment][number])
        return;
    s_points.is_seen[moment][number] = true;
    s_print_point (moment, number, point);
    snprintf (line, sizeof line, "%s\n", point);
    s_append (s_points.seen, line);
}

static bool
s_read_line (const char *path, char *line)
{
    int fd = open (path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t count = read (fd, line, LINE_BYTES_MAX - 1);
    close (fd);
    line[count > 0 ? count : 0] = 0;
    return count > 0;
}

/*  Reads the file once, however often it is looked at. False if nothing is armed here. */
static bool
s_refresh_armed (void)
{
    armed_t *armed = &s_points.armed;
    struct stat about;
    char line[LINE_BYTES_MAX], action[8] = "kill";
    if (stat (s_points.path, &about) != 0)
        return false;
    if (about.st_ino == armed->inode && about.st_mtim.tv_sec == armed->written.tv_sec &&
        about.st_mtim.tv_nsec == armed->written.tv_nsec)
        return armed->is_ours;
    memset (armed, 0, sizeof *armed);
    if (!s_read_line (s_points.path, line))
        return false;
    armed->inode = about.st_ino;
    armed->written = about.st_mtim;
    armed->is_ours =
        sscanf (line, "%95s %" SCNu64 " %7s", armed->point, &armed->passes_left, action) >= 2 &&
        s_find_point (armed->point, &armed->moment, &armed->number);
    armed->is_stop = strcmp (action, "stop") == 0;
    return armed->is_ours;
}

/*  Of several processes at the point one gets the file. What it got may have been armed a moment ago for another point: then
    it is put back. */
static bool
s_take_armed (void)
{
    char line[LINE_BYTES_MAX], point[POINT_BYTES_MAX] = "";
    if (rename (s_points.path, s_points.taken) != 0)
        return false;
    bool is_mine = s_read_line (s_points.taken, line) && sscanf (line, "%95s", point) == 1 &&
                   strcmp (point, s_points.armed.point) == 0;
    if (!is_mine)
        rename (s_points.taken, s_points.path);
    else
        unlink (s_points.taken);
    return is_mine;
}

static void
s_obey (const armed_t *armed)
{
    char line[LINE_BYTES_MAX + POINT_BYTES_MAX];
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    snprintf (line, sizeof line, "%s %s/%" PRIu64 " %ld %" PRIu64 " %s\n", armed->point,
              kind_name (s_points.kind), s_points.number, (long)getpid (),
              (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u,
              armed->is_stop ? "stop" : "kill");
    s_append (s_points.log, line);
    kill (getpid (), armed->is_stop ? SIGSTOP : SIGKILL);
}

void
failpoint_reach (failpoint_moment_t moment, uint64_t number)
{
    if (s_points.kind == KIND_NONE || number >= NUMBERS_MAX)
        return;
    s_note_seen (moment, number);
    armed_t *armed = &s_points.armed;
    if (!s_refresh_armed () || armed->moment != moment || armed->number != number)
        return;
    if (armed->passes_left)
        armed->passes_left--;
    else if (s_take_armed ()) {
        armed->is_ours = false;
        s_obey (armed);
    }
}
