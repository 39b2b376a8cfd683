#include "schema_markdown.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/*  Property: schema/PROTOCOL.md is what the tables say now. */
static void
test_page_is_fresh (void **state)
{
    (void)state;
    char *wanted = NULL;
    size_t wanted_bytes = 0;
    FILE *memory = open_memstream (&wanted, &wanted_bytes);
    assert_non_null (memory);
    schema_markdown (memory);
    fclose (memory);
    FILE *page = fopen (PROTOCOL_PAGE, "r");
    if (!page)
        fail_msg ("%s is missing: ninja protocol writes it", PROTOCOL_PAGE);
    char *found = calloc (1, wanted_bytes + 2);
    size_t found_bytes = fread (found, 1, wanted_bytes + 1, page);
    fclose (page);
    if (found_bytes != wanted_bytes || memcmp (found, wanted, wanted_bytes) != 0)
        fail_msg ("%s is not what the tables say: ninja protocol writes it", PROTOCOL_PAGE);
    free (found);
    free (wanted);
}

int
main (void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test (test_page_is_fresh) };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
