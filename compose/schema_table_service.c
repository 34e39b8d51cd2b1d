/* Rows of what stands below a service's keys, but for images (compose/schema_table.h). */
#include "compose/schema_table.h"

/* --- limits, updates, networks, health
 * --------------------------------------------------------------------------------- */

static const struct schema_key limits_keys[] = {
    WORKS("cpus", type_cpus, "virtual CPUs; a fraction is rounded up"),
    WORKS("memory", type_bytes_text, "memory of the VM"),
    INSTEAD("pids", type_whole, "only the VM's memory bounds its processes"),
};
static const struct schema_object limits = {"services.NAME.deploy.resources.limits",
                                            KEYS(limits_keys), true};

static const struct schema_key generic_keys[] = {
    NOTHING("kind", type_string, "which resource", .keeps_zero = true, .shown = ""),
    NOTHING("value", type_integer, "how much of it", .keeps_zero = true, .shown = "0"),
};
static const struct schema_object generic = {
    "services.NAME.deploy.resources.reservations.generic_resources[].discrete_resource_spec",
    KEYS(generic_keys), true};

static const struct schema_key generic_resource_keys[] = {
    NOTHING_OBJECT("discrete_resource_spec", type_object, generic, "a countable resource"),
};
static const struct schema_object generic_resource = {
    "services.NAME.deploy.resources.reservations.generic_resources[]", KEYS(generic_resource_keys),
    true};

static const struct schema_key device_request_keys[] = {
    LATER("capabilities", type_strings, "what the device must be able to do", .is_distinct = true),
    LATER("driver", type_string, "driver of the device"),
    LATER("count", type_device_count, "how many", .hides_zero = true),
    LATER("device_ids", type_strings, "which ones", .is_distinct = true, .hides_zero = true),
    LATER("options", type_labels, "options of the driver", .is_distinct = true),
};
const struct schema_object schema_device_request = {
    "services.NAME.deploy.resources.reservations.devices[]", KEYS(device_request_keys), true};

static const struct schema_key reservations_keys[] = {
    INSTEAD("cpus", type_cpus, "the VM has the CPUs that the limits say"),
    INSTEAD("memory", type_bytes_text, "the VM has the memory that the limits say"),
    LATER_OBJECT("devices", type_device_requests, schema_device_request, "devices of the host"),
    NOTHING_OBJECT("generic_resources", type_list, generic_resource, "resources of a cluster"),
};
static const struct schema_object reservations = {"services.NAME.deploy.resources.reservations",
                                                  KEYS(reservations_keys), true};

static const struct schema_key resources_keys[] = {
    OBJECT("limits", type_object, limits, "what the VM gets"),
    OBJECT("reservations", type_object, reservations, "what must be there"),
};
static const struct schema_object resources = {"services.NAME.deploy.resources",
                                               KEYS(resources_keys), true};

static const struct schema_key restart_policy_keys[] = {
    WORKS("condition", type_restart_condition, "when to start again; `any` without it"),
    WORKS("delay", type_duration, "how long to wait before", .keeps_zero = true),
    WORKS("max_attempts", type_count, "how often to try; 0: for ever", .keeps_zero = true),
    WORKS("window", type_duration, "how long it has to run to count as started",
          .keeps_zero = true),
};
static const struct schema_object restart_policy = {"services.NAME.deploy.restart_policy",
                                                    KEYS(restart_policy_keys), true};

static const struct schema_key update_keys[] = {
    NOTHING("parallelism", type_count, "how many at once", .keeps_zero = true),
    NOTHING("delay", type_duration, "time between two"),
    NOTHING("failure_action", type_string, "what to do where one fails"),
    NOTHING("monitor", type_duration, "how long to watch one"),
    NOTHING("max_failure_ratio", type_number, "how many may fail"),
    NOTHING("order", type_update_order, "which of old and new comes first"),
};
static const struct schema_object update_config = {"services.NAME.deploy.update_config",
                                                   KEYS(update_keys), true};
static const struct schema_object rollback_config = {"services.NAME.deploy.rollback_config",
                                                     KEYS(update_keys), true};

static const struct schema_key preference_keys[] = {
    NOTHING("spread", type_string, "label to spread over"),
};
static const struct schema_object preference = {"services.NAME.deploy.placement.preferences[]",
                                                KEYS(preference_keys), true};

static const struct schema_key placement_keys[] = {
    NOTHING("constraints", type_plain_strings, "conditions on nodes"),
    NOTHING_OBJECT("preferences", type_list, preference, "preferred nodes"),
    NOTHING("max_replicas_per_node", type_count, "most of them on one node"),
};
static const struct schema_object placement = {"services.NAME.deploy.placement",
                                               KEYS(placement_keys), true};

static const struct schema_key deploy_keys[] = {
    WORKS("mode", type_deploy_mode, "how many VMs: as many as `replicas`"),
    WORKS("replicas", type_replicas, "number of VMs", .keeps_zero = true),
    NOTHING("labels", type_labels, "labels of the service"),
    NOTHING_OBJECT("update_config", type_object, update_config, "how an update proceeds"),
    NOTHING_OBJECT("rollback_config", type_object, rollback_config, "how a rollback proceeds"),
    OBJECT("resources", type_object, resources, "limits of the VM", .shown = "{}"),
    OBJECT("restart_policy", type_object, restart_policy, "when to start again; beats `restart`"),
    NOTHING_OBJECT("placement", type_object, placement, "where to run", .shown = "{}"),
    NOTHING("endpoint_mode", type_string, "`vip` or `dnsrr`"),
};
const struct schema_object schema_deploy = {"services.NAME.deploy", KEYS(deploy_keys), true};

static const struct schema_key dependency_keys[] = {
    WORKS("condition", type_condition, "what to wait for"),
    WORKS("restart", type_boolean, "start again when the dependency was recreated"),
    WORKS("required", type_plain_boolean, "false: a dependency that fails is a warning only",
          .keeps_zero = true),
};
const struct schema_object schema_dependency = {"services.NAME.depends_on.SERVICE",
                                                KEYS(dependency_keys), true, .needs = "condition"};

static const struct schema_key env_file_keys[] = {
    WORKS("path", type_text, "relative to the project's folder"),
    WORKS("required", type_boolean, "false: a missing file is no error", .keeps_zero = true),
    WORKS("format", type_env_format, "`raw`: no quotes, no variables"),
};
const struct schema_object schema_env_file = {"services.NAME.env_file[]", KEYS(env_file_keys),
                                              false};

static const struct schema_key attachment_keys[] = {
    WORKS("aliases", type_strings, "further DNS names on this network"),
    LATER("driver_opts", type_driver_options, "options of the driver"),
    WORKS("gw_priority", type_priority, "which network's gateway is the default route"),
    WORKS("interface_name", type_interface_name, "name of the interface in the VM"),
    WORKS("ipv4_address", type_ipv4, "fixed address, inside the network's subnet"),
    WORKS("ipv6_address", type_ipv6, "fixed IPv6 address"),
    WORKS("link_local_ips", type_addresses, "link-local addresses"),
    WORKS("mac_address", type_mac, "MAC address of the interface"),
    WORKS("priority", type_priority, "the highest becomes eth0"),
};
const struct schema_object schema_attachment = {"services.NAME.networks.NETWORK",
                                                KEYS(attachment_keys), true};

static const struct schema_key port_keys[] = {
    WORKS("name", type_string, "a name for people"),
    WORKS("mode", type_port_mode, "of no consequence on one host", .hides_zero = true),
    WORKS("host_ip", type_host_ip,
          "the host's address (`0.0.0.0` or `::`: all of a family); all without it"),
    WORKS("target", type_target, "port in the VM", .hides_zero = true),
    WORKS("published", type_published, "port on the host; chosen without it", .keeps_zero = true),
    WORKS("protocol", type_protocol, "transport protocol", .hides_zero = true),
    WORKS("app_protocol", type_string, "what is spoken there, for people"),
};
const struct schema_object schema_port = {"services.NAME.ports[]", KEYS(port_keys), true};

static const struct schema_key healthcheck_keys[] = {
    WORKS("test", type_health_test, "what to run in the VM; healthy where it exits with 0"),
    WORKS("timeout", type_duration, "how long a test may take; 30s without it", .keeps_zero = true),
    WORKS("interval", type_duration, "time between two tests; 30s without it", .keeps_zero = true),
    WORKS("retries", type_retries, "failures in a row until unhealthy; 3 without it",
          .keeps_zero = true),
    WORKS("start_period", type_duration, "how long after the start failures do not count",
          .keeps_zero = true),
    WORKS("start_interval", type_duration, "time between two tests within start_period; 5s",
          .keeps_zero = true),
    WORKS("disable", type_boolean, "true: no tests, not even the image's"),
};
const struct schema_object schema_healthcheck = {"services.NAME.healthcheck",
                                                 KEYS(healthcheck_keys), true};

static const struct schema_key logging_option_keys[] = {
    WORKS("max-size", type_bytes, "size at which the log is rotated"),
    WORKS("max-file", type_count, "number of files kept"),
};
const struct schema_object schema_logging_options = {"services.NAME.logging.options",
                                                     KEYS(logging_option_keys), false};

static const struct schema_key logging_keys[] = {
    WORKS("driver", type_logging_driver, "`none` keeps nothing; else it is our own log"),
    OBJECT("options", type_logging_options, schema_logging_options, "when the log is rotated"),
};
const struct schema_object schema_logging = {"services.NAME.logging", KEYS(logging_keys), true};

/* --- mounts and files ------------------------------------------------------------------------- */

static const struct schema_key mount_bind_keys[] = {
    WORKS("selinux", type_selinux, "of no consequence: the VM has labels of its own"),
    WORKS("propagation", type_propagation, "of no consequence: the VM has mounts of its own"),
    WORKS("create_host_path", type_boolean, "true: a missing folder is made"),
    WORKS("subpath", type_subpath, "a path inside the source, ours"),
    NOTHING("recursive", type_recursive, "mounts below the source"),
};
static const struct schema_object mount_bind = {"services.NAME.volumes[].bind",
                                                KEYS(mount_bind_keys), true};

static const struct schema_key mount_volume_keys[] = {
    LATER("labels", type_labels, "labels of an anonymous volume", .is_distinct = true),
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

static const struct schema_key mount_image_keys[] = {
    LATER("subpath", type_subpath, "a path inside the image"),
};
static const struct schema_object mount_image = {"services.NAME.volumes[].image",
                                                 KEYS(mount_image_keys), true};

static const struct schema_key mount_keys[] = {
    WORKS("type", type_mount_type, "what is mounted"),
    WORKS("source", type_string, "a volume's name, or a path of the host; anonymous without it"),
    WORKS("target", type_string, "absolute path in the VM"),
    WORKS("read_only", type_boolean, "true: the VM cannot write"),
    WORKS("consistency", type_string, "of no consequence on Linux"),
    OBJECT("bind", type_object, mount_bind, "a path of the host"),
    OBJECT("volume", type_object, mount_volume, "a volume"),
    OBJECT("tmpfs", type_object, mount_tmpfs, "memory of the VM"),
    LATER_OBJECT("image", type_object, mount_image, "files of an image"),
};
const struct schema_object schema_mount = {"services.NAME.volumes[]", KEYS(mount_keys), true};

static const struct schema_key config_ref_keys[] = {
    WORKS("source", type_string, "which config"),
    WORKS("target", type_string, "file in the VM; `/SOURCE` without it"),
    WORKS("uid", type_string, "owner; 0 without it"),
    WORKS("gid", type_string, "group; 0 without it"),
    WORKS("mode", type_octal, "permissions; 0444 without it"),
};
const struct schema_object schema_config_ref = {"services.NAME.configs[]", KEYS(config_ref_keys),
                                                true};

static const struct schema_key secret_ref_keys[] = {
    WORKS("source", type_string, "which secret"),
    WORKS("target", type_string, "file in the VM, below `/run/secrets`; the source without it"),
    WORKS("uid", type_string, "owner; 0 without it"),
    WORKS("gid", type_string, "group; 0 without it"),
    WORKS("mode", type_octal, "permissions; 0444 without it"),
};
const struct schema_object schema_secret_ref = {"services.NAME.secrets[]", KEYS(secret_ref_keys),
                                                true};

/* --- devices, limits, programs --------------------------------------------------------------- */

static const struct schema_key device_keys[] = {
    LATER("source", type_string, "device of the host", .hides_zero = true),
    LATER("target", type_string, "its path in the VM", .hides_zero = true),
    LATER("permissions", type_string, "`r`, `w`, `m`"),
};
const struct schema_object schema_device = {"services.NAME.devices[]", KEYS(device_keys), true};

static const struct schema_key ulimit_keys[] = {
    LATER("soft", type_ulimit_number, "what holds", .hides_zero = true),
    LATER("hard", type_ulimit_number, "what it can be raised to", .hides_zero = true),
};
const struct schema_object schema_ulimit = {"services.NAME.ulimits.NAME", KEYS(ulimit_keys), true};

static const struct schema_key device_rate_keys[] = {
    LATER("path", type_string, "device of the host", .keeps_zero = true, .shown = "",
          .json_name = "Path"),
    LATER("rate", type_whole_limit, "bytes or operations a second", .keeps_zero = true,
          .shown = "0", .json_name = "Rate"),
};
static const struct schema_object device_rate = {"services.NAME.blkio_config.device_...[]",
                                                 KEYS(device_rate_keys), false};

static const struct schema_key device_weight_keys[] = {
    LATER("path", type_string, "device of the host", .keeps_zero = true, .shown = "",
          .json_name = "Path"),
    LATER("weight", type_weight, "relative weight", .keeps_zero = true, .shown = "0",
          .json_name = "Weight"),
};
static const struct schema_object device_weight = {"services.NAME.blkio_config.weight_device[]",
                                                   KEYS(device_weight_keys), false};

static const struct schema_key blkio_keys[] = {
    LATER("weight", type_weight, "relative weight"),
    LATER_OBJECT("weight_device", type_list, device_weight, "weight per device"),
    LATER_OBJECT("device_read_bps", type_list, device_rate, "bytes read a second"),
    LATER_OBJECT("device_read_iops", type_list, device_rate, "reads a second"),
    LATER_OBJECT("device_write_bps", type_list, device_rate, "bytes written a second"),
    LATER_OBJECT("device_write_iops", type_list, device_rate, "writes a second"),
};
const struct schema_object schema_blkio = {"services.NAME.blkio_config", KEYS(blkio_keys), false};

static const struct schema_key credential_spec_keys[] = {
    NOTHING("config", type_string, "config that holds it"),
    NOTHING("file", type_string, "file that holds it"),
    NOTHING("registry", type_string, "registry that holds it"),
};
const struct schema_object schema_credential_spec = {"services.NAME.credential_spec",
                                                     KEYS(credential_spec_keys), true};

static const struct schema_key provider_keys[] = {
    LATER("type", type_string, "the program", .hides_zero = true),
    LATER("options", type_provider_options, "its options"),
};
const struct schema_object schema_provider = {"services.NAME.provider", KEYS(provider_keys), true,
                                              .needs = "type"};

static const struct schema_key extends_keys[] = {
    WORKS("service", type_string, "whose keys to take over"),
    WORKS("file", type_string, "the file it stands in; this one without it"),
};
const struct schema_object schema_extends = {"services.NAME.extends", KEYS(extends_keys), true};

static const struct schema_key hook_keys[] = {
    LATER("command", type_hook_command, "what to run in the VM", .keeps_zero = true,
          .shown = "null"),
    LATER("user", type_string, "user it runs as"),
    LATER("privileged", type_boolean, "of no consequence in a VM"),
    LATER("working_dir", type_string, "folder it runs in"),
    LATER("environment", type_environment, "further variables", .is_distinct = true),
};
const struct schema_object schema_hook = {"services.NAME.post_start[], pre_stop[]", KEYS(hook_keys),
                                          true};

static const struct schema_key watch_keys[] = {
    LATER("path", type_text, "what to watch"),
    LATER("action", type_watch_action, "what to do when it changes"),
    LATER("target", type_string, "where it is copied to"),
    LATER_OBJECT("exec", type_hook, schema_hook, "what to run after", .shown = "{}"),
    LATER("include", type_string_or_list, "patterns to watch", .is_distinct = true),
    LATER("ignore", type_string_or_list, "patterns to leave out", .is_distinct = true),
    LATER("initial_sync", type_plain_boolean, "true: copy at the start as well"),
};
static const struct schema_object watch = {"services.NAME.develop.watch[]", KEYS(watch_keys), true};

static const struct schema_key develop_keys[] = {
    LATER_OBJECT("watch", type_watch, watch, "rules"),
};
const struct schema_object schema_develop = {"services.NAME.develop", KEYS(develop_keys), true};

static const struct schema_key model_ref_keys[] = {
    LATER("endpoint_var", type_string, "variable for the model's URL"),
    LATER("model_var", type_string, "variable for the model's name"),
};
const struct schema_object schema_model_ref = {"services.NAME.models.MODEL", KEYS(model_ref_keys),
                                               true};
