/* The half of firewall.h that talks to the kernel: rulesets of firewall.c run here, in-process. */
#include "network/firewall.h"

#include <errno.h>
#include <nftables/libnftables.h>
#include <pthread.h>

/* "internal:0:0-0: Error: Could not process rule: Operation not permitted\n<the whole command>" */
char *firewall_cut_error(const char *text)
{
    const char *start = strstr(text, "Error: ");
    start = start ? start + strlen("Error: ") : text;
    size_t length = strcspn(start, "\n");
    return length > 0 ? xstrndup(start, length < 300 ? length : 300) : xstrdup("no reason given");
}

static int error_number_of(const char *reason)
{
    static const int known[] = {EPERM, ENOENT, EBUSY, EEXIST, ENOMEM, EOPNOTSUPP};
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (strstr(reason, strerror(known[i])))
            return known[i];
    return EIO;
}

/* One context for all transactions: closing its socket waits for the kernel to have destroyed what
 * the transaction replaced, some 20 ms. After a large one its caches are given back. */
#define LARGE_TRANSACTION (64 * 1024)
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct nft_ctx *context;

static int run_in_context(const char *commands, char **ret_output, struct error *err)
{
    nft_ctx_output_set_flags(context, ret_output ? NFT_CTX_OUTPUT_JSON | NFT_CTX_OUTPUT_HANDLE : 0);
    bool is_done = nft_run_cmd_from_buffer(context, commands) == 0;
    /* Reading a buffer empties it: neither keeps anything for the next transaction. */
    const char *output = nft_ctx_get_output_buffer(context);
    const char *errors = nft_ctx_get_error_buffer(context);
    if (!is_done) {
        _cleanup_free_ char *reason = firewall_cut_error(errors);
        return error_set(err, error_number_of(reason), "nftables refused the rules: %s", reason);
    }
    if (ret_output)
        *ret_output = xstrdup(output);
    return 0;
}

static int run(const char *commands, char **ret_output, struct error *err)
{
    int r;
    pthread_mutex_lock(&lock);
    if (!context) {
        context = nft_ctx_new(NFT_CTX_DEFAULT);
        if (context) {
            nft_ctx_buffer_output(context);
            nft_ctx_buffer_error(context);
        }
    }
    r = context ? run_in_context(commands, ret_output, err)
                : error_set(err, ENOMEM, "cannot open a connection to nftables");
    if (context && (r < 0 || strlen(commands) > LARGE_TRANSACTION)) {
        nft_ctx_free(context);
        context = NULL;
    }
    pthread_mutex_unlock(&lock);
    return r;
}

int firewall_probe(struct error *err)
{
    int r = run("list tables", NULL, err);
    return r < 0 ? error_prefix(err, "the kernel's packet filter cannot be used (is nf_tables in "
                                     "this kernel, or its module loaded?)")
                 : 0;
}

cJSON *firewall_list(const char *command)
{
    _cleanup_free_ char *output = NULL;
    cJSON *root = NULL;
    if (run(command, &output, NULL) < 0 || json_parse(output, strlen(output), &root, NULL) < 0)
        return NULL;
    cJSON *items = cJSON_DetachItemFromObject(root, "nftables");
    cJSON_Delete(root);
    return items;
}

static void format_table_name(const char *root_id, char name[32])
{
    snprintf(name, 32, "vmstead_%s", root_id);
}

static size_t count_tables(const char *root_id)
{
    char name[32];
    size_t count = 0;
    format_table_name(root_id, name);
    _cleanup_json_ cJSON *items = firewall_list("list tables");
    const cJSON *item;
    cJSON_ArrayForEach(item, items)
    {
        count += streq(json_string(json_object(item, "table"), "name", ""), name);
    }
    return count;
}

bool firewall_exists(const char *root_id)
{
    return count_tables(root_id) > 0;
}

bool firewall_is_whole(const char *root_id)
{
    return count_tables(root_id) == 2;
}

bool firewall_has_docker_chain(void)
{
    _cleanup_json_ cJSON *items = firewall_list("list chains ip");
    cJSON *item;
    cJSON_ArrayForEach(item, items)
    {
        const cJSON *chain = json_object(item, "chain");
        if (streq(json_string(chain, "table", ""), "filter") &&
            streq(json_string(chain, "name", ""), "DOCKER-USER"))
            return true;
    }
    return false;
}

/* Two rules cover all our bridges by the beginning of their name; what they may do is decided in
 * our own table, whose drops are as final as Docker's. */
static void add_docker_rules(const char *root_id, struct strbuf *commands)
{
    const char *directions[] = {"iifname", "oifname"};
    for (size_t i = 0; i < ARRAY_SIZE(directions); i++)
        strbuf_addf(commands,
                    "insert rule ip filter DOCKER-USER %s \"vs%s-br*\" accept comment "
                    "\"vmstead_%s\"\n",
                    directions[i], root_id, root_id);
}

/* Both rules are there exactly when wanted. */
static int apply_docker_rules(const char *root_id, bool wanted, struct error *err)
{
    if (!firewall_has_docker_chain())
        return 0;
    char name[32];
    format_table_name(root_id, name);
    _cleanup_strbuf_ struct strbuf commands = {0};
    _cleanup_json_ cJSON *items = firewall_list("list chain ip filter DOCKER-USER");
    unsigned found = 0;
    cJSON *item;
    cJSON_ArrayForEach(item, items)
    {
        const cJSON *rule = json_object(item, "rule");
        if (!rule || !streq(json_string(rule, "comment", ""), name))
            continue;
        found++;
        strbuf_addf(&commands, "delete rule ip filter DOCKER-USER handle %lld\n",
                    (long long)json_int(rule, "handle", 0));
    }
    if (wanted && found == 2)
        return 0;
    if (wanted)
        add_docker_rules(root_id, &commands);
    return commands.length > 0 ? run(commands.data, NULL, err) : 0;
}

int firewall_apply(const struct desired *desired, struct error *err)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    firewall_format(desired, &text);
    int r = run(text.data, NULL, err);
    return r < 0 ? r : apply_docker_rules(desired->root_id, desired->networks.count > 0, err);
}

/* --- apart from the others -------------------------------------------------------------------- */

/* In a context of its own, in the calling thread's namespace; what it prints is text. */
static int run_apart(const char *commands, char **ret_text, struct error *err)
{
    struct nft_ctx *own = nft_ctx_new(NFT_CTX_DEFAULT);
    if (!own)
        return error_set(err, ENOMEM, "cannot open a connection to nftables");
    nft_ctx_buffer_output(own);
    nft_ctx_buffer_error(own);
    int r = 0;
    if (nft_run_cmd_from_buffer(own, commands) != 0) {
        _cleanup_free_ char *reason = firewall_cut_error(nft_ctx_get_error_buffer(own));
        r = error_set(err, error_number_of(reason), "nftables refused the rules: %s", reason);
    } else if (ret_text) {
        *ret_text = xstrdup(nft_ctx_get_output_buffer(own));
    }
    nft_ctx_free(own);
    return r;
}

int firewall_try(const struct desired *desired, struct error *err)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    firewall_format(desired, &text);
    return run_apart(text.data, NULL, err);
}

char *firewall_get_element(const char *root_id, const char *family, const char *set,
                           const char *key)
{
    char name[32], *text = NULL;
    format_table_name(root_id, name);
    _cleanup_free_ char *command = xasprintf("get element %s %s %s { %s }", family, name, set, key);
    return run_apart(command, &text, NULL) == 0 ? text : NULL;
}

/* The table's chains, by one listing: how many there are, and the first without a rule. */
static size_t count_chains(const cJSON *items, const char **ret_empty)
{
    size_t chains = 0;
    const cJSON *item, *other;
    cJSON_ArrayForEach(item, items)
    {
        const char *chain = json_string(json_object(item, "chain"), "name", NULL);
        bool has_rule = false;
        if (!chain)
            continue;
        chains++;
        cJSON_ArrayForEach(other, items)
        {
            if (streq(json_string(json_object(other, "rule"), "chain", ""), chain))
                has_rule = true;
        }
        if (!has_rule && !*ret_empty)
            *ret_empty = chain;
    }
    return chains;
}

int firewall_check_tables(const char *root_id, struct error *err)
{
    static const char *const families[] = {"inet", "bridge"};
    char name[32];
    format_table_name(root_id, name);
    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        const char *empty = NULL;
        _cleanup_free_ char *command = xasprintf("list table %s %s", families[i], name);
        _cleanup_json_ cJSON *items = firewall_list(command);
        if (!items || count_chains(items, &empty) == 0)
            return error_set(err, ENOENT, "the nftables table '%s %s' is gone", families[i], name);
        if (empty)
            return error_set(err, ENOENT, "the chain '%s' of the nftables table '%s %s' is empty",
                             empty, families[i], name);
    }
    return 0;
}
