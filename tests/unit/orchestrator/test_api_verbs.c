/* The verbs over the socket: what the orchestrator is asked for, and what the answers are; Docker's
 * verbs on one container, which answer when their job has ended. */
#include "api_stage.h"
#include "base/alloc.h"
#include "base/fs.h"
#include "base/vec.h"
#include "compose/compose.h"
#include "unit.h"

static char *model; /* as on the wire */

static const char compose_text[] = "name: shop\n"
                                   "services:\n"
                                   "  web:\n"
                                   "    image: nginx\n"
                                   "    command: [serve]\n"
                                   "    environment: {A: old, B: kept}\n"
                                   "    ports: [\"8080:80\"]\n"
                                   "    volumes: [\"data:/data\"]\n"
                                   "  db:\n"
                                   "    image: redis\n"
                                   "volumes: {data: {}}\n";

static char *make_model(const char *folder)
{
    _cleanup_free_ char *file = xasprintf("%s/compose.yaml", folder);
    char *files[] = {file, NULL};
    const struct compose_options options = {.files = files, .working_directory = folder};
    _cleanup_(diagnostics_freep) struct diagnostics *diagnostics = diagnostics_new();
    _cleanup_(model_freep) struct model *loaded = NULL;
    _cleanup_error_ struct error err = {0};
    assert_ok(fs_write_file_atomic(file, compose_text, strlen(compose_text), 0600, &err), &err);
    assert_ok(compose_load(&options, diagnostics, &loaded, &err), &err);
    unlink(file);
    return compose_serialize(loaded);
}

static int set_up(void **state)
{
    api_set_up(state);
    _cleanup_free_ char *folder = xstrndup(path, (size_t)(strrchr(path, '/') - path));
    model = make_model(folder);
    return 0;
}

static int tear_down(void **state)
{
    free(model);
    return api_tear_down(state);
}

/* The request's job is `asked`, or its answer the error. */
static void check_verb(const char *verb, const char *body, const char *asked)
{
    _cleanup_free_ char *target = xasprintf("/vmstead/projects/shop/%s", verb);
    struct answer answer = {0};
    client_ask(path, "POST", target, "", body, &answer);
    if (answer.status != 200)
        fail_msg("%s %s: %d %s", verb, body, answer.status, strbuf_text(&answer.body));
    assert_true(str_ends_with(answer.body.data, "{\"type\":\"end\",\"error\":null}\n"));
    assert_string_equal(fake_last_asked(), asked);
    answer_done(&answer);
}

static void check_refused(const char *verb, const char *body, int status, const char *message)
{
    _cleanup_free_ char *target = xasprintf("/vmstead/projects/shop/%s", verb);
    _cleanup_json_ cJSON *answer = client_ask_json(path, "POST", target, body, status);
    assert_string_equal(json_string(answer, "message", "(none)"), message);
}

/* {"model":MODEL,REST} */
static char *with_model(const char *rest)
{
    return xasprintf("{\"model\":%s%s%s}", model, *rest ? "," : "", rest);
}

static void check_model_verb(const char *verb, const char *rest, const char *asked)
{
    _cleanup_free_ char *body = with_model(rest);
    check_verb(verb, body, asked);
}

static void check_model_refused(const char *verb, const char *rest, int status, const char *message)
{
    _cleanup_free_ char *body = with_model(rest);
    check_refused(verb, body, status, message);
}

/* --- up, pull, build ------------------------------------------------------------------------- */

static void test_up(void **state)
{
    (void)state;
    check_model_verb("up", "", "up");
    check_model_verb("up", "\"services\":[],\"options\":null", "up");
    check_model_verb("up",
                     "\"services\":[\"web\",\"db\"],\"options\":{\"scale\":{\"web\":3,\"db\":0},"
                     "\"recreate\":\"force\",\"recreate_deps\":true,\"no_deps\":true,"
                     "\"no_start\":true,\"remove_orphans\":true,\"timeout_ms\":0,"
                     "\"renew_anon_volumes\":true,\"wait\":true,\"wait_timeout_ms\":60000,"
                     "\"build\":\"never\",\"pull\":\"missing\",\"changed_volumes\":\"recreate\","
                     "\"dry_run\":true,\"files\":[\"/a.yaml\"]}",
                     "up services=web,db files=/a.yaml scale:web=3 scale:db=0 recreate=1 "
                     "recreate_deps=1 no_deps=1 no_start=1 remove_orphans=1 renew=1 wait=1 "
                     "wait_timeout=60000 timeout=0 build=2 pull=2 changed_volumes=2 dry_run=1");
    check_model_verb("up", "\"options\":{\"recreate\":\"diverged\",\"pull\":\"default\"}", "up");
}

static void test_up_refuses(void **state)
{
    (void)state;
    check_refused("up", "{}", 400, "the request's body has no object 'model'");
    check_model_refused("up", "\"options\":{\"recreat\":\"force\"}", 400,
                        "unknown option 'recreat': did you mean 'recreate'?");
    check_model_refused("up", "\"options\":{\"recreate\":\"maybe\"}", 400,
                        "option 'recreate' must be one of 'diverged', 'force', 'never'");
    check_model_refused("up", "\"options\":{\"scale\":{\"web\":\"3\"}}", 400,
                        "option 'scale': 'web' needs a number of instances");
    check_model_refused("up", "\"options\":{\"scale\":{\"web\":-1}}", 400,
                        "option 'scale': 'web' needs a number of instances");
    check_model_refused("up", "\"services\":\"web\"", 400,
                        "option 'services' must be a list of texts");
    check_model_refused("up", "\"servces\":[]", 400,
                        "unknown option 'servces': did you mean 'services'?");
}

static void test_pull_and_build(void **state)
{
    (void)state;
    check_model_verb("pull",
                     "\"services\":[\"web\"],\"options\":{\"policy\":\"missing\","
                     "\"ignore_buildable\":true,\"include_deps\":true}",
                     "pull services=web dependencies=1 pull=2 ignore_buildable=1");
    check_model_verb("build",
                     "\"options\":{\"no_cache\":true,\"pull\":true,\"args\":[\"A=1\",\"B=2\"],"
                     "\"with_dependencies\":true}",
                     "build dependencies=1 no_cache=1 pull_base=1 args=A=1,B=2");
    check_model_refused("pull", "\"options\":{\"no_cache\":true}", 400,
                        "unknown option 'no_cache'");
}

/* --- run ------------------------------------------------------------------------------------- */

static void test_run(void **state)
{
    (void)state;
    check_model_verb("run", "\"service\":\"web\"",
                     "run web command=serve A=old B=kept mount=shop_data:/data");
    check_model_verb(
        "run",
        "\"service\":\"web\",\"options\":{\"argv\":[\"sh\",\"-c\",\"true\"],"
        "\"environment\":[\"A=new\",\"C=x=y\"],\"user\":\"www\",\"working_dir\":\"/srv\","
        "\"ports\":[\"9000:90\"],\"mounts\":[\"/host:/data\",\"other:/more:ro\"],\"tty\":true,"
        "\"stdin\":true,\"name\":\"one\",\"no_deps\":true,\"remove\":true,\"standalone\":true}",
        "run web name=one no_deps=1 standalone=1 remove=1 command=sh,-c,true user=www "
        "working_dir=/srv tty=1 stdin=1 A=new B=kept C=x=y port=9000:90 mount=/host:/data "
        "mount=other:/more");
    check_model_verb("run", "\"service\":\"web\",\"options\":{\"service_ports\":true}",
                     "run web command=serve A=old B=kept port=8080:80 mount=shop_data:/data");
    check_model_verb("run", "\"service\":\"web\",\"options\":{\"entrypoint\":[\"env\"]}",
                     "run web entrypoint=env A=old B=kept mount=shop_data:/data");
}

static void test_run_refuses(void **state)
{
    (void)state;
    check_model_refused("run", "", 400, "the request's body has no 'service'");
    check_model_refused("run", "\"service\":\"ghost\"", 404, "no such service: ghost");
    check_model_refused("run", "\"service\":\"web\",\"options\":{\"environment\":[\"A\"]}", 400,
                        "environment 'A' is not NAME=VALUE");
    check_refused("run", "{\"service\":\"web\"}", 404, "no such service: web");
}

/* --- verbs from the store -------------------------------------------------------------------- */

static void test_acts(void **state)
{
    (void)state;
    check_verb("start",
               "{\"services\":[\"web\"],\"wait\":true,\"wait_timeout_ms\":5,\"no_deps\":true}",
               "start services=web no_deps=1 wait=1 wait_timeout=5");
    check_verb("stop", "{\"instances\":[\"shop-web-1\"],\"timeout_ms\":0,\"kill\":true}",
               "stop instances=shop-web-1 timeout=0 kill=1");
    check_verb("stop", "", "stop");
    check_verb("restart", "{\"timeout_ms\":500,\"no_deps\":true}", "restart timeout=500 no_deps=1");
    check_verb("kill", "{\"signal\":\"SIGHUP\"}", "kill signal=1");
    check_verb("kill", "{}", "kill");
    check_verb("rm", "{\"force\":true,\"stop\":true,\"volumes\":true}",
               "remove force=1 stop=1 volumes=1");
    check_verb("pause", "{\"services\":[\"web\"]}", "pause services=web");
    check_verb("unpause", "{}", "unpause");
}

static void test_acts_refuse(void **state)
{
    (void)state;
    check_refused("kill", "{\"signal\":\"NOISE\"}", 400, "invalid signal: NOISE");
    check_refused("stop", "{\"signal\":\"HUP\"}", 400, "unknown option 'signal'");
    check_refused("stop", "{\"timeout_ms\":\"soon\"}", 400, "option 'timeout_ms' must be a number");
}

static void test_down(void **state)
{
    (void)state;
    check_verb("down", "", "down");
    check_verb("down",
               "{\"services\":[\"web\"],\"timeout_ms\":9,\"kill\":true,\"volumes\":true,"
               "\"remove_images\":\"all\",\"remove_orphans\":true}",
               "down services=web timeout=9 kill=1 volumes=1 images=2 remove_orphans=1");
    check_model_verb("down", "\"remove_images\":null", "down known=web,db");
}

/* --- Docker's verbs -------------------------------------------------------------------------- */

static void check_docker(const char *method, const char *target, int status, const char *asked)
{
    struct answer answer = {0};
    client_ask(path, method, target, "", NULL, &answer);
    if (answer.status != status)
        fail_msg("%s %s: %d %s", method, target, answer.status, strbuf_text(&answer.body));
    if (asked)
        assert_string_equal(fake_last_asked(), asked);
    answer_done(&answer);
}

static void check_docker_refused(const char *method, const char *target, int status,
                                 const char *message)
{
    _cleanup_json_ cJSON *answer = client_ask_json(path, method, target, NULL, status);
    assert_string_equal(json_string(answer, "message", "(none)"), message);
}

static void test_docker_verbs(void **state)
{
    (void)state;
    check_docker("POST", "/containers/shop-job-1/start", 204,
                 "start instances=shop-job-1 no_deps=1");
    check_docker("POST", "/v1.41/containers/shop-web-1/start", 304, NULL);
    check_docker("POST", "/containers/bbbbbbbbbbbb/stop?t=3", 204,
                 "stop instances=shop-web-1 timeout=3000");
    check_docker("POST", "/containers/shop-web-1/stop", 204, "stop instances=shop-web-1");
    check_docker("POST", "/containers/shop-web-1/stop?t=-1", 204,
                 "stop instances=shop-web-1 timeout=2147483647");
    check_docker("POST", "/containers/shop-job-1/stop", 304, NULL);
    check_docker("POST", "/containers/shop-job-1/restart?t=1", 204,
                 "restart instances=shop-job-1 timeout=1000 no_deps=1");
    check_docker("POST", "/containers/shop-web-1/kill?signal=SIGUSR1", 204,
                 "kill instances=shop-web-1 signal=10");
    check_docker("POST", "/containers/shop-web-1/kill", 204, "kill instances=shop-web-1");
    check_docker("POST", "/containers/shop-web-1/pause", 204, "pause instances=shop-web-1");
    check_docker("POST", "/containers/shop-idle-1/unpause", 204, "unpause instances=shop-idle-1");
    check_docker("DELETE", "/containers/shop-job-1?v=1", 204,
                 "remove instances=shop-job-1 volumes=1");
    check_docker("DELETE", "/containers/shop-web-1?force=1", 204,
                 "remove instances=shop-web-1 force=1");
}

static void test_docker_verbs_refuse(void **state)
{
    (void)state;
    check_docker_refused("POST", "/containers/ghost/start", 404, "no such container: ghost");
    check_docker_refused("POST", "/containers/shop-idle-1/start", 409,
                         "container shop-idle-1 is paused: unpause it");
    check_docker_refused("POST", "/containers/shop-web-1/kill?signal=NOISE", 400,
                         "invalid signal: NOISE");
    check_docker_refused("POST", "/containers/shop-job-1/kill", 409,
                         "container shop-job-1 is not running");
    check_docker_refused("POST", "/containers/shop-job-1/pause", 409,
                         "container shop-job-1 is not running");
    check_docker_refused("POST", "/containers/shop-idle-1/pause", 409,
                         "container shop-idle-1 is already paused");
    check_docker_refused("POST", "/containers/shop-web-1/unpause", 409,
                         "container shop-web-1 is not paused");
    check_docker_refused("DELETE", "/containers/shop-web-1", 409,
                         "container shop-web-1 is running: stop it first, or use force");
}

/* One connection, one request behind the other: each deferred answer is that of its request. */
static void test_deferred_answers_keep_their_connection(void **state)
{
    (void)state;
    _cleanup_close_ int fd = client_connect(path);
    for (int i = 0; i < 20; i++) {
        struct answer answer = {0};
        client_send(fd, "POST", "/containers/shop-web-1/stop", "", NULL);
        client_read_head(fd, &answer);
        assert_int_equal(answer.status, 204);
        answer_done(&answer);
        client_send(fd, "GET", "/_ping", "", NULL);
        client_read(fd, &answer);
        assert_string_equal(strbuf_text(&answer.body), "OK");
        answer_done(&answer);
    }
    assert_int_equal(fakes.jobs_ended, 20);
}

/* The job goes on; nobody is answered. */
static void test_client_leaves_before_its_answer(void **state)
{
    (void)state;
    for (int i = 1; i <= 20; i++) {
        int fd = client_connect(path);
        client_send(fd, "POST", "/containers/shop-web-1/stop", "", NULL);
        fake_wait(&fakes.jobs_started, i);
        close(fd);
        fake_wait(&fakes.jobs_ended, i);
    }
}

/* Answers that wait are given up with the server. */
static void test_server_leaves_before_its_answer(void **state)
{
    (void)state;
    int fd = client_connect(path);
    client_send(fd, "POST", "/vmstead/projects/endless/stop", "", NULL);
    client_send(client_connect(path), "POST", "/containers/shop-web-1/stop", "", NULL);
    client_send(client_connect(path), "GET", "/containers/shop-idle-1/top", "", NULL);
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_up),
        TEST(test_up_refuses),
        TEST(test_pull_and_build),
        TEST(test_run),
        TEST(test_run_refuses),
        TEST(test_acts),
        TEST(test_acts_refuse),
        TEST(test_down),
        TEST(test_docker_verbs),
        TEST(test_docker_verbs_refuse),
        TEST(test_deferred_answers_keep_their_connection),
        TEST(test_client_leaves_before_its_answer),
        TEST(test_server_leaves_before_its_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
