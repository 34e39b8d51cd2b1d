/* `vmstead doctor`: what is wrong with this host, or on the way to a service. */
#include "cmd/command.h"
#include "cmd/doctor_host.h"
#include "cmd/doctor_path.h"

#include "base/str.h"

struct doctor_values {
    const char *format;
    int64_t index;
};

static const struct option_row rows[] = {
    {"format", 0, OPTION_CHOICE, offsetof(struct doctor_values, format), "text|json", "text", 0, 0,
     "Output format"},
    {"index", 0, OPTION_NUMBER, offsetof(struct doctor_values, index), "N", NULL, 0, 10000,
     "Which virtual machine of the service"},
};

static int run(const struct invocation *invocation, struct error *err)
{
    const struct doctor_values *values = invocation->values;
    bool json = streq(values->format, "json");
    if (invocation->operand_count == 0)
        return doctor_host(json, err);
    return doctor_path(invocation, invocation->operands[0], values->index, json, err);
}

const struct command command_doctor = {
    .name = "doctor",
    .arguments = "[SERVICE[:PORT[/udp]]]",
    .summary = "Check what virtual machines need of this host, or the way to one of them",
    .details =
        "Alone: one line for each thing that networks and virtual machines need of the host: ok,\n"
        "warning or error, what was seen, and the command that helps. Needs no daemon and\n"
        "changes nothing; KVM is proved by booting a guest under it, once after each start\n"
        "of the host. The exit status is 1 where something is an error.\n\n"
        "With a service (web, web-2 for its second machine, or a machine's name): walks the way "
        "to\n"
        "it hop by hop, from the tap to a connection from this host, and ends with the first\n"
        "hop that is broken. PORT is the service's own; without it all published ports are\n"
        "tried. The exit status is 1 where a hop is broken.",
    .examples = "  vmstead doctor\n"
                "  vmstead doctor --format json | jq '.checks[] | select(.status == \"error\")'\n"
                "  vmstead doctor web:80\n"
                "  vmstead doctor dns:53/udp",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct doctor_values),
    .operand_maximum = 1,
    .run = run,
};
