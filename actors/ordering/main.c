#include "host.h"
#include "ordering.h"

int
main (int argc, char **argv)
{
    static const host_options_t options = { .sql_role = "ordering" };
    return host_main (&ordering_class, &options, argc, argv);
}
