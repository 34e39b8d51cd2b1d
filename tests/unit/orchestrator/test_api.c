/* The API over its socket, with fakes below: shapes, errors, limits, hostile clients. What it
 * streams: test_api_streams.c. */
#include "api_stage.h"
#include "base/alloc.h"
#include "base/fs.h"
#include "base/vec.h"
#include "unit.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* --- single answers --------------------------------------------------------------------------- */

static void test_ping(void **state)
{
    (void)state;
    struct answer answer = {0};
    client_ask(path, "GET", "/v1.47/_ping", "", NULL, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(strbuf_text(&answer.body), "OK");
    assert_non_null(strstr(answer.head.data, "\r\nApi-Version: 1.47\r\n"));
    assert_non_null(strstr(answer.head.data, "\r\nServer: vmstead/" VMSTEAD_VERSION "\r\n"));
    answer_done(&answer);
}

static void test_list_of_containers(void **state)
{
    (void)state;
    _cleanup_json_ cJSON *list = client_ask_json(path, "GET", "/v1.41/containers/json", NULL, 200);
    assert_int_equal(cJSON_GetArraySize(list), 2);
    _cleanup_free_ char *text = json_print(cJSON_GetArrayItem(list, 0));
    assert_non_null(strstr(text, "\"Names\":[\"/shop-web-1\"]"));
    assert_non_null(strstr(text,
                           "\"Ports\":[{\"IP\":\"0.0.0.0\",\"PrivatePort\":80,\"PublicPort\":8080,"
                           "\"Type\":\"tcp\"}]"));
    assert_non_null(strstr(text, "\"com.docker.compose.service\":\"web\""));
    assert_non_null(strstr(text, "\"Status\":\"Up About a minute (healthy)\""));
    assert_non_null(strstr(text, "\"IPAddress\":\"10.89.0.2\""));
}

static void test_filters(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        int count;
    } cases[] = {
        {"all=1", 4},
        {"all=true&limit=1", 1},
        {"filters=%7B%22label%22%3A%5B%22com.docker.compose.service%3Dweb%22%5D%7D", 1},
        {"filters=%7B%22label%22%3A%7B%22com.docker.compose.project%3Dshop%22%3Atrue%7D%7D", 2},
        {"filters=%7B%22label%22%3A%5B%22com.docker.compose.service%3Dweb%22%2C%22x%22%5D%7D", 0},
        {"filters=%7B%22status%22%3A%5B%22exited%22%5D%7D", 1},
        {"filters=%7B%22exited%22%3A%5B%223%22%5D%7D", 1},
        {"filters=%7B%22exited%22%3A%5B%220%22%5D%7D", 0},
        {"filters=%7B%22health%22%3A%5B%22healthy%22%5D%7D", 1},
        {"filters=%7B%22health%22%3A%5B%22none%22%5D%7D", 1},
        {"filters=%7B%22label%22%3A%5B%22tier%3Dfront%22%5D%7D", 2},
        {"filters=%7B%22name%22%3A%5B%22web%22%2C%22cache%22%5D%7D", 2},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *target = xasprintf("/containers/json?%s", cases[i].query);
        _cleanup_json_ cJSON *list = client_ask_json(path, "GET", target, NULL, 200);
        if (cJSON_GetArraySize(list) != cases[i].count)
            fail_msg("%s: %d, not %d", target, cJSON_GetArraySize(list), cases[i].count);
    }
    check_error("GET", "/containers/json?filters=nonsense", NULL, 400,
                "invalid filters 'nonsense': not a JSON object");
    check_error("GET", "/containers/json?filters=%7B%22colour%22%3A%5B%5D%7D", NULL, 400,
                "invalid filter 'colour': known are label, name, id, status, "
                "health, exited");
}

static void test_inspect(void **state)
{
    (void)state;
    _cleanup_json_ cJSON *container =
        client_ask_json(path, "GET", "/containers/cccccccccccc/json", NULL, 200);
    assert_string_equal(json_string(container, "Name", ""), "/shop-job-1");
    const cJSON *status = json_object(container, "State");
    assert_int_equal(json_int(status, "ExitCode", -1), 3);
    assert_false(json_bool(status, "Running", true));
    assert_true(json_bool(status, "OOMKilled", false));
    assert_null(json_object(status, "Health"));
    assert_int_equal(json_int(container, "RestartCount", 0), 2);
    const cJSON *restart = json_object(json_object(container, "HostConfig"), "RestartPolicy");
    assert_string_equal(json_string(restart, "Name", ""), "on-failure");
    assert_int_equal(json_int(restart, "MaximumRetryCount", 0), 3);
    assert_true(json_bool(json_object(container, "Config"), "Tty", false));
    const cJSON *mount = cJSON_GetArrayItem(json_array(container, "Mounts"), 0);
    assert_string_equal(json_string(mount, "Name", ""), "shop_data");
    const cJSON *labels = json_object(json_object(container, "Config"), "Labels");
    assert_string_equal(json_string(labels, "tier", ""), "front");
    assert_string_equal(json_string(labels, "com.docker.compose.service", ""), "job");
    _cleanup_json_ cJSON *web =
        client_ask_json(path, "GET", "/containers/shop-web-1/json", NULL, 200);
    const cJSON *health = json_object(json_object(web, "State"), "Health");
    assert_string_equal(json_string(health, "Status", ""), "healthy");
    check_error("GET", "/containers/ghost/json", NULL, 404, "no such container: ghost");
}

static void test_other_lists(void **state)
{
    (void)state;
    _cleanup_json_ cJSON *names = client_ask_json(path, "GET", "/vmstead/names", NULL, 200);
    assert_string_equal(json_string(cJSON_GetArrayItem(names, 0), "address", ""), "10.89.0.2");
    _cleanup_json_ cJSON *networks = client_ask_json(path, "GET", "/networks", NULL, 200);
    _cleanup_free_ char *text = json_print(networks);
    assert_non_null(strstr(text, "\"Subnet\":\"10.89.0.0/24\""));
    _cleanup_json_ cJSON *instances =
        client_ask_json(path, "GET", "/vmstead/projects/shop/instances?all=1", NULL, 200);
    assert_string_equal(json_string(cJSON_GetArrayItem(instances, 2), "Status", ""),
                        "Exited (3) 5 seconds ago");
    _cleanup_json_ cJSON *other =
        client_ask_json(path, "GET", "/vmstead/projects/other/instances", NULL, 200);
    assert_int_equal(cJSON_GetArraySize(other), 0);
}

static void test_images(void **state)
{
    (void)state;
    _cleanup_json_ cJSON *images = client_ask_json(path, "GET", "/images/json", NULL, 200);
    _cleanup_free_ char *text = json_print(cJSON_GetArrayItem(images, 0));
    assert_int_equal(cJSON_GetArraySize(images), 2);
    assert_string_equal(text,
                        "{\"Id\":\"sha256:abc\",\"ParentId\":\"\",\"RepoTags\":[\"nginx:1.25\","
                        "\"registry:5000/a/nginx:1\"],\"RepoDigests\":[],\"Created\":5,"
                        "\"Size\":1000,\"SharedSize\":-1,\"Labels\":{\"k\":\"v\"},"
                        "\"Containers\":4}");
    _cleanup_json_ cJSON *dangling = client_ask_json(
        path, "GET", "/images/json?filters=%7B%22dangling%22%3A%5B%22true%22%5D%7D", NULL, 200);
    assert_int_equal(cJSON_GetArraySize(dangling), 1);
    assert_string_equal(json_string(cJSON_GetArrayItem(dangling, 0), "Id", ""), "sha256:def0");
    _cleanup_json_ cJSON *named = client_ask_json(
        path, "GET", "/images/json?filters=%7B%22reference%22%3A%5B%22nginx:1.25%22%5D%7D", NULL,
        200);
    assert_int_equal(cJSON_GetArraySize(named), 1);
}

static void test_one_image(void **state)
{
    (void)state;
    static const char *const names[] = {"nginx:1.25", "registry:5000/a/nginx:1",
                                        "registry:5000%2Fa%2Fnginx:1", "sha256:abc"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_free_ char *target = xasprintf("/images/%s/json", names[i]);
        _cleanup_json_ cJSON *image = client_ask_json(path, "GET", target, NULL, 200);
        assert_string_equal(json_string(image, "Id", ""), "sha256:abc");
        assert_string_equal(json_string(image, "Created", ""), "1970-01-01T00:00:05.000000000Z");
    }
    check_error("GET", "/images/nginx/json", NULL, 404, "no such image: nginx");
    check_error("DELETE", "/images/nginx:1.25", NULL, 409, "image is used by shop-idle-1");
    check_error("DELETE", "/images/ghost", NULL, 404, "no such image: ghost");
    _cleanup_json_ cJSON *pruned = client_ask_json(path, "POST", "/images/prune", NULL, 200);
    _cleanup_free_ char *answer = json_print(pruned);
    assert_string_equal(answer,
                        "{\"ImagesDeleted\":[{\"Deleted\":\"sha256:def0\"}],\"SpaceReclaimed\":7}");
    check_error("POST", "/images/prune?filters=%7B%22size%22%3A%5B%221%22%5D%7D", NULL, 400,
                "invalid filter 'size': known are dangling");
    _cleanup_json_ cJSON *removed =
        client_ask_json(path, "DELETE", "/images/registry:5000/a/nginx:1", NULL, 200);
    assert_string_equal(json_string(cJSON_GetArrayItem(removed, 0), "Untagged", ""),
                        "registry:5000/a/nginx:1");
}

static void test_daemon_description(void **state)
{
    (void)state;
    struct stat status;
    assert_int_equal(stat("/proc/self/ns/net", &status), 0);
    _cleanup_json_ cJSON *daemon = client_ask_json(path, "GET", "/vmstead/daemon", NULL, 200);
    assert_string_equal(json_string(daemon, "version", ""), VMSTEAD_VERSION);
    assert_int_equal(json_int(daemon, "pid", 0), getpid());
    assert_int_equal(json_int(daemon, "network_namespace", 0), (int64_t)status.st_ino);
    assert_true(json_int(daemon, "memory_bytes", 0) > 100000);
}

static void test_stop_after_answer(void **state)
{
    (void)state;
    _cleanup_json_ cJSON *answer = client_ask_json(path, "POST", "/vmstead/daemon/stop", "{}", 200);
    assert_int_equal(json_int(answer, "pid", 0), getpid());
    fake_wait(&fakes.stop_requests, 1);
}

/* --- refusals --------------------------------------------------------------------------------- */

static void test_unknown_pages(void **state)
{
    (void)state;
    check_error("GET", "/swarm", NULL, 404, "no such page: 'GET /swarm' is not part of this API");
    check_error("GET", "/v1.47", NULL, 404, "no such page: 'GET /v1.47' is not part of this API");
    check_error("DELETE", "/networks", NULL, 405, "'DELETE' cannot be done to '/networks'");
    check_error("GET", "/vmstead/exec", NULL, 405, "'GET' cannot be done to '/vmstead/exec'");
}

static void test_bad_bodies(void **state)
{
    (void)state;
    struct answer answer = {0};
    client_ask(path, "POST", "/vmstead/projects/shop/down", "", "{\"a\":", &answer);
    assert_int_equal(answer.status, 400);
    answer_done(&answer);
    check_error("POST", "/vmstead/projects/shop/down", "[]", 400,
                "the request's body is JSON, but not an object");
    check_error("POST", "/vmstead/projects/shop/up", "{}", 400,
                "the request's body has no object 'model'");
}

/* A client of another version, or in another network namespace. */
static void test_wrong_client(void **state)
{
    (void)state;
    static const char *const headers[] = {"Vmstead-Version: 9.9.9\r\n", "Vmstead-Netns: 1\r\n"};
    for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
        struct answer answer = {0};
        client_ask(path, "POST", "/vmstead/projects/shop/down", headers[i], "{}", &answer);
        assert_int_equal(answer.status, 412);
        answer_done(&answer);
        client_ask(path, "GET", "/vmstead/daemon", headers[i], NULL, &answer);
        assert_int_equal(answer.status, 200);
        answer_done(&answer);
    }
    assert_int_equal(fakes.jobs_ended, 0);
    struct answer answer = {0};
    client_ask(path, "GET", "/vmstead/projects", "Vmstead-Version: " VMSTEAD_VERSION "\r\n", NULL,
               &answer);
    assert_int_equal(answer.status, 200);
    answer_done(&answer);
}

static void test_announced_large_body(void **state)
{
    (void)state;
    struct answer answer = {0};
    client_ask(path, "POST", "/vmstead/projects/shop/up", "Content-Length: 16777217\r\n", NULL,
               &answer);
    assert_int_equal(answer.status, 413);
    answer_done(&answer);
}

/* Sends chunks of 64 KiB until `bytes` are out or the server hangs up. */
static size_t send_chunks(int fd, size_t bytes)
{
    static char block[65536];
    size_t sent = 0;
    while (sent < bytes) {
        if (send(fd, "10000\r\n", 7, MSG_NOSIGNAL) != 7)
            break;
        for (size_t done = 0; done < sizeof(block);) {
            ssize_t count = send(fd, block + done, sizeof(block) - done, MSG_NOSIGNAL);
            if (count <= 0)
                return sent;
            done += (size_t)count;
        }
        if (send(fd, "\r\n", 2, MSG_NOSIGNAL) != 2)
            break;
        sent += sizeof(block);
    }
    return sent;
}

static void test_unannounced_large_body(void **state)
{
    (void)state;
    _cleanup_close_ int fd = client_connect(path);
    client_send(fd, "POST", "/vmstead/projects/shop/up", "Transfer-Encoding: chunked\r\n", NULL);
    assert_int_equal(send_chunks(fd, 17 << 20), 17 << 20);
    assert_int_equal(send(fd, "0\r\n\r\n", 5, MSG_NOSIGNAL), 5);
    struct answer answer = {0};
    client_read(fd, &answer);
    assert_int_equal(answer.status, 413);
    answer_done(&answer);
}

static void test_endless_body(void **state)
{
    (void)state;
    _cleanup_close_ int fd = client_connect(path);
    client_send(fd, "POST", "/vmstead/projects/shop/up", "Transfer-Encoding: chunked\r\n", NULL);
    assert_true(send_chunks(fd, 256 << 20) < 64 << 20);
}

static void test_large_body_is_read(void **state)
{
    (void)state;
    _cleanup_free_ char *text = xmalloc((8 << 20) + 1);
    memset(text, ' ', 8 << 20);
    memcpy(text, "{\"kill\":true", 12);
    text[(8 << 20) - 1] = '}';
    text[8 << 20] = '\0';
    struct answer answer = {0};
    client_ask(path, "POST", "/vmstead/projects/shop/down", "", text, &answer);
    assert_int_equal(answer.status, 200);
    answer_done(&answer);
}

/* Another user who reaches the socket gets 403 and nothing else. */
static void test_other_user(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    _cleanup_free_ char *folder = xstrndup(path, (size_t)(strrchr(path, '/') - path));
    assert_int_equal(chmod(folder, 0711), 0);
    assert_int_equal(chmod(path, 0666), 0);
    pid_t child = fork();
    if (child == 0) {
        if (setgid(65534) < 0 || setuid(65534) < 0)
            _exit(9);
        int fd = client_connect(path);
        client_send(fd, "POST", "/vmstead/daemon/stop", "", "{}");
        char text[4096] = "";
        ssize_t count = read(fd, text, sizeof(text) - 1);
        _exit(count > 0 && strstr(text, "HTTP/1.1 403 ") ? 0 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_int_equal(fakes.stop_requests, 0);
}

/* Garbage and half requests harm nobody else. */
static void test_hostile_bytes(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\x16\x03\x01\x02",
        "GET /%00/json HTTP/1.1\r\n\r\n",
        "GET /containers/%2f%2e%2e/json HTTP/1.1\r\nHost: x\r\n\r\n"};
    int fds[ARRAY_SIZE(texts)];
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        fds[i] = client_connect(path);
        assert_int_equal(fs_write_all(fds[i], texts[i], strlen(texts[i])), 0);
    }
    test_ping(NULL);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        close(fds[i]);
    _cleanup_free_ char *name = xmalloc(200001);
    memset(name, 'a', 200000);
    name[200000] = '\0';
    _cleanup_close_ int fd = client_connect(path);
    _cleanup_free_ char *request = xasprintf("GET /containers/%s/json HTTP/1.1\r\n", name);
    for (size_t done = 0; request[done];) {
        ssize_t count = send(fd, request + done, strlen(request + done), MSG_NOSIGNAL);
        if (count <= 0)
            break;
        done += (size_t)count;
    }
    test_ping(NULL);
}

static void *ask_ten_times(void *failures)
{
    for (int i = 0; i < 10; i++) {
        struct answer answer = {0};
        client_ask(path, "GET", "/containers/json?all=1", "", NULL, &answer);
        if (answer.status != 200 || !answer.complete)
            atomic_fetch_add((atomic_int *)failures, 1);
        answer_done(&answer);
    }
    return NULL;
}

static void test_parallel_requests(void **state)
{
    (void)state;
    pthread_t threads[200];
    atomic_int failures = 0;
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_ten_times, &failures), 0);
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        API_TEST(test_ping),
        API_TEST(test_list_of_containers),
        API_TEST(test_filters),
        API_TEST(test_inspect),
        API_TEST(test_other_lists),
        API_TEST(test_images),
        API_TEST(test_one_image),
        API_TEST(test_daemon_description),
        API_TEST(test_stop_after_answer),
        API_TEST(test_unknown_pages),
        API_TEST(test_bad_bodies),
        API_TEST(test_wrong_client),
        API_TEST(test_announced_large_body),
        API_TEST(test_unannounced_large_body),
        API_TEST(test_endless_body),
        API_TEST(test_large_body_is_read),
        API_TEST(test_other_user),
        API_TEST(test_hostile_bytes),
        API_TEST(test_parallel_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
