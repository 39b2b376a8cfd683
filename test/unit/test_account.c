/*  The account actor: every flow with every failure, the deny-list and its acknowledgements. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "rig.h"

#include "account.h"
#include "account_state.h"

#define SECOND_US 1000000u
#define HASH_TEXT "$argon2id$v=19$m=65536,t=2,p=1$salt$hash"

typedef struct desk_t {
    rig_t *rig;
    params_t params;
    uint64_t tags[CALL_COUNT]; /* of the last call of each name */
    size_t waiting[CALL_COUNT];
} desk_t;

static const accounts_t *
s_core (const desk_t *desk)
{
    return desk->rig->core;
}

static void
s_note_calls (desk_t *desk)
{
    for (size_t i = 0; i < effects_count (desk->rig->effects); i++) {
        const effect_t *effect = effects_at (desk->rig->effects, i);
        if (effect->type != EFFECT_CALL)
            continue;
        desk->tags[effect->call] = effect->tag;
        desk->waiting[effect->call]++;
    }
}

/*  The last step's effects as text, without tags and logs. */
static const char *
s_text (desk_t *desk)
{
    static char text[1 << 16];
    const char *line = rig_text (desk->rig, false);
    size_t count = 0;
    while (*line) {
        const char *end = strchr (line, '\n') + 1;
        const char *tag = strstr (line, " tag=");
        if (strncmp (line, "log ", 4) != 0) {
            size_t head = tag && tag < end ? (size_t)(tag - line) : (size_t)(end - line);
            const char *rest = tag && tag < end ? strchr (tag + 1, ' ') : end;
            memcpy (text + count, line, head);
            memcpy (text + count + head, rest, (size_t)(end - rest));
            count += head + (size_t)(end - rest);
        }
        line = end;
    }
    text[count] = 0;
    return text;
}

static void
s_answer_as (desk_t *desk, call_name_t call, result_status_t status, const void *rows, size_t count)
{
    assert_true (desk->waiting[call] > 0);
    desk->waiting[call]--;
    rig_result (desk->rig, call, desk->tags[call], status, rows, count);
    s_note_calls (desk);
}

static void
s_answer (desk_t *desk, call_name_t call, const void *row)
{
    s_answer_as (desk, call, RESULT_OK, row, row ? 1 : 0);
}

static void
s_timer (desk_t *desk, uint64_t us)
{
    desk->rig->now_us += us;
    rig_event (desk->rig, EVENT_TIMER);
    s_note_calls (desk);
}

static void
s_ask (desk_t *desk, message_type_t type, const void *entry)
{
    header_t extras = { .batch_id = 900 };
    rig_message (desk->rig, KIND_EDGE, 1, type, &extras, entry, 1);
    s_note_calls (desk);
}

static void
s_edge (desk_t *desk, event_type_t type, uint64_t number, process_state_t state)
{
    rig_peer (desk->rig, type, KIND_EDGE, number, state);
    s_note_calls (desk);
}

static void
s_ack (desk_t *desk, uint64_t number, uint64_t version)
{
    snapshot_ack_t ack = { .version = version };
    rig_message (desk->rig, KIND_EDGE, number, MSG_SNAPSHOT_ACK, NULL, &ack, 1);
    s_note_calls (desk);
}

static desk_t *
s_desk (const denial_t *denials, size_t count)
{
    desk_t *desk = calloc (1, sizeof *desk);
    params_set_defaults (&desk->params);
    desk->params.hash_queue = 4;
    desk->rig = rig_new (&account_class, &desk->params);
    rig_event (desk->rig, EVENT_START);
    s_note_calls (desk);
    assert_false (rig_status (desk->rig).is_ready);
    s_answer_as (desk, CALL_DENIAL_LIST, RESULT_OK, denials, count);
    assert_true (rig_status (desk->rig).is_ready);
    return desk;
}

static void
s_close (desk_t *desk)
{
    assert_int_equal (rig_status (desk->rig).in_flight, 0);
    rig_destroy (&desk->rig);
    free (desk);
}

static const credentials_t s_ada = { .username = "ada",
                                     .password = "correct horse",
                                     .display_name = "Ada" };
static const password_check_t s_hash = { .password_hash = HASH_TEXT };
static const account_row_t s_row = {
    .user_id = 42, .username = "ada", .role = "shopper", .password_hash = HASH_TEXT
};
static const session_t s_session = { .user_id = 42,
                                     .username = "ada",
                                     .role = "shopper",
                                     .access_token = "a.b.c",
                                     .expires_at_ms = 1700086400000 };

/* -------------------------------------------------------------------------- accounts */

/*  Create: hash, add with a number made from the hash (whose salt is random), answer without the hash. */
static void
test_create (void **state)
{
    (void)state;
    desk_t *desk = s_desk (NULL, 0);
    char wanted[256];
    s_ask (desk, MSG_ACCOUNT_CREATE, &s_ada);
    assert_string_equal (s_text (desk), "call password_hash [{\"password\":\"***\"}]\n");
    s_answer (desk, CALL_PASSWORD_HASH, &s_hash);
    const effect_t *add = effects_at (desk->rig->effects, 0);
    const account_row_t *row = add->entries;
    assert_int_equal (add->call, CALL_ACCOUNT_ADD);
    assert_string_equal (row->password_hash, HASH_TEXT);
    assert_string_equal (row->role, "shopper");
    assert_string_equal (row->display_name, "Ada");
    account_row_t added = *row;
    assert_true (added.user_id > 0 && added.user_id < (uint64_t)1 << 63);
    added.password_hash[0] = 0;
    s_answer (desk, CALL_ACCOUNT_ADD, &added);
    snprintf (wanted, sizeof wanted,
              "send edge/1 ACCOUNT batch=900 [{\"user_id\":%" PRIu64
              ",\"username\":\"ada\",\"role\":\"shopper\",\"display_name\":\"Ada\"}]\n",
              added.user_id);
    assert_string_equal (s_text (desk), wanted);
    s_close (desk);
}

/*  A taken name; names and passwords that the edge should not have let through. */
static void
test_create_refused (void **state)
{
    (void)state;
    static const char *const names[] = { "ab", "a b c", "ada\xc3\xa9", "ada;drop" };
    desk_t *desk = s_desk (NULL, 0);
    s_ask (desk, MSG_ACCOUNT_CREATE, &s_ada);
    s_answer (desk, CALL_PASSWORD_HASH, &s_hash);
    account_row_t row = s_row;
    row.code = ERROR_USERNAME_TAKEN;
    s_answer (desk, CALL_ACCOUNT_ADD, &row);
    assert_string_equal (s_text (desk), "send edge/1 OUTCOME batch=900 [{\"code\":36}]\n");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        credentials_t given = s_ada;
        snprintf (given.username, sizeof given.username, "%s", names[i]);
        s_ask (desk, MSG_ACCOUNT_CREATE, &given);
        assert_string_equal (s_text (desk), "send edge/1 OUTCOME batch=900 [{\"code\":17}]\n");
    }
    credentials_t given = s_ada;
    snprintf (given.password, sizeof given.password, "7 bytes");
    s_ask (desk, MSG_ACCOUNT_CREATE, &given);
    assert_string_equal (s_text (desk), "send edge/1 OUTCOME batch=900 [{\"code\":17}]\n");
    s_close (desk);
}

/* -------------------------------------------------------------------------- log-ins */

/*  A log-in: find, check, issue. */
static void
test_login (void **state)
{
    (void)state;
    desk_t *desk = s_desk (NULL, 0);
    password_check_t good = { .matches = 1 };
    s_ask (desk, MSG_SESSION_CREATE, &s_ada);
    assert_string_equal (s_text (desk), "call account_find [{\"username\":\"ada\"}]\n");
    s_answer (desk, CALL_ACCOUNT_FIND, &s_row);
    assert_string_equal (s_text (desk),
                         "call password_hash [{\"password\":\"***\",\"password_hash\":\"***\"}]\n");
    s_answer (desk, CALL_PASSWORD_HASH, &good);
    assert_string_equal (
        s_text (desk),
        "call token_issue [{\"user_id\":42,\"username\":\"ada\",\"role\":\"shopper\"}]\n");
    s_answer (desk, CALL_TOKEN_ISSUE, &s_session);
    assert_string_equal (
        s_text (desk),
        "send edge/1 SESSION batch=900 [{\"user_id\":42,\"username\":\"ada\",\"role\":\"shopper\","
        "\"access_token\":\"***\",\"expires_at_ms\":1700086400000}]\n");
    assert_int_equal (rig_added (desk->rig, METRIC_LOGINS, ERROR_NONE), 1);
    s_close (desk);
}

/*  A wrong password and an unknown name: the same work, the same words, nothing to tell them apart. */
static void
test_wrong_password_and_unknown_name (void **state)
{
    (void)state;
    char answers[2][256];
    desk_t *desk = s_desk (NULL, 0);
    for (int unknown = 0; unknown < 2; unknown++) {
        account_row_t row = s_row;
        row.code = unknown ? ERROR_NOT_FOUND : ERROR_NONE;
        if (unknown)
            row.password_hash[0] = 0;
        s_ask (desk, MSG_SESSION_CREATE, &s_ada);
        s_answer (desk, CALL_ACCOUNT_FIND, &row);
        assert_int_equal (desk->waiting[CALL_PASSWORD_HASH], 1);
        s_answer (desk, CALL_PASSWORD_HASH, unknown ? &s_hash : &(password_check_t){ 0 });
        snprintf (answers[unknown], sizeof answers[unknown], "%s", s_text (desk));
        assert_int_equal (rig_added (desk->rig, METRIC_LOGINS, ERROR_UNAUTHENTICATED), 1);
    }
    assert_string_equal (answers[0], answers[1]);
    assert_non_null (strstr (answers[0], "send edge/1 OUTCOME batch=900 [{\"code\":10,"));
    s_close (desk);
}

/*  At most hash_queue hashings wait, counting those whose asker has been answered; beyond it busy at once. */
static void
test_hash_queue (void **state)
{
    (void)state;
    desk_t *desk = s_desk (NULL, 0);
    uint64_t tags[4];
    for (int i = 0; i < 4; i++) {
        s_ask (desk, MSG_ACCOUNT_CREATE, &s_ada);
        tags[i] = desk->tags[CALL_PASSWORD_HASH];
    }
    s_ask (desk, MSG_ACCOUNT_CREATE, &s_ada);
    assert_string_equal (s_text (desk), "send edge/1 OUTCOME batch=900 [{\"code\":50}]\n");
    s_ask (desk, MSG_SESSION_CREATE, &s_ada);
    assert_string_equal (s_text (desk), "send edge/1 OUTCOME batch=900 [{\"code\":50}]\n");
    assert_int_equal (rig_added (desk->rig, METRIC_LOGINS, ERROR_BUSY), 1);
    s_timer (desk, 2700 * MS); /* the four are given up; the worker still has them */
    assert_int_equal (rig_status (desk->rig).in_flight, 0);
    s_ask (desk, MSG_ACCOUNT_CREATE, &s_ada);
    assert_string_equal (s_text (desk), "send edge/1 OUTCOME batch=900 [{\"code\":50}]\n");
    for (int i = 0; i < 4; i++) {
        rig_result (desk->rig, CALL_PASSWORD_HASH, tags[i], RESULT_OK, &s_hash, 1);
        assert_string_equal (s_text (desk), "");
    }
    s_ask (desk, MSG_ACCOUNT_CREATE, &s_ada);
    assert_string_equal (s_text (desk), "call password_hash [{\"password\":\"***\"}]\n");
    s_timer (desk, 2700 * MS);
    assert_non_null (strstr (s_text (desk), "send edge/1 OUTCOME batch=900 [{\"code\":50}]\n"));
    s_close (desk);
}

/*  Each store call of each flow: away or in doubt is dependency_unavailable, refused is internal_error, silent is answered by the
    deadline. */
static void
test_store_failures (void **state)
{
    (void)state;
    static const struct {
        message_type_t type;
        call_name_t calls[3]; /* those before the last succeed */
        size_t count;
    } rows[] = {
        { MSG_ACCOUNT_CREATE, { CALL_PASSWORD_HASH }, 1 },
        { MSG_ACCOUNT_CREATE, { CALL_PASSWORD_HASH, CALL_ACCOUNT_ADD }, 2 },
        { MSG_SESSION_CREATE, { CALL_ACCOUNT_FIND }, 1 },
        { MSG_SESSION_CREATE, { CALL_ACCOUNT_FIND, CALL_PASSWORD_HASH }, 2 },
        { MSG_SESSION_CREATE, { CALL_ACCOUNT_FIND, CALL_PASSWORD_HASH, CALL_TOKEN_ISSUE }, 3 },
        { MSG_PASSWORD_CHANGE, { CALL_ACCOUNT_FIND }, 1 },
    };
    password_check_t good = s_hash;
    good.matches = 1;
    credentials_t given = s_ada;
    given.user_id = 42;
    snprintf (given.new_password, sizeof given.new_password, "battery staple");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int status = RESULT_REFUSED; status <= RESULT_UNKNOWN; status++) {
            desk_t *desk = s_desk (NULL, 0);
            s_ask (desk, rows[i].type, &given);
            for (size_t n = 0; n + 1 < rows[i].count; n++)
                s_answer (desk, rows[i].calls[n],
                          rows[i].calls[n] == CALL_PASSWORD_HASH ? (const void *)&good
                                                                 : (const void *)&s_row);
            s_answer_as (desk, rows[i].calls[rows[i].count - 1], (result_status_t)status, NULL, 0);
            assert_string_equal (s_text (desk),
                                 status == RESULT_REFUSED
                                     ? "send edge/1 OUTCOME batch=900 [{\"code\":18}]\n"
                                     : "send edge/1 OUTCOME batch=900 [{\"code\":51}]\n");
            s_close (desk);
        }
    }
}

/* -------------------------------------------------------------------------- the deny-list */

static denial_t
s_denial (uint8_t token)
{
    denial_t denial = { .token_id = { token }, .user_id = 42, .until_ms = 1700000000000 };
    return denial;
}

/*  Log-out: stored, pushed to every edge, answered when all ready ones hold it. */
static void
test_logout (void **state)
{
    (void)state;
    desk_t *desk = s_desk (NULL, 0);
    denial_t denial = s_denial (1);
    for (uint64_t number = 1; number <= 2; number++) {
        s_edge (desk, EVENT_PEER_UP, number, STATE_READY);
        const effect_t *sent = rig_sent (desk->rig, MSG_DENIALS, 0);
        assert_int_equal (sent->count, 0);
        s_ack (desk, number, sent->header.batch_id);
    }
    s_edge (desk, EVENT_PEER_UP, 3, STATE_STARTING);
    s_ask (desk, MSG_SESSION_END, &denial);
    s_answer (desk, CALL_DENIAL_ADD, &denial);
    uint64_t version = rig_sent (desk->rig, MSG_DENIALS, 0)->header.batch_id;
    assert_non_null (rig_sent (desk->rig, MSG_DENIALS, 1));
    assert_null (strstr (s_text (desk), "OUTCOME"));
    s_ack (desk, 1, version);
    assert_string_equal (s_text (desk), "");
    s_ack (desk, 2, version);
    assert_string_equal (s_text (desk), "send edge/1 OUTCOME batch=900 [{}]\n");
    s_close (desk);
}

/*  An edge that does not acknowledge is left behind after snapshot_deadline_ms, and is sent the list again until it does. */
static void
test_logout_late_edge (void **state)
{
    (void)state;
    desk_t *desk = s_desk (NULL, 0);
    denial_t denial = s_denial (1);
    s_edge (desk, EVENT_PEER_UP, 1, STATE_READY);
    s_ack (desk, 1, rig_sent (desk->rig, MSG_DENIALS, 0)->header.batch_id);
    s_ask (desk, MSG_SESSION_END, &denial);
    s_answer (desk, CALL_DENIAL_ADD, &denial);
    s_timer (desk, 250 * MS);
    assert_non_null (rig_sent (desk->rig, MSG_DENIALS, 0));
    s_timer (desk, 1749 * MS);
    assert_null (strstr (s_text (desk), "OUTCOME"));
    s_timer (desk, 1 * MS);
    assert_non_null (strstr (s_text (desk), "send edge/1 OUTCOME batch=900 [{}]\n"));
    s_close (desk);
}

/*  Log-out while PostgreSQL is away. */
static void
test_logout_store_away (void **state)
{
    (void)state;
    desk_t *desk = s_desk (NULL, 0);
    denial_t denial = s_denial (1);
    s_ask (desk, MSG_SESSION_END, &denial);
    s_answer_as (desk, CALL_DENIAL_ADD, RESULT_UNAVAILABLE, NULL, 0);
    assert_string_equal (s_text (desk), "send edge/1 OUTCOME batch=900 [{\"code\":51}]\n");
    s_close (desk);
}

/*  Brings a password change to the call of this name. */
static desk_t *
s_changing (call_name_t upto)
{
    desk_t *desk = s_desk (NULL, 0);
    password_check_t good = { .matches = 1 };
    credentials_t given = { .user_id = 42,
                            .password = "correct horse",
                            .new_password = "battery staple" };
    s_edge (desk, EVENT_PEER_UP, 1, STATE_READY);
    s_ack (desk, 1, rig_sent (desk->rig, MSG_DENIALS, 0)->header.batch_id);
    s_ask (desk, MSG_PASSWORD_CHANGE, &given);
    assert_string_equal (s_text (desk), "call account_find [{\"user_id\":42}]\n");
    s_answer (desk, CALL_ACCOUNT_FIND, &s_row);
    if (upto == CALL_PASSWORD_HASH)
        return desk;
    s_answer (desk, CALL_PASSWORD_HASH, &good);
    s_answer (desk, CALL_PASSWORD_HASH, &s_hash);
    if (upto == CALL_ACCOUNT_REHASH)
        return desk;
    s_answer (desk, CALL_ACCOUNT_REHASH, &s_row);
    s_answer (desk, CALL_TOKEN_ISSUE, &s_session);
    return desk;
}

/*  Password change: the new hash is stored, then every token issued up to this second is denied; the answer comes when the edges hold
    that and the second is over. */
static void
test_password_change (void **state)
{
    (void)state;
    desk_t *desk = s_changing (CALL_DENIAL_ADD);
    /* issued at 1700000000: denied are all before 1700000001 */
    assert_string_equal (s_text (desk),
                         "call denial_add [{\"user_id\":42,\"not_before_ms\":1700000001000,"
                         "\"until_ms\":1700086401000}]\n");
    denial_t stored = { .user_id = 42, .not_before_ms = 1700000001000, .until_ms = 1700086401000 };
    s_answer (desk, CALL_DENIAL_ADD, &stored);
    s_ack (desk, 1, rig_sent (desk->rig, MSG_DENIALS, 0)->header.batch_id);
    assert_string_equal (s_text (desk), "");
    s_timer (desk, 999 * MS);
    assert_string_equal (s_text (desk), "");
    assert_int_equal (account_class.wake_us (desk->rig->core), desk->rig->now_us + 1 * MS);
    s_timer (desk, 1 * MS);
    assert_string_equal (s_text (desk), "send edge/1 OUTCOME batch=900 [{}]\n");
    s_close (desk);
}

/*  A wrong current password changes nothing; a denial that cannot be stored is tried until the deadline, for the password is changed. */
static void
test_password_change_fails (void **state)
{
    (void)state;
    desk_t *desk = s_changing (CALL_PASSWORD_HASH);
    s_answer (desk, CALL_PASSWORD_HASH, &(password_check_t){ 0 });
    assert_non_null (strstr (s_text (desk), "OUTCOME batch=900 [{\"code\":10,"));
    s_close (desk);
    desk = s_changing (CALL_ACCOUNT_REHASH);
    s_answer_as (desk, CALL_ACCOUNT_REHASH, RESULT_UNKNOWN, NULL, 0);
    assert_string_equal (s_text (desk), "send edge/1 OUTCOME batch=900 [{\"code\":51}]\n");
    s_close (desk);
    desk = s_changing (CALL_DENIAL_ADD);
    s_answer_as (desk, CALL_DENIAL_ADD, RESULT_UNKNOWN, NULL, 0);
    assert_string_equal (s_text (desk), "");
    s_timer (desk, 100 * MS);
    assert_string_equal (s_text (desk),
                         "call denial_add [{\"user_id\":42,\"not_before_ms\":1700000001000,"
                         "\"until_ms\":1700086401000}]\n");
    s_answer_as (desk, CALL_DENIAL_ADD, RESULT_UNAVAILABLE, NULL, 0);
    s_timer (desk, 2600 * MS);
    assert_non_null (strstr (s_text (desk), "send edge/1 OUTCOME batch=900 [{\"code\":51}]\n"));
    s_close (desk);
}

/*  A list of several pages is loaded whole before anything is pushed, and reaches an edge whole, in messages that fit. */
static void
test_long_list (void **state)
{
    (void)state;
    static denial_t rows[CALL_ROWS_MAX];
    desk_t *desk = calloc (1, sizeof *desk);
    params_set_defaults (&desk->params);
    desk->rig = rig_new (&account_class, &desk->params);
    rig_event (desk->rig, EVENT_START);
    s_note_calls (desk);
    s_edge (desk, EVENT_PEER_UP, 1, STATE_STARTING);
    for (size_t page = 0; page < 2; page++) {
        for (size_t i = 0; i < CALL_ROWS_MAX; i++) {
            rows[i] = s_denial (7);
            rows[i].user_id = page * CALL_ROWS_MAX + i + 1;
        }
        assert_null (rig_sent (desk->rig, MSG_DENIALS, 0));
        s_answer_as (desk, CALL_DENIAL_LIST, RESULT_OK, rows, CALL_ROWS_MAX);
    }
    assert_string_equal (
        s_text (desk),
        "call denial_list [{\"rid\":\"07000000000000000000000000000000\",\"user_id\":2048,"
        "\"limit\":1024}]\n");
    s_answer_as (desk, CALL_DENIAL_LIST, RESULT_OK, rows, 0);
    size_t count = 0;
    for (const effect_t *sent; (sent = rig_sent (desk->rig, MSG_DENIALS, 0));) {
        count += sent->count;
        assert_int_equal (sent->header.following_count, 2 * CALL_ROWS_MAX - count);
        s_ack (desk, 1, sent->header.batch_id);
    }
    assert_int_equal (count, 2 * CALL_ROWS_MAX);
    s_close (desk);
}

/*  Every RELOAD the list is read again: what other account processes added is pushed, what expired leaves, and what came in during the
    pass stays. A page that fails is read again. */
static void
test_reload (void **state)
{
    (void)state;
    denial_t old[2] = { s_denial (1), s_denial (2) };
    desk_t *desk = s_desk (old, 2);
    s_edge (desk, EVENT_PEER_UP, 1, STATE_READY);
    s_ack (desk, 1, rig_sent (desk->rig, MSG_DENIALS, 0)->header.batch_id);
    s_timer (desk, 10 * SECOND_US);
    denial_t mine = s_denial (3), theirs = s_denial (4);
    s_ask (desk, MSG_SESSION_END, &mine);
    s_answer (desk, CALL_DENIAL_ADD, &mine);
    s_ack (desk, 1, rig_sent (desk->rig, MSG_DENIALS, 0)->header.batch_id);
    s_answer_as (desk, CALL_DENIAL_LIST, RESULT_UNKNOWN, NULL, 0);
    s_timer (desk, 200 * MS);
    denial_t now[2] = { old[1], theirs };
    s_answer_as (desk, CALL_DENIAL_LIST, RESULT_OK, now, 2);
    const effect_t *sent = rig_sent (desk->rig, MSG_DENIALS, 0);
    assert_int_equal (sent->count, 1);
    assert_memory_equal (sent->entries, &theirs, sizeof theirs);
    assert_int_equal (s_core (desk)->deny_list.count, 3);
    s_close (desk);
}

/*  A stricter denial of the same tokens is told again; the same or a weaker one is not. */
static void
test_stricter (void **state)
{
    (void)state;
    denial_t old = { .user_id = 42, .not_before_ms = 1000, .until_ms = 9000 };
    desk_t *desk = s_desk (&old, 1);
    s_edge (desk, EVENT_PEER_UP, 1, STATE_READY);
    s_ack (desk, 1, rig_sent (desk->rig, MSG_DENIALS, 0)->header.batch_id);
    s_ask (desk, MSG_SESSION_END, &old);
    s_answer (desk, CALL_DENIAL_ADD, &old);
    rig_event (desk->rig, EVENT_TIMER);
    assert_null (rig_sent (desk->rig, MSG_DENIALS, 0));
    denial_t stricter = { .user_id = 42, .not_before_ms = 2000, .until_ms = 9500 };
    s_ask (desk, MSG_SESSION_END, &stricter);
    s_answer (desk, CALL_DENIAL_ADD, &stricter);
    s_ack (desk, 1, rig_sent (desk->rig, MSG_DENIALS, 0)->header.batch_id);
    assert_int_equal (s_core (desk)->deny_list.count, 1);
    s_close (desk);
}

/*  A process that leaves takes nothing new and finishes the old; no password stays in memory when all is over. */
static void
test_stop (void **state)
{
    (void)state;
    desk_t *desk = s_desk (NULL, 0);
    s_ask (desk, MSG_ACCOUNT_CREATE, &s_ada);
    rig_event (desk->rig, EVENT_STOP);
    s_ask (desk, MSG_SESSION_CREATE, &s_ada);
    assert_string_equal (s_text (desk), "send edge/1 OUTCOME batch=900 [{\"code\":53}]\n");
    assert_int_equal (rig_status (desk->rig).in_flight, 1);
    s_answer (desk, CALL_PASSWORD_HASH, &s_hash);
    account_row_t row = s_row;
    s_answer (desk, CALL_ACCOUNT_ADD, &row);
    const uint8_t *bytes = (const uint8_t *)s_core (desk)->questions;
    for (size_t i = 0; i < QUESTIONS_MAX * sizeof (question_t); i++)
        assert_int_equal (bytes[i], 0);
    s_close (desk);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_create),
        cmocka_unit_test (test_create_refused),
        cmocka_unit_test (test_login),
        cmocka_unit_test (test_wrong_password_and_unknown_name),
        cmocka_unit_test (test_hash_queue),
        cmocka_unit_test (test_store_failures),
        cmocka_unit_test (test_logout),
        cmocka_unit_test (test_logout_late_edge),
        cmocka_unit_test (test_logout_store_away),
        cmocka_unit_test (test_password_change),
        cmocka_unit_test (test_password_change_fails),
        cmocka_unit_test (test_long_list),
        cmocka_unit_test (test_reload),
        cmocka_unit_test (test_stricter),
        cmocka_unit_test (test_stop),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
