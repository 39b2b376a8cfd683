/*  Programmer errors end the process, in release too: a wrong state that goes on selling is worse than a
    restart. Never for input. */

#ifndef MS_CHECK_H
#define MS_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf (stderr, "%s:%d: %s: CHECK failed: %s\n", __FILE__, __LINE__, __func__,        \
                     #condition);                                                                  \
            abort ();                                                                              \
        }                                                                                          \
    } while (0)

#endif
