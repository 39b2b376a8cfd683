#include "host.h"
#include "seckill.h"

int
main (int argc, char **argv)
{
    static const host_options_t options = { .gate_user = "seckill" };
    return host_main (&seckill_class, &options, argc, argv);
}
