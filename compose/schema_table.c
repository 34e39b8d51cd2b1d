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

static const struct schema_key restart_policy_keys[] = {
    WORKS("condition", type_restart_condition, "when to start again; `any` without it"),
    WORKS("delay", type_duration, "how long to wait before"),
    WORKS("max_attempts", type_count, "how often to try; 0: for ever"),
    WORKS("window", type_duration, "how long it has to run to count as started"),
};
static const struct schema_object restart_policy = {"services.NAME.deploy.restart_policy",
                                                    KEYS(restart_policy_keys), true};

static const struct schema_key deploy_keys[] = {
    WORKS("mode", type_deploy_mode, "how many VMs: as many as `replicas`"),
    WORKS("replicas", type_replicas, "number of VMs"),
    LATER("labels", "labels of the service"),
    LATER("update_config", "how an update proceeds"),
    LATER("rollback_config", "how a rollback proceeds"),
    OBJECT("resources", type_object, resources, "limits of the VM"),
    OBJECT("restart_policy", type_object, restart_policy, "when to start again; beats `restart`"),
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

static const struct schema_key healthcheck_keys[] = {
    WORKS("test", type_health_test, "what to run in the VM; healthy where it exits with 0"),
    WORKS("timeout", type_duration, "how long a test may take; 30s without it"),
    WORKS("interval", type_duration, "time between two tests; 30s without it"),
    WORKS("retries", type_count, "failures in a row until unhealthy; 3 without it"),
    WORKS("start_period", type_duration, "how long after the start failures do not count"),
    WORKS("start_interval", type_duration, "time between two tests within start_period; 5s"),
    WORKS("disable", type_boolean, "true: no tests, not even the image's"),
};
static const struct schema_object healthcheck = {"services.NAME.healthcheck",
                                                 KEYS(healthcheck_keys), true};

static const struct schema_key logging_option_keys[] = {
    WORKS("max-size", type_bytes, "size at which the log is rotated"),
    WORKS("max-file", type_count, "number of files kept"),
};
static const struct schema_object logging_options = {"services.NAME.logging.options",
                                                     KEYS(logging_option_keys), false};

static const struct schema_key logging_keys[] = {
    WORKS("driver", type_logging_driver, "`none` keeps nothing; else it is our own log"),
    OBJECT("options", type_logging_options, logging_options, "when the log is rotated"),
};
static const struct schema_object logging = {"services.NAME.logging", KEYS(logging_keys), true};

/* --- mounts and files ------------------------------------------------------------------------- */

static const struct schema_key mount_bind_keys[] = {
    WORKS("selinux", type_string, "of no consequence: the VM has labels of its own"),
    WORKS("propagation", type_propagation, "of no consequence: the VM has mounts of its own"),
    WORKS("create_host_path", type_boolean, "true: a missing folder is made"),
    WORKS("subpath", type_subpath, "a path inside the source, ours"),
    LATER("recursive", "mounts below the source"),
};
static const struct schema_object mount_bind = {"services.NAME.volumes[].bind",
                                                KEYS(mount_bind_keys), true};

static const struct schema_key mount_volume_keys[] = {
    LATER("labels", "labels of an anonymous volume"),
    WORKS("nocopy", type_boolean, "true: not filled from the image"),
    WORKS("subpath", type_subpath, "a path inside the volume"),
};
static const struct schema_object mount_volume = {"services.NAME.volumes[].volume",
                                                  KEYS(mount_volume_keys), true};

static const struct schema_key mount_tmpfs_keys[] = {
    WORKS("size", type_bytes, "half of the VM's memory without it"),
    WORKS("mode", type_mount_mode, "permissions; 1777 without it"),
};
static const struct schema_object mount_tmpfs = {"services.NAME.volumes[].tmpfs",
                                                 KEYS(mount_tmpfs_keys), true};

static const struct schema_key mount_keys[] = {
    WORKS("type", type_mount_type, "what is mounted"),
    WORKS("source", type_string, "a volume's name, or a path of the host; anonymous without it"),
    WORKS("target", type_text, "absolute path in the VM"),
    WORKS("read_only", type_boolean, "true: the VM cannot write"),
    WORKS("consistency", type_string, "of no consequence on Linux"),
    OBJECT("bind", type_object, mount_bind, "a path of the host"),
    OBJECT("volume", type_object, mount_volume, "a volume"),
    OBJECT("tmpfs", type_object, mount_tmpfs, "memory of the VM"),
    LATER("image", "files of an image"),
};
static const struct schema_object mount = {"services.NAME.volumes[]", KEYS(mount_keys), true};

static const struct schema_key config_ref_keys[] = {
    WORKS("source", type_text, "which config"),
    WORKS("target", type_text, "file in the VM; `/SOURCE` without it"),
    WORKS("uid", type_string, "owner; 0 without it"),
    WORKS("gid", type_string, "group; 0 without it"),
    WORKS("mode", type_octal, "permissions; 0444 without it"),
};
static const struct schema_object config_ref = {"services.NAME.configs[]", KEYS(config_ref_keys),
                                                true};

static const struct schema_key secret_ref_keys[] = {
    WORKS("source", type_text, "which secret"),
    WORKS("target", type_text, "file in the VM, below `/run/secrets`; the source without it"),
    WORKS("uid", type_string, "owner; 0 without it"),
    WORKS("gid", type_string, "group; 0 without it"),
    WORKS("mode", type_octal, "permissions; 0444 without it"),
};
static const struct schema_object secret_ref = {"services.NAME.secrets[]", KEYS(secret_ref_keys),
                                                true};

/* --- images ----------------------------------------------------------------------------------- */

static const struct schema_key build_keys[] = {
    WORKS("context", type_string, "folder, relative to the project's; or a URL"),
    WORKS("dockerfile", type_text, "relative to the context; `Dockerfile` without it"),
    WORKS("dockerfile_inline", type_string, "its text"),
    LATER("entitlements", "privileges of the build"),
    WORKS("args", type_environment, "values of ARG; a bare KEY takes the caller's value"),
    LATER("provenance", "attestation of provenance"),
    LATER("sbom", "attestation of contents"),
    LATER("ssh", "SSH agents for the build"),
    LATER("labels", "labels of the image"),
    LATER("cache_from", "where the cache comes from"),
    LATER("cache_to", "where the cache goes to"),
    WORKS("no_cache", type_boolean, "true: build every step again"),
    WORKS("additional_contexts", type_contexts, "named folders or images beside the context"),
    WORKS("pull", type_boolean, "true: fetch base images again"),
    LATER("extra_hosts", "lines for /etc/hosts"),
    LATER("isolation", "isolation technology"),
    LATER("network", "network of the build"),
    WORKS("target", type_string, "stage to build; the last without it"),
    LATER("secrets", "secrets for the build"),
    LATER("shm_size", "size of /dev/shm"),
    WORKS("tags", type_strings, "further names of the result"),
    LATER("ulimits", "resource limits"),
    LATER("platforms", "architectures"),
    LATER("privileged", "all capabilities"),
};
static const struct schema_object build = {"services.NAME.build", KEYS(build_keys), true};

static const struct schema_key file_keys[] = {
    WORKS("content", type_string, "the text of the file"),
    WORKS("source", type_text, "a file of the host, relative to the project's folder"),
    WORKS("mode", type_file_mode, "permissions; 0644 without it"),
};
static const struct schema_object file = {"services.NAME.x-vmstead.bootstrap.files.PATH",
                                          KEYS(file_keys), false};

static const struct schema_key copy_keys[] = {
    WORKS("source", type_text, "a file or folder of the host, relative to the project's"),
    WORKS("target", type_guest_path, "where it goes"),
};
static const struct schema_object copy = {"services.NAME.x-vmstead.bootstrap.copy[]",
                                          KEYS(copy_keys), false};

static const struct schema_key bootstrap_keys[] = {
    OBJECT("copy", type_copies, copy, "files and folders copied into the image, after `files`"),
    OBJECT("files", type_files, file, "files put into the image"),
    WORKS("packages", type_packages, "packages to install beside the base system"),
    WORKS("run", type_run, "shell commands run in the image at last, each with `sh -c`"),
    WORKS("suite", type_suite, "the release, like `bookworm`"),
};
static const struct schema_object bootstrap = {"services.NAME.x-vmstead.bootstrap",
                                               KEYS(bootstrap_keys), false};

static const struct schema_key probe_keys[] = {
    WORKS("http", type_url, "healthy where it answers with 2xx or 3xx, asked from inside the VM"),
    WORKS("tcp", type_target, "port in the VM; healthy where it accepts a connection"),
};
static const struct schema_object probe = {"services.NAME.x-vmstead.healthcheck", KEYS(probe_keys),
                                           false};

static const struct schema_key vmstead_keys[] = {
    WORKS("disk", type_bytes, "size of the writable layer"),
    OBJECT("healthcheck", type_object, probe,
           "instead of `healthcheck.test`, with the times given there"),
    OBJECT("bootstrap", type_object, bootstrap, "an image made of Debian packages"),
};
static const struct schema_object vmstead = {"services.NAME.x-vmstead", KEYS(vmstead_keys), false};

static const struct schema_key service_keys[] = {
    WORKS("profiles", type_profiles, "profiles that enable the service"),
    LATER("annotations", "annotations of the instance"),
    WORKS("attach", type_boolean, "false: `up` does not show its logs"),
    OBJECT("build", type_build, build, "build the image; `image` names the result"),
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
    OBJECT("configs", type_file_refs, config_ref, "configuration files"),
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
    OBJECT("healthcheck", type_object, healthcheck, "how to ask whether it works"),
    WORKS("image", type_text, "reference of an OCI image"),
    LATER("init", "run an init as PID 1"),
    LATER("ipc", "IPC namespace"),
    LATER("isolation", "isolation technology"),
    WORKS("labels", type_labels, "labels of the instances"),
    LATER("label_file", "files with labels"),
    LATER("links", "names for other services"),
    OBJECT("logging", type_object, logging, "what happens to its output"),
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
    WORKS("pull_policy", type_pull_policy, "when to fetch the image; `missing` without it"),
    LATER("pull_refresh_after", "when to fetch the image again"),
    WORKS("read_only", type_boolean, "true: root filesystem read-only"),
    WORKS("restart", type_restart, "when to start again; `no` without it"),
    LATER("runtime", "OCI runtime"),
    WORKS("scale", type_replicas, "number of VMs"),
    OBJECT("secrets", type_file_refs, secret_ref, "secret files"),
    LATER("security_opt", "labels and profiles"),
    LATER("shm_size", "size of /dev/shm"),
    WORKS("stdin_open", type_boolean, "true: stdin stays open"),
    WORKS("stop_grace_period", type_duration, "time between stop_signal and the end; 10s"),
    WORKS("stop_signal", type_stop_signal, "signal that ends it; the image's, or SIGTERM"),
    LATER("storage_opt", "options of the storage driver"),
    LATER("sysctls", "kernel parameters"),
    WORKS("tmpfs", type_tmpfs, "filesystems in the VM's memory"),
    WORKS("tty", type_boolean, "true: run on a terminal"),
    LATER("ulimits", "resource limits"),
    LATER("use_api_socket", "access to the engine"),
    WORKS("user", type_string, "user the command runs as: NAME, UID, with :GROUP"),
    LATER("userns_mode", "user namespace"),
    LATER("uts", "UTS namespace"),
    OBJECT("volumes", type_mounts, mount, "volumes and folders of the host"),
    LATER("volumes_from", "volumes of another service"),
    WORKS("working_dir", type_guest_path, "folder the command runs in"),
    LATER("post_start", "commands after the start"),
    LATER("pre_stop", "commands before the stop"),
    OBJECT("x-vmstead", type_object, vmstead, "our own: bootstraps, probes, disks"),
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

/* --- volumes, configs, secrets ---------------------------------------------------------------- */

static const struct schema_key volume_vmstead_keys[] = {
    WORKS("shared", type_boolean, "true: a folder for several VMs from the start, never a disk"),
};
static const struct schema_object volume_vmstead = {"volumes.NAME.x-vmstead",
                                                    KEYS(volume_vmstead_keys), false};

static const struct schema_key volume_keys[] = {
    WORKS("name", type_volume_name, "full name; PROJECT_NAME without it"),
    WORKS("driver", type_volume_driver, "how the volume is made"),
    LATER("driver_opts", "options of the driver"),
    WORKS("external", type_external, "true: exists already, is never made nor removed"),
    WORKS("labels", type_labels, "labels"),
    OBJECT("x-vmstead", type_object, volume_vmstead, "our own: disk or folder"),
};
static const struct schema_object volume = {"volumes.NAME", KEYS(volume_keys), true};

static const struct schema_key config_keys[] = {
    WORKS("name", type_text, "full name; PROJECT_NAME without it"),
    WORKS("file", type_text, "a file of the host, relative to the project's folder"),
    WORKS("environment", type_text, "variable of the caller that holds it"),
    WORKS("content", type_string, "the text itself"),
    WORKS("external", type_external, "true: refused, nobody keeps configs here"),
    WORKS("labels", type_labels, "labels, for people"),
    LATER("template_driver", "templates in the text"),
};
static const struct schema_object config = {"configs.NAME", KEYS(config_keys), true};

static const struct schema_key secret_keys[] = {
    WORKS("name", type_text, "full name; PROJECT_NAME without it"),
    WORKS("file", type_text, "a file of the host, relative to the project's folder"),
    WORKS("environment", type_text, "variable of the caller that holds it"),
    WORKS("external", type_external, "true: refused, nobody keeps secrets here"),
    WORKS("labels", type_labels, "labels, for people"),
    LATER("driver", "who keeps the secret"),
    LATER("driver_opts", "options of the driver"),
    LATER("template_driver", "templates in the text"),
};
static const struct schema_object secret = {"secrets.NAME", KEYS(secret_keys), true};

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
    OBJECT("volumes", type_named, volume, "volumes that services can use"),
    OBJECT("secrets", type_named, secret, "secrets that services can read"),
    OBJECT("configs", type_named, config, "configuration files that services can read"),
    LATER("models", "language models"),
};
const struct schema_object schema_root = {"top level", KEYS(root_keys), true};
