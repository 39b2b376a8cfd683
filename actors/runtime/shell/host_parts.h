/*  What the parts of the host share. host.c makes it and runs it, host_receive.c takes messages in, host_send.c steps the core and carries
    out its effects, host_directory.c keeps what the process knows of others and says of itself. For these four files only. */

#ifndef MS_HOST_PARTS_H
#define MS_HOST_PARTS_H

#include "host.h"
#include "link.h"
#include "port.h"
#include "redis_port.h"
#include "sql_port.h"
#include "work_port.h"

/*  Own messages to oneself wait here; only a broker has any, and few. */
#define LOOPBACK_MAX 64
#define BROKERS_MAX 8
#define DEPARTED_MAX 128

typedef struct loopback_t {
    header_t header;
    const record_t *record;
    void *entries;
    size_t count;
} loopback_t;

struct host_t {
    const actor_class_t *class_;
    const host_options_t *options;
    params_t params;
    process_t self; /* as it stands in heartbeats */
    void *core;
    effects_t *effects;
    bool is_stepping;

    void *zmq_context;
    void *inbox;
    char inbox_path[ENDPOINT_BYTES_MAX + 1];
    int lock_fd, epoll_fd, signal_fd, local_fd;
    bool inbox_has_more;
    bool is_doubting; /* some peer is to answer a PING */
    links_t *links;
    uint64_t message_id;
    uint64_t topology_versions[BROKERS_MAX +
                               1]; /* by broker: what this process has, told in heartbeats */

    host_drain_fn drain;
    host_deliver_fn deliver;
    void *local_context;

    redis_port_t *gate, *journal;
    sql_port_t *sql;
    work_port_t *work;

    uint64_t departed[DEPARTED_MAX]; /* incarnations whose pipes broke: a ring */
    size_t departed_count;
    loopback_t loopback[LOOPBACK_MAX];
    size_t loopback_count;

    uint64_t next_heartbeat_us, next_samples_us, handled_before, handled_since_us;
    uint64_t stop_us, last_busy_us, handled; /* busy: something was in flight or was handled */
    uint8_t header_bytes[HEADER_BYTES_MAX];
    uint8_t *
        body_bytes; /* BODY_BYTES_MAX; a received message is decoded before the next is written here */
    void *entries; /* of the message being received: ENTRIES_BYTES */
};

/*  Room for the entries of one received message, of whatever record. */
#define ENTRIES_BYTES (BATCH_ENTRIES_MAX * sizeof (sale_t))

/* -------------------------------------------------------------------------- host_send.c */

/*  Fills in the header and sends; a message to oneself is taken up by host_take_loopback. Returns false if there was no pipe. */
bool host_send (host_t *self, header_t *header, const record_t *record, const void *entries,
                size_t count);
/*  Steps the core and carries out the effects, in order. Never within a step. */
void host_step (host_t *self, event_t *event);
/*  The ports' results, as an event. */
void host_on_result (void *context, const port_result_t *result);

/* -------------------------------------------------------------------------- host_directory.c */

uint64_t *host_topology_version (host_t *self, uint64_t broker_number);
/*  Tells every broker what this process is. */
void host_heartbeat (host_t *self);
/*  Refreshes what the process says of itself; a change that others act on is told at once. */
void host_refresh_status (host_t *self);
/*  True if this incarnation's pipe broke: what still comes from it is late. */
bool host_is_departed (const host_t *self, uint64_t incarnation);
void host_on_link_change (void *context, link_change_t change, const process_t *process);
/*  A process that a broker names: opens the pipe, or tells the core what has changed. */
void host_learn (host_t *self, const process_t *process);
bool host_is_awaited (const host_t *self, const header_t *header);
void host_on_topology (host_t *self, const header_t *header, const process_t *processes,
                       size_t count);
/*  Tells the brokers that this process goes. */
void host_leave (host_t *self);

/* -------------------------------------------------------------------------- host_receive.c */

/*  Takes a turn's messages from the inbox. */
void host_receive_turn (host_t *self);
/*  Takes what the core sent to itself. */
void host_take_loopback (host_t *self);

#endif
