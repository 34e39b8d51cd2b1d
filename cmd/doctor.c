/* `vmstead doctor`: what is wrong with this host, or on the way to a service. */
#include "cmd/command.h"
#include "cmd/doctor_host.h"

#include "base/str.h"

struct doctor_values {
    const char *format;
};

static const struct option_row rows[] = {
    {"format", 0, OPTION_CHOICE, offsetof(struct doctor_values, format), "text|json", "text", 0, 0,
     "Output format"},
};

static int run(const struct invocation *invocation, struct error *err)
{
    const struct doctor_values *values = invocation->values;
    return doctor_host(streq(values->format, "json"), err);
}

const struct command command_doctor = {
    .name = "doctor",
    .arguments = "",
    .summary = "Check what virtual machines and networks need of this host",
    .details =
        "One line for each thing: ok, warning or error, what was seen, and the command that\n"
        "helps. Needs no daemon and changes nothing; KVM is proved by booting a guest under\n"
        "it, once after each start of the host. The exit status is 1 where something is an\n"
        "error.",
    .examples = "  vmstead doctor\n"
                "  vmstead doctor --format json | jq '.checks[] | select(.status == \"error\")'",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct doctor_values),
    .operand_maximum = 0,
    .run = run,
};
