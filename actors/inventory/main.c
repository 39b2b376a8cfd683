#include "host.h"
#include "inventory.h"

int
main (int argc, char **argv)
{
    static const host_options_t options = {
        .gate_user = "inventory",
        .sql_role = "inventory",
        .sql_connections = 3, /* one more than audits (audit.c) */
        .is_script_loader = true,
    };
    return host_main (&inventory_class, &options, argc, argv);
}
