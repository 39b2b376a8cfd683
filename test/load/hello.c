/*  minishop-hello: the yardstick of the bench. The bare HTTP library that the edge uses, with the edge's
    settings, answering a fixed JSON by one write: no routing, no token, no store. What the edge reaches is
    quoted as a share of this in the same round. */

#include <civetweb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char s_answer[] = "HTTP/1.1 200 OK\r\n"
                               "Content-Type: application/json; charset=utf-8\r\n"
                               "Content-Length: 27\r\n"
                               "\r\n"
                               "{\"message\":\"hello, world\"}\n";

static int
s_handle (struct mg_connection *connection, void *context)
{
    (void)context;
    mg_write (connection, s_answer, sizeof s_answer - 1);
    return 200;
}

int
main (int argc, char **argv)
{
    const char *port = argc > 1 ? argv[1] : "";
    const char *threads = argc > 2 ? argv[2] : "320";
    const char *options[] = { "listening_ports",
                              port,
                              "num_threads",
                              threads,
                              "enable_keep_alive",
                              "yes",
                              "keep_alive_timeout_ms",
                              "60000",
                              "tcp_nodelay",
                              "1",
                              NULL };
    struct mg_callbacks callbacks;
    sigset_t signals;
    int number;
    if (argc < 2 || argc > 3) {
        fprintf (stderr, "usage: minishop-hello [ADDRESS:]PORT [THREADS]\n");
        return 2;
    }
    sigemptyset (&signals);
    sigaddset (&signals, SIGTERM);
    sigaddset (&signals, SIGINT);
    sigprocmask (SIG_BLOCK, &signals, NULL);
    memset (&callbacks, 0, sizeof callbacks);
    mg_init_library (0);
    struct mg_context *server = mg_start (&callbacks, NULL, options);
    if (!server) {
        fprintf (stderr, "minishop-hello: cannot listen on %s\n", port);
        return 1;
    }
    mg_set_request_handler (server, "/", s_handle, NULL);
    puts ("ready");
    fflush (stdout);
    sigwait (&signals, &number);
    mg_stop (server);
    mg_exit_library ();
    return 0;
}
