/*  The account core on a real PostgreSQL, with the real argon2id and JWT: this program is its shell, and plays the one edge, which
    acknowledges pushes unless a test says otherwise. The accounts live through all tests, in their order. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "account.h"
#include "account_work.h"
#include "params_load.h"
#include "stage.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#define CALLS_MAX 64u
#define ANSWER_US 15000000u   /* ten times what any of this may take */
#define QUESTION_ID 900u      /* batch_id of every question: answers repeat it */
#define RELOADED_US 10100000u /* a little more than between two passes over the list */
#define HELD_MAX 4096u

typedef struct made_call_t {
    call_name_t call;
    uint64_t tag;
    uint8_t argument[2048]; /* every call of this actor has one entry */
} made_call_t;

/*  One account process and what the edge has from it. */
typedef struct desk_t {
    stage_t *stage;
    void *core;
    effects_t *effects;
    void *work;
    params_t params;
    uint64_t
        ahead_us; /* the process's clock is so much ahead: tests that wait for a reload do not wait */
    made_call_t calls[CALLS_MAX];
    size_t call_count;
    uint64_t pass_count; /* over the list in PostgreSQL, to their ends */
    uint64_t edge_incarnation;
    bool acks;
    uint64_t pushed_version;
    denial_t held[HELD_MAX]; /* by the edge */
    size_t held_count;
    uint64_t answer_type; /* of the question asked last, 0 = none yet */
    account_t account;
    session_t session;
    outcome_t outcome;
} desk_t;

static desk_t s_first, s_second;
static uint64_t s_user_id;
static const char s_token_key[] =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/*  The shell's function: the tests' instance has no folder. */
bool
instance_secret (const params_t *params, const char *name, char *text, size_t text_bytes)
{
    (void)params;
    assert_string_equal (name, "secrets/token-key");
    return snprintf (text, text_bytes, "%s", s_token_key) < (int)text_bytes;
}

static uint64_t
s_now_us (const desk_t *self)
{
    struct timespec now;
    clock_gettime (CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000 + self->ahead_us;
}

static void s_step (desk_t *self, event_t *event);

static void
s_message (desk_t *self, message_type_t type, uint64_t batch_id, const void *entry)
{
    header_t header = { .type = type,
                        .from_kind = KIND_EDGE,
                        .from_number = 1,
                        .from_incarnation = self->edge_incarnation,
                        .batch_id = batch_id,
                        .count = 1 };
    event_t event = { .type = EVENT_MESSAGE, .header = &header, .entries = entry, .count = 1 };
    s_step (self, &event);
}

/* -------------------------------------------------------------------------- effects */

static void
s_hold (desk_t *self, const denial_t *denial)
{
    size_t i = 0;
    while (i < self->held_count &&
           (self->held[i].user_id != denial->user_id ||
            memcmp (self->held[i].token_id, denial->token_id, sizeof denial->token_id) != 0))
        i++;
    assert_true (i < HELD_MAX);
    self->held[i] = *denial;
    self->held_count += i == self->held_count;
}

static void
s_take_send (desk_t *self, const effect_t *effect)
{
    if (effect->header.type == MSG_DENIALS) {
        const denial_t *denials = effect->entries;
        for (size_t i = 0; i < effect->count; i++)
            s_hold (self, &denials[i]);
        self->pushed_version = effect->header.batch_id;
        return;
    }
    assert_int_equal (effect->header.batch_id, QUESTION_ID);
    assert_int_equal (self->answer_type, 0); /* exactly one answer */
    self->answer_type = effect->header.type;
    if (effect->header.type == MSG_ACCOUNT)
        self->account = *(const account_t *)effect->entries;
    else if (effect->header.type == MSG_SESSION)
        self->session = *(const session_t *)effect->entries;
    else
        self->outcome = *(const outcome_t *)effect->entries;
}

static void
s_take_call (desk_t *self, const effect_t *effect)
{
    assert_true (self->call_count < CALLS_MAX && effect->count == 1);
    made_call_t *made = &self->calls[self->call_count++];
    made->call = effect->call;
    made->tag = effect->tag;
    assert_true (effect->record->size_bytes <= sizeof made->argument);
    memcpy (made->argument, effect->entries, effect->record->size_bytes);
}

static void
s_acknowledge (desk_t *self)
{
    if (!self->acks || !self->pushed_version)
        return;
    snapshot_ack_t ack = { .version = self->pushed_version };
    self->pushed_version = 0;
    s_message (self, MSG_SNAPSHOT_ACK, ack.version, &ack);
}

static void
s_step (desk_t *self, event_t *event)
{
    event->now_us = s_now_us (self);
    effects_clear (self->effects);
    account_class.step (self->core, event, self->effects);
    account_class.check (self->core);
    for (size_t i = 0; i < effects_count (self->effects); i++) {
        const effect_t *effect = effects_at (self->effects, i);
        if (effect->type == EFFECT_SEND)
            s_take_send (self, effect);
        else if (effect->type == EFFECT_CALL)
            s_take_call (self, effect);
    }
    s_acknowledge (self);
}

static void
s_run_call (desk_t *self, const made_call_t *made)
{
    static uint8_t rows[CALL_ROWS_MAX * sizeof (session_t)];
    const call_t *row = schema_call (made->call);
    event_t event = {
        .type = EVENT_RESULT, .call = made->call, .tag = made->tag, .entries = rows, .detail = ""
    };
    if (row->store == STORE_WORK) {
        memset (rows, 0, row->results->size_bytes);
        event.count = account_work (self->work, made->call, made->argument, rows) ? 1 : 0;
        event.status = event.count ? RESULT_OK : RESULT_REFUSED;
        s_step (self, &event);
        return;
    }
    PGconn *sql = self->stage->account_sql;
    int count = sql_call (sql, made->call, made->argument, 1, rows, CALL_ROWS_MAX);
    bool is_broken = PQstatus (sql) != CONNECTION_OK;
    event.count = count > 0 ? (size_t)count : 0;
    event.status = count >= 0 ? RESULT_OK : is_broken ? RESULT_UNKNOWN : RESULT_REFUSED;
    self->pass_count +=
        made->call == CALL_DENIAL_LIST && event.status == RESULT_OK && event.count < CALL_ROWS_MAX;
    s_step (self, &event);
}

/*  Runs the process for a moment: one call, or a timer. */
static void
s_turn (desk_t *self)
{
    if (self->call_count > 0) {
        made_call_t made = self->calls[0];
        memmove (&self->calls[0], &self->calls[1], --self->call_count * sizeof made);
        s_run_call (self, &made);
    } else if (account_class.wake_us (self->core) <= s_now_us (self)) {
        event_t event = { .type = EVENT_TIMER };
        s_step (self, &event);
    } else {
        usleep (1000);
    }
}

#define WAIT(desk, condition)                                                                      \
    do {                                                                                           \
        uint64_t end_us = s_now_us (desk) + ANSWER_US;                                             \
        while (!(condition)) {                                                                     \
            s_turn (desk);                                                                         \
            assert_true (s_now_us (desk) < end_us);                                                \
        }                                                                                          \
    } while (0)

static uint64_t
s_ask (desk_t *self, message_type_t type, const void *entry)
{
    self->answer_type = 0;
    s_message (self, type, QUESTION_ID, entry);
    WAIT (self, self->answer_type);
    return self->answer_type;
}

static bool
s_is_ready (const desk_t *self)
{
    actor_status_t status = { 0 };
    account_class.status (self->core, &status);
    return status.is_ready;
}

/*  The edge comes, or comes anew: then it has nothing. */
static void
s_edge_comes (desk_t *self)
{
    self->edge_incarnation++;
    self->held_count = 0;
    process_t edge = {
        .kind = KIND_EDGE, .number = 1, .incarnation = self->edge_incarnation, .state = STATE_READY
    };
    event_t event = { .type = EVENT_PEER_UP, .peer = &edge };
    s_step (self, &event);
}

static void
s_start (desk_t *self, stage_t *stage, uint64_t number)
{
    memset (self, 0, sizeof *self);
    self->stage = stage;
    self->effects = effects_new ();
    self->acks = true;
    params_set_defaults (&self->params);
    self->work = account_work_context (&self->params);
    assert_non_null (self->work);
    self->core = account_class.new_ (&self->params, (address_t){ KIND_ACCOUNT, number, number });
    event_t start = { .type = EVENT_START };
    s_step (self, &start);
    s_edge_comes (self);
    WAIT (self, s_is_ready (self));
}

static void
s_end (desk_t *self)
{
    account_class.destroy (&self->core);
    effects_destroy (&self->effects);
}

/*  Another pass over the list in PostgreSQL. */
static void
s_reload (desk_t *self)
{
    uint64_t pass_count = self->pass_count;
    self->ahead_us += RELOADED_US;
    WAIT (self, self->pass_count > pass_count);
}

/* -------------------------------------------------------------------------- questions */

static uint64_t
s_log_in (desk_t *self, const char *username, const char *password)
{
    credentials_t credentials = { 0 };
    snprintf (credentials.username, sizeof credentials.username, "%s", username);
    snprintf (credentials.password, sizeof credentials.password, "%s", password);
    return s_ask (self, MSG_SESSION_CREATE, &credentials);
}

static void
s_assert_outcome (const desk_t *self, uint64_t answer_type, error_code_t code)
{
    assert_int_equal (answer_type, MSG_OUTCOME);
    assert_int_equal (self->outcome.code, code);
}

static bool
s_holds (const desk_t *self, const denial_t *denial)
{
    for (size_t i = 0; i < self->held_count; i++)
        if (self->held[i].user_id == denial->user_id &&
            memcmp (self->held[i].token_id, denial->token_id, sizeof denial->token_id) == 0)
            return true;
    return false;
}

static denial_t
s_denial (uint8_t token, uint64_t life_ms)
{
    denial_t denial = { .user_id = s_user_id, .token_id = { token } };
    denial.until_ms = (uint64_t)time (NULL) * 1000 + life_ms;
    return denial;
}

/* -------------------------------------------------------------------------- the tests */

/*  An account is made, a shopper's; the password is stored as argon2id alone. The name is taken then, whoever asks, and a name or a
    password that is too short never reaches PostgreSQL. */
static void
test_create (void **state)
{
    desk_t *self = &s_first;
    s_start (self, *state, 1);
    credentials_t anna = { .username = "anna", .password = "first secret", .display_name = "Anna" };
    assert_int_equal (s_ask (self, MSG_ACCOUNT_CREATE, &anna), MSG_ACCOUNT);
    s_user_id = self->account.user_id;
    assert_true (s_user_id > 0 && s_user_id < INT64_MAX);
    assert_string_equal (self->account.username, "anna");
    assert_string_equal (self->account.role, "shopper");
    assert_string_equal (self->account.display_name, "Anna");
    assert_int_equal (stage_sql_integer (self->stage,
                                         "SELECT count (*) FROM account WHERE password_hash LIKE "
                                         "'$argon2id$%%' AND username = 'anna'"),
                      1);
    snprintf (anna.password, sizeof anna.password, "another secret");
    s_assert_outcome (self, s_ask (self, MSG_ACCOUNT_CREATE, &anna), ERROR_USERNAME_TAKEN);
    credentials_t short_name = { .username = "an", .password = "first secret" };
    s_assert_outcome (self, s_ask (self, MSG_ACCOUNT_CREATE, &short_name), ERROR_INVALID_FIELD);
    credentials_t short_password = { .username = "bert", .password = "seven77" };
    s_assert_outcome (self, s_ask (self, MSG_ACCOUNT_CREATE, &short_password), ERROR_INVALID_FIELD);
    assert_int_equal (stage_sql_integer (self->stage, "SELECT count (*) FROM account"), 1);
}

/*  The right password opens a session of the account; a wrong one and an unknown name get the same words. */
static void
test_log_in (void **state)
{
    (void)state;
    desk_t *self = &s_first;
    char words[sizeof self->outcome.detail];
    assert_int_equal (s_log_in (self, "anna", "first secret"), MSG_SESSION);
    assert_int_equal (self->session.user_id, s_user_id);
    assert_string_equal (self->session.role, "shopper");
    assert_int_equal (strncmp (self->session.access_token, "eyJ", 3), 0);
    assert_true (self->session.expires_at_ms > (uint64_t)time (NULL) * 1000);
    s_assert_outcome (self, s_log_in (self, "anna", "another secret"), ERROR_UNAUTHENTICATED);
    memcpy (words, self->outcome.detail, sizeof words);
    s_assert_outcome (self, s_log_in (self, "nobody", "first secret"), ERROR_UNAUTHENTICATED);
    assert_string_equal (self->outcome.detail, words);
    s_assert_outcome (self, s_log_in (self, "Anna", "first secret"), ERROR_UNAUTHENTICATED);
}

/*  A log-out is answered when PostgreSQL and the edge have it, not before; once more is no error. */
static void
test_log_out (void **state)
{
    (void)state;
    desk_t *self = &s_first;
    denial_t denial = s_denial (1, 3600000);
    self->acks = false;
    self->answer_type = 0;
    s_message (self, MSG_SESSION_END, QUESTION_ID, &denial);
    WAIT (self, s_holds (self, &denial));
    assert_int_equal (self->answer_type, 0);
    assert_int_equal (stage_sql_integer (self->stage, "SELECT count (*) FROM denial"), 1);
    self->acks = true;
    s_acknowledge (self);
    WAIT (self, self->answer_type);
    s_assert_outcome (self, self->answer_type, ERROR_NONE);
    s_assert_outcome (self, s_ask (self, MSG_SESSION_END, &denial), ERROR_NONE);
    assert_int_equal (stage_sql_integer (self->stage, "SELECT count (*) FROM denial"), 1);
}

/*  A change needs the present password; after it the old one is wrong, the new one right, every token issued before is denied, and one
    that is issued after the answer is not. */
static void
test_password_change (void **state)
{
    (void)state;
    desk_t *self = &s_first;
    uint64_t life_ms = self->params.token_hours * 3600 * 1000;
    credentials_t change = { .user_id = s_user_id,
                             .password = "a guess of it",
                             .new_password = "second secret" };
    assert_int_equal (s_log_in (self, "anna", "first secret"), MSG_SESSION);
    uint64_t issued_ms = self->session.expires_at_ms - life_ms;
    s_assert_outcome (self, s_ask (self, MSG_PASSWORD_CHANGE, &change), ERROR_UNAUTHENTICATED);
    snprintf (change.password, sizeof change.password, "first secret");
    s_assert_outcome (self, s_ask (self, MSG_PASSWORD_CHANGE, &change), ERROR_NONE);
    denial_t all = { .user_id = s_user_id };
    assert_true (s_holds (self, &all));
    uint64_t not_before_ms = (uint64_t)stage_sql_integer (
        self->stage, "SELECT not_before_ms FROM denial WHERE token_id = decode ('%032d', 'hex')",
        0);
    assert_true (issued_ms < not_before_ms);
    s_assert_outcome (self, s_log_in (self, "anna", "first secret"), ERROR_UNAUTHENTICATED);
    assert_int_equal (s_log_in (self, "anna", "second secret"), MSG_SESSION);
    assert_true (self->session.expires_at_ms - life_ms >= not_before_ms);
    change.user_id = s_user_id + 1;
    s_assert_outcome (self, s_ask (self, MSG_PASSWORD_CHANGE, &change), ERROR_NOT_FOUND);
}

/*  A second account process begins with the whole list, page by page, learns with its next pass what the first one adds, and forgets
    what has expired. */
static void
test_reload (void **state)
{
    desk_t *self = &s_second;
    stage_t *stage = *state;
    stage_sql (stage,
               "INSERT INTO denial SELECT i, decode (md5 (i::text), 'hex'), 0, %llu FROM "
               "generate_series (1, 2000) i",
               (unsigned long long)s_denial (0, 3600000).until_ms);
    s_start (self, stage, 2);
    WAIT (self, self->held_count == 2002);
    denial_t added = s_denial (2, 3600000);
    assert_false (s_holds (self, &added));
    s_assert_outcome (&s_first, s_ask (&s_first, MSG_SESSION_END, &added), ERROR_NONE);
    s_reload (self);
    WAIT (self, s_holds (self, &added));
    assert_int_equal (self->held_count, 2003);
    stage_sql (stage, "UPDATE denial SET until_ms = 1 WHERE user_id <= 2000");
    s_reload (self);
    s_edge_comes (self);
    WAIT (self, self->held_count > 0);
    assert_int_equal (self->held_count, 3);
    s_end (self);
}

/*  While PostgreSQL is away everything is refused as such, at once; afterwards all is as it was. */
static void
test_postgres_restarts (void **state)
{
    stage_t *stage = *state;
    desk_t *self = &s_first;
    servers_kill_postgres (stage->servers);
    s_assert_outcome (self, s_log_in (self, "anna", "second secret"), ERROR_DEPENDENCY_UNAVAILABLE);
    denial_t denial = s_denial (3, 3600000);
    s_assert_outcome (self, s_ask (self, MSG_SESSION_END, &denial), ERROR_DEPENDENCY_UNAVAILABLE);
    assert_true (servers_start_postgres (stage->servers));
    PQfinish (stage->account_sql);
    PQfinish (stage->sql);
    stage->account_sql = servers_sql (stage->servers, "minishop_account", "minishop");
    stage->sql = servers_sql (stage->servers, NULL, "minishop");
    assert_true (stage->account_sql && stage->sql);
    assert_int_equal (s_log_in (self, "anna", "second secret"), MSG_SESSION);
    s_assert_outcome (self, s_ask (self, MSG_SESSION_END, &denial), ERROR_NONE);
    assert_true (s_holds (self, &denial));
    s_end (self);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_create),  cmocka_unit_test (test_log_in),
        cmocka_unit_test (test_log_out), cmocka_unit_test (test_password_change),
        cmocka_unit_test (test_reload),  cmocka_unit_test (test_postgres_restarts),
    };
    return cmocka_run_group_tests (tests, stage_set_up, stage_tear_down);
}
