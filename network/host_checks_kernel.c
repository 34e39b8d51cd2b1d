/* Does this kernel have what networks are made of? Proved by making one of each: forwarding, a
 * bridge with an address, a tap on it, our ruleset; in a network namespace that only this thread
 * has, and that goes with it. See host_checks.h. */
#include "network/host_checks.h"

#include "base/str.h"
#include "network/firewall.h"
#include "network/link.h"
#include "network/sysctl.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/utsname.h>

struct proof {
    bool tried;
    struct error err;
};

static void fill_sample(struct desired *sample)
{
    memcpy(sample->root_id, "doctor", sizeof("doctor"));
    struct desired_network network = {
        .name = xstrdup("sample"), .project = xstrdup("doctor"), .masquerade = true, .mtu = 1500};
    struct desired_endpoint endpoint = {.name = xstrdup("sample/sample"),
                                        .mac = {2, 0, 0, 0, 0, 1}};
    struct desired_port port = {.project = xstrdup("doctor"),
                                .instance = xstrdup("sample"),
                                .published = 8080,
                                .target = 80};
    network.subnet[IP_V4] =
        (struct ip_subnet){.address = {.size = 4, .bytes = {192, 0, 2}}, .prefix = 24};
    network.gateway[IP_V4] = ip_address_next(network.subnet[IP_V4].address);
    endpoint.address[IP_V4] = port.address[IP_V4] = ip_address_next(network.gateway[IP_V4]);
    desired_bridge_name(sample->root_id, 0, network.bridge);
    desired_tap_name(sample->root_id, 0, endpoint.tap.name);
    memcpy(endpoint.tap.bridge, network.bridge, sizeof(network.bridge));
    endpoint.tap.mtu = network.mtu;
    vec_add(&sample->networks, network);
    vec_add(&sample->endpoints, endpoint);
    vec_add(&sample->ports, port);
}

static int make_one_of_each(struct error *err)
{
    struct desired sample = {0};
    _cleanup_close_ int tap = -1;
    fill_sample(&sample);
    int r = sysctl_enable(false, &sample.relay_own, err);
    if (r == 0)
        r = link_apply(&sample, err);
    if (r == 0)
        r = link_open_tap(&sample.endpoints.items[0].tap, &tap, err);
    if (r == 0)
        r = firewall_try(&sample, err);
    desired_done(&sample);
    return r;
}

static void *prove(void *userdata)
{
    struct proof *proof = userdata;
    if (unshare(CLONE_NEWNET) < 0) {
        error_set(&proof->err, errno, "no network namespace can be made to try it in: %s",
                  strerror(errno));
        return NULL;
    }
    proof->tried = true;
    (void)make_one_of_each(&proof->err);
    return NULL;
}

void look_at_kernel(const struct paths *paths, struct finding *finding)
{
    (void)paths;
    struct proof proof = {0};
    struct utsname system = {0};
    pthread_t thread;
    uname(&system);
    if (pthread_create(&thread, NULL, prove, &proof) != 0)
        error_set(&proof.err, EAGAIN, "no thread can be made to try it in");
    else
        pthread_join(thread, NULL);
    if (!proof.err.code)
        finding_set(finding, CHECK_OK, NULL,
                    "Linux %s makes bridges, taps and our nftables rules (tried in a namespace)",
                    system.release);
    else if (!proof.tried)
        finding_set(finding, CHECK_SKIPPED, NULL, "Linux %s: %s", system.release,
                    error_text(&proof.err));
    else
        finding_set(finding, CHECK_ERROR,
                    xstrdup("modprobe -a tun bridge nf_tables nft_chain_nat nft_fib_inet nft_ct "
                            "nft_masq nft_reject_inet; in a container run it --privileged"),
                    "Linux %s: %s", system.release, error_text(&proof.err));
    error_done(&proof.err);
}
