#include "announce.h"

#include "clock.h"
#include "http_client.h"
#include "params_load.h"
#include "rpc.h"
#include "up.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_PATIENCE_US 120000000u
#define READY_LOOK_US 50000
#define PING_PATIENCE_MS 1000u
/*  nginx that got new settings while it ran gives its last old worker up about 150 ms later. */
#define RELOAD_MS 300u
#define SETTINGS_BYTES_MAX (64u * 1024u)
#define MINUTE_MS (60 * 1000)

typedef struct demo_t {
    const char *title, *description, *image_url;
    int price_cents, list_price_cents, stock_total, per_user_limit;
    int opens_in_minutes, lasts_minutes;
} demo_t;

static const demo_t s_demo[] = {
    { "Mechanical keyboard, 75 %, brown switches",
      "Aluminium case, hot-swappable switches, USB-C. One per person; two hundred are here.",
      "/art/keyboard.svg", 5900, 12900, 200, 1, -1, 24 * 60 },
    { "Noise-cancelling headphones",
      "Thirty hours on one charge. Up to two per person, while they last.", "/art/headphones.svg",
      8900, 24900, 500, 2, -1, 12 * 60 },
    { "Espresso machine, last five",
      "Five machines from the show window, checked and descaled. This will be quick.",
      "/art/espresso.svg", 19900, 44900, 5, 1, -1, 24 * 60 },
    { "Board games, bundle of three",
      "Opens in ten minutes: be there. Reminders do not buy anything.", "/art/board-games.svg",
      2900, 8700, 100, 1, 10, 6 * 60 },
    { "Winter coat", "Tomorrow's sale. Sizes are chosen after the purchase.", "/art/coat.svg", 7900,
      19900, 1000, 1, 24 * 60, 24 * 60 },
};

/* -------------------------------------------------------------------------- demonstration sales */

static bool
s_add_demo (const char *url, const char *token, const demo_t *demo, char *reason)
{
    char path[80];
    json_int_t now_ms = (json_int_t)clock_wall_ms ();
    json_t *sale = json_pack (
        "{s:s, s:s, s:s, s:i, s:i, s:s, s:i, s:i, s:I, s:I}", "title", demo->title, "description",
        demo->description, "image_url", demo->image_url, "price_cents", demo->price_cents,
        "list_price_cents", demo->list_price_cents, "currency", "EUR", "stock_total",
        demo->stock_total, "per_user_limit", demo->per_user_limit, "starts_at_ms",
        now_ms + (json_int_t)demo->opens_in_minutes * MINUTE_MS, "ends_at_ms",
        now_ms + (json_int_t)(demo->opens_in_minutes + demo->lasts_minutes) * MINUTE_MS);
    http_answer_t made =
        http_client_call (url, "POST", "/api/v1/admin/sales", token, NULL, sale, 10000);
    json_decref (sale);
    const char *id = json_string_value (json_object_get (made.body, "sale_id"));
    if (made.status != 201 || !id) {
        http_client_reason (&made, reason);
        http_client_free (&made);
        return false;
    }
    snprintf (path, sizeof path, "/api/v1/admin/sales/%.40s/publish", id);
    http_client_free (&made);
    json_t *nothing = json_object ();
    http_answer_t published = http_client_call (url, "POST", path, token, NULL, nothing, 10000);
    json_decref (nothing);
    bool is_published = published.status == 200;
    if (!is_published)
        http_client_reason (&published, reason);
    http_client_free (&published);
    return is_published;
}

static void
s_add_demos (const instance_t *instance, const char *url)
{
    char token[SIGNED_TOKEN_BYTES_MAX], reason[REASON_BYTES];
    size_t count = sizeof s_demo / sizeof s_demo[0];
    if (!http_client_operator (instance, token, reason)) {
        printf ("no demonstration sales: %s\n", reason);
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (!s_add_demo (url, token, &s_demo[i], reason)) {
            printf ("demonstration sale %zu of %zu: %s\n", i + 1, count, reason);
            return;
        }
    printf ("%zu demonstration sales are there\n", count);
}

/* -------------------------------------------------------------------------- waiting */

/*  The supervisor is ready when every wanted process is. */
static bool
s_is_complete (const instance_t *instance)
{
    char endpoint[ENDPOINT_BYTES_MAX + 16];
    pong_t pong;
    size_t count;
    return rpc_endpoint (&instance->params, KIND_SUPERVISOR, 1, endpoint, sizeof endpoint) &&
           access (endpoint + strlen ("ipc://"), F_OK) == 0 &&
           rpc_call (&instance->params, endpoint, MSG_PING, NULL, &pong, sizeof pong, &count,
                     PING_PATIENCE_MS) == MSG_PONG &&
           count == 1 && pong.state == STATE_READY;
}

static uint64_t
s_changed_ms (const char *path)
{
    struct stat about;
    return stat (path, &about) == 0
               ? (uint64_t)about.st_mtim.tv_sec * 1000 + (uint64_t)about.st_mtim.tv_nsec / 1000000
               : 0;
}

bool
announce_is_public (const instance_t *instance, uint64_t edges)
{
    static char settings[SETTINGS_BYTES_MAX];
    uint64_t named = 0;
    uint64_t written_ms = s_changed_ms (instance_file (instance, "nginx/nginx.conf"));
    uint64_t started_ms = s_changed_ms (instance_file (instance, "run/nginx.pid"));
    if (!file_read (instance_file (instance, "nginx/nginx.conf"), settings, sizeof settings))
        return false;
    for (const char *at = settings; (at = strstr (at, "; # edge/")); at++)
        named++;
    return named == edges && started_ms > 0 &&
           (started_ms >= written_ms || clock_wall_ms () >= written_ms + RELOAD_MS);
}

static bool
s_is_ready (const char *url)
{
    http_answer_t answer = http_client_call (url, "GET", "/readyz", NULL, NULL, NULL, 2000);
    http_client_free (&answer);
    return answer.status == 200;
}

/*  The password is known from the environment, or from the file that the first start made; the operator may have changed it since. */
static long
s_log_in (const instance_t *instance, const char *url, bool *is_given)
{
    char password[PARAM_TEXT_BYTES_MAX + 1];
    *is_given = instance->params.admin_password[0] != 0;
    if (*is_given)
        memcpy (password, instance->params.admin_password, sizeof password);
    else if (!instance_secret (&instance->params, "admin-password", password, sizeof password))
        return 401;
    json_t *credentials = json_pack ("{s:s, s:s}", "username", "admin", "password", password);
    http_answer_t answer =
        http_client_call (url, "POST", "/api/v1/sessions", NULL, NULL, credentials, 5000);
    json_decref (credentials);
    http_client_free (&answer);
    return answer.status;
}

static void
s_print_address (const instance_t *instance, const char *url, long log_in, bool is_given)
{
    printf ("\nMiniShop is at %s\n", url);
    if (log_in == 401 && !is_given)
        printf ("operator: admin, with the password that was set through the API or "
                "MINISHOP_ADMIN_PASSWORD\n");
    else if (is_given)
        printf ("operator: admin, password as in MINISHOP_ADMIN_PASSWORD\n");
    else
        printf ("operator: admin, password in %s/admin-password\n", instance->asked);
    fflush (stdout);
}

static void
s_finish (const instance_t *instance, const char *url, bool with_demo)
{
    const char *mark = instance_file (instance, "run/first-start");
    if (access (mark, F_OK) != 0)
        return;
    if (with_demo)
        s_add_demos (instance, url);
    unlink (mark);
}

int
announce_run (bool with_demo, pid_t supervisor, bool is_child)
{
    instance_t instance;
    wanted_t wanted = { 0 };
    char reason[REASON_BYTES], url[160];
    uint64_t deadline_us = clock_now_us () + READY_PATIENCE_US;
    bool is_given = false;
    for (; clock_now_us () < deadline_us; usleep (READY_LOOK_US)) {
        if (is_child && waitpid (supervisor, NULL, WNOHANG) != 0)
            return 1; /* it said why */
        if (!instance_find (&instance, reason) ||
            file_read_number (instance_file (&instance, "run/supervisor.pid")) != supervisor ||
            access (instance_file (&instance, "run/url"), F_OK) != 0 ||
            !up_load_wanted (&instance, &wanted, reason) || !s_is_complete (&instance) ||
            !announce_is_public (&instance, wanted.counts[KIND_EDGE]))
            continue;
        instance_url (&instance, url, sizeof url);
        if (!s_is_ready (url))
            continue;
        long log_in = s_log_in (&instance, url, &is_given);
        if (log_in != 201 && (log_in != 401 || is_given))
            continue;
        s_finish (&instance, url, with_demo);
        s_print_address (&instance, url, log_in, is_given);
        return 0;
    }
    fprintf (stderr,
             "minishop: not ready after %u s; `minishop status` and the logs in %s/log say more\n",
             READY_PATIENCE_US / 1000000, instance.asked);
    return 1;
}
