/*  Records as JSON for people: logs, traces, dead letters, the texts of unit tests. Not the HTTP API's JSON. */

#ifndef MS_JSON_DUMP_H
#define MS_JSON_DUMP_H

#include "schema.h"

/*  Writes one entry as {"field":value,…}: absent fields left out, bytes in hex, texts escaped, secrets as
    "***". Returns the length; a text that does not fit is cut, and the return is what it would have been (as
    snprintf). */
size_t json_dump (const record_t *record, const void *entry, char *text, size_t text_bytes);

/*  Writes the text as a JSON string with its quotes; other bytes than printable ASCII as \u00XX, UTF-8 kept.
    Same return. */
size_t json_dump_text (const char *value, char *text, size_t text_bytes);

#endif
