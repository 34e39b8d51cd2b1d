/* See dump_model.h. */
#include "dump_model.h"

#include <inttypes.h>

static void add_text(struct strbuf *out, const char *name, const char *text)
{
    if (text)
        strbuf_addf(out, "  %s: \"%s\"\n", name, text);
}

static void add_vector(struct strbuf *out, const char *name, char *const *vector)
{
    strbuf_addf(out, "  %s:", name);
    for (size_t i = 0; vector && vector[i]; i++)
        strbuf_addf(out, " \"%s\"", vector[i]);
    strbuf_add_char(out, '\n');
}

/* A path of the host, without the folder the test stands in. */
static void add_path(const struct model *model, struct strbuf *out, const char *path)
{
    const char *inside = str_after_prefix(path, model->directory);
    size_t parent = (size_t)(strrchr(model->directory, '/') - model->directory);
    if (inside)
        strbuf_addf(out, "{DIR}%s", inside);
    else if (strncmp(path, model->directory, parent) == 0)
        strbuf_addf(out, "{DIR}/..%s", path + parent);
    else
        strbuf_add_str(out, path);
}

static void add_variables(struct strbuf *out, const char *name,
                          const struct model_variable *variables, size_t count)
{
    for (size_t i = 0; i < count; i++)
        strbuf_addf(out, "  %s %s=%s\n", name, variables[i].name, variables[i].value);
}

static void dump_bootstrap(const struct model *model, const struct model_bootstrap *bootstrap,
                           struct strbuf *out)
{
    add_text(out, "bootstrap suite", bootstrap->suite);
    add_vector(out, "packages", bootstrap->packages);
    for (size_t i = 0; i < bootstrap->file_count; i++) {
        const struct model_bootstrap_file *file = &bootstrap->files[i];
        strbuf_addf(out, "  file %s %04o %s", file->path, file->mode,
                    file->content ? "content: " : "source: ");
        if (file->content)
            strbuf_add_str(out, file->content);
        else
            add_path(model, out, file->source);
        strbuf_add_char(out, '\n');
    }
    for (size_t i = 0; i < bootstrap->copy_count; i++) {
        strbuf_add_str(out, "  copy ");
        add_path(model, out, bootstrap->copies[i].source);
        strbuf_addf(out, " -> %s\n", bootstrap->copies[i].target);
    }
    for (char **run = bootstrap->run; run && *run; run++)
        strbuf_addf(out, "  run: %s\n", *run);
}

static void dump_build(const struct model *model, const struct model_build *build,
                       struct strbuf *out)
{
    strbuf_add_str(out, "  build ");
    add_path(model, out, build->context);
    strbuf_addf(out, "%s%s (line %u)\n", build->no_cache ? " no_cache" : "",
                build->pull ? " pull" : "", build->position.line);
    add_text(out, "dockerfile", build->dockerfile);
    add_text(out, "dockerfile_inline", build->dockerfile_inline);
    add_text(out, "target", build->target);
    add_variables(out, "arg", build->args, build->arg_count);
    for (size_t i = 0; i < build->context_count; i++) {
        strbuf_addf(out, "  context %s=", build->contexts[i].name);
        add_path(model, out, build->contexts[i].value);
        strbuf_add_char(out, '\n');
    }
    if (build->tags)
        add_vector(out, "tags", build->tags);
}

static void dump_mount(const struct model *model, const struct model_mount *mount,
                       struct strbuf *out)
{
    strbuf_addf(out, "  mount %s ", mount->target);
    switch (mount->type) {
    case MOUNT_VOLUME:
        strbuf_addf(out, "volume %s%s",
                    mount->volume == MODEL_ANONYMOUS ? "(anonymous)"
                                                     : model->volumes[mount->volume].key,
                    mount->nocopy ? " nocopy" : "");
        break;
    case MOUNT_BIND:
        strbuf_add_str(out, "bind ");
        add_path(model, out, mount->source);
        strbuf_add_str(out, mount->create_host_path ? " created" : "");
        break;
    case MOUNT_TMPFS:
        strbuf_addf(out, "tmpfs size %" PRIu64 " mode %04o", mount->tmpfs_bytes, mount->tmpfs_mode);
        break;
    case MOUNT_TYPE_COUNT:
        break;
    }
    strbuf_addf(out, "%s%s%s (line %u)\n", mount->read_only ? " read-only" : "",
                mount->subpath ? " subpath " : "", mount->subpath ? mount->subpath : "",
                mount->position.line);
}

static void dump_files(const struct model_source *sources, const struct model_file *files,
                       size_t count, const char *kind, struct strbuf *out)
{
    for (size_t i = 0; i < count; i++)
        strbuf_addf(out, "  %s %s -> %s %04o %s:%s (line %u)\n", kind, sources[files[i].source].key,
                    files[i].target, files[i].mode, files[i].uid ? files[i].uid : "0",
                    files[i].gid ? files[i].gid : "0", files[i].position.line);
}

static void dump_health(const struct model_healthcheck *health, struct strbuf *out)
{
    strbuf_addf(out, "  health%s", health->disable ? " disabled" : "");
    if (health->http)
        strbuf_addf(out, " http %s", health->http);
    if (health->tcp)
        strbuf_addf(out, " tcp %u", health->tcp);
    strbuf_addf(out,
                " interval %" PRId64 " timeout %" PRId64 " start %" PRId64 "/%" PRId64
                " retries %" PRId64 "\n",
                health->interval_ms, health->timeout_ms, health->start_period_ms,
                health->start_interval_ms, health->retries);
    if (health->test)
        add_vector(out, "  test", health->test);
}

/* What most services leave as it is: shown only where it is not. */
static void dump_life(const struct model_service *service, struct strbuf *out)
{
    static const char *const modes[] = {"no", "always", "on-failure", "unless-stopped"};
    static const char *const pulls[] = {"default", "always", "missing", "never", "build"};
    const struct model_restart *restart = &service->restart;
    if (service->healthcheck)
        dump_health(service->healthcheck, out);
    if (restart->mode != RESTART_NO || restart->delay_ms || restart->max_attempts)
        strbuf_addf(out, "  restart %s attempts %" PRId64 " delay %" PRId64 " window %" PRId64 "\n",
                    modes[restart->mode], restart->max_attempts, restart->delay_ms,
                    restart->window_ms);
    if (service->replicas != 1)
        strbuf_addf(out, "  replicas %" PRId64 "\n", service->replicas);
    if (service->pull != PULL_DEFAULT)
        strbuf_addf(out, "  pull %s\n", pulls[service->pull]);
    if (service->disk_bytes)
        strbuf_addf(out, "  disk %" PRIu64 "\n", service->disk_bytes);
    if (service->logging.driver || service->logging.max_bytes || service->logging.max_files)
        strbuf_addf(out, "  logging %s max %" PRIu64 " files %" PRId64 "\n",
                    service->logging.driver ? service->logging.driver : "ours",
                    service->logging.max_bytes, service->logging.max_files);
    if (service->stop_signal || service->stop_grace_ms >= 0)
        strbuf_addf(out, "  stop %s %" PRId64 "\n",
                    service->stop_signal ? service->stop_signal : "any", service->stop_grace_ms);
    if (service->tty || service->stdin_open || service->read_only || !service->attach)
        strbuf_addf(out, "  flags%s%s%s%s\n", service->tty ? " tty" : "",
                    service->stdin_open ? " stdin" : "", service->read_only ? " read-only" : "",
                    service->attach ? "" : " unattached");
    if (service->profiles)
        add_vector(out, "profiles", service->profiles);
    add_variables(out, "label", service->labels, service->label_count);
}

static void dump_links(const struct model *model, const struct model_service *service,
                       struct strbuf *out)
{
    for (size_t i = 0; i < service->port_count; i++) {
        const struct model_port *port = &service->ports[i];
        strbuf_addf(out, "  port [%s]:%u-%u -> %u/%s\n", port->host_ip, port->published,
                    port->published_last, port->target, port->udp ? "udp" : "tcp");
    }
    for (size_t i = 0; i < service->attachment_count; i++) {
        const struct model_attachment *attachment = &service->attachments[i];
        strbuf_addf(out, "  eth%zu: %s address %s priority %" PRId64 "\n", i,
                    model->networks[attachment->network].key,
                    attachment->ipv4_address ? attachment->ipv4_address : "any",
                    attachment->priority);
        if (attachment->aliases)
            add_vector(out, "  aliases", attachment->aliases);
        add_text(out, "  ipv6_address", attachment->ipv6_address);
        add_text(out, "  mac_address", attachment->mac_address);
        add_text(out, "  interface_name", attachment->interface_name);
        if (attachment->gw_priority != 0)
            strbuf_addf(out, "    gw_priority: %" PRId64 "\n", attachment->gw_priority);
        if (attachment->link_local_ips)
            add_vector(out, "  link_local_ips", attachment->link_local_ips);
    }
    for (size_t i = 0; i < service->dependency_count; i++) {
        const struct model_dependency *dependency = &service->dependencies[i];
        static const char *const conditions[] = {"", " healthy", " completed"};
        strbuf_addf(out, "  after %s%s%s%s\n", model->services[dependency->service].name,
                    conditions[dependency->condition], dependency->required ? " required" : "",
                    dependency->restart ? " restart" : "");
    }
}

static void add_some(struct strbuf *out, const char *name, char *const *vector)
{
    if (vector && vector[0])
        add_vector(out, name, vector);
}

static void dump_names(const struct model_service *service, struct strbuf *out)
{
    add_text(out, "domainname", service->domainname);
    add_some(out, "dns", service->dns);
    add_some(out, "dns_search", service->dns_search);
    add_some(out, "dns_opt", service->dns_options);
    for (size_t i = 0; i < service->host_count; i++)
        strbuf_addf(out, "  host %s %s\n", service->hosts[i].name, service->hosts[i].address);
    for (size_t i = 0; i < service->link_count; i++)
        strbuf_addf(out, "  link %s as %s\n", service->links[i].target, service->links[i].alias);
    add_variables(out, "sysctl", service->sysctls, service->sysctl_count);
}

static void dump_service(const struct model *model, const struct model_service *service,
                         struct strbuf *out)
{
    strbuf_addf(out, "service %s (line %u)\n", service->name, service->position.line);
    add_text(out, "image", service->image);
    if (service->bootstrap)
        dump_bootstrap(model, service->bootstrap, out);
    if (service->build)
        dump_build(model, service->build, out);
    if (service->has_entrypoint)
        add_vector(out, "entrypoint", service->entrypoint);
    if (service->has_command)
        add_vector(out, "command", service->command);
    for (size_t i = 0; i < service->environment_count; i++)
        strbuf_addf(out, "  environment %s=%s\n", service->environment[i].name,
                    service->environment[i].value);
    dump_links(model, service, out);
    for (size_t i = 0; i < service->mount_count; i++)
        dump_mount(model, &service->mounts[i], out);
    dump_files(model->configs, service->configs, service->config_count, "config", out);
    dump_files(model->secrets, service->secrets, service->secret_count, "secret", out);
    dump_life(service, out);
    add_text(out, "hostname", service->hostname);
    dump_names(service, out);
    add_text(out, "working_dir", service->working_dir);
    add_text(out, "user", service->user);
    strbuf_addf(out, "  cpus %g memory %" PRIu64 "\n", service->cpus, service->memory_bytes);
}

static void dump_sources(const struct model *model, const struct model_source *sources,
                         size_t count, const char *kind, struct strbuf *out)
{
    for (size_t i = 0; i < count; i++) {
        strbuf_addf(out, "%s %s (line %u)\n", kind, sources[i].key, sources[i].position.line);
        add_text(out, "name", sources[i].name);
        if (sources[i].file) {
            strbuf_add_str(out, "  file: ");
            add_path(model, out, sources[i].file);
            strbuf_add_char(out, '\n');
        }
        add_text(out, "environment", sources[i].environment);
        add_text(out, "content", sources[i].content);
        add_text(out, "value", sources[i].value);
    }
}

static void dump_network(const struct model_network *network, struct strbuf *out)
{
    const struct model_pool *four = &network->pools[IP_V4], *six = &network->pools[IP_V6];
    strbuf_addf(out, "network %s (line %u)\n  name: \"%s\"%s%s%s%s%s%s\n", network->key,
                network->position.line, network->name, network->internal ? " internal" : "",
                network->external ? " external" : "", network->attachable ? " attachable" : "",
                network->isolated ? " isolated" : "", network->ipv4 ? "" : " without IPv4",
                network->ipv6 ? " with IPv6" : "");
    add_text(out, "driver", network->driver);
    add_text(out, "subnet", four->subnet);
    add_text(out, "gateway", four->gateway);
    add_text(out, "range", four->range);
    add_text(out, "subnet6", six->subnet);
    add_text(out, "gateway6", six->gateway);
    add_text(out, "range6", six->range);
    add_text(out, "multicast", network->multicast);
    add_variables(out, "aux address", network->aux_addresses, network->aux_address_count);
    add_variables(out, "option", network->options, network->option_count);
    add_variables(out, "label", network->labels, network->label_count);
}

void dump_model(const struct model *model, struct strbuf *out)
{
    strbuf_addf(out, "project %s\n", model->name);
    for (size_t i = 0; i < model->network_count; i++)
        dump_network(&model->networks[i], out);
    for (size_t i = 0; i < model->volume_count; i++) {
        const struct model_volume *volume = &model->volumes[i];
        strbuf_addf(out, "volume %s (line %u)\n  name: \"%s\"%s%s\n", volume->key,
                    volume->position.line, volume->name, volume->external ? " external" : "",
                    volume->shared ? " shared" : "");
        add_variables(out, "label", volume->labels, volume->label_count);
    }
    dump_sources(model, model->configs, model->config_count, "config", out);
    dump_sources(model, model->secrets, model->secret_count, "secret", out);
    for (size_t i = 0; i < model->service_count; i++)
        dump_service(model, &model->services[i], out);
}
