#include "schema_markdown.h"

int
main (void)
{
    schema_markdown (stdout);
    return ferror (stdout) || fflush (stdout) ? 1 : 0;
}
