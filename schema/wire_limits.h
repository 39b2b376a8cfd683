/*  Limits of the wire: numbers on which every process must agree. Tunable numbers are in params.def. */

#ifndef MS_WIRE_LIMITS_H
#define MS_WIRE_LIMITS_H

#define PROTOCOL_VERSION 1u

/*  One message carries at most this many entries: Lua's unpack and the fsync of one batch set the size. */
#define BATCH_ENTRIES_MAX 256u
/*  One store call takes or answers at most this many rows: pages of a rebuild are the largest. */
#define CALL_ROWS_MAX 1024u
#define HEADER_BYTES_MAX 512u
/*  Also ZMQ_MAXMSGSIZE: a peer that announces more is cut off before anything is allocated. */
#define BODY_BYTES_MAX (256u * 1024u)
/*  Sales are the largest records (about 3.4 KiB): this many of them always fit in one body. */
#define SALES_PER_MESSAGE_MAX 32u

#define PEERS_MAX 64u                /* live processes of one kind that a process keeps in view */
#define PROCESSES_MAX 256u           /* live processes of one instance */
#define SALES_MAX 1024u              /* sales that are published and not archived */
#define ATTEMPTS_PER_SHOPPER_MAX 10u /* holds of one shopper in one sale, for ever (api.md) */

#define ENDPOINT_BYTES_MAX 107u /* sun_path less its NUL */
#define HTTP_BODY_BYTES_MAX 4096u
#define JSON_DEPTH_MAX 8u
#define RID_BYTES 16u
#define KEY_BYTES_MAX 64u

#endif
