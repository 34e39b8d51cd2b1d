/* The daemon walks (GET /vmstead/instances/{id}/doctor), this asks and prints: a line for each hop
 * up to the first that is broken. */
#include "cmd/doctor_path.h"

#include "base/alloc.h"
#include "base/str.h"
#include "cmd/doctor_view.h"
#include "cmd/target.h"

#include <errno.h>

#define TIMEOUT_MS 60000 /* three looks of seconds, and some seconds for each published port */

struct way {
    char *word;
    uint16_t port; /* 0: all that are published */
    const char *protocol;
};

static int read_way(const char *operand, struct way *ret_way, struct error *err)
{
    const char *colon = strrchr(operand, ':');
    const char *slash = colon ? strchr(colon, '/') : NULL;
    size_t length = colon ? (size_t)(colon - operand) : strlen(operand);
    *ret_way = (struct way){.word = xstrndup(operand, length), .protocol = "tcp"};
    if (!colon)
        return 0;
    _cleanup_free_ char *number = xstrndup(colon + 1, strcspn(colon + 1, "/"));
    if (slash && streq(slash, "/udp"))
        ret_way->protocol = "udp";
    else if (slash && !streq(slash, "/tcp"))
        return error_set(err, EINVAL, "'%s': the protocol is tcp or udp, not '%s'", operand,
                         slash + 1);
    if (str_to_u16(number, &ret_way->port) < 0 || ret_way->port == 0)
        return error_set(err, EINVAL, "'%s': '%s' is no port; write SERVICE:PORT", operand, number);
    return 0;
}

/* "web-2" is number 2 of web, where no service is called so. */
static int find_numbered(const struct invocation *invocation, const char *word,
                         struct client **ret_client, cJSON **ret_instance, struct error *err)
{
    const char *dash = strrchr(word, '-');
    uint32_t number;
    if (!dash || dash == word || str_to_u32(dash + 1, &number) < 0 || number == 0)
        return -ENOENT;
    _cleanup_free_ char *service = xstrndup(word, (size_t)(dash - word));
    return target_find_one(invocation, service, number, ret_client, ret_instance, err);
}

static int find(const struct invocation *invocation, const char *word, int64_t index,
                struct client **ret_client, cJSON **ret_instance, struct error *err)
{
    int r = target_find_one(invocation, word, index, ret_client, ret_instance, err);
    if (r != -ENOENT || index)
        return r;
    _cleanup_error_ struct error other = {0};
    if (find_numbered(invocation, word, ret_client, ret_instance, &other) < 0)
        return r; /* the first error says it best */
    error_done(err);
    return 0;
}

static int print(const cJSON *answer, bool json, struct error *err)
{
    if (json)
        return doctor_print_json(answer, err);
    const cJSON *hop;
    int r = 0;
    cJSON_ArrayForEach(hop, json_array(answer, "hops"))
    {
        if (r == 0)
            r = doctor_print_line(hop, err);
    }
    return r;
}

static int ask(struct client *client, const cJSON *instance, const struct way *way,
               cJSON **ret_answer, struct error *err)
{
    _cleanup_free_ char *name = client_escape(json_string(instance, "Name", ""));
    _cleanup_free_ char *path = xasprintf("/vmstead/instances/%s/doctor?port=%u&protocol=%s", name,
                                          way->port, way->protocol);
    return client_call(client, "GET", path, NULL, TIMEOUT_MS, ret_answer, err);
}

int doctor_path(const struct invocation *invocation, const char *word, int64_t index, bool json,
                struct error *err)
{
    struct way way;
    _cleanup_(client_freep) struct client *client = NULL;
    _cleanup_json_ cJSON *instance = NULL, *answer = NULL;
    int r = read_way(word, &way, err);
    if (r == 0)
        r = find(invocation, way.word, index, &client, &instance, err);
    if (r == 0)
        r = ask(client, instance, &way, &answer, err);
    free(way.word);
    if (r < 0)
        return r;
    if ((r = print(answer, json, err)) != 0)
        return r;
    return json_bool(answer, "healthy", false) ? 0 : 1;
}
