/*  The border to libzmq for the thread sanitizer. libzmq is not built with it, so it does not see how its I/O thread and ours hand messages
    over, and takes every one for a race. Between FOREIGN_BEGIN and FOREIGN_END our thread's accesses are not looked at: these parts are
    only calls of the library and the copying of message bytes. All other code of the process is checked; there is no suppression file. */

#ifndef MS_FOREIGN_H
#define MS_FOREIGN_H

#ifdef __SANITIZE_THREAD__
void AnnotateIgnoreReadsBegin (const char *file, int line);
void AnnotateIgnoreReadsEnd (const char *file, int line);
void AnnotateIgnoreWritesBegin (const char *file, int line);
void AnnotateIgnoreWritesEnd (const char *file, int line);
#define FOREIGN_BEGIN()                                                                            \
    do {                                                                                           \
        AnnotateIgnoreReadsBegin (__FILE__, __LINE__);                                             \
        AnnotateIgnoreWritesBegin (__FILE__, __LINE__);                                            \
    } while (0)
#define FOREIGN_END()                                                                              \
    do {                                                                                           \
        AnnotateIgnoreWritesEnd (__FILE__, __LINE__);                                              \
        AnnotateIgnoreReadsEnd (__FILE__, __LINE__);                                               \
    } while (0)
#else
#define FOREIGN_BEGIN() ((void)0)
#define FOREIGN_END() ((void)0)
#endif

#endif
