/*  Runs a fuzz target over files and the files of folders, without libFuzzer: the corpus as an ordinary test. */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput (const uint8_t *input, size_t input_bytes);

static int
s_run_file (const char *path)
{
    FILE *file = fopen (path, "rb");
    if (!file) {
        perror (path);
        return -1;
    }
    /* an allocation of just the file's size, so that a sanitizer sees a read beyond it */
    static uint8_t room[1u << 20];
    size_t size = fread (room, 1, sizeof room, file);
    fclose (file);
    uint8_t *input = malloc (size ? size : 1);
    for (size_t i = 0; i < size; i++)
        input[i] = room[i];
    LLVMFuzzerTestOneInput (input, size);
    free (input);
    return 1;
}

/*  Returns the number of inputs, -1 if one could not be read. */
static int
s_run (const char *path)
{
    char inner[4096];
    int total = 0;
    struct dirent *entry;
    DIR *folder = opendir (path);
    if (!folder)
        return s_run_file (path);
    while ((entry = readdir (folder))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf (inner, sizeof inner, "%s/%s", path, entry->d_name);
        int count = s_run (inner);
        total = count < 0 || total < 0 ? -1 : total + count;
    }
    closedir (folder);
    return total;
}

int
main (int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        int count = s_run (argv[i]);
        if (count < 0)
            return 1;
        total += count;
    }
    printf ("%d inputs\n", total);
    return total > 0 ? 0 : 1;
}
