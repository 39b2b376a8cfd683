#include "schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/*  All that pure parts may take from outside: memory, text, and the end of a broken process. No clock, socket, file, random number,
    thread or environment. calloc, malloc and free are here for new and destroy; that no step allocates is shown by
    allocation_trap.h. */
static const char *const s_allowed[] = {
    "malloc",
    "calloc",
    "free",
    "memcpy",
    "memmove",
    "memset",
    "memcmp",
    "memchr",
    "strlen",
    "strnlen",
    "strcmp",
    "strncmp",
    "strchr",
    "strrchr",
    "strstr",
    "strspn",
    "strcspn",
    "strtoull",
    "strtoul",
    "snprintf",
    "vsnprintf",
    "qsort",
    "bsearch",
    "abort",
    "stderr",
    "fprintf",
    "fwrite",
    "fputc",
    "fputs",
    "bcmp",
    "strncpy",
    "strcpy",
    "__errno_location",
    "__ctype_b_loc",
    "_GLOBAL_OFFSET_TABLE_",
    "__stack_chk_fail",
    "__memcpy_chk",
    "__memmove_chk",
    "__memset_chk",
    "__snprintf_chk",
    "__vsnprintf_chk",
    "__fprintf_chk",
    "__strcpy_chk",
    "__strncpy_chk",
    "explicit_bzero",
    "ntohs",
    "ntohl", /* byte order, of msgpack's headers */
    "__isoc23_strtoull",
    "__isoc23_strtoul",
};

#define PARTS_MAX 16
#define SYMBOLS_MAX 8000
#define SYMBOL_BYTES 96

typedef struct part_t {
    char name[32];
    char archive[512];
} part_t;

static part_t s_parts[PARTS_MAX];
static size_t s_part_count;
static char s_defined[SYMBOLS_MAX][SYMBOL_BYTES];
static size_t s_defined_count;

static int
s_setup (void **state)
{
    (void)state;
    static char list[] = PURE_PARTS;
    for (char *item = strtok (list, ","); item; item = strtok (NULL, ",")) {
        part_t *part = &s_parts[s_part_count++];
        char *archive = strchr (item, '=');
        assert_non_null (archive);
        assert_true (s_part_count <= PARTS_MAX);
        snprintf (part->name, sizeof part->name, "%.*s", (int)(archive - item), item);
        snprintf (part->archive, sizeof part->archive, "%s", archive + 1);
    }
    return 0;
}

/*  Calls `see` with name, type letter and section of every symbol of an archive. Returns how many there were. */
static size_t
s_walk (const part_t *part, void (*see) (const part_t *, const char *, char, const char *))
{
    char command[600], line[1024], name[512], type, kind[64], section[128];
    size_t count = 0;
    snprintf (command, sizeof command, "nm -f sysv '%s' 2>&1", part->archive);
    FILE *pipe = popen (command, "r"); /* NOLINT(cert-env33-c): the path is the build's */
    assert_non_null (pipe);
    while (fgets (line, sizeof line, pipe)) {
        /* name |value |class |type |size |line |section */
        section[0] = kind[0] = 0;
        if (sscanf (line, "%511[^| ] |%*[^|]| %c |%63[^|]|%*[^|]|%*[^|]|%127[^ \n]", name, &type,
                    kind, section) < 3)
            continue;
        if (strcmp (name, "Name") == 0)
            continue;
        see (part, name, type, section);
        count++;
    }
    assert_int_equal (pclose (pipe), 0);
    return count;
}

static void
s_note_defined (const part_t *part, const char *name, char type, const char *section)
{
    (void)part;
    (void)section;
    if (type == 'U' || type == 'w')
        return;
    assert_true (s_defined_count < SYMBOLS_MAX && strlen (name) < SYMBOL_BYTES);
    snprintf (s_defined[s_defined_count++], SYMBOL_BYTES, "%s", name);
}

static bool
s_is_allowed (const char *name)
{
#ifdef IS_SANITIZED
    if (strncmp (name, "__asan", 6) == 0 || strncmp (name, "__ubsan", 7) == 0 ||
        strncmp (name, "__tsan", 6) == 0)
        return true;
#endif
    for (size_t i = 0; i < sizeof s_allowed / sizeof s_allowed[0]; i++)
        if (strcmp (name, s_allowed[i]) == 0)
            return true;
    for (size_t i = 0; i < s_defined_count; i++)
        if (strcmp (name, s_defined[i]) == 0)
            return true;
    return false;
}

static size_t s_violations;

static void
s_judge_undefined (const part_t *part, const char *name, char type, const char *section)
{
    (void)section;
    if (type != 'U' || s_is_allowed (name))
        return;
    printf ("# %s takes %s from outside\n", part->name, name);
    s_violations++;
}

/*  Property: no pure part reaches a clock, a socket, a file or randomness: its undefined symbols are those of the layers below it
    and of the list above. */
static void
test_symbols (void **state)
{
    (void)state;
    for (size_t i = 0; i < s_part_count; i++) {
        s_defined_count = 0;
        /* schema and core are the first two of the list; others may not use each other */
        for (size_t k = 0; k < s_part_count; k++)
            if (k == i || (k < 2 && k < i))
                s_walk (&s_parts[k], s_note_defined);
        size_t symbols = s_walk (&s_parts[i], s_judge_undefined);
        printf ("# %s: %zu symbols\n", s_parts[i].name, symbols);
        assert_true (symbols > 5);
    }
    assert_true (s_part_count >= 4);
    assert_int_equal (s_violations, 0);
}

#ifndef IS_SANITIZED
static void
s_judge_writable (const part_t *part, const char *name, char type, const char *section)
{
    bool is_writable =
        strncmp (section, ".bss", 4) == 0 || strncmp (section, ".tbss", 5) == 0 ||
        strncmp (section, "*COM*", 5) == 0 ||
        (strncmp (section, ".data", 5) == 0 && strncmp (section, ".data.rel.ro", 12) != 0);
    if (type == 'U' || !is_writable)
        return;
    printf ("# %s keeps %s in %s\n", part->name, name, section);
    s_violations++;
}

/*  Property: a core keeps nothing outside of what its new returned: two cores in one process, or a replay, cannot touch each other.
    (Sanitizers put variables of their own there.) */
static void
test_no_writable_statics (void **state)
{
    (void)state;
    s_violations = 0;
    for (size_t i = 0; i < s_part_count; i++)
        s_walk (&s_parts[i], s_judge_writable);
    assert_int_equal (s_violations, 0);
}
#endif

/*  Property: the test can fail: impure_canary.c reads the clock and keeps a count, and both are found. */
static void
test_canary (void **state)
{
    (void)state;
    static const part_t canary = { "canary", CANARY_ARCHIVE };
    s_violations = s_defined_count = 0;
    s_walk (&canary, s_judge_undefined);
    assert_int_equal (s_violations, 1);
#ifndef IS_SANITIZED
    s_violations = 0;
    s_walk (&canary, s_judge_writable);
    assert_int_equal (s_violations, 1);
#endif
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_symbols),
#ifndef IS_SANITIZED
        cmocka_unit_test (test_no_writable_statics),
#endif
        cmocka_unit_test (test_canary),
    };
    return cmocka_run_group_tests (tests, s_setup, NULL);
}
