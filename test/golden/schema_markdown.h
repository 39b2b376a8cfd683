/*  The tables of schema/ as one page for people: schema/PROTOCOL.md. */

#ifndef MS_SCHEMA_MARKDOWN_H
#define MS_SCHEMA_MARKDOWN_H

#include <stdio.h>

#define PROTOCOL_PAGE "schema/PROTOCOL.md"

void schema_markdown (FILE *out);

#endif
