/* The table of all keys: one row per key with its type, its class and a line of help. The order of
 * rows is the order in which `config` prints (that of Docker Compose). Rows without a type are of
 * the Compose Specification and do not work yet. */
#include "compose/schema_types.h"

#include "base/vec.h"

#define WORKS(key, value_type, text)                                                               \
    {                                                                                              \
        .name = (key), .type = &(value_type), .class = KEY_WORKS, .help = (text)                   \
    }
#define OBJECT(key, value_type, keys_of, text)                                                     \
    {                                                                                              \
        .name = (key), .type = &(value_type), .object = &(keys_of), .class = KEY_WORKS,            \
        .help = (text)                                                                             \
    }
#define LATER(key, text)                                                                           \
    {                                                                                              \
        .name = (key), .class = KEY_LATER, .help = (text)                                          \
    }

#define KEYS(array) .keys = (array), .count = ARRAY_SIZE(array)

/* --- services --------------------------------------------------------------------------------- */

static const struct schema_key limits_keys[] = {
    WORKS("cpus", type_cpus, "virtual CPUs; a fraction is rounded up"),
    WORKS("memory", type_bytes, "memory of the VM"),
    LATER("pids", "highest number of processes"),
};
static const struct schema_object limits = {"services.NAME.deploy.resources.limits",
                                            KEYS(limits_keys), true};

static const struct schema_key resources_keys[] = {
    OBJECT("limits", type_object, limits, "what the VM gets"),
    LATER("reservations", "what must be there"),
};
static const struct schema_object resources = {"services.NAME.deploy.resources",
                                               KEYS(resources_keys), true};

static const struct schema_key deploy_keys[] = {
    LATER("mode", "`replicated` or `global`"),
    LATER("replicas", "number of VMs"),
    LATER("labels", "labels of the service"),
    LATER("update_config", "how an update proceeds"),
    LATER("rollback_config", "how a rollback proceeds"),
    OBJECT("resources", type_object, resources, "limits of the VM"),
    LATER("restart_policy", "when to start again"),
    LATER("placement", "where to run"),
    LATER("endpoint_mode", "`vip` or `dnsrr`"),
};
static const struct schema_object deploy = {"services.NAME.deploy", KEYS(deploy_keys), true};

static const struct schema_key dependency_keys[] = {
    WORKS("condition", type_condition, "what to wait for"),
    WORKS("restart", type_boolean, "start again when the dependency was recreated"),
    WORKS("required", type_boolean, "false: a dependency that fails is a warning only"),
};
static const struct schema_object dependency = {"services.NAME.depends_on.SERVICE",
                                                KEYS(dependency_keys), true};

static const struct schema_key env_file_keys[] = {
    WORKS("path", type_text, "relative to the project's folder"),
    WORKS("required", type_boolean, "false: a missing file is no error"),
    LATER("format", "`raw`: no quotes, no variables"),
};
static const struct schema_object env_file = {"services.NAME.env_file[]", KEYS(env_file_keys),
                                              false};

static const struct schema_key attachment_keys[] = {
    WORKS("aliases", type_strings, "further DNS names on this network"),
    LATER("gw_priority", "which network's gateway is the default route"),
    LATER("interface_name", "name of the interface in the VM"),
    WORKS("ipv4_address", type_ipv4, "fixed address, inside the network's subnet"),
    LATER("ipv6_address", "fixed IPv6 address"),
    LATER("link_local_ips", "link-local addresses"),
    LATER("mac_address", "MAC address of the interface"),
    LATER("driver_opts", "options of the driver"),
    WORKS("priority", type_integer, "the highest becomes eth0"),
};
static const struct schema_object attachment = {"services.NAME.networks.NETWORK",
                                                KEYS(attachment_keys), true};

static const struct schema_key port_keys[] = {
    WORKS("name", type_string, "a name for people"),
    WORKS("mode", type_port_mode, "of no consequence on one host"),
    WORKS("host_ip", type_host_ip, "the host's address; all without it"),
    WORKS("target", type_target, "port in the VM"),
    WORKS("published", type_published, "port on the host; chosen without it"),
    WORKS("protocol", type_protocol, "transport protocol"),
    WORKS("app_protocol", type_string, "what is spoken there, for people"),
};
static const struct schema_object port = {"services.NAME.ports[]", KEYS(port_keys), true};

static const struct schema_key file_keys[] = {
    WORKS("content", type_string, "the text of the file"),
    WORKS("source", type_text, "a file of the host, relative to the project's folder"),
    WORKS("mode", type_file_mode, "permissions; 0644 without it"),
};
static const struct schema_object file = {"services.NAME.x-vmstead.bootstrap.files.PATH",
                                          KEYS(file_keys), false};

static const struct schema_key bootstrap_keys[] = {
    OBJECT("files", type_files, file, "files put into the image"),
    WORKS("packages", type_packages, "packages to install beside the base system"),
    WORKS("suite", type_suite, "the release, like `bookworm`"),
};
static const struct schema_object bootstrap = {"services.NAME.x-vmstead.bootstrap",
                                               KEYS(bootstrap_keys), false};

static const struct schema_key vmstead_keys[] = {
    OBJECT("bootstrap", type_object, bootstrap, "an image made of Debian packages"),
};
static const struct schema_object vmstead = {"services.NAME.x-vmstead", KEYS(vmstead_keys), false};

static const struct schema_key service_keys[] = {
    LATER("profiles", "profiles that enable the service"),
    LATER("annotations", "annotations of the instance"),
    LATER("attach", "whether `up` shows its logs"),
    LATER("build", "build the image"),
    LATER("develop", "watching of source files"),
    LATER("blkio_config", "limits of block I/O"),
    LATER("cap_add", "add Linux capabilities"),
    LATER("cap_drop", "drop Linux capabilities"),
    LATER("cgroup_parent", "parent cgroup"),
    LATER("cgroup", "cgroup namespace"),
    LATER("cpu_count", "number of CPUs"),
    LATER("cpu_percent", "share of the CPUs"),
    LATER("cpu_period", "scheduler period"),
    LATER("cpu_quota", "scheduler quota"),
    LATER("cpu_rt_period", "real-time period"),
    LATER("cpu_rt_runtime", "real-time runtime"),
    WORKS("cpus", type_cpus, "virtual CPUs; a fraction is rounded up"),
    LATER("cpuset", "which CPUs"),
    LATER("cpu_shares", "relative weight"),
    WORKS("command", type_command, "replaces the image's CMD"),
    LATER("configs", "configuration files"),
    LATER("container_name", "name of the instance"),
    LATER("credential_spec", "credentials of a managed account"),
    OBJECT("depends_on", type_depends_on, dependency, "services to start before"),
    OBJECT("deploy", type_object, deploy, "limits, replicas, updates"),
    LATER("device_cgroup_rules", "rules for devices"),
    LATER("devices", "devices of the host"),
    LATER("dns", "DNS servers"),
    LATER("dns_opt", "options of the resolver"),
    LATER("dns_search", "search domains"),
    LATER("domainname", "domain of the host name"),
    WORKS("entrypoint", type_command, "replaces the image's ENTRYPOINT and drops its CMD"),
    LATER("provider", "service run by another program"),
    WORKS("environment", type_environment, "variables; a bare KEY takes the caller's value"),
    OBJECT("env_file", type_env_file, env_file, "files with variables; `environment` beats them"),
    LATER("expose", "ports for other services"),
    LATER("extends", "take over another service's keys"),
    LATER("external_links", "links to foreign containers"),
    LATER("extra_hosts", "lines for /etc/hosts"),
    LATER("group_add", "further groups of the user"),
    LATER("gpus", "graphics processors"),
    WORKS("hostname", type_hostname, "host name; the service's name without it"),
    LATER("healthcheck", "how to ask whether it works"),
    WORKS("image", type_text, "reference of an OCI image"),
    LATER("init", "run an init as PID 1"),
    LATER("ipc", "IPC namespace"),
    LATER("isolation", "isolation technology"),
    LATER("labels", "labels"),
    LATER("label_file", "files with labels"),
    LATER("links", "names for other services"),
    LATER("logging", "log driver"),
    WORKS("mem_limit", type_bytes, "memory of the VM"),
    LATER("mem_reservation", "soft limit of memory"),
    LATER("memswap_limit", "memory with swap"),
    LATER("mem_swappiness", "tendency to swap"),
    LATER("mac_address", "MAC address"),
    LATER("models", "language models"),
    LATER("network_mode", "`host`, `none`, `service:NAME`"),
    OBJECT("networks", type_service_networks, attachment, "networks to join; `default` without it"),
    LATER("oom_kill_disable", "keep it when memory runs out"),
    LATER("oom_score_adj", "preference of the OOM killer"),
    LATER("pid", "PID namespace"),
    LATER("pids_limit", "highest number of processes"),
    LATER("platform", "operating system and architecture"),
    OBJECT("ports", type_ports, port, "ports published on the host"),
    LATER("privileged", "all capabilities"),
    LATER("pull_policy", "when to fetch the image"),
    LATER("pull_refresh_after", "when to fetch the image again"),
    LATER("read_only", "root filesystem read-only"),
    LATER("restart", "when to start again"),
    LATER("runtime", "OCI runtime"),
    LATER("scale", "number of VMs"),
    LATER("secrets", "secret files"),
    LATER("security_opt", "labels and profiles"),
    LATER("shm_size", "size of /dev/shm"),
    LATER("stdin_open", "keep stdin open"),
    LATER("stop_grace_period", "time between SIGTERM and SIGKILL"),
    LATER("stop_signal", "signal that ends it"),
    LATER("storage_opt", "options of the storage driver"),
    LATER("sysctls", "kernel parameters"),
    LATER("tmpfs", "temporary filesystems"),
    LATER("tty", "run on a terminal"),
    LATER("ulimits", "resource limits"),
    LATER("use_api_socket", "access to the engine"),
    WORKS("user", type_string, "user the command runs as: NAME, UID, with :GROUP"),
    LATER("userns_mode", "user namespace"),
    LATER("uts", "UTS namespace"),
    LATER("volumes", "volumes and folders of the host"),
    LATER("volumes_from", "volumes of another service"),
    WORKS("working_dir", type_guest_path, "folder the command runs in"),
    LATER("post_start", "commands after the start"),
    LATER("pre_stop", "commands before the stop"),
    OBJECT("x-vmstead", type_object, vmstead, "our own: an image made of Debian packages"),
};
static const struct schema_object service = {"services.NAME", KEYS(service_keys), true};

/* --- networks --------------------------------------------------------------------------------- */

static const struct schema_key ipam_config_keys[] = {
    WORKS("subnet", type_subnet, "addresses of the network; chosen without it"),
    WORKS("gateway", type_ipv4, "the host's address; the first of the subnet without it"),
    LATER("ip_range", "where addresses are taken from"),
    LATER("aux_addresses", "addresses to leave alone"),
};
static const struct schema_object ipam_config = {"networks.NAME.ipam.config[]",
                                                 KEYS(ipam_config_keys), true};

static const struct schema_key ipam_keys[] = {
    WORKS("driver", type_ipam_driver, "who gives addresses"),
    OBJECT("config", type_ipam_config, ipam_config, "the subnet"),
    LATER("options", "options of the driver"),
};
static const struct schema_object ipam = {"networks.NAME.ipam", KEYS(ipam_keys), true};

static const struct schema_key network_keys[] = {
    WORKS("name", type_text, "full name; PROJECT_NAME without it"),
    WORKS("driver", type_network_driver, "how the network is made"),
    LATER("driver_opts", "options of the driver"),
    OBJECT("ipam", type_object, ipam, "addresses"),
    WORKS("external", type_external, "true: exists already, is never made nor removed"),
    WORKS("internal", type_boolean, "true: no way out"),
    LATER("attachable", "others may join"),
    LATER("labels", "labels"),
    LATER("enable_ipv4", "IPv4 addresses"),
    LATER("enable_ipv6", "IPv6 addresses"),
};
static const struct schema_object network = {"networks.NAME", KEYS(network_keys), true};

/* --- top level -------------------------------------------------------------------------------- */

static const struct schema_key root_keys[] = {
    {.name = "version",
     .type = &type_version,
     .class = KEY_IGNORED,
     .help = "obsolete: ignored with a warning"},
    WORKS("name", type_project_name, "name of the project"),
    LATER("include", "further Compose files"),
    OBJECT("services", type_named, service, "the services: one VM each"),
    OBJECT("networks", type_named, network, "the networks services can join"),
    LATER("volumes", "volumes that services can share"),
    LATER("secrets", "secrets that services can read"),
    LATER("configs", "configuration files that services can read"),
    LATER("models", "language models"),
};
const struct schema_object schema_root = {"top level", KEYS(root_keys), true};
