#include "broker.h"
#include "host.h"

int
main (int argc, char **argv)
{
    static const host_options_t options = {
        .gate_user = "broker",
        .sql_role = "broker",
        .reads_journals = true,
    };
    return host_main (&broker_class, &options, argc, argv);
}
