/* Archive requests; see copy_guest.h. */
#include "cmd/copy_guest.h"

#include "base/alloc.h"
#include "base/base64.h"
#include "base/json.h"

#include <errno.h>

#define LINKS_LIMIT 40 /* as the kernel follows */
#define GO_MODE_DIRECTORY (1LL << 31)
#define GO_MODE_SYMLINK (1LL << 27)

static char *archive_path(const char *instance, const char *path, const char *more)
{
    _cleanup_free_ char *name = client_escape(instance), *escaped = client_escape(path);
    return xasprintf("/containers/%s/archive?path=%s%s", name, escaped, more);
}

int copy_guest_parse_stat(const char *text, enum copy_kind *ret_kind, char **ret_link,
                          struct error *err)
{
    _cleanup_strbuf_ struct strbuf decoded = {0};
    _cleanup_json_ cJSON *stat = NULL;
    base64_decode(text ? text : "", &decoded); /* what is no base64 is no JSON either */
    int r = json_parse(strbuf_text(&decoded), decoded.length, &stat, err);
    if (r < 0)
        return error_prefix(err, "the daemon does not say what is at the path");
    int64_t mode = json_int(stat, "mode", 0);
    *ret_kind = mode & GO_MODE_DIRECTORY ? COPY_FOLDER : COPY_FILE;
    *ret_link = mode & GO_MODE_SYMLINK ? xstrdup(json_string(stat, "linkTarget", "")) : NULL;
    return 0;
}

static int stat_once(const struct client *client, const char *instance, const char *path,
                     enum copy_kind *ret_kind, char **ret_link, struct error *err)
{
    _cleanup_connection_ struct connection connection = CONNECTION_NONE;
    _cleanup_free_ char *url = archive_path(instance, path, "");
    const struct http_request request = {.method = "HEAD", .path = url};
    int r = connection_open(client_socket_path(client), &request, &connection, err);
    if (r == 0)
        r = connection_answer(&connection, err);
    if (r == -ENOENT) {
        error_done(err);
        *ret_kind = COPY_MISSING;
        *ret_link = NULL;
        return 0;
    }
    if (r == -EBUSY) /* a HEAD's answer has no body that says it */
        return error_set(err, EBUSY, "%s is not running: cp takes the guest's help", instance);
    return r < 0 ? r : copy_guest_parse_stat(connection.reader.path_stat, ret_kind, ret_link, err);
}

int copy_guest_stat(const struct client *client, const char *instance, const char *path,
                    enum copy_kind *ret_kind, char **ret_path, struct error *err)
{
    char *at = xstrdup(path);
    for (unsigned links = 0;; links++) {
        _cleanup_free_ char *link = NULL;
        int r = stat_once(client, instance, at, ret_kind, &link, err);
        if (r == 0 && link && links == LINKS_LIMIT)
            r = error_set(err, ELOOP, "too many symbolic links: %s", path);
        if (r < 0) {
            free(at);
            return r;
        }
        if (!link)
            break;
        _cleanup_free_ char *folder = copy_path_folder(at);
        free(at);
        at = *link == '/' ? xstrdup(link) : xasprintf("%s/%s", folder, link);
    }
    if (ret_path)
        *ret_path = TAKE_PTR(at);
    free(at);
    return 0;
}

int copy_guest_get(const struct client *client, const char *instance, const char *path,
                   struct connection *ret_connection, struct error *err)
{
    _cleanup_free_ char *url = archive_path(instance, path, "");
    const struct http_request request = {.method = "GET", .path = url};
    int r = connection_open(client_socket_path(client), &request, ret_connection, err);
    return r < 0 ? r : connection_answer(ret_connection, err);
}

int copy_guest_put(const struct client *client, const char *instance, const char *folder,
                   bool owners, struct connection *ret_connection, struct error *err)
{
    _cleanup_free_ char *url =
        archive_path(instance, folder,
                     owners ? "&noOverwriteDirNonDir=1&copyUIDGID=1" : "&noOverwriteDirNonDir=1");
    const struct http_request request = {.method = "PUT", .path = url, .chunked = true};
    return connection_open(client_socket_path(client), &request, ret_connection, err);
}
