/* The daemon's program. All it is stands in orchestrator/daemon.h, and in orchestrator/doctor.h for
 * what it can do without being one; this is its command line. */
#include "base/str.h"
#include "orchestrator/daemon.h"
#include "orchestrator/doctor.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    struct daemon_options options = {0};
    bool doctor = false;
    for (int i = 1; i < argc; i++) {
        if (streq(argv[i], "--background")) {
            options.background = true;
        } else if (streq(argv[i], "--doctor")) {
            doctor = true;
        } else {
            fprintf(stderr, "error: unknown argument '%s'; see 'vmstead daemon --help'\n", argv[i]);
            return EXIT_FAILURE;
        }
    }
    _cleanup_error_ struct error err = {0};
    if ((doctor ? doctor_run(&err) : daemon_run(&options, &err)) == 0)
        return EXIT_SUCCESS;
    fprintf(stderr, "error: %s\n", error_text(&err));
    return EXIT_FAILURE;
}
