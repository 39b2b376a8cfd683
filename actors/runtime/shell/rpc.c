#include "rpc.h"

#include "check.h"
#include "clock.h"
#include "codec.h"
#include "foreign.h"
#include "params_load.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

bool
rpc_endpoint (const params_t *params, kind_t kind, uint64_t number, char *endpoint,
              size_t endpoint_bytes)
{
    int length = snprintf (endpoint, endpoint_bytes, "ipc://%s/run/ipc/%s-%" PRIu64, params->dir,
                           kind_name (kind), number);
    return length > 0 && (size_t)length < endpoint_bytes &&
           (size_t)length <= ENDPOINT_BYTES_MAX + strlen ("ipc://");
}

static bool
s_send (void *push, const header_t *header, const message_t *message, const void *entry)
{
    uint8_t head[HEADER_BYTES_MAX], body[8192];
    size_t head_bytes = codec_write_header (header, head, sizeof head);
    size_t body_bytes = codec_write (message->record, entry, entry ? 1 : 0, body, sizeof body);
    FOREIGN_BEGIN ();
    bool is_sent = head_bytes && body_bytes &&
                   zmq_send (push, head, head_bytes, ZMQ_SNDMORE) >= 0 &&
                   zmq_send (push, body, body_bytes, 0) >= 0;
    FOREIGN_END ();
    return is_sent;
}

/*  The answer to our batch_id; anything else is passed over. */
static uint64_t
s_receive (void *pull, const header_t *question, void *entries, size_t entries_bytes, size_t *count)
{
    uint8_t head[HEADER_BYTES_MAX];
    static uint8_t body[BODY_BYTES_MAX];
    header_t header;
    FOREIGN_BEGIN ();
    int head_bytes = zmq_recv (pull, head, sizeof head, 0);
    int body_bytes = head_bytes < 0 ? -1 : zmq_recv (pull, body, sizeof body, 0);
    FOREIGN_END ();
    if (body_bytes < 0 || (size_t)head_bytes > sizeof head || (size_t)body_bytes > sizeof body)
        return 0;
    if (codec_read_header (head, (size_t)head_bytes, &header) ||
        header.batch_id != question->batch_id)
        return 0;
    const message_t *message = schema_message (header.type);
    if (!message || codec_read (message->record, body, (size_t)body_bytes, entries,
                                entries_bytes / message->record->size_bytes, count))
        return 0;
    return header.type;
}

static uint64_t
s_ask (void *push, void *pull, const header_t *question, const message_t *message,
       const void *entry, void *entries, size_t entries_bytes, size_t *count, uint64_t deadline_us)
{
    if (!s_send (push, question, message, entry))
        return 0;
    for (uint64_t now_us = clock_now_us (); now_us < deadline_us; now_us = clock_now_us ()) {
        zmq_pollitem_t item = { .socket = pull, .events = ZMQ_POLLIN };
        if (zmq_poll (&item, 1, (long)((deadline_us - now_us) / 1000 + 1)) <= 0)
            continue;
        uint64_t type = s_receive (pull, question, entries, entries_bytes, count);
        if (type)
            return type;
    }
    return 0;
}

uint64_t
rpc_call (const params_t *params, const char *endpoint, message_type_t type, const void *entry,
          void *entries, size_t entries_bytes, size_t *count, uint64_t deadline_ms)
{
    char own[ENDPOINT_BYTES_MAX + 16], path[ENDPOINT_BYTES_MAX + 1];
    uint64_t answer = 0, incarnation;
    int64_t size_max = BODY_BYTES_MAX;
    int patience = (int)deadline_ms, linger = 0;
    const message_t *message = schema_message (type);
    CHECK (message);
    *count = 0;
    randombytes_buf (&incarnation, sizeof incarnation);
    incarnation >>= 1;
    uint64_t number = (uint64_t)getpid ();
    if (!instance_path (params, path, sizeof path, "run/ipc/console-%" PRIu64 "-%016" PRIx64,
                        number, incarnation))
        return 0;
    snprintf (own, sizeof own, "ipc://%s", path);
    header_t question = { .protocol = PROTOCOL_VERSION,
                          .type = type,
                          .message_id = 1,
                          .from_kind = KIND_CONSOLE,
                          .from_number = number,
                          .from_incarnation = incarnation,
                          .batch_id = incarnation >> 16,
                          .count = entry ? 1 : 0,
                          .sent_us = clock_now_us () };
    void *context = zmq_ctx_new ();
    void *push = zmq_socket (context, ZMQ_PUSH), *pull = zmq_socket (context, ZMQ_PULL);
    CHECK (push && pull);
    zmq_setsockopt (push, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt (push, ZMQ_SNDTIMEO, &patience, sizeof patience);
    zmq_setsockopt (pull, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt (pull, ZMQ_MAXMSGSIZE, &size_max, sizeof size_max);
    zmq_setsockopt (pull, ZMQ_RCVTIMEO, &patience, sizeof patience);
    if (zmq_bind (pull, own) == 0 && zmq_connect (push, endpoint) == 0)
        answer = s_ask (push, pull, &question, message, entry, entries, entries_bytes, count,
                        clock_now_us () + deadline_ms * 1000);
    zmq_close (push);
    zmq_close (pull);
    zmq_ctx_term (context);
    unlink (path);
    return answer;
}
