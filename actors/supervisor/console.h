/*  The verbs of the command line. Each takes its own arguments (argv[0] is the verb) and returns the exit code: 0 done, 1 not done
    (reason on stderr), 2 wrong usage. */

#ifndef MS_CONSOLE_H
#define MS_CONSOLE_H

#define EXIT_DONE 0
#define EXIT_NOT_DONE 1
#define EXIT_USAGE 2

typedef int (*console_verb_fn) (int argc, char **argv);

int console_up (int argc, char **argv);
int console_down (int argc, char **argv);
int console_status (int argc, char **argv);
int console_scale (int argc, char **argv);
int console_restart (int argc, char **argv);
int console_drain (int argc, char **argv);
int console_probe (int argc, char **argv);
int console_tokens (int argc, char **argv);
int console_sale (int argc, char **argv);
int console_limits (int argc, char **argv);
int console_order (int argc, char **argv);
int console_dlq (int argc, char **argv);

/*  "minishop: <sentence>" on stderr; returns EXIT_NOT_DONE. */
int console_fail (const char *format, ...) __attribute__ ((format (printf, 1, 2)));
/*  Says how the verb is used, on stderr; returns EXIT_USAGE. */
int console_usage (const char *verb);

#endif
