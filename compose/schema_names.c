/* The types of names: of hosts, instances, users, images, platforms. The reference takes any text
 * for most of them; its engine does not. */
#include "base/image_reference.h"
#include "base/ip.h"
#include "base/vec.h"
#include "compose/model.h"
#include "compose/parse.h"
#include "compose/schema_types.h"

#include <ctype.h>
#include <stdlib.h>

/* Says what the engine would say of one text. */
typedef void check_fn(struct schema *schema, const struct node *node);

/* Each item of a list of strings. */
static struct node *check_items(struct schema *schema, struct node *list, check_fn *check)
{
    for (size_t i = 0; list && i < list->count; i++) {
        size_t depth = schema_enter_item(schema, i);
        if (list->items[i]->kind == NODE_STRING)
            check(schema, list->items[i]);
        schema_leave(schema, depth);
    }
    return list;
}

/* --- hosts ----------------------------------------------------------------------------------- */

#define HOSTNAME_LIMIT 64 /* the kernel's: sethostname(2) */

/* The text as the first VM sees it. */
static const char *of_first_replica(struct arena *arena, const char *text)
{
    _cleanup_strbuf_ struct strbuf out = {0};
    for (const char *found; (found = strstr(text, MODEL_REPLICA));) {
        strbuf_add(&out, text, (size_t)(found - text));
        strbuf_add_char(&out, '1');
        text = found + strlen(MODEL_REPLICA);
    }
    strbuf_add_str(&out, text);
    return arena_strdup(arena, strbuf_text(&out));
}

static struct node *parse_hostname(struct schema *schema, const struct schema_key *key,
                                   struct node *node)
{
    node = schema_parse_string(schema, key, node);
    if (!node || node->text[0] == '\0')
        return node;
    const char *name = of_first_replica(schema->arena, node->text);
    if (!parse_is_host_name(name))
        schema_engine(schema, node, "use letters, digits and '-', 63 at most between two dots",
                      "must be a host name, not '%s'", node->text);
    else if (strlen(name) > HOSTNAME_LIMIT)
        schema_engine(schema, node, NULL, "has %zu characters; a host name has %d at most",
                      strlen(name), HOSTNAME_LIMIT);
    return node;
}
const struct schema_type type_hostname = {"host name", parse_hostname, MERGE_REPLACE, false};

static void check_dns(struct schema *schema, const struct node *node)
{
    struct ip_address address;
    if (ip_address_parse(node->text, &address) < 0)
        schema_engine(schema, node, NULL, "must be the IP address of a DNS server, not '%s'",
                      node->text);
}

/* Servers that are empty go: `dns: ${DNS:-}` is none. */
static struct node *parse_dns(struct schema *schema, const struct schema_key *key,
                              struct node *node)
{
    node = type_string_or_list.parse(schema, key, node);
    size_t kept = 0;
    for (size_t i = 0; node && i < node->count; i++)
        if (node->items[i]->text[0])
            node->items[kept++] = node->items[i];
    if (node)
        node->count = (uint32_t)kept;
    return check_items(schema, node, check_dns);
}
const struct schema_type type_dns = {"IP address, or list of IP addresses", parse_dns, MERGE_APPEND,
                                     false};

static void check_expose(struct schema *schema, const struct node *node)
{
    char *copy = arena_strdup(schema->arena, node->text);
    const char *protocol = strchr(node->text, '/');
    struct port_range range;
    copy[strcspn(copy, "/")] = '\0';
    bool is_known =
        !protocol || streq(protocol, "/tcp") || streq(protocol, "/udp") || streq(protocol, "/sctp");
    if (!is_known || parse_port_range(copy, false, &range) < 0)
        schema_engine(schema, node, "write a port or a range, like 3000 or 8000-8010/udp",
                      "must be a port, not '%s'", node->text);
}

static struct node *parse_expose(struct schema *schema, const struct schema_key *key,
                                 struct node *node)
{
    return check_items(schema, type_texts.parse(schema, key, node), check_expose);
}
const struct schema_type type_expose = {"list of ports", parse_expose, MERGE_APPEND, false};

/* --- instances and users --------------------------------------------------------------------- */

/* The reference looks whether a good name is in it, its engine whether it is one. */
static struct node *parse_container_name(struct schema *schema, const struct schema_key *key,
                                         struct node *node)
{
    static const char hint[] = "use letters, digits, '.', '_' and '-', two at least";
    node = schema_parse_string(schema, key, node);
    if (!node)
        return NULL;
    bool holds_name = false;
    for (const char *c = node->text; c[0] && c[1]; c++)
        holds_name = holds_name || (isalnum((unsigned char)c[0]) &&
                                    (isalnum((unsigned char)c[1]) || strchr("._-", c[1])));
    if (!holds_name)
        return schema_error(schema, node, hint, "must be the name of an instance, not '%s'",
                            node->text);
    if (!schema_is_name(node->text) || !isalnum((unsigned char)node->text[0]))
        schema_engine(schema, node, hint, "must be the name of an instance, not '%s'", node->text);
    return node;
}
const struct schema_type type_container_name = {"name of an instance", parse_container_name,
                                                MERGE_REPLACE, false};

/* What stands in /etc/passwd and /etc/group is the image's; what cannot stand there is not. */
static void check_account(struct schema *schema, const struct node *node, const char *text)
{
    uint32_t number = 0;
    bool is_number = text[0] == '-' || (text[0] && text[strspn(text, "0123456789")] == '\0');
    if (is_number && (str_to_u32(text, &number) < 0 || number > INT32_MAX))
        schema_engine(schema, node, NULL, "has no ID from 0 to 2147483647 in '%s'", node->text);
    else if (strpbrk(text, " \t\r\n/"))
        schema_engine(schema, node, "use NAME or UID, with :GROUP behind it",
                      "has no name of an account in '%s'", node->text);
}

static struct node *parse_user(struct schema *schema, const struct schema_key *key,
                               struct node *node)
{
    node = schema_parse_string(schema, key, node);
    if (!node)
        return NULL;
    char *user = arena_strdup(schema->arena, node->text), *group = strchr(user, ':');
    if (group)
        *group++ = '\0';
    check_account(schema, node, user);
    if (group)
        check_account(schema, node, group);
    return node;
}
const struct schema_type type_user = {"NAME or UID, `:GROUP` behind it", parse_user, MERGE_REPLACE,
                                      false};

static void check_group(struct schema *schema, const struct node *node)
{
    check_account(schema, node, node->text);
}

static struct node *parse_groups(struct schema *schema, const struct schema_key *key,
                                 struct node *node)
{
    return check_items(schema, type_distinct_texts.parse(schema, key, node), check_group);
}
const struct schema_type type_groups = {"list of names and GIDs", parse_groups, MERGE_DISTINCT,
                                        false};

/* --- images ---------------------------------------------------------------------------------- */

/* The same in lower case, where that would do. */
static const char *lower_case_hint(struct arena *arena, const char *text)
{
    _cleanup_(image_reference_done) struct image_reference reference = {0};
    char *lower = arena_strdup(arena, text);
    for (char *c = lower; *c && *c != ':' && *c != '@'; c++)
        *c = (char)tolower((unsigned char)*c);
    if (streq(lower, text) || image_reference_parse(lower, &reference, NULL) < 0)
        return NULL;
    return arena_printf(arena, "did you mean '%s'?", lower);
}

static void check_image(struct schema *schema, const struct node *node)
{
    _cleanup_error_ struct error err = {0};
    if (image_reference_check(node->text, &err) < 0)
        schema_engine(schema, node, lower_case_hint(schema->arena, node->text), "%s",
                      error_text(&err));
}

static struct node *parse_image(struct schema *schema, const struct schema_key *key,
                                struct node *node)
{
    node = schema_parse_string(schema, key, node);
    if (node && node->text[0])
        check_image(schema, node);
    return node;
}
const struct schema_type type_image = {"reference of an image", parse_image, MERGE_REPLACE, false};

static struct node *parse_images(struct schema *schema, const struct schema_key *key,
                                 struct node *node)
{
    return check_items(schema, schema_parse_strings(schema, key, node), check_image);
}
const struct schema_type type_images = {"list of references of images", parse_images, MERGE_APPEND,
                                        false};

/* --- platforms ------------------------------------------------------------------------------- */

static bool is_platform_word(const char *text)
{
    /* containerd's platforms: GOOS, GOARCH and the names uname has */
    static const char *const words[] = {
        "aix",     "android", "darwin",  "dragonfly", "freebsd", "illumos",  "ios",
        "js",      "linux",   "netbsd",  "openbsd",   "plan9",   "solaris",  "wasip1",
        "windows", "386",     "aarch64", "amd64",     "arm",     "arm64",    "armel",
        "armhf",   "i386",    "loong64", "mips",      "mips64",  "mips64le", "mipsle",
        "ppc64",   "ppc64le", "riscv64", "s390x",     "wasm",    "x86-64",   "x86_64"};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

/* OS[(VERSION)][/ARCHITECTURE[/VARIANT]], or one of the first two alone. */
static bool is_platform(struct arena *arena, const char *text)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    char *rest = arena_strdup(arena, text), *part;
    size_t parts = 0;
    if (!strchr(text, '/'))
        return is_platform_word(text);
    while ((part = strsep(&rest, "/"))) {
        size_t length = strspn(part, allowed);
        bool has_version =
            parts == 0 && length > 0 && part[length] == '(' && rest && str_ends_with(part, ")");
        if (length == 0 || (part[length] && !has_version) || ++parts > 3)
            return false;
    }
    return true;
}

static void check_platform(struct schema *schema, const struct node *node)
{
    if (!is_platform(schema->arena, node->text))
        schema_engine(schema, node, "write it like linux/amd64 or linux/arm/v7",
                      "must be a platform, not '%s'", node->text);
}

static struct node *parse_platform(struct schema *schema, const struct schema_key *key,
                                   struct node *node)
{
    node = schema_parse_string(schema, key, node);
    if (node && node->text[0])
        check_platform(schema, node);
    return node;
}
const struct schema_type type_platform = {"OS/ARCHITECTURE[/VARIANT]", parse_platform,
                                          MERGE_REPLACE, false};

static struct node *parse_platforms(struct schema *schema, const struct schema_key *key,
                                    struct node *node)
{
    return check_items(schema, schema_parse_strings(schema, key, node), check_platform);
}
const struct schema_type type_platforms = {"list of OS/ARCHITECTURE[/VARIANT]", parse_platforms,
                                           MERGE_CONCAT, false};
