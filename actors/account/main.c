#include "account.h"
#include "account_work.h"
#include "host.h"

int
main (int argc, char **argv)
{
    static const host_options_t options = {
        .sql_role = "account",
        .work = account_work,
        .work_context = account_work_context,
    };
    return host_main (&account_class, &options, argc, argv);
}
