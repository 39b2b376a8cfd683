#include "host.h"
#include "limiter.h"

int
main (int argc, char **argv)
{
    static const host_options_t options = { 0 };
    return host_main (&limiter_class, &options, argc, argv);
}
