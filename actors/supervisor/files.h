/*  Small files and folders of an instance, made so that a crash leaves the old one or the new one, and nobody else can read a
    secret for a moment. */

#ifndef MS_FILES_H
#define MS_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*  Room for a sentence that says why something could not be done. */
#define REASON_BYTES 512u

/*  Makes the folder if it is missing, with exactly this mode and owner ((uid_t) -1: the caller's). Of one that is there nothing is
    changed. */
bool folder_make (const char *path, mode_t mode, uid_t uid, gid_t gid, char *reason);
/*  And all that lead to it, 0755. */
bool folder_make_path (const char *path, char *reason);
/*  Replaces the file by one with this mode and owner, through a new file and a rename. */
bool file_write (const char *path, mode_t mode, uid_t uid, gid_t gid, const char *text,
                 char *reason);
/*  Reads a whole text file of at most text_bytes − 1 bytes, without the line end. False if it is missing or longer. */
bool file_read (const char *path, char *text, size_t text_bytes);
/*  A positive number in a file, 0 if there is none. */
long file_read_number (const char *path);
/*  Replaces each @NAME@ of the template by the value of the pair with that name; NULL ends the pairs. The caller frees the text;
    NULL if a name is not among them. */
char *text_fill (const char *template_, const char *const pairs[][2]);

#endif
