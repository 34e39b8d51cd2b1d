/* `vmstead hosts-sync`: the VMs' names in /etc/hosts, for hosts without systemd-resolved. */
#include "base/alloc.h"
#include "base/fs.h"
#include "base/paths.h"
#include "cmd/command.h"
#include "cmd/daemon_start.h"
#include "cmd/hosts_file.h"
#include "cmd/output.h"

#include <errno.h>

#define TIMEOUT_MS 30000
#define FILE_LIMIT ((size_t)16 << 20)
#define HOSTS "/etc/hosts"

struct hosts_values {
    bool apply;
    const char *file;
};

static const struct option_row rows[] = {
    {"apply", 0, OPTION_FLAG, offsetof(struct hosts_values, apply), NULL, NULL, 0, 0,
     "Write the file instead of showing what would change"},
    {"file", 0, OPTION_STRING, offsetof(struct hosts_values, file), "FILE", HOSTS, 0, 0,
     "Another hosts file"},
};

/* What the names stand for in the root's own words; its block is told from those of others by it.
 */
static int read_root(char **ret_root, struct error *err)
{
    struct paths paths = {0};
    int r = paths_init(&paths, err);
    if (r == 0)
        *ret_root = str_clean(paths.state, strlen(paths.state));
    paths_done(&paths);
    return r;
}

/* A file that is not there is an empty one. */
static int read_hosts(const char *path, char **ret_text, struct error *err)
{
    size_t length;
    if (!fs_exists(path)) {
        *ret_text = xstrdup("");
        return 0;
    }
    _cleanup_free_ char *text = NULL;
    int r = fs_read_file(path, FILE_LIMIT, &text, &length, err);
    if (r < 0)
        return r;
    if (strlen(text) != length)
        return error_set(err, EINVAL, "'%s' is not a hosts file: it has a NUL in it", path);
    *ret_text = TAKE_PTR(text);
    return 0;
}

static int get_names(const struct invocation *invocation, cJSON **ret_names, struct error *err)
{
    _cleanup_(client_freep) struct client *client = NULL;
    int r = daemon_open(invocation, DAEMON_IF_ANY, &client, err);
    return r < 0 || !client
               ? r
               : client_call(client, "GET", "/vmstead/names", NULL, TIMEOUT_MS, ret_names, err);
}

static void format_lines(const struct invocation *invocation, const cJSON *names,
                         struct strbuf *out)
{
    _cleanup_free_ bool *found = xcalloc(invocation->operand_count + 1, sizeof(bool));
    hosts_format_lines(names, invocation->operands, invocation->operand_count, found, out);
    for (size_t i = 0; i < invocation->operand_count; i++) {
        _cleanup_free_ char *text =
            xasprintf("nothing that runs is called '%s': no project, service or virtual machine",
                      invocation->operands[i]);
        if (!found[i])
            output_warning(text);
    }
}

static int finish(const struct hosts_values *values, const char *before, const char *after,
                  struct error *err)
{
    _cleanup_strbuf_ struct strbuf out = {0};
    hosts_format_diff(values->file, before, after, &out);
    if (values->apply && out.length) {
        int r = fs_replace_file(values->file, after, strlen(after), 0644, err);
        if (r < 0)
            return r;
    }
    if (!out.length)
        strbuf_addf(&out, "'%s' is up to date\n", values->file);
    return output_write(out.data, out.length, err);
}

static int run(const struct invocation *invocation, struct error *err)
{
    const struct hosts_values *values = invocation->values;
    _cleanup_free_ char *root = NULL, *before = NULL;
    _cleanup_json_ cJSON *names = NULL;
    _cleanup_strbuf_ struct strbuf lines = {0}, after = {0};
    int r = read_root(&root, err);
    if (r == 0)
        r = read_hosts(values->file, &before, err);
    if (r == 0)
        r = get_names(invocation, &names, err);
    if (r < 0)
        return r;
    format_lines(invocation, names, &lines);
    r = hosts_replace_block(before, root, strbuf_text(&lines), &after, err);
    return r < 0 ? error_prefix(err, "'%s'", values->file)
                 : finish(values, before, strbuf_text(&after), err);
}

const struct command command_hosts_sync = {
    .name = "hosts-sync",
    .arguments = "[NAME...]",
    .summary = "Write the names of virtual machines into /etc/hosts",
    .details =
        "Shows what would change in /etc/hosts so that programs of this host find the virtual\n"
        "machines that run as SERVICE.PROJECT.vm, INSTANCE.vm and PROJECT.vm; with --apply "
        "changes\n"
        "it. With NAMEs only those of these projects, services or virtual machines are there.\n\n"
        "The names stand in a block of their own between two marker lines; the rest of the file\n"
        "stays as it is. Where nothing runs, the block goes. The file is replaced as a whole, "
        "with\n"
        "the same mode and owner. Addresses may change with the next up: run it again then.\n\n"
        "Where systemd-resolved runs it knows these names already, and always the current ones;\n"
        "other resolvers can ask 127.0.0.1, port 41003, for the domain vm.",
    .examples = "  vmstead hosts-sync\n"
                "  vmstead hosts-sync --apply\n"
                "  vmstead hosts-sync --apply shop\n"
                "  vmstead hosts-sync --file /etc/hosts.vmstead --apply",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct hosts_values),
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
