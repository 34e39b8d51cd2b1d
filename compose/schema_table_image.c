/* Rows of builds and of our own bootstraps (compose/schema_table.h). */
#include "compose/schema_table.h"

/* --- images ----------------------------------------------------------------------------------- */

static const struct schema_key build_keys[] = {
    WORKS("context", type_string, "folder, relative to the project's; or a URL"),
    WORKS("dockerfile", type_string, "relative to the context; `Dockerfile` without it"),
    WORKS("dockerfile_inline", type_string, "its text"),
    LATER("entitlements", type_plain_strings, "privileges of the build"),
    WORKS("args", type_environment, "values of ARG; a bare KEY takes the caller's value"),
    LATER("provenance", type_flag_text, "attestation of provenance"),
    LATER("sbom", type_flag_text, "attestation of contents"),
    LATER("ssh", type_ssh, "SSH agents for the build", .is_distinct = true),
    LATER("labels", type_labels, "labels of the image"),
    LATER("cache_from", type_plain_strings, "where the cache comes from"),
    LATER("cache_to", type_plain_strings, "where the cache goes to"),
    WORKS("no_cache", type_boolean, "true: build every step again"),
    WORKS("additional_contexts", type_contexts, "named folders or images beside the context"),
    WORKS("pull", type_boolean, "true: fetch base images again"),
    LATER("extra_hosts", type_hosts, "lines for /etc/hosts"),
    NOTHING("isolation", type_string, "isolation technology"),
    LATER("network", type_string, "network of the build"),
    WORKS("target", type_string, "stage to build; the last without it"),
    LATER_OBJECT("secrets", type_build_secrets, schema_secret_ref, "secrets for the build"),
    NOTHING("shm_size", type_whole_limit, "size of /dev/shm"),
    WORKS("tags", type_images, "further names of the result"),
    NOTHING_OBJECT("ulimits", type_ulimits, schema_ulimit, "resource limits"),
    LATER("platforms", type_platforms, "architectures"),
    NOTHING("privileged", type_boolean, "all capabilities"),
};
const struct schema_object schema_build = {"services.NAME.build", KEYS(build_keys), true};

static const struct schema_key file_keys[] = {
    WORKS("content", type_string, "the text of the file", .keeps_zero = true),
    WORKS("source", type_text, "a file of the host, relative to the project's folder"),
    WORKS("mode", type_file_mode, "permissions; 0644 without it", .keeps_zero = true),
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
    OBJECT("healthcheck", type_optional, probe,
           "instead of `healthcheck.test`, with the times given there"),
    OBJECT("bootstrap", type_optional, bootstrap, "an image made of Debian packages"),
};
const struct schema_object schema_vmstead = {"services.NAME.x-vmstead", KEYS(vmstead_keys), false};
