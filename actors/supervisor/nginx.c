#include "nginx.h"

#include "embedded_texts.h"
#include "spawn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PROGRAM "/usr/sbin/nginx"
#define WORKERS 2u
/*  Connections that one worker holds at most; each client's request needs two for a moment. */
#define WORKER_CONNECTIONS_MAX 16384u
/*  Kept connections of one worker to one edge: bursts of a batch's answers are taken up without new connections. */
#define KEPT_PER_EDGE 96u
#define OLD_ASSETS_KEPT_S (7 * 86400)

/* -------------------------------------------------------------------------- the port */

bool
nginx_reserve_port (const instance_t *instance, char *reason)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET,
                              .sin_port = htons ((uint16_t)instance->params.port) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
                               .sin6_port = htons ((uint16_t)instance->params.port) };
    bool is_v4 = inet_pton (AF_INET, instance->params.bind, &v4.sin_addr) == 1;
    if (!is_v4 && inet_pton (AF_INET6, instance->params.bind, &v6.sin6_addr) != 1) {
        snprintf (reason, REASON_BYTES, "MINISHOP_BIND is an IPv4 or IPv6 address, not '%.60s'",
                  instance->params.bind);
        return false;
    }
    const struct sockaddr *address = is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
    socklen_t address_bytes = is_v4 ? sizeof v4 : sizeof v6;
    int on = 1, fd = socket (address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    /* Stays open without listening: nginx may bind beside it, but nobody who takes any free port gets this one while nginx is not
       there. */
    bool is_free = bind (fd, address, address_bytes) == 0;
    if (!is_free)
        snprintf (reason, REASON_BYTES,
                  "port %" PRIu64 " on %.60s: %s; choose another by MINISHOP_PORT",
                  instance->params.port, instance->params.bind, strerror (errno));
    return is_free;
}

/* -------------------------------------------------------------------------- parts of the settings */

static bool
s_print_spared (FILE *out, const char *cidrs, char *reason)
{
    char list[PARAM_TEXT_BYTES_MAX + 1], *rest = NULL;
    snprintf (list, sizeof list, "%s", cidrs);
    for (char *cidr = strtok_r (list, ", ", &rest); cidr; cidr = strtok_r (NULL, ", ", &rest)) {
        if (strspn (cidr, "0123456789abcdefABCDEF.:/") != strlen (cidr)) {
            snprintf (reason, REASON_BYTES, "MINISHOP_UNLIMITED_CIDRS: '%.60s' is no address",
                      cidr);
            return false;
        }
        fprintf (out, "        %s 1;\n", cidr);
    }
    return true;
}

/*  An edge serves edge_connections at once; of them the other worker may keep some idle. max_fails 0: a dead edge refuses connections
    at once and is back in a moment; counting would keep it out for a second, and with two of them answer 503 for that long. */
static void
s_print_edges (FILE *out, const params_t *params, const process_t *edges, size_t count)
{
    uint64_t kept = KEPT_PER_EDGE * (WORKERS - 1);
    uint64_t most = params->edge_connections > 2 * kept ? params->edge_connections - kept
                                                        : params->edge_connections / 2;
    for (size_t i = 0; i < count; i++) {
        const char *address = strstr (edges[i].http_endpoint, "://");
        fprintf (out, "        server %s max_conns=%" PRIu64 " max_fails=0; # edge/%" PRIu64 "\n",
                 address ? address + 3 : edges[i].http_endpoint, most, edges[i].number);
    }
    if (count == 0)
        fprintf (out, "        server 127.0.0.1:1 down; # no edge is ready\n");
}

static void
s_print_problem (FILE *out, const char *location, error_code_t code, const char *header,
                 const char *detail)
{
    const error_row_t *row = schema_error (code);
    char retry[80] = "";
    if (row->retry_after_ms)
        snprintf (retry, sizeof retry, "\"retry_after_ms\":%u,", row->retry_after_ms);
    fprintf (out,
             "        location %s {\n%s"
             /* the type of a page that was asked for would win over the default */
             "            types { }\n            default_type application/problem+json;\n"
             "            add_header X-Request-Id $request_id always;\n"
             "            add_header traceparent \"00-$trace_id-$span_id-01\" always;\n"
             "            add_header Cache-Control no-store always;\n"
             "            add_header X-Content-Type-Options nosniff always;\n",
             location, location[0] == '@' ? "" : "            internal;\n");
    if (row->retry_after_ms)
        fprintf (out, "            add_header Retry-After %u always;\n",
                 (row->retry_after_ms + 999) / 1000);
    if (header)
        fprintf (out, "            add_header %s always;\n", header);
    fprintf (out,
             "            return %u "
             "'{\"type\":\"urn:minishop:error:%s\",\"title\":\"%s\",\"status\":%u,\"detail\":\"%"
             "s\",\"code\":"
             "\"%s\","
             "\"request_id\":\"$request_id\",\"trace_id\":\"$trace_id\",%s%s\"retryable\":%s}';\n  "
             "      }\n",
             row->http_status, row->code, row->title, row->http_status, detail, row->code,
             code == ERROR_RATE_LIMITED ? "\"limit\":\"ip\"," : "", retry,
             row->retryable ? "true" : "false");
}

static void
s_print_problems (FILE *out, bool has_edges)
{
    s_print_problem (out, "= /_problem/e400", ERROR_MALFORMED_REQUEST, NULL,
                     "The request could not be read, or did not come in time.");
    s_print_problem (out, "@e404", ERROR_NOT_FOUND, NULL,
                     "Nothing is here; the API is under /api/v1.");
    s_print_problem (out, "@e405", ERROR_METHOD_NOT_ALLOWED, "Allow \"GET, HEAD\"",
                     "This can only be read.");
    s_print_problem (out, "@e411", ERROR_LENGTH_REQUIRED, NULL,
                     "Send the body with a Content-Length, not in chunks.");
    s_print_problem (out, "@e413", ERROR_CONTENT_TOO_LARGE, NULL, "A body may have 4096 bytes.");
    s_print_problem (out, "= /_problem/e414", ERROR_URI_TOO_LONG, NULL, "Shorten the address.");
    s_print_problem (out, "@e429", ERROR_RATE_LIMITED, NULL,
                     "Too many connections from this address.");
    s_print_problem (out, "= /_problem/e431", ERROR_HEADER_FIELDS_TOO_LARGE, NULL,
                     "Send fewer or shorter header fields.");
    s_print_problem (out, "@e500", ERROR_INTERNAL_ERROR, NULL, "Something is wrong on our side.");
    s_print_problem (out, "= /_problem/e501", ERROR_NOT_IMPLEMENTED, NULL,
                     "The transfer coding is not known here.");
    s_print_problem (out, "@e503", has_edges ? ERROR_BUSY : ERROR_DEPENDENCY_UNAVAILABLE, NULL,
                     has_edges ? "No server is free; send it again with the same key."
                               : "No server is ready yet.");
    s_print_problem (out, "@e504", ERROR_BUSY, NULL,
                     "No answer in time; send it again with the same key.");
    s_print_problem (out, "= /_problem/e505", ERROR_HTTP_VERSION_NOT_SUPPORTED, NULL,
                     "Use HTTP/1.1.");
}

/* -------------------------------------------------------------------------- what is under "/" */

/*  Where the pages of this build are, and where nginx serves from; nftw () hands no pointer on. */
static char s_built[PATH_MAX + 16], s_served[PATH_MAX];

/*  A part of an earlier build stays for a while: pages that are open ask for it when they come to need it. The sticky bit says that its
    time runs, mtime since when. */
static bool
s_is_kept (const char *path, const struct stat *facts)
{
    if (facts->st_mode & S_ISVTX)
        return time (NULL) - facts->st_mtime < OLD_ASSETS_KEPT_S;
    return chmod (path, (facts->st_mode & 0777) | S_ISVTX) == 0 &&
           utimensat (AT_FDCWD, path, NULL, 0) == 0;
}

static int
s_remove_if_gone (const char *path, const struct stat *facts, int kind, struct FTW *place)
{
    (void)place;
    char source[sizeof s_built + PATH_MAX];
    const char *name = path + strlen (s_served);
    snprintf (source, sizeof source, "%s%s", s_built, name);
    bool is_asset = kind == FTW_F && strncmp (name, "/assets/", strlen ("/assets/")) == 0;
    if (access (source, F_OK) == 0) {
        if (is_asset && facts->st_mode & S_ISVTX) /* back again */
            (void)!chmod (path, facts->st_mode & 0777);
    } else if (!is_asset || !s_is_kept (path, facts))
        (void)(kind == FTW_DP ? rmdir (path) : unlink (path));
    return 0;
}

/*  New files first, then what this build does not have goes: whoever is loading finds what the page that he has asks for. */
static bool
s_copy_pages (const instance_t *instance, char *reason)
{
    char source[sizeof s_built + 2];
    snprintf (source, sizeof source, "%s/.", s_built);
    const char *copy[] = { "/bin/cp", "-rT", "--preserve=timestamps", source, s_served, NULL },
               *open_to_all[] = { "/bin/chmod", "-R", "a+rX", s_served, NULL };
    spawn_t copying = { .argv = copy,
                        .folder = "/",
                        .log_path = instance_file (instance, "log/nginx.log"),
                        .is_clean = true };
    spawn_t opening = copying;
    opening.argv = open_to_all;
    if (!spawn_run (&copying, reason) || !spawn_run (&opening, reason))
        return false;
    nftw (s_served, s_remove_if_gone, 16, FTW_DEPTH | FTW_PHYS);
    return true;
}

bool
nginx_write_pages (const instance_t *instance, char *reason)
{
    snprintf (s_built, sizeof s_built, "%s/../web", instance->programs);
    snprintf (s_served, sizeof s_served, "%s", instance_file (instance, "nginx/html"));
    if (access (s_built, R_OK | X_OK) == 0)
        return s_copy_pages (instance, reason);
    const char *index = instance_file (instance, "nginx/html/index.html");
    return access (index, F_OK) == 0 ||
           file_write (index, 0644, (uid_t)-1, (gid_t)-1, text_status_html, reason);
}

/* -------------------------------------------------------------------------- the whole */

static char *
s_parts (const instance_t *instance, const process_t *edges, size_t count, char **spared,
         char **servers, char **problems, char *reason)
{
    size_t bytes;
    FILE *out = open_memstream (spared, &bytes);
    bool is_good = out && s_print_spared (out, instance->params.unlimited_cidrs, reason);
    if (out)
        fclose (out);
    if (!is_good || !(out = open_memstream (servers, &bytes)))
        return NULL;
    s_print_edges (out, &instance->params, edges, count);
    fclose (out);
    if (!(out = open_memstream (problems, &bytes)))
        return NULL;
    s_print_problems (out, count > 0);
    fclose (out);
    struct rlimit files = { .rlim_cur = 1024, .rlim_max = 1024 };
    getrlimit (RLIMIT_NOFILE, &files);
    uint64_t open_max = files.rlim_max, connections = open_max > 128 ? open_max - 64 : 64;
    char user[64], workers[24], files_text[24], connections_text[24], listen_text[300], kept[24],
        timeout[24];
    uint64_t longest_ms = instance->params.purchase_deadline_ms > instance->params.query_deadline_ms
                              ? instance->params.purchase_deadline_ms
                              : instance->params.query_deadline_ms;
    snprintf (user, sizeof user, instance->is_root ? "user %s;" : "", instance->nginx.name);
    snprintf (workers, sizeof workers, "%u", WORKERS);
    snprintf (files_text, sizeof files_text, "%" PRIu64, open_max);
    snprintf (connections_text, sizeof connections_text, "%" PRIu64,
              connections < WORKER_CONNECTIONS_MAX ? connections : WORKER_CONNECTIONS_MAX);
    bool is_v6 = strchr (instance->params.bind, ':') != NULL;
    snprintf (listen_text, sizeof listen_text, is_v6 ? "[%s]:%" PRIu64 : "%s:%" PRIu64,
              instance->params.bind, instance->params.port);
    snprintf (kept, sizeof kept, "%zu", KEPT_PER_EDGE * (count ? count : 1));
    snprintf (timeout, sizeof timeout, "%" PRIu64, longest_ms + 2000);
    const char *const pairs[][2] = { { "HOME", instance->params.dir },
                                     { "USER", user },
                                     { "WORKERS", workers },
                                     { "FILES", files_text },
                                     { "CONNECTIONS", connections_text },
                                     { "SPARED", *spared },
                                     { "EDGES", *servers },
                                     { "PROBLEMS", *problems },
                                     { "LISTEN", listen_text },
                                     { "KEEPALIVE", kept },
                                     { "READ_TIMEOUT", timeout },
                                     { NULL, NULL } };
    return text_fill (text_nginx_conf, pairs);
}

bool
nginx_write (const instance_t *instance, const process_t *edges, size_t count, char *reason)
{
    char *spared = NULL, *servers = NULL, *problems = NULL;
    snprintf (reason, REASON_BYTES, "no memory for nginx's settings");
    char *text = s_parts (instance, edges, count, &spared, &servers, &problems, reason);
    bool is_good = text && file_write (instance_file (instance, "nginx/nginx.conf"), 0644,
                                       (uid_t)-1, (gid_t)-1, text, reason);
    free (text);
    free (spared);
    free (servers);
    free (problems);
    return is_good;
}

pid_t
nginx_start (const instance_t *instance, char *reason)
{
    char conf[PATH_MAX], prefix[PATH_MAX], log[PATH_MAX];
    snprintf (conf, sizeof conf, "%s", instance_file (instance, "nginx/nginx.conf"));
    snprintf (prefix, sizeof prefix, "%s", instance_file (instance, "nginx"));
    snprintf (log, sizeof log, "%s", instance_file (instance, "log/nginx.log"));
    const char *argv[] = { PROGRAM, "-p", prefix, "-c", conf, "-e", log, NULL };
    spawn_t what = { .argv = argv, .folder = prefix, .log_path = log, .is_clean = true };
    return spawn_start (&what, reason);
}
