#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool
folder_make (const char *path, mode_t mode, uid_t uid, gid_t gid, char *reason)
{
    struct stat about;
    if (mkdir (path, 0700) == 0) {
        if (chown (path, uid, gid) == 0 && chmod (path, mode) == 0)
            return true;
    } else if (errno == EEXIST) {
        if (stat (path, &about) == 0 && S_ISDIR (about.st_mode))
            return true;
        errno = ENOTDIR;
    }
    snprintf (reason, REASON_BYTES, "%.300s: %s", path, strerror (errno));
    return false;
}

bool
folder_make_path (const char *path, char *reason)
{
    char part[PATH_MAX];
    if (snprintf (part, sizeof part, "%s", path) >= (int)sizeof part) {
        snprintf (reason, REASON_BYTES, "the path is too long: %.80s…", path);
        return false;
    }
    for (char *slash = strchr (part + 1, '/'); slash; slash = strchr (slash + 1, '/')) {
        *slash = 0;
        if (!folder_make (part, 0755, (uid_t)-1, (gid_t)-1, reason))
            return false;
        *slash = '/';
    }
    return folder_make (part, 0755, (uid_t)-1, (gid_t)-1, reason);
}

static bool
s_write_all (int fd, const char *text)
{
    size_t count = strlen (text);
    while (count > 0) {
        ssize_t n = write (fd, text, count);
        if (n < 0)
            return false;
        text += n;
        count -= (size_t)n;
    }
    return fsync (fd) == 0;
}

bool
file_write (const char *path, mode_t mode, uid_t uid, gid_t gid, const char *text, char *reason)
{
    char fresh[PATH_MAX];
    bool is_done = false;
    if (snprintf (fresh, sizeof fresh, "%s.new", path) < (int)sizeof fresh) {
        unlink (fresh);
        int fd = open (fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd >= 0) {
            is_done =
                s_write_all (fd, text) && fchown (fd, uid, gid) == 0 && fchmod (fd, mode) == 0;
            close (fd);
            is_done = is_done && rename (fresh, path) == 0;
        }
    }
    if (!is_done)
        snprintf (reason, REASON_BYTES, "%.300s: %s", path, strerror (errno));
    return is_done;
}

bool
file_read (const char *path, char *text, size_t text_bytes)
{
    FILE *file = fopen (path, "re");
    if (!file)
        return false;
    size_t count = fread (text, 1, text_bytes, file);
    fclose (file);
    if (count == text_bytes)
        return false;
    while (count > 0 && (text[count - 1] == '\n' || text[count - 1] == '\r'))
        count--;
    text[count] = 0;
    return true;
}

long
file_read_number (const char *path)
{
    char text[32];
    long number = file_read (path, text, sizeof text) ? strtol (text, NULL, 10) : 0;
    return number > 0 ? number : 0;
}

static const char *
s_value (const char *const pairs[][2], const char *name, size_t name_bytes)
{
    for (size_t i = 0; pairs[i][0]; i++)
        if (strlen (pairs[i][0]) == name_bytes && memcmp (pairs[i][0], name, name_bytes) == 0)
            return pairs[i][1];
    return NULL;
}

char *
text_fill (const char *template_, const char *const pairs[][2])
{
    char *text = NULL;
    size_t text_bytes = 0;
    FILE *out = open_memstream (&text, &text_bytes);
    const char *rest = template_, *at;
    while (out && (at = strchr (rest, '@'))) {
        size_t name_bytes = strspn (at + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
        const char *value =
            at[1 + name_bytes] == '@' && name_bytes > 0 ? s_value (pairs, at + 1, name_bytes) : "@";
        if (!value) {
            fclose (out);
            free (text);
            return NULL;
        }
        bool is_name = at[1 + name_bytes] == '@' && name_bytes > 0;
        fwrite (rest, 1, (size_t)(at - rest), out);
        fputs (value, out);
        rest = is_name ? at + name_bytes + 2 : at + 1;
    }
    if (!out)
        return NULL;
    fputs (rest, out);
    fclose (out);
    return text;
}
