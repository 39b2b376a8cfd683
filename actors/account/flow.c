/*  Flows of the account actor.

    1. Each question is answered exactly once and has a deadline. Passwords are wiped from memory with it.
    2. At most hash_queue hashings are in flight, also counting those whose question is over; beyond it busy.
    3. A log-in with an unknown username costs one hashing too and gets the same answer as a wrong password: neither time nor words
       tell whether a name exists.
    4. After a password change every token issued before is refused. Tokens carry whole seconds, so the denial holds up to the end of
       the present second of the clock that issues tokens (found by issuing one that nobody gets), and the answer waits for that
       second to end: a log-in after the answer is never refused by it.
    5. A user's number is the hash of its first password hash, whose salt is random: unguessable, below 2^63, and the same if the
       row has to be added again.

    question          stages, in order                                     answer
    ACCOUNT_CREATE    HASH → ADD                                           ACCOUNT, or username_taken
    SESSION_CREATE    FIND → CHECK (found) → ISSUE                         SESSION, or unauthenticated
                      FIND → DECOY (not found)                             unauthenticated
    SESSION_END       DENY → ACKS                                          OUTCOME none
    PASSWORD_CHANGE   FIND → CHECK → HASH → REHASH → ISSUE → DENY → ACKS   OUTCOME none, or unauthenticated

    in any stage      a store that is away, or its answer unknown          dependency_unavailable (DENY of a password change: again
                                                                           until the deadline, for the password is changed already)
                      a call refused by its store                          internal_error
                      hash_queue hashings in flight                        busy
                      deadline                                             busy while hashing, else dependency_unavailable;
                                                                           ACKS: answered, the late edges are left behind */

#include "flow.h"

#include "deny_list.h"
#include "hash.h"

#define DENY_RETRY_US (100u * MS)
#define TOKEN_SECOND_US (1000u * MS) /* tokens tell whole seconds */
#define USERNAME_BYTES_MIN 3u
#define PASSWORD_BYTES_MIN 8u

/* -------------------------------------------------------------------------- open and close */

static uint64_t
s_slot (const accounts_t *self, const question_t *question)
{
    return (uint64_t)(question - self->questions);
}

static question_t *
s_open (accounts_t *self, const header_t *header)
{
    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        question_t *question = &self->questions[i];
        if (question->stage != STAGE_FREE)
            continue;
        question->header = *header;
        /* a little before the edge gives up, so that it can say why */
        question->deadline_us = self->now_us + self->params.query_deadline_ms * MS * 9 / 10;
        self->question_count++;
        return question;
    }
    return NULL;
}

static void
s_close (accounts_t *self, question_t *question, error_code_t code, effects_t *effects)
{
    if (question->header.type == MSG_SESSION_CREATE)
        effects_add (effects, METRIC_LOGINS, code, 1);
    memset (question, 0, sizeof *question);
    self->question_count--;
    self->handled++;
}

static void
s_outcome (accounts_t *self, question_t *question, error_code_t code, const char *detail,
           effects_t *effects)
{
    effects_reply_outcome (effects, &question->header, code, detail, 0);
    s_close (self, question, code, effects);
}

/* -------------------------------------------------------------------------- calls */

static void
s_call (accounts_t *self, question_t *question, stage_t stage, call_name_t call, effects_t *effects)
{
    question->stage = stage;
    question->tag = account_call (self, effects, call, PURPOSE_QUESTION, s_slot (self, question));
}

static void
s_call_account (accounts_t *self, question_t *question, stage_t stage, call_name_t call,
                effects_t *effects)
{
    s_call (self, question, stage, call, effects);
    account_row_t *row = effects_entry (effects, &record_account_row);
    *row = question->account;
}

/*  `password_hash` empty makes a hash, else it is checked. */
static void
s_call_hash (accounts_t *self, question_t *question, stage_t stage, const char *password,
             const char *password_hash, effects_t *effects)
{
    if (self->hash_count >= self->params.hash_queue) {
        s_outcome (self, question, ERROR_BUSY, NULL, effects);
        return;
    }
    self->hash_count++;
    s_call (self, question, stage, CALL_PASSWORD_HASH, effects);
    password_check_t *check = effects_entry (effects, &record_password_check);
    snprintf (check->password, sizeof check->password, "%s", password);
    snprintf (check->password_hash, sizeof check->password_hash, "%s", password_hash);
}

static void
s_call_issue (accounts_t *self, question_t *question, effects_t *effects)
{
    s_call (self, question, STAGE_ISSUE, CALL_TOKEN_ISSUE, effects);
    account_t *account = effects_entry (effects, &record_account);
    account->user_id = question->account.user_id;
    snprintf (account->username, sizeof account->username, "%s", question->account.username);
    snprintf (account->role, sizeof account->role, "%s", question->account.role);
}

static void
s_call_deny (accounts_t *self, question_t *question, effects_t *effects)
{
    question->retry_us = 0;
    s_call (self, question, STAGE_DENY, CALL_DENIAL_ADD, effects);
    denial_t *denial = effects_entry (effects, &record_denial);
    *denial = question->denial;
}

/* -------------------------------------------------------------------------- questions */

static bool
s_is_username (const char *name)
{
    size_t bytes = strlen (name);
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    return bytes >= USERNAME_BYTES_MIN && strspn (name, allowed) == bytes;
}

static bool
s_is_password (const char *password)
{
    return strlen (password) >= PASSWORD_BYTES_MIN;
}

static void
s_ask_create (accounts_t *self, question_t *question, effects_t *effects)
{
    const credentials_t *given = &question->credentials;
    if (!s_is_username (given->username) || !s_is_password (given->password)) {
        s_outcome (self, question, ERROR_INVALID_FIELD, NULL, effects);
        return;
    }
    s_call_hash (self, question, STAGE_HASH, given->password, "", effects);
}

static void
s_ask_session (accounts_t *self, question_t *question, effects_t *effects)
{
    if (self->hash_count >= self->params.hash_queue) {
        s_outcome (self, question, ERROR_BUSY, NULL, effects);
        return;
    }
    snprintf (question->account.username, sizeof question->account.username, "%s",
              question->credentials.username);
    s_call_account (self, question, STAGE_FIND, CALL_ACCOUNT_FIND, effects);
}

static void
s_ask_change (accounts_t *self, question_t *question, effects_t *effects)
{
    if (question->credentials.user_id == 0 || !s_is_password (question->credentials.new_password)) {
        s_outcome (self, question, ERROR_INVALID_FIELD, NULL, effects);
        return;
    }
    question->account.user_id = question->credentials.user_id;
    s_call_account (self, question, STAGE_FIND, CALL_ACCOUNT_FIND, effects);
}

static void
s_ask_end (accounts_t *self, question_t *question, effects_t *effects)
{
    if (deny_list_is_full (self))
        s_outcome (self, question, ERROR_BUSY, NULL, effects);
    else
        s_call_deny (self, question, effects);
}

static void
s_ask (accounts_t *self, question_t *question, const void *entry, effects_t *effects)
{
    if (question->header.type == MSG_SESSION_END) {
        question->denial = *(const denial_t *)entry;
        s_ask_end (self, question, effects);
        return;
    }
    question->credentials = *(const credentials_t *)entry;
    if (question->header.type == MSG_ACCOUNT_CREATE)
        s_ask_create (self, question, effects);
    else if (question->header.type == MSG_SESSION_CREATE)
        s_ask_session (self, question, effects);
    else
        s_ask_change (self, question, effects);
}

bool
flow_is_question (uint64_t type)
{
    return type == MSG_ACCOUNT_CREATE || type == MSG_SESSION_CREATE || type == MSG_SESSION_END ||
           type == MSG_PASSWORD_CHANGE;
}

void
flow_message (accounts_t *self, const event_t *event, effects_t *effects)
{
    error_code_t refusal = ERROR_NONE;
    if (self->is_stopping)
        refusal = ERROR_DRAINING;
    else if (event->count != 1)
        refusal = ERROR_INVALID_FIELD;
    question_t *question = refusal == ERROR_NONE ? s_open (self, event->header) : NULL;
    if (!question) {
        effects_reply_outcome (effects, event->header, refusal ? refusal : ERROR_BUSY, NULL, 0);
        return;
    }
    s_ask (self, question, event->entries, effects);
}

/* -------------------------------------------------------------------------- answers, stage by stage */

static void
s_found (accounts_t *self, question_t *question, const account_row_t *row, effects_t *effects)
{
    bool is_login = question->header.type == MSG_SESSION_CREATE;
    if (row->code == ERROR_NONE) {
        question->account = *row;
        s_call_hash (self, question, STAGE_CHECK, question->credentials.password,
                     row->password_hash, effects);
    } else if (is_login) {
        s_call_hash (self, question, STAGE_DECOY, question->credentials.password, "", effects);
    } else {
        s_outcome (self, question, ERROR_NOT_FOUND, NULL, effects);
    }
}

static void
s_checked (accounts_t *self, question_t *question, const password_check_t *check,
           effects_t *effects)
{
    bool is_login = question->header.type == MSG_SESSION_CREATE;
    if (!check->matches)
        s_outcome (self, question, ERROR_UNAUTHENTICATED,
                   is_login ? "The username or the password is wrong"
                            : "The current password is wrong",
                   effects);
    else if (is_login)
        s_call_issue (self, question, effects);
    else
        s_call_hash (self, question, STAGE_HASH, question->credentials.new_password, "", effects);
}

/*  Rule 5. */
static uint64_t
s_user_id (const char *password_hash)
{
    uint64_t number = hash_bytes (0, password_hash, strlen (password_hash)) >> 1;
    return number ? number : 1;
}

static void
s_hashed (accounts_t *self, question_t *question, const password_check_t *check, effects_t *effects)
{
    account_row_t *account = &question->account;
    snprintf (account->password_hash, sizeof account->password_hash, "%s", check->password_hash);
    if (question->header.type == MSG_PASSWORD_CHANGE) {
        s_call_account (self, question, STAGE_REHASH, CALL_ACCOUNT_REHASH, effects);
        return;
    }
    const credentials_t *given = &question->credentials;
    account->user_id = s_user_id (check->password_hash);
    snprintf (account->username, sizeof account->username, "%s", given->username);
    snprintf (account->display_name, sizeof account->display_name, "%s", given->display_name);
    snprintf (account->role, sizeof account->role, "shopper");
    s_call_account (self, question, STAGE_ADD, CALL_ACCOUNT_ADD, effects);
}

static void
s_added (accounts_t *self, question_t *question, const account_row_t *row, effects_t *effects)
{
    if (row->code != ERROR_NONE) {
        s_outcome (self, question, ERROR_USERNAME_TAKEN, NULL, effects);
        return;
    }
    effects_reply (effects, &question->header, MSG_ACCOUNT);
    account_t *account = effects_entry (effects, &record_account);
    account->user_id = row->user_id;
    snprintf (account->username, sizeof account->username, "%s", row->username);
    snprintf (account->role, sizeof account->role, "%s", row->role);
    snprintf (account->display_name, sizeof account->display_name, "%s", row->display_name);
    s_close (self, question, ERROR_NONE, effects);
}

/*  Rule 4: up to the end of the second in which this token would have been issued. */
static void
s_deny_all (accounts_t *self, question_t *question, const session_t *now, effects_t *effects)
{
    uint64_t life_ms = self->params.token_hours * 3600 * 1000;
    question->denial = (denial_t){ .user_id = question->account.user_id };
    question->denial.not_before_ms = now->expires_at_ms - life_ms + 1000;
    question->denial.until_ms = now->expires_at_ms + 1000;
    question->not_before_us = self->now_us + TOKEN_SECOND_US;
    s_call_deny (self, question, effects);
}

static void
s_issued (accounts_t *self, question_t *question, const session_t *issued, effects_t *effects)
{
    if (question->header.type == MSG_PASSWORD_CHANGE) {
        s_deny_all (self, question, issued, effects);
        return;
    }
    effects_reply (effects, &question->header, MSG_SESSION);
    session_t *session = effects_entry (effects, &record_session);
    *session = *issued;
    s_close (self, question, ERROR_NONE, effects);
}

static void
s_denied (accounts_t *self, question_t *question, const denial_t *denial, effects_t *effects)
{
    question->stamp = deny_list_merge (self, denial);
    if (!question->stamp) {
        s_outcome (self, question, ERROR_BUSY, NULL, effects);
        return;
    }
    question->stage = STAGE_ACKS;
    uint64_t patience_us = self->now_us + self->params.snapshot_deadline_ms * MS;
    question->deadline_us = earlier (question->deadline_us, patience_us);
}

static void
s_answer (accounts_t *self, question_t *question, const event_t *event, effects_t *effects)
{
    switch (question->stage) {
    case STAGE_FIND:
        s_found (self, question, event->entries, effects);
        break;
    case STAGE_CHECK:
        s_checked (self, question, event->entries, effects);
        break;
    case STAGE_DECOY:
        s_outcome (self, question, ERROR_UNAUTHENTICATED, "The username or the password is wrong",
                   effects);
        break;
    case STAGE_HASH:
        s_hashed (self, question, event->entries, effects);
        break;
    case STAGE_ADD:
        s_added (self, question, event->entries, effects);
        break;
    case STAGE_REHASH:
        s_call_issue (self, question, effects);
        break;
    case STAGE_ISSUE:
        s_issued (self, question, event->entries, effects);
        break;
    case STAGE_DENY:
        s_denied (self, question, event->entries, effects);
        break;
    case STAGE_ACKS:
    case STAGE_FREE:
        CHECK (false);
    }
}

static void
s_unanswered (accounts_t *self, question_t *question, const event_t *event, effects_t *effects)
{
    bool is_away = event->status == RESULT_UNAVAILABLE || event->status == RESULT_UNKNOWN;
    if (question->stage == STAGE_DENY && is_away && question->header.type == MSG_PASSWORD_CHANGE) {
        question->retry_us = self->now_us + DENY_RETRY_US;
        return;
    }
    if (!is_away)
        effects_log (effects, LOG_LEVEL_ERROR, "question_refused", "call=%s %s",
                     schema_call (event->call)->name, event->detail ? event->detail : "");
    s_outcome (self, question, is_away ? ERROR_DEPENDENCY_UNAVAILABLE : ERROR_INTERNAL_ERROR, NULL,
               effects);
}

void
flow_result (accounts_t *self, const event_t *event, effects_t *effects)
{
    uint64_t slot = tag_slot (event->tag);
    question_t *question = slot < QUESTIONS_MAX ? &self->questions[slot] : NULL;
    if (event->call == CALL_PASSWORD_HASH && self->hash_count > 0)
        self->hash_count--;
    if (!question || question->stage == STAGE_FREE || question->tag != event->tag)
        return;
    question->tag = 0;
    if (event->status == RESULT_OK && event->count == 1)
        s_answer (self, question, event, effects);
    else
        s_unanswered (self, question, event, effects);
}

/* -------------------------------------------------------------------------- time */

static void
s_expire (accounts_t *self, question_t *question, effects_t *effects)
{
    stage_t stage = question->stage;
    bool is_hashing = stage == STAGE_CHECK || stage == STAGE_DECOY || stage == STAGE_HASH;
    if (stage == STAGE_ACKS) {
        effects_log (effects, LOG_LEVEL_WARNING, "denials_late", "version=%" PRIu64,
                     question->stamp);
        s_outcome (self, question, ERROR_NONE, NULL, effects);
    } else {
        s_outcome (self, question, is_hashing ? ERROR_BUSY : ERROR_DEPENDENCY_UNAVAILABLE, NULL,
                   effects);
    }
}

static void
s_advance (accounts_t *self, question_t *question, effects_t *effects)
{
    bool is_acked = question->stage == STAGE_ACKS && deny_list_edges_have (self, question->stamp);
    if (is_acked && self->now_us >= question->not_before_us)
        s_outcome (self, question, ERROR_NONE, NULL, effects);
    else if (self->now_us >= question->deadline_us)
        s_expire (self, question, effects);
    else if (question->retry_us && self->now_us >= question->retry_us)
        s_call_deny (self, question, effects);
}

void
flow_advance (accounts_t *self, effects_t *effects)
{
    for (size_t i = 0; self->question_count > 0 && i < QUESTIONS_MAX; i++)
        if (self->questions[i].stage != STAGE_FREE)
            s_advance (self, &self->questions[i], effects);
}

uint64_t
flow_wake_us (const accounts_t *self)
{
    uint64_t wake_us = UINT64_MAX;
    for (size_t i = 0; self->question_count > 0 && i < QUESTIONS_MAX; i++) {
        const question_t *question = &self->questions[i];
        if (question->stage == STAGE_FREE)
            continue;
        wake_us = earlier (wake_us, question->deadline_us);
        if (question->retry_us)
            wake_us = earlier (wake_us, question->retry_us);
        /* one that is overdue waits for acknowledgements, not for time */
        if (question->not_before_us > self->now_us)
            wake_us = earlier (wake_us, question->not_before_us);
    }
    return wake_us;
}
