#include "host.h"
#include "provider.h"
#include "provider_work.h"

int
main (int argc, char **argv)
{
    static const host_options_t options = {
        .work = provider_work,
        .work_context = provider_work_context,
        .work_threads = POSTS_MAX,
    };
    return host_main (&provider_class, &options, argc, argv);
}
