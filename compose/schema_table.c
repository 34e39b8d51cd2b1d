/* The table of all keys: one row per key with its type, its class and a line of help. The order of
 * rows is the order in which `config` prints (that of Docker Compose). What stands below a
 * service's keys is in schema_table_service.c and schema_table_image.c. */
#include "compose/schema_table.h"

/* --- services --------------------------------------------------------------------------------- */

static const struct schema_key service_keys[] = {
    WORKS("profiles", type_profiles, "profiles that enable the service"),
    NOTHING("annotations", type_labels, "annotations of the instance"),
    WORKS("attach", type_boolean, "false: `up` does not show its logs", .keeps_zero = true),
    OBJECT("build", type_build, schema_build, "build the image; `image` names the result"),
    LATER_OBJECT("develop", type_optional, schema_develop, "watching of source files"),
    LATER_OBJECT("blkio_config", type_object, schema_blkio, "limits of block I/O"),
    INSTEAD("cap_add", type_strings, "root of a VM has all capabilities there"),
    INSTEAD("cap_drop", type_strings, "root of a VM has all capabilities there"),
    NOTHING("cgroup_parent", type_string, "parent cgroup"),
    NOTHING("cgroup", type_cgroup, "cgroup namespace"),
    INSTEAD("cpu_count", type_natural, "'cpus' says how many CPUs the VM has"),
    INSTEAD("cpu_percent", type_percent, "'cpus' says how many CPUs the VM has"),
    INSTEAD("cpu_period", type_integer, "'cpus' says how many CPUs the VM has"),
    INSTEAD("cpu_quota", type_integer, "'cpus' says how many CPUs the VM has"),
    NOTHING("cpu_rt_period", type_integer, "real-time period"),
    NOTHING("cpu_rt_runtime", type_integer, "real-time runtime"),
    WORKS("cpus", type_cpus, "virtual CPUs; a fraction is rounded up"),
    LATER("cpuset", type_string, "which CPUs"),
    INSTEAD("cpu_shares", type_integer, "all VMs have the same weight"),
    WORKS("command", type_command, "replaces the image's CMD", .keeps_zero = true, .shown = "null"),
    OBJECT("configs", type_file_refs, schema_config_ref, "configuration files"),
    LATER("container_name", type_container_name, "name of the instance"),
    NOTHING_OBJECT("credential_spec", type_object, schema_credential_spec,
                   "credentials of a managed account"),
    OBJECT("depends_on", type_depends_on, schema_dependency, "services to start before"),
    OBJECT("deploy", type_optional, schema_deploy, "limits, replicas, updates"),
    NOTHING("device_cgroup_rules", type_distinct, "rules for devices"),
    LATER_OBJECT("devices", type_devices, schema_device, "devices of the host"),
    WORKS("dns", type_dns, "DNS servers for what is not ours; the first three are asked"),
    WORKS("dns_opt", type_strings, "options of the resolver"),
    WORKS("dns_search", type_string_or_list, "search domains"),
    WORKS("domainname", type_hostname, "domain of the host name"),
    WORKS("entrypoint", type_command, "replaces the image's ENTRYPOINT and drops its CMD",
          .keeps_zero = true, .shown = "null"),
    LATER_OBJECT("provider", type_object, schema_provider, "service run by another program"),
    WORKS("environment", type_environment, "variables; a bare KEY takes the caller's value"),
    OBJECT("env_file", type_env_file, schema_env_file,
           "files with variables; `environment` beats them"),
    WORKS("expose", type_expose, "for people: networks are open between their services"),
    OBJECT("extends", type_extends, schema_extends, "take over another service's keys"),
    WORKS("external_links", type_distinct, "names for instances of other projects"),
    WORKS("extra_hosts", type_hosts, "lines for /etc/hosts", .is_distinct = true),
    LATER("group_add", type_groups, "further groups of the user"),
    LATER_OBJECT("gpus", type_gpus, schema_device_request, "graphics processors"),
    WORKS("hostname", type_hostname, "host name; the service's name without it"),
    OBJECT("healthcheck", type_object, schema_healthcheck, "how to ask whether it works"),
    WORKS("image", type_image, "reference of an OCI image"),
    WORKS("init", type_boolean, "always so: the VM's PID 1 is an init", .keeps_zero = true),
    NOTHING("ipc", type_string, "IPC namespace"),
    NOTHING("isolation", type_string, "isolation technology"),
    WORKS("labels", type_labels, "labels of the instances"),
    WORKS("label_file", type_files_list, "files with labels; `labels` beats them"),
    WORKS("links", type_strings, "names for other services, which this one alone knows"),
    OBJECT("logging", type_logging, schema_logging, "what happens to its output"),
    WORKS("mem_limit", type_limit, "memory of the VM"),
    INSTEAD("mem_reservation", type_whole_limit, "a VM has the memory that 'mem_limit' says"),
    INSTEAD("memswap_limit", type_limit, "a VM has no swap"),
    INSTEAD("mem_swappiness", type_whole_limit, "a VM has no swap"),
    WORKS("mac_address", type_mac, "MAC address"),
    LATER_OBJECT("models", type_models, schema_model_ref, "language models"),
    WORKS("network_mode", type_network_mode, "`none`: the VM has no network", .hides_zero = true),
    OBJECT("networks", type_service_networks, schema_attachment,
           "networks to join; `default` without it"),
    NOTHING("oom_kill_disable", type_boolean, "keep it when memory runs out"),
    NOTHING("oom_score_adj", type_oom_score, "preference of the OOM killer"),
    NOTHING("pid", type_string_or_null, "PID namespace"),
    INSTEAD("pids_limit", type_integer, "only the VM's memory bounds its processes"),
    LATER("platform", type_platform, "operating system and architecture"),
    OBJECT("ports", type_ports, schema_port, "ports published on the host"),
    INSTEAD("privileged", type_boolean,
            "root of a VM has all capabilities there, and none on the host"),
    WORKS("pull_policy", type_pull_policy, "when to fetch the image; `missing` without it"),
    LATER("pull_refresh_after", type_string, "when to fetch the image again", .is_forgotten = true),
    WORKS("read_only", type_boolean, "true: root filesystem read-only"),
    WORKS("restart", type_restart, "when to start again; `no` without it"),
    NOTHING("runtime", type_string, "OCI runtime"),
    WORKS("scale", type_replicas, "number of VMs", .keeps_zero = true),
    OBJECT("secrets", type_file_refs, schema_secret_ref, "secret files"),
    INSTEAD("security_opt", type_distinct, "a VM has a kernel of its own"),
    INSTEAD("shm_size", type_limit, "/dev/shm of a VM is bounded by half of its memory"),
    WORKS("stdin_open", type_boolean, "true: stdin stays open"),
    WORKS("stop_grace_period", type_duration, "time between stop_signal and the end; 10s",
          .keeps_zero = true),
    WORKS("stop_signal", type_stop_signal, "signal that ends it; the image's, or SIGTERM"),
    INSTEAD("storage_opt", type_storage_options,
            "'x-vmstead: {disk: SIZE}' bounds the writable layer"),
    WORKS("sysctls", type_labels, "kernel parameters"),
    WORKS("tmpfs", type_tmpfs, "filesystems in the VM's memory"),
    WORKS("tty", type_boolean, "true: run on a terminal"),
    LATER_OBJECT("ulimits", type_ulimits, schema_ulimit, "resource limits"),
    LATER("use_api_socket", type_plain_boolean, "access to the engine"),
    WORKS("user", type_user, "user the command runs as: NAME, UID, with :GROUP"),
    NOTHING("userns_mode", type_string, "user namespace"),
    NOTHING("uts", type_string, "UTS namespace"),
    OBJECT("volumes", type_mounts, schema_mount, "volumes and folders of the host"),
    LATER("volumes_from", type_distinct, "volumes of another service"),
    WORKS("working_dir", type_working_dir, "folder the command runs in"),
    LATER_OBJECT("post_start", type_hooks, schema_hook, "commands after the start"),
    LATER_OBJECT("pre_stop", type_hooks, schema_hook, "commands before the stop"),
    OBJECT("x-vmstead", type_optional, schema_vmstead, "our own: bootstraps, probes, disks"),
};
const struct schema_object schema_service = {"services.NAME", KEYS(service_keys), true};

/* --- networks --------------------------------------------------------------------------------- */

static const struct schema_key ipam_config_keys[] = {
    WORKS("subnet", type_subnet, "addresses of the network; chosen without it"),
    WORKS("gateway", type_address, "the host's address; the first of the subnet without it"),
    WORKS("ip_range", type_ip_range, "where addresses are taken from"),
    WORKS("aux_addresses", type_named_addresses, "addresses to leave alone"),
};
static const struct schema_object ipam_config = {"networks.NAME.ipam.config[]",
                                                 KEYS(ipam_config_keys), true};

static const struct schema_key ipam_keys[] = {
    WORKS("driver", type_ipam_driver, "who gives addresses"),
    OBJECT("config", type_ipam_config, ipam_config, "the subnet"),
    NOTHING("options", type_string_map, "options of the driver", .is_forgotten = true),
};
static const struct schema_object ipam = {"networks.NAME.ipam", KEYS(ipam_keys), true};

static const struct schema_key network_vmstead_keys[] = {
    WORKS("isolated", type_boolean, "true: its members do not reach each other"),
    WORKS("multicast", type_multicast, "`flood` to all, or `querier`: to those who joined"),
};
static const struct schema_object network_vmstead = {"networks.NAME.x-vmstead",
                                                     KEYS(network_vmstead_keys), false};

static const struct schema_key network_keys[] = {
    WORKS("name", type_filled, "full name; PROJECT_NAME without it"),
    WORKS("driver", type_network_driver, "how the network is made"),
    WORKS("driver_opts", type_driver_options,
          "`com.docker.network.bridge.name`, `.enable_icc`, `.enable_ip_masquerade`, "
          "`com.docker.network.driver.mtu`"),
    OBJECT("ipam", type_object, ipam, "addresses", .shown = "{}"),
    WORKS("external", type_external, "true: exists already, is never made nor removed"),
    WORKS("internal", type_boolean, "true: no way out"),
    WORKS("attachable", type_boolean, "always so: others may join"),
    WORKS("labels", type_labels, "labels"),
    WORKS("enable_ipv4", type_boolean, "IPv4 addresses", .keeps_zero = true),
    WORKS("enable_ipv6", type_boolean, "IPv6 addresses; a ULA subnet is chosen where none is given",
          .keeps_zero = true),
    OBJECT("x-vmstead", type_optional, network_vmstead, "our own: isolation, multicast"),
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
    LATER("driver_opts", type_driver_options, "options of the driver"),
    WORKS("external", type_external, "true: exists already, is never made nor removed"),
    WORKS("labels", type_labels, "labels", .is_distinct = true),
    OBJECT("x-vmstead", type_optional, volume_vmstead, "our own: disk or folder"),
};
static const struct schema_object volume = {"volumes.NAME", KEYS(volume_keys), true};

static const struct schema_key config_keys[] = {
    WORKS("name", type_filled, "full name; PROJECT_NAME without it"),
    WORKS("file", type_filled, "a file of the host, relative to the project's folder"),
    WORKS("environment", type_filled, "variable of the caller that holds it"),
    WORKS("content", type_string, "the text itself", .keeps_zero = true),
    WORKS("external", type_external, "true: refused, nobody keeps configs here"),
    WORKS("labels", type_labels, "labels, for people", .is_distinct = true),
    LATER("template_driver", type_string, "templates in the text"),
};
static const struct schema_object config = {"configs.NAME", KEYS(config_keys), true};

static const struct schema_key secret_keys[] = {
    WORKS("name", type_filled, "full name; PROJECT_NAME without it"),
    WORKS("file", type_filled, "a file of the host, relative to the project's folder"),
    WORKS("environment", type_filled, "variable of the caller that holds it"),
    WORKS("external", type_external, "true: refused, nobody keeps secrets here"),
    WORKS("labels", type_labels, "labels, for people", .is_distinct = true),
    LATER("driver", type_string, "who keeps the secret"),
    LATER("driver_opts", type_driver_options, "options of the driver"),
    LATER("template_driver", type_string, "templates in the text"),
};
static const struct schema_object secret = {"secrets.NAME", KEYS(secret_keys), true};

static const struct schema_key include_keys[] = {
    WORKS("path", type_string_or_list, "a file, and those over it"),
    WORKS("env_file", type_files_or_none, "instead of the .env beside it"),
    WORKS("project_directory", type_string_or_null,
          "where its relative paths begin; its own folder without it"),
};
static const struct schema_object include = {"include[]", KEYS(include_keys), true};

static const struct schema_key language_model_keys[] = {
    LATER("name", type_string, "full name"),
    LATER("model", type_string, "which model"),
    LATER("context_size", type_plain_whole, "tokens of context"),
    LATER("runtime_flags", type_plain_strings, "options of the runtime"),
};
static const struct schema_object language_model = {"models.NAME", KEYS(language_model_keys), true,
                                                    .needs = "model"};

/* --- top level -------------------------------------------------------------------------------- */

static const struct schema_key root_keys[] = {
    {.name = "version",
     .type = &type_version,
     .class = KEY_OBSOLETE,
     .help = "obsolete: ignored with a warning"},
    WORKS("name", type_project_name, "name of the project"),
    OBJECT("include", type_include, include, "further Compose files"),
    OBJECT("services", type_services, schema_service, "the services: one VM each",
           .keeps_zero = true),
    OBJECT("networks", type_named, network, "the networks services can join"),
    OBJECT("volumes", type_named, volume, "volumes that services can use"),
    OBJECT("secrets", type_named, secret, "secrets that services can read"),
    OBJECT("configs", type_named, config, "configuration files that services can read"),
    LATER_OBJECT("models", type_named, language_model, "language models", .is_hidden = true),
};
const struct schema_object schema_root = {"top level", KEYS(root_keys), true};
