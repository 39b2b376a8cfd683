/*  minishop-hostile: a peer that speaks ZeroMQ and nothing else that is right. It sends garbage frames and msgpack bombs to every
    inbox in a folder; every message of it has to be refused and counted by the process that owns the inbox.

    usage: minishop-hostile FOLDER ROUNDS SEED      (FOLDER is MINISHOP_DIR/run/ipc)

    Prints for every inbox the messages that a process must have refused, and then sends, without counting, what libzmq itself must
    cut off: frames above the limit, and connections that are not ZeroMQ at all. */

#include "codec.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#define FRAME_BYTES_MAX 8192u
#define FRAMES_MAX 64u
#define SEND_DEADLINE_MS 5000
#define LINGER_MS 5000
#define OVERSIZED_BYTES (BODY_BYTES_MAX + 4096u)

typedef struct frame_t {
    size_t count;
    uint8_t bytes[FRAME_BYTES_MAX];
} frame_t;

typedef struct hostile_t {
    uint64_t random;
    size_t frame_count;
    frame_t frames[FRAMES_MAX];
} hostile_t;

/*  Source: Vigna, xorshift64*. */
static uint64_t
s_random (hostile_t *self)
{
    self->random ^= self->random >> 12;
    self->random ^= self->random << 25;
    self->random ^= self->random >> 27;
    return self->random * 0x2545f4914f6cdd1dull;
}

static frame_t *
s_frame (hostile_t *self)
{
    frame_t *frame = &self->frames[self->frame_count++];
    frame->count = 0;
    return frame;
}

static void
s_put (frame_t *frame, const void *bytes, size_t count)
{
    memcpy (frame->bytes + frame->count, bytes, count);
    frame->count += count;
}

static void
s_put_noise (hostile_t *self, frame_t *frame, size_t count)
{
    for (size_t i = 0; i < count; i++)
        frame->bytes[frame->count++] = (uint8_t)(s_random (self) >> 24);
}

/*  A header that is right in itself. */
static header_t
s_header (hostile_t *self, uint64_t type, uint64_t count)
{
    header_t header = { .protocol = PROTOCOL_VERSION,
                        .type = type,
                        .message_id = 1,
                        .from_kind = KIND_EDGE,
                        .from_number = 1,
                        .from_incarnation = (s_random (self) >> 1) | 1,
                        .sent_us = 1,
                        .batch_id = 1,
                        .count = count };
    return header;
}

static void
s_put_header (hostile_t *self, const header_t *header)
{
    frame_t *frame = s_frame (self);
    frame->count = codec_write_header (header, frame->bytes, sizeof frame->bytes);
}

static frame_t *
s_after_header (hostile_t *self, uint64_t type, uint64_t count)
{
    header_t header = s_header (self, type, count);
    s_put_header (self, &header);
    return s_frame (self);
}

static void
s_put_purchase (frame_t *frame)
{
    purchase_t purchase = {
        .qid = 1, .sale_id = 1, .user_id = 1, .quantity = 1, .attempt = 1, .before_us = 1
    };
    memset (purchase.rid, 0x11, sizeof purchase.rid);
    frame->count = codec_write (&record_purchase, &purchase, 1, frame->bytes, sizeof frame->bytes);
}

/* -------------------------------------------------------------------------- wrong envelopes */

static void
s_make_empty (hostile_t *self)
{
    s_frame (self);
}

static void
s_make_no_body (hostile_t *self)
{
    header_t header = s_header (self, MSG_PURCHASE, 1);
    s_put_header (self, &header);
}

static void
s_make_many_frames (hostile_t *self)
{
    s_put_purchase (s_after_header (self, MSG_PURCHASE, 1));
    while (self->frame_count < FRAMES_MAX)
        s_put_noise (self, s_frame (self), 16);
}

static void
s_make_noise (hostile_t *self)
{
    s_put_noise (self, s_frame (self), 1 + s_random (self) % 400);
    s_put_noise (self, s_frame (self), 1 + s_random (self) % 4000);
}

static void
s_make_long_header (hostile_t *self)
{
    s_put_noise (self, s_frame (self), HEADER_BYTES_MAX + 100);
    s_put_purchase (s_frame (self));
}

static void
s_make_other_protocol (hostile_t *self)
{
    header_t header = s_header (self, MSG_PURCHASE, 1);
    header.protocol = PROTOCOL_VERSION + 1;
    s_put_header (self, &header);
    s_put_purchase (s_frame (self));
}

static void
s_make_unknown_type (hostile_t *self)
{
    s_put_purchase (s_after_header (self, MSG_NUMBERS - 1, 1));
}

static void
s_make_huge_type (hostile_t *self)
{
    s_put_purchase (s_after_header (self, UINT64_MAX >> 1, 1));
}

static void
s_make_header_bomb (hostile_t *self)
{
    s_put (s_frame (self), "\xdf\xff\xff\xff\xff", 5); /* a map of 2^32 − 1 members in 5 bytes */
    s_put_purchase (s_frame (self));
}

static void
s_make_cut_header (hostile_t *self)
{
    header_t header = s_header (self, MSG_PURCHASE, 1);
    s_put_header (self, &header);
    self->frames[0].count -= 1 + s_random (self) % (self->frames[0].count - 1);
    s_put_purchase (s_frame (self));
}

/* -------------------------------------------------------------------------- wrong bodies */

static void
s_make_array_bomb (hostile_t *self)
{
    s_put (s_after_header (self, MSG_PURCHASE, 1), "\xdd\xff\xff\xff\xff", 5);
}

static void
s_make_nested_bomb (hostile_t *self)
{
    frame_t *frame = s_after_header (self, MSG_PURCHASE, 1);
    memset (frame->bytes, 0x91, 4000); /* arrays of one in arrays of one */
    frame->count = 4000;
}

static void
s_make_text_bomb (hostile_t *self)
{
    s_put (s_after_header (self, MSG_HEARTBEAT, 1), "\x91\x81\x04\xdb\xff\xff\xff\xff", 8);
}

static void
s_make_bytes_bomb (hostile_t *self)
{
    s_put (s_after_header (self, MSG_PURCHASE, 1), "\x91\x81\x02\xc6\x7f\xff\xff\xff", 8);
}

static void
s_make_trailing (hostile_t *self)
{
    frame_t *frame = s_after_header (self, MSG_PURCHASE, 1);
    s_put_purchase (frame);
    s_put (frame, "\xc0", 1);
}

static void
s_make_cut_body (hostile_t *self)
{
    frame_t *frame = s_after_header (self, MSG_PURCHASE, 1);
    s_put_purchase (frame);
    frame->count -= 1 + s_random (self) % (frame->count - 1);
}

static void
s_make_long_number (hostile_t *self)
{
    s_put (s_after_header (self, MSG_PURCHASE, 1), "\x91\x81\x01\xcd\x00\x01", 6);
}

static void
s_make_falling_tags (hostile_t *self)
{
    s_put (s_after_header (self, MSG_PURCHASE, 1), "\x91\x82\x03\x01\x01\x01", 6);
}

static void
s_make_repeated_tag (hostile_t *self)
{
    s_put (s_after_header (self, MSG_PURCHASE, 1), "\x91\x82\x03\x01\x03\x01", 6);
}

static void
s_make_wrong_type (hostile_t *self)
{
    s_put (s_after_header (self, MSG_PURCHASE, 1), "\x91\x81\x01\xa1x", 5);
}

static void
s_make_negative (hostile_t *self)
{
    s_put (s_after_header (self, MSG_PURCHASE, 1), "\x91\x81\x01\xff", 4);
}

static void
s_make_bad_utf8 (hostile_t *self)
{
    s_put (s_after_header (self, MSG_HEARTBEAT, 1), "\x91\x82\x01\x01\x04\xa2\xc0\xaf", 8);
}

static void
s_make_too_many (hostile_t *self)
{
    frame_t *frame = s_after_header (self, MSG_PURCHASE, CALL_ROWS_MAX + 1);
    s_put (frame, "\xdc\x04\x01", 3);
    memset (frame->bytes + 3, 0x80, CALL_ROWS_MAX + 1);
    frame->count += CALL_ROWS_MAX + 1;
}

static void
s_make_lying_count (hostile_t *self)
{
    s_put_purchase (s_after_header (self, MSG_PURCHASE, 200));
}

static void
s_make_deep_unknown (hostile_t *self)
{
    frame_t *frame = s_after_header (self, MSG_PURCHASE, 1);
    s_put (frame, "\x91\x81\x7f", 3); /* a tag that nobody knows, nested without end */
    memset (frame->bytes + 3, 0x91, 3000);
    frame->count += 3000;
}

typedef void (*make_fn) (hostile_t *self);

static const make_fn s_makes[] = {
    s_make_empty,        s_make_no_body,        s_make_many_frames,  s_make_noise,
    s_make_long_header,  s_make_other_protocol, s_make_unknown_type, s_make_huge_type,
    s_make_header_bomb,  s_make_cut_header,     s_make_array_bomb,   s_make_nested_bomb,
    s_make_text_bomb,    s_make_bytes_bomb,     s_make_trailing,     s_make_cut_body,
    s_make_long_number,  s_make_falling_tags,   s_make_repeated_tag, s_make_wrong_type,
    s_make_negative,     s_make_bad_utf8,       s_make_too_many,     s_make_lying_count,
    s_make_deep_unknown,
};
#define MAKES (sizeof s_makes / sizeof *s_makes)

/* -------------------------------------------------------------------------- sending */

static bool
s_send (void *socket, const hostile_t *self)
{
    for (size_t i = 0; i < self->frame_count; i++) {
        int more = i + 1 < self->frame_count ? ZMQ_SNDMORE : 0;
        if (zmq_send (socket, self->frames[i].bytes, self->frames[i].count, more) < 0)
            return false;
    }
    return true;
}

static void *
s_connect (void *context, const char *endpoint)
{
    const int linger = LINGER_MS, deadline = SEND_DEADLINE_MS;
    void *socket = zmq_socket (context, ZMQ_PUSH);
    zmq_setsockopt (socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt (socket, ZMQ_SNDTIMEO, &deadline, sizeof deadline);
    return zmq_connect (socket, endpoint) == 0 ? socket : (zmq_close (socket), NULL);
}

/*  Every kind of wrong message, `rounds` times. Returns how many were sent. */
static uint64_t
s_send_refused (void *context, hostile_t *self, const char *endpoint, uint64_t rounds)
{
    uint64_t sent = 0;
    void *socket = s_connect (context, endpoint);
    for (uint64_t i = 0; socket && i < rounds * MAKES; i++) {
        self->frame_count = 0;
        s_makes[i % MAKES](self);
        if (!s_send (socket, self))
            break;
        sent++;
    }
    if (socket)
        zmq_close (socket);
    return sent;
}

static void
s_send_oversized (void *context, const char *endpoint)
{
    static uint8_t bytes[OVERSIZED_BYTES];
    void *socket = s_connect (context, endpoint);
    if (!socket)
        return;
    zmq_send (socket, bytes, sizeof bytes, 0);
    zmq_close (socket);
}

/*  Connections that are not ZeroMQ, or stop being it: noise, half a greeting, a frame that announces 2^62 bytes. */
static void
s_send_raw (hostile_t *self, const char *path)
{
    static const char greeting[] = "\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x00NULL";
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    for (unsigned kind = 0; kind < 3; kind++) {
        uint8_t bytes[128] = { 0 };
        int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        snprintf (to.sun_path, sizeof to.sun_path, "%s", path);
        if (fd < 0 || connect (fd, (struct sockaddr *)&to, sizeof to) != 0) {
            close (fd);
            continue;
        }
        for (size_t i = 0; kind == 0 && i < sizeof bytes; i++)
            bytes[i] = (uint8_t)(s_random (self) >> 32);
        if (kind > 0)
            memcpy (bytes, greeting, sizeof greeting - 1);
        if (kind == 2)
            memcpy (bytes + 64, "\x02\x40\x00\x00\x00\x00\x00\x00\x00", 9);
        (void)!send (fd, bytes, kind == 1 ? 30 : sizeof bytes, MSG_NOSIGNAL);
        close (fd);
    }
}

static int
s_attack (const char *folder, uint64_t rounds, uint64_t seed)
{
    static hostile_t hostile;
    void *context = zmq_ctx_new ();
    DIR *directory = opendir (folder);
    if (!directory) {
        fprintf (stderr, "minishop-hostile: cannot open %s\n", folder);
        return 1;
    }
    hostile.random = seed * 2 + 1;
    for (const struct dirent *entry = readdir (directory); entry; entry = readdir (directory)) {
        char path[sizeof ((struct sockaddr_un *)0)->sun_path];
        char endpoint[sizeof path + 8];
        if (entry->d_name[0] == '.')
            continue;
        if ((size_t)snprintf (path, sizeof path, "%s/%s", folder, entry->d_name) >= sizeof path)
            continue;
        snprintf (endpoint, sizeof endpoint, "ipc://%s", path);
        printf ("%s %llu\n", entry->d_name,
                (unsigned long long)s_send_refused (context, &hostile, endpoint, rounds));
        s_send_oversized (context, endpoint);
        s_send_raw (&hostile, path);
    }
    closedir (directory);
    zmq_ctx_term (context);
    return 0;
}

int
main (int argc, char **argv)
{
    if (argc != 4) {
        fprintf (stderr, "usage: minishop-hostile FOLDER ROUNDS SEED\n");
        return 2;
    }
    return s_attack (argv[1], strtoull (argv[2], NULL, 10), strtoull (argv[3], NULL, 10));
}
