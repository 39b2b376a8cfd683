/*  The payment provider. It keeps what it has still to tell, and tells each until somebody has heard it.

    notice     charge, refund      due          answered 200                 answered 400, 401   anything else
    absent     → WAITING           –            –                            –                   –
    WAITING    nothing, it is one  → OUT, post  –                            –                   –
    OUT        nothing, it is one  –            → absent, or WAITING again   → absent, logged    → WAITING with backoff;
                                                if it is to be told twice                        stopping: → absent
    A charge that hangs makes no notice. STOP makes all that wait due at once and takes nothing more. Any other message is invalid:
    counted, not answered.

    Invariants
    1. One notice per (payment, charge or refund), WAITING or OUT: the same charge twice is one. A notice that was told is
       forgotten; the charge again makes the same event, by the same name, which its receiver knows.
    2. WAITING stands in the agenda exactly once, OUT in `posts` exactly once.
    3. A batch is acknowledged when all of it was taken: the rest comes again.
    4. At most POSTS_MAX webhooks are out; while nobody answers (AWAY_FAILURES in a row) one, every AWAY_PAUSE_US.                */

#include "provider.h"

#include "agenda.h"
#include "check.h"
#include "hash.h"
#include "map.h"
#include "test_method.h"

#include <inttypes.h>
#include <string.h>

#define BACKOFF_MIN_US 100000u
#define BACKOFF_MAX_US 5000000u
/*  More failures in a row than may be out at once: it is not one payment that is refused. */
#define AWAY_FAILURES (2u * POSTS_MAX)
#define AWAY_PAUSE_US 50000u

typedef struct notice_t {
    uint8_t payment_id[16];
    uint8_t rid[16];
    uint64_t amount_cents;
    uint64_t is_refund;
    uint64_t outcome;  /* payment_status_t */
    uint64_t tellings; /* still to be answered 200 */
    uint64_t failures; /* in a row */
    uint64_t due_us;   /* WAITING: as in the agenda */
    uint64_t is_out;
} notice_t;

typedef struct post_t {
    uint64_t tag; /* of its call; 0 = free */
    uint64_t key; /* of its notice */
    uint64_t since_us;
} post_t;

typedef struct provider_t {
    params_t params;
    uint64_t now_us; /* of the event being handled */
    map_t *notices;  /* NOTICES_MAX notice_t, by s_key */
    agenda_t *agenda;
    post_t posts[POSTS_MAX];
    uint64_t post_count;
    uint64_t turn;           /* last tag */
    uint64_t failures;       /* in a row, of all notices */
    uint64_t paused_till_us; /* while nobody answers */
    uint64_t handled;
    uint64_t is_stopping;
} provider_t;

static void
s_destroy (void **self_p)
{
    provider_t *self = *self_p;
    if (self) {
        map_destroy (&self->notices);
        agenda_destroy (&self->agenda);
        free (self);
        *self_p = NULL;
    }
}

static void *
s_new (const params_t *params, address_t address)
{
    provider_t *self = calloc (1, sizeof *self);
    CHECK (self);
    self->params = *params;
    self->notices = map_new (NOTICES_MAX, sizeof (notice_t), address.incarnation);
    self->agenda = agenda_new (NOTICES_MAX);
    return self;
}

/* -------------------------------------------------------------------------- charges */

static void
s_wait (provider_t *self, notice_t *notice, uint64_t key, uint64_t delay_us)
{
    notice->due_us = self->now_us + delay_us;
    agenda_put (self->agenda, notice->due_us, key);
}

static uint64_t
s_key (const uint8_t payment_id[16], bool is_refund)
{
    return hash_bytes (is_refund, payment_id, 16);
}

/*  Returns false if there is no room; also when the key is another payment's, which cannot be kept beside it and may come again. */
static bool
s_take (provider_t *self, const charge_t *charge)
{
    decision_t decision = test_method_decide (&self->params, charge);
    if (decision.outcome == PAYMENT_NONE)
        return true;
    bool is_refund = charge->refund != 0;
    uint64_t key = s_key (charge->payment_id, is_refund);
    notice_t *notice = map_find (self->notices, key);
    if (notice)
        return memcmp (notice->payment_id, charge->payment_id, sizeof notice->payment_id) == 0 &&
               notice->is_refund == is_refund;
    notice = map_insert (self->notices, key);
    if (!notice)
        return false;
    memcpy (notice->payment_id, charge->payment_id, sizeof notice->payment_id);
    memcpy (notice->rid, charge->rid, sizeof notice->rid);
    notice->amount_cents = charge->amount_cents;
    notice->is_refund = is_refund;
    notice->outcome = decision.outcome;
    notice->tellings = decision.tellings;
    s_wait (self, notice, key, decision.delay_us);
    return true;
}

static void
s_handle_charge (provider_t *self, const event_t *event, effects_t *effects)
{
    const charge_t *charges = event->entries;
    size_t taken = 0;
    for (size_t i = 0; i < event->count && !self->is_stopping; i++)
        taken += s_take (self, &charges[i]);
    self->handled += taken;
    effects_add (effects, METRIC_CHARGES, ERROR_NONE, (int64_t)taken);
    if (taken < event->count) {
        effects_add (effects, METRIC_CHARGES, self->is_stopping ? ERROR_DRAINING : ERROR_BUSY,
                     (int64_t)(event->count - taken));
        return;
    }
    effects_reply (effects, event->header, MSG_CHARGE_ACK);
    effects_entry (effects, &record_ack);
}

/* -------------------------------------------------------------------------- telling */

static bool
s_is_away (const provider_t *self)
{
    return self->failures >= AWAY_FAILURES;
}

static void
s_post (provider_t *self, uint64_t key, effects_t *effects)
{
    notice_t *notice = map_find (self->notices, key);
    post_t *post = self->posts;
    CHECK (notice && !notice->is_out);
    while (post->tag)
        post++;
    CHECK (post < self->posts + POSTS_MAX);
    notice->is_out = 1;
    notice->due_us = 0;
    *post = (post_t){ ++self->turn, key, self->now_us };
    self->post_count++;
    effects_call (effects, CALL_WEBHOOK_POST, post->tag);
    payment_event_t *told = effects_entry (effects, &record_payment_event);
    test_method_event_id (notice->payment_id, notice->is_refund, told->event_id);
    memcpy (told->payment_id, notice->payment_id, sizeof told->payment_id);
    memcpy (told->rid, notice->rid, sizeof told->rid);
    told->outcome = notice->outcome;
    told->amount_cents = notice->amount_cents;
}

static void
s_advance (provider_t *self, effects_t *effects)
{
    uint64_t key;
    for (;;) {
        uint64_t room = s_is_away (self) ? 1 : POSTS_MAX;
        if (self->post_count >= room || agenda_due_us (self->agenda) > self->now_us ||
            self->paused_till_us > self->now_us || !agenda_take (self->agenda, &key))
            return;
        s_post (self, key, effects);
    }
}

static uint64_t
s_backoff_us (uint64_t failures)
{
    uint64_t doublings = failures - 1;
    if (doublings >= 6)
        return BACKOFF_MAX_US;
    return earlier (BACKOFF_MIN_US << doublings, BACKOFF_MAX_US);
}

static void
s_note_answer (provider_t *self, bool is_failure, const char *detail, effects_t *effects)
{
    bool was_away = s_is_away (self);
    self->failures = is_failure ? self->failures + 1 : 0;
    self->paused_till_us = s_is_away (self) ? self->now_us + AWAY_PAUSE_US : 0;
    if (s_is_away (self) && !was_away)
        effects_log (effects, LOG_LEVEL_WARNING, "webhook_away",
                     "%s; %zu to be told, tried again until it is back", detail,
                     map_count (self->notices));
    else if (was_away && !is_failure)
        effects_log (effects, LOG_LEVEL_INFO, "webhook_back", "%zu to be told",
                     map_count (self->notices));
}

/*  Returns true if the notice is over. */
static bool
s_settle (provider_t *self, notice_t *notice, error_code_t code, const char *detail,
          effects_t *effects)
{
    char event_id[65];
    switch (code) {
    case ERROR_NONE:
        self->handled++;
        notice->failures = 0;
        return --notice->tellings == 0;
    case ERROR_INVALID_FIELD:
    case ERROR_UNAUTHENTICATED:
        test_method_event_id (notice->payment_id, notice->is_refund, event_id);
        effects_log (effects, LOG_LEVEL_ERROR, "webhook_refused", "%s %s: %s", event_id,
                     payment_status_name (notice->outcome), detail);
        return true;
    default:
        notice->failures++;
        return self->is_stopping;
    }
}

static void
s_handle_result (provider_t *self, const event_t *event, effects_t *effects)
{
    post_t *post = self->posts;
    while (post < self->posts + POSTS_MAX && post->tag != event->tag)
        post++;
    CHECK (event->tag && post < self->posts + POSTS_MAX);
    const outcome_t *answer =
        event->status == RESULT_OK && event->count == 1 ? event->entries : NULL;
    error_code_t code = answer ? (error_code_t)answer->code : ERROR_DEPENDENCY_UNAVAILABLE;
    const char *detail = answer ? answer->detail : "the worker failed";
    bool is_answered =
        code == ERROR_NONE || code == ERROR_INVALID_FIELD || code == ERROR_UNAUTHENTICATED;
    uint64_t key = post->key;
    effects_add (effects, METRIC_WEBHOOKS, code, 1);
    effects_observe (effects, METRIC_WEBHOOK_US, (int64_t)(self->now_us - post->since_us));
    memset (post, 0, sizeof *post);
    self->post_count--;
    s_note_answer (self, !is_answered, detail, effects);
    notice_t *notice = map_find (self->notices, key);
    CHECK (notice && notice->is_out);
    notice->is_out = 0;
    if (s_settle (self, notice, code, detail, effects))
        map_remove (self->notices, key);
    else
        s_wait (self, notice, key, notice->failures ? s_backoff_us (notice->failures) : 0);
}

/*  What waits is told now, each once more: its successor starts with an empty table, and hears of the rest by ordering. */
static void
s_stop (provider_t *self)
{
    size_t cursor = 0;
    uint64_t key;
    notice_t *notice;
    self->is_stopping = 1;
    agenda_clear (self->agenda);
    while ((notice = map_next (self->notices, &cursor, &key)))
        if (!notice->is_out)
            s_wait (self, notice, key, 0);
}

/* -------------------------------------------------------------------------- the class */

static void
s_step (void *actor, const event_t *event, effects_t *effects)
{
    provider_t *self = actor;
    self->now_us = event->now_us;
    switch (event->type) {
    case EVENT_MESSAGE:
        if (event->header->type == MSG_CHARGE && event->header->from_kind == KIND_ORDERING)
            s_handle_charge (self, event, effects);
        else
            effects_add (effects, METRIC_FRAMES_REFUSED, 0, 1);
        break;
    case EVENT_RESULT:
        s_handle_result (self, event, effects);
        break;
    case EVENT_STOP:
        s_stop (self);
        break;
    case EVENT_START:
    case EVENT_PEER_UP:
    case EVENT_PEER_DOWN:
    case EVENT_TIMER:
        break;
    }
    s_advance (self, effects);
}

static uint64_t
s_wake_us (const void *actor)
{
    const provider_t *self = actor;
    uint64_t due_us = agenda_due_us (self->agenda);
    if (self->post_count >= (s_is_away (self) ? 1 : POSTS_MAX))
        return UINT64_MAX; /* a result comes first */
    return due_us > self->paused_till_us ? due_us : self->paused_till_us;
}

static void
s_status (const void *actor, actor_status_t *status)
{
    const provider_t *self = actor;
    *status = (actor_status_t){ .is_ready = true,
                                .in_flight = map_count (self->notices),
                                .queue_depth = agenda_count (self->agenda),
                                .handled = self->handled };
}

static uint64_t
s_digest (const void *actor)
{
    const provider_t *self = actor;
    uint64_t digest = hash_pair (map_digest (self->notices), agenda_due_us (self->agenda));
    digest = hash_bytes (digest, self->posts, sizeof self->posts);
    digest = hash_pair (digest, self->turn);
    digest = hash_pair (digest, self->failures);
    digest = hash_pair (digest, self->paused_till_us);
    return hash_pair (digest, self->is_stopping);
}

static void
s_check (const void *actor)
{
    const provider_t *self = actor;
    uint64_t out = 0;
    for (size_t i = 0; i < POSTS_MAX; i++)
        if (self->posts[i].tag) {
            const notice_t *notice = map_find (self->notices, self->posts[i].key);
            CHECK (notice && notice->is_out); /* 2 */
            out++;
        }
    CHECK (out == self->post_count);                                        /* 4 */
    CHECK (out + agenda_count (self->agenda) == map_count (self->notices)); /* 2 */
    agenda_check (self->agenda);
}

const actor_class_t provider_class = {
    .kind = KIND_PROVIDER,
    .new_ = s_new,
    .destroy = s_destroy,
    .step = s_step,
    .wake_us = s_wake_us,
    .status = s_status,
    .digest = s_digest,
    .check = s_check,
};
