#include "host.h"
#include "ordering.h"

int
main (int argc, char **argv)
{
    /* Two writes are out at once by default (delivery_window): cancels, payments and questions do not wait behind them. Calls at once
     * on several connections are safe: whatever changes an order locks its sale first. */
    static const host_options_t options = { .sql_role = "ordering", .sql_connections = 3 };
    return host_main (&ordering_class, &options, argc, argv);
}
