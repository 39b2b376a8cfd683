/*  minishop: `up` is the supervisor of an instance, every other verb speaks to one that runs. */

#include "console.h"
#include "params_load.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    console_verb_fn run;
    const char *usage;
    const char *prose;
} s_verbs[] = {
    { "up", console_up, "up [--detach] [--no-demo]",
      "starts the instance and stays until Ctrl-C; --detach returns when it serves. Demonstration "
      "sales at the first start." },
    { "down", console_down, "down", "stops it, and whatever a killed supervisor left." },
    { "status", console_status, "status [--json]", "processes with their present load." },
    { "scale", console_scale, "scale KIND=N [KIND=N…]",
      "wanted processes; returns when the new ones are ready and the others gone." },
    { "restart", console_restart, "restart KIND [--rolling]",
      "all of a kind; --rolling: one after the other, each replaced before it leaves." },
    { "drain", console_drain, "drain KIND[/N]",
      "replaces one process (or all, one after the other): it finishes its work and leaves." },
    { "probe", console_probe, "probe KIND[/N]",
      "asks each process itself; done if every one answers and is ready." },
    { "tokens", console_tokens, "tokens N", "N new shoppers' tokens, one a line, for load tests." },
    { "sale", console_sale,
      "sale list | create --title T --price CENTS --stock N [OPTION…] | edit ID OPTION… | "
      "stock ID --delta N --reason T [--key K] |\n"
      "           publish|pause|resume|end|audit ID  [--json]",
      "options of create and edit: --title T --description T --image PATH --price CENTS "
      "--list-price CENTS --stock N --currency EUR\n"
      "      --product T --per-user N --pay-within SECONDS --starts-in SECONDS; create: --lasts "
      "SECONDS --publish; edit: --ends-in SECONDS.\n"
      "      A sale that is published takes title, description, image, price and ends-in alone. "
      "`stock` adds units, or takes them\n"
      "      (--delta -5), once for each --key. `audit` is done if the sale is balanced." },
    { "order", console_order, "order show ID | cancel ID --reason T  [--json]",
      "one order with its payments and timeline; cancels it for its shopper." },
    { "dlq", console_dlq, "dlq list | show ID | requeue ID | discard ID  [--json]",
      "dead letters: reservations that could not become orders. `show` prints the message; "
      "`requeue` makes the order after all, if units\n"
      "      and shopper still allow it; `discard` closes the letter." },
    { "limits", console_limits, "limits [LEVEL.FIELD=N…] [--json]",
      "shows or changes limits: user.count=100 sale.rate_per_s=5000" },
};
#define VERB_COUNT (sizeof s_verbs / sizeof s_verbs[0])

int
console_fail (const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    fputs ("minishop: ", stderr);
    vfprintf (stderr, format, arguments);
    fputc ('\n', stderr);
    va_end (arguments);
    return EXIT_NOT_DONE;
}

int
console_usage (const char *verb)
{
    for (size_t i = 0; i < VERB_COUNT; i++)
        if (strcmp (s_verbs[i].name, verb) == 0)
            fprintf (stderr, "usage: minishop %s\n", s_verbs[i].usage);
    return EXIT_USAGE;
}

static void
s_print_verb (size_t i)
{
    printf ("  minishop %s\n      %s\n", s_verbs[i].usage, s_verbs[i].prose);
}

static void
s_print_help (void)
{
    printf ("MiniShop: a flash-sale system. The instance is the one in MINISHOP_DIR (./var).\n\n");
    for (size_t i = 0; i < VERB_COUNT; i++)
        s_print_verb (i);
    printf ("\nExit code: 0 done, 1 not done (the reason is on stderr), 2 wrong usage.\n\n");
    params_print ();
}

int
main (int argc, char **argv)
{
    if (sodium_init () < 0)
        return console_fail ("libsodium does not start");
    if (argc >= 2 && (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0 ||
                      strcmp (argv[1], "help") == 0)) {
        s_print_help ();
        return EXIT_DONE;
    }
    for (size_t i = 0; argc >= 2 && i < VERB_COUNT; i++) {
        if (strcmp (s_verbs[i].name, argv[1]) != 0)
            continue;
        for (int k = 2; k < argc; k++)
            if (strcmp (argv[k], "--help") == 0) {
                s_print_verb (i);
                return EXIT_DONE;
            }
        int code = s_verbs[i].run (argc - 1, argv + 1);
        if (fflush (stdout) != 0 && code == EXIT_DONE)
            return console_fail ("the output could not be written");
        return code;
    }
    fprintf (stderr, "usage: minishop VERB …; minishop --help names them\n");
    return EXIT_USAGE;
}
