/* See compose/reference.h. */
#include "compose/reference.h"

#include "base/alloc.h"
#include "compose/schema.h"

#include <assert.h>
#include <stdlib.h>

static const char *const class_texts[] = {[KEY_WORKS] = "works",
                                          [KEY_LATER] = "not yet",
                                          [KEY_INSTEAD] = "otherwise",
                                          [KEY_NOTHING] = "meaningless",
                                          [KEY_OBSOLETE] = "obsolete"};
static_assert(sizeof(class_texts) / sizeof(class_texts[0]) == KEY_CLASS_COUNT, "a text per class");

static int compare_keys(const void *left, const void *right)
{
    const struct schema_key *const *a = left, *const *b = right;
    return strcmp((*a)->name, (*b)->name);
}

/* The rows by name: people look for one. */
static const struct schema_key **sorted_keys(const struct schema_object *object)
{
    const struct schema_key **keys = xcalloc(object->count + 1, sizeof(*keys));
    for (size_t i = 0; i < object->count; i++)
        keys[i] = &object->keys[i];
    qsort(keys, object->count, sizeof(*keys), compare_keys);
    return keys;
}

static void print_object(const struct schema_object *object, struct strbuf *out)
{
    _cleanup_free_ const struct schema_key **keys = sorted_keys(object);
    strbuf_addf(out, "\n## %s\n\n| key | state | value | meaning |\n|---|---|---|---|\n",
                object->title);
    for (size_t i = 0; i < object->count; i++)
        strbuf_addf(out, "| `%s` | %s | %s | %s |\n", keys[i]->name, class_texts[keys[i]->class],
                    keys[i]->type ? keys[i]->type->name : "", keys[i]->help);
    for (size_t i = 0; i < object->count; i++)
        if (keys[i]->object)
            print_object(keys[i]->object, out);
}

static void print_several_files(struct strbuf *out)
{
    strbuf_add_str(
        out,
        "\n"
        "And where several files meet:\n"
        "\n"
        "- The forms of a key merge whatever form each file has (`build.ssh`, `gpus`, labels of\n"
        "  configs, a number and a mapping of `build.ulimits`); there some cannot. A label that "
        "two\n"
        "  files give a volume alike is one, targets `/x` and `/x/` are the same; there both "
        "fail.\n"
        "- A value of the wrong kind is refused where it is written; there a merge may drop it.\n"
        "- An included definition conflicts with one that means something else, not with one that\n"
        "  is written otherwise.\n"
        "- Of a file that is extended only the services that are extended are looked at.\n"
        "- Files include each other 64 levels deep, 2000 times at most; services extend each "
        "other\n"
        "  in chains of 1000 at most.\n"
        "- An empty path in `COMPOSE_FILE` is none; there it is the folder, and fails.\n");
}

/* What validate*.c and the types of names, networks, ports look at; no table has it. */
static const char checks[] =
    "\n## What no key tells alone\n"
    "\n"
    "Docker Compose takes most of this and leaves it to its engine to refuse. Here `config` warns\n"
    "of it, and `up` and all that makes VMs (`create`, `run`, `scale`, `plan`) refuse it, before\n"
    "anything is made. Values that a later file replaces, services whose profiles are not enabled\n"
    "and networks that nobody uses do not count.\n"
    "\n"
    "- **Subnets**: malformed, host bits set, smaller than /30 or larger than /8, two of one "
    "family\n"
    "  in a network, overlapping one another. Gateways, `ip_range` and `aux_addresses` outside of\n"
    "  the subnet, the network's own or its broadcast address, one twice, or without a subnet.\n"
    "- **Addresses**: malformed, of the other family, outside of the subnet, of a network without\n"
    "  one, the gateway's, an auxiliary one, taken twice, or fixed for several replicas.\n"
    "- **Host ports**: published twice (0.0.0.0 is every address of IPv4, tcp and udp are apart),\n"
    "  fewer than replicas, or ranges of which nothing is left.\n"
    "- **Names**: host names, domain names and `dns` that are none; MAC addresses of groups; "
    "image\n"
    "  references, platforms, users, groups, signals, volumes; names too long for DNS or a "
    "folder.\n"
    "- **Numbers**: less memory or disk than a VM boots with, `mem_reservation` above "
    "`mem_limit`,\n"
    "  `memswap_limit` below it, `cpus` beside `cpu_quota`, soft ulimits above hard ones.\n"
    "- **Keys that exclude each other**: `network_mode: service:...` and `ports`, `hostname`,\n"
    "  `dns`...; `uts: host` and `hostname`; two mounts, configs or secrets at one place.\n"
    "- **Conditions that cannot come true**: `service_healthy` on a service without a check,\n"
    "  `service_completed_successfully` on one that is always started again. An image may bring a\n"
    "  check: of those `up` tells once the images are known, `config` never.\n"
    "\n"
    "Only a warning, everywhere, for engines take it: an alias that is also a service's name or "
    "no\n"
    "name at all, a MAC address twice in a network, `ports` with `network_mode: host`, keys of an\n"
    "external network, `deploy.replicas` with `mode: global`.\n";

void reference_print(struct strbuf *out)
{
    strbuf_add_str(
        out,
        "# The Compose keys vmstead knows\n"
        "\n"
        "Generated from the table in `compose/schema_table.c`; do not edit. A key that *works*\n"
        "does on VMs what the [Compose Specification](https://compose-spec.io) says. One that is\n"
        "*not yet* there is checked and shown, and `up` warns that nothing is done with it. For\n"
        "one that a VM does *otherwise* a warning says how; those that are *meaningless* to a VM\n"
        "share one warning. What several services have is said once, with their names. An\n"
        "*obsolete* key is dropped with a warning. Any other key is refused as unknown, but for\n"
        "`x-...`, which is let through wherever the specification lets it.\n");
    strbuf_add_str(
        out,
        "\n"
        "Keys and values are what Docker Compose takes them for, also where that is no use: of "
        "these\n"
        "`config` warns, and `up` refuses them. On purpose vmstead parts from it here:\n"
        "\n"
        "- A number too large for Docker Compose's machine numbers wraps around there, or is "
        "lost;\n"
        "  here it is refused.\n"
        "- An unknown key below `gpus`, `extends`, `include` or a config's or secret's `external` "
        "is\n"
        "  refused; there it is dropped. So is an `include` without a path, which includes nothing "
        "there.\n"
        "- A number of `build.ulimits` may be in quotes, or a variable's; there it is an error.\n"
        "- A bind mount may have a `subpath`. The mode of a file cannot be negative.\n"
        "- An empty `build.context` is the project's folder, an empty `dockerfile` the usual one, "
        "and an\n"
        "  empty `content` of a config is kept: what is printed reads back as the same.\n"
        "- A label, variable, option, ulimit or network of a service whose name begins with\n"
        "  `x-` is one; there it is taken for an extension.\n"
        "- A dependency that need not be there (`required: false`) on a service that nobody wrote\n"
        "  is a warning; there it is refused, and so is what `config` prints of one that is\n"
        "  disabled.\n"
        "- A `$` in a key is printed as it is: keys are not interpolated, so a doubled one would\n"
        "  not read back. For the same reason a limit below 0 is a number in the YAML.\n"
        "- A string that holds a NUL is refused, for nobody can be given it.\n");
    print_several_files(out);
    print_object(&schema_root, out);
    strbuf_add_str(out, checks);
}
