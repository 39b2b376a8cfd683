/*  What Redis answers, as rows of a record. */

#ifndef MS_REDIS_ROWS_H
#define MS_REDIS_ROWS_H

#include "schema.h"

#include <hiredis/hiredis.h>

/*  Of the largest record that a script answers. */
#define REDIS_ROW_BYTES_MAX 512u

/*  A flat array of fields: a script's answer. `rows` has room for CALL_ROWS_MAX. Returns how many there are, -1 if it has another shape. */
int64_t redis_rows_of_script (const redisReply *reply, const record_t *record, uint8_t *rows);
/*  [[key, [entry, …]], …], or nil when nothing came in time: an XREAD's answer. Redis counts entries per stream: what is beyond CALL_ROWS_MAX
    is cut off, and read again from the reader's positions. Returns how many there are, -1 if it has another shape. */
int64_t redis_rows_of_journals (const redisReply *reply, order_event_t *rows);

#endif
