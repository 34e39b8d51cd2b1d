/* The daemon's program. All it is stands in orchestrator/daemon.h; this is its command line. */
#include "base/str.h"
#include "orchestrator/daemon.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    struct daemon_options options = {0};
    for (int i = 1; i < argc; i++) {
        if (!streq(argv[i], "--background")) {
            fprintf(stderr, "error: unknown argument '%s'; see 'vmstead daemon --help'\n", argv[i]);
            return EXIT_FAILURE;
        }
        options.background = true;
    }
    _cleanup_error_ struct error err = {0};
    if (daemon_run(&options, &err) == 0)
        return EXIT_SUCCESS;
    fprintf(stderr, "error: %s\n", error_text(&err));
    return EXIT_FAILURE;
}
