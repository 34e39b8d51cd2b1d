/* A request to run something once; see run_request.h. */
#include "cmd/run_request.h"

#include "base/alloc.h"
#include "base/json.h"
#include "base/str.h"
#include "cmd/environment.h"
#include "cmd/project.h"
#include "cmd/shell_words.h"
#include "compose/compose.h"

#include <ctype.h>
#include <errno.h>
#include <sys/random.h>
#include <unistd.h>

void run_request_done(struct run_request *request)
{
    free(request->project);
    free(request->body);
    *request = (struct run_request){0};
}

/* "./src:/src" -> "/home/me/src:/src": the daemon knows neither our folder nor our home. */
static char *make_absolute(const char *mount)
{
    size_t length = strcspn(mount, ":");
    if (mount[length] != ':' || (*mount != '.' && *mount != '~'))
        return xstrdup(mount);
    _cleanup_free_ char *folder = *mount == '~' ? xstrdup(getenv("HOME")) : getcwd(NULL, 0);
    const char *rest = mount + (*mount == '~') + (mount[0] == '.' && mount[1] == '/' ? 2 : 0);
    if (!folder)
        return xstrdup(mount);
    return xasprintf("%s%s%s", folder, *rest == '/' ? "" : "/", rest);
}

static cJSON *print_mounts(char *const *mounts)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; mounts && mounts[i]; i++) {
        _cleanup_free_ char *mount = make_absolute(mounts[i]);
        cJSON_AddItemToArray(array, cJSON_CreateString(mount));
    }
    return array;
}

static const char *build_word(const struct run_values *values)
{
    return values->build ? "always" : "missing";
}

static int print_options(const struct invocation *invocation, bool tty, cJSON *options,
                         struct error *err)
{
    const struct run_values *values = invocation->values;
    if (values->entrypoint) {
        _cleanup_strv_ char **words = NULL;
        int r = shell_words_split(values->entrypoint, &words, err);
        if (r < 0)
            return error_prefix(err, "--entrypoint");
        json_set(options, "entrypoint", json_from_strv(words));
    }
    if (invocation->operand_count > 1)
        json_set(options, "argv", json_from_strv(invocation->operands + 1));
    json_set(options, "environment", environment_print(values->environment));
    json_set_string(options, "user", values->user);
    json_set_string(options, "working_dir", values->working_dir);
    json_set_string(options, "name", values->name);
    json_set(options, "ports", json_from_strv(values->ports));
    json_set_bool(options, "service_ports", values->service_ports);
    json_set(options, "mounts", print_mounts(values->mounts));
    json_set_bool(options, "no_deps", values->no_deps);
    json_set_bool(options, "tty", tty);
    json_set_bool(options, "stdin", values->interactive && !values->detach);
    json_set_bool(options, "remove", values->remove);
    json_set_bool(options, "detach", values->detach);
    json_set_string(options, "build", build_word(values));
    json_set_string(options, "pull", streq(values->pull, "policy") ? "default" : values->pull);
    return 0;
}

/* "registry/team/nginx:1.25" -> "nginx-1a2b3c". */
static char *invent_name(const char *image)
{
    const char *slash = strrchr(image, '/');
    const char *base = slash ? slash + 1 : image;
    unsigned number = 0;
    if (getrandom(&number, sizeof(number), 0) < 0)
        number = (unsigned)getpid();
    struct strbuf name = {0};
    for (; *base && *base != ':' && *base != '@'; base++)
        if (isalnum((unsigned char)*base) || *base == '-' || *base == '_')
            strbuf_add_char(&name, (char)tolower((unsigned char)*base));
    strbuf_addf(&name, "%s%06x", name.length ? "-" : "vm-", number & 0xffffff);
    return strbuf_take(&name);
}

/* As compose_serialize() prints it: a project that is one service, both called name, on the network
 * of all that have no project. */
static char *print_standalone(const char *name, const char *image)
{
    _cleanup_json_ cJSON *model = cJSON_CreateObject();
    _cleanup_free_ char *folder = getcwd(NULL, 0);
    json_set_string(model, "directory", folder ? folder : "/");
    cJSON *tree = cJSON_AddObjectToObject(model, "tree");
    json_set_string(tree, "name", name);
    cJSON *service = cJSON_AddObjectToObject(cJSON_AddObjectToObject(tree, "services"), name);
    json_set_string(service, "image", image);
    json_set(cJSON_AddObjectToObject(service, "networks"), "default", cJSON_CreateNull());
    cJSON *network = cJSON_AddObjectToObject(cJSON_AddObjectToObject(tree, "networks"), "default");
    json_set_string(network, "name", "bridge");
    return json_print(model);
}

static bool wants_tty(const struct run_values *values)
{
    if (values->no_tty || values->detach)
        return values->tty && !values->no_tty;
    return values->tty || (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO));
}

static int check(const struct run_values *values, struct error *err)
{
    if (values->tty && values->no_tty)
        return error_set(err, EINVAL, "--tty and --no-tty are incompatible");
    return 0;
}

/* What of the project is found: its model; NULL with 0 where there is none. */
static int find_project(const struct invocation *invocation, struct model **ret_model,
                        struct error *err)
{
    int r = project_load(invocation->global, ret_model, err);
    bool none = r == -ENOENT && !invocation->global->files && !invocation->global->project_name;
    if (!none)
        return r;
    error_done(err);
    return 0;
}

int run_request_make(const struct invocation *invocation, struct run_request *ret_request,
                     struct error *err)
{
    const struct run_values *values = invocation->values;
    const char *subject = invocation->operands[0];
    _cleanup_(model_freep) struct model *model = NULL;
    _cleanup_json_ cJSON *body = cJSON_CreateObject();
    bool tty = wants_tty(values);
    int r = check(values, err);
    if (r == 0)
        r = find_project(invocation, &model, err);
    if (r == 0 && model && !model_find_service(model, subject))
        r = error_set(err, ENOENT,
                      "no such service: %s; an image is run from a folder without a Compose file",
                      subject);
    cJSON *options = cJSON_AddObjectToObject(body, "options");
    if (r == 0)
        r = print_options(invocation, tty, options, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *name = model          ? xstrdup(model->name)
                                : values->name ? xstrdup(values->name)
                                               : invent_name(subject);
    _cleanup_free_ char *model_text =
        model ? compose_serialize(model) : print_standalone(name, subject);
    json_set(body, "model", cJSON_CreateRaw(model_text));
    json_set_string(body, "service", model ? subject : name);
    json_set_bool(options, "standalone", model == NULL);
    if (model)
        json_set(options, "files", json_from_strv(model->files));
    ret_request->project = TAKE_PTR(name);
    ret_request->body = json_print(body);
    ret_request->tty = tty;
    return 0;
}
