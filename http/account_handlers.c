/*  Accounts and sessions. Passwords pass through to account and are wiped here. */

#include "handlers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define USERNAME_BYTES_MIN 3u
#define PASSWORD_BYTES_MIN 8u
#define PASSWORD_BYTES_MAX 128u

static bool
s_is_username (const char *text)
{
    return text[strspn (text,
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")] == 0;
}

void
handle_account_create (exchange_t *self)
{
    credentials_t credentials = { 0 };
    fields_text (&self->fields, "username", FIELD_REQUIRED, USERNAME_BYTES_MIN,
                 sizeof credentials.username - 1, credentials.username);
    fields_text (&self->fields, "password", FIELD_REQUIRED, PASSWORD_BYTES_MIN, PASSWORD_BYTES_MAX,
                 credentials.password);
    fields_text (&self->fields, "display_name", FIELD_OPTIONAL, 0,
                 sizeof credentials.display_name - 1, credentials.display_name);
    if (!s_is_username (credentials.username))
        fields_refuse (&self->fields, "\"username\" is 3 to 32 of A-Z a-z 0-9 _ . -");
    const account_t *account =
        exchange_is_valid (self)
            ? exchange_ask_one (self, MSG_ACCOUNT_CREATE, &credentials, MSG_ACCOUNT)
            : NULL;
    sodium_memzero (&credentials, sizeof credentials);
    if (!account)
        return;
    response_begin (&self->response, 201);
    text_field_id (&self->response.text, "user_id", account->user_id);
    text_field (&self->response.text, "username", account->username);
}

void
handle_password_put (exchange_t *self)
{
    credentials_t credentials = { .user_id = self->token.user_id };
    memcpy (credentials.username, self->token.username, sizeof credentials.username);
    fields_text (&self->fields, "current_password", FIELD_REQUIRED, 1, PASSWORD_BYTES_MAX,
                 credentials.password);
    fields_text (&self->fields, "new_password", FIELD_REQUIRED, PASSWORD_BYTES_MIN,
                 PASSWORD_BYTES_MAX, credentials.new_password);
    if (exchange_is_valid (self) &&
        exchange_ask_one (self, MSG_PASSWORD_CHANGE, &credentials, MSG_OUTCOME))
        self->response.status = 204;
    sodium_memzero (&credentials, sizeof credentials);
}

/* -------------------------------------------------------------------------- sessions */

static void
s_put_user (text_t *text, uint64_t user_id, const char *username, const char *role)
{
    text_name (text, "user");
    text_puts (text, "{");
    text_field_id (text, "user_id", user_id);
    text_field (text, "username", username);
    text_field (text, "role", role);
    text_puts (text, "}");
}

static void
s_set_cookie (exchange_t *self, const char *token, uint64_t age_s)
{
    snprintf (self->response.cookie, sizeof self->response.cookie,
              "minishop_session=%s; Path=/; Max-Age=%" PRIu64 "; HttpOnly; SameSite=Strict%s",
              token, age_s, request_is_https (&self->request) ? "; Secure" : "");
}

void
handle_session_create (exchange_t *self)
{
    credentials_t credentials = { 0 };
    fields_text (&self->fields, "username", FIELD_REQUIRED, 1, sizeof credentials.username - 1,
                 credentials.username);
    fields_text (&self->fields, "password", FIELD_REQUIRED, 1, PASSWORD_BYTES_MAX,
                 credentials.password);
    const session_t *session =
        exchange_is_valid (self)
            ? exchange_ask_one (self, MSG_SESSION_CREATE, &credentials, MSG_SESSION)
            : NULL;
    sodium_memzero (&credentials, sizeof credentials);
    if (!session)
        return;
    uint64_t now_ms = self->request.wall_ms;
    response_begin (&self->response, 201);
    text_field (&self->response.text, "access_token", session->access_token);
    text_field_number (&self->response.text, "expires_at_ms", session->expires_at_ms);
    s_put_user (&self->response.text, session->user_id, session->username, session->role);
    s_set_cookie (self, session->access_token,
                  session->expires_at_ms > now_ms ? (session->expires_at_ms - now_ms) / 1000 : 0);
}

void
handle_session_get (exchange_t *self)
{
    if (!exchange_is_valid (self))
        return;
    response_begin (&self->response, 200);
    s_put_user (&self->response.text, self->token.user_id, self->token.username, self->token.role);
    text_field_number (&self->response.text, "expires_at_ms", self->token.expires_s * 1000);
}

void
handle_session_delete (exchange_t *self)
{
    denial_t denial = { .user_id = self->token.user_id, .until_ms = self->token.expires_s * 1000 };
    memcpy (denial.token_id, self->token.token_id, sizeof denial.token_id);
    if (!exchange_is_valid (self) ||
        !exchange_ask_one (self, MSG_SESSION_END, &denial, MSG_OUTCOME))
        return;
    self->response.status = 204;
    s_set_cookie (self, "", 0);
}
