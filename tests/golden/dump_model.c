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

static void dump_bootstrap(const struct model *model, const struct model_bootstrap *bootstrap,
                           struct strbuf *out)
{
    add_text(out, "bootstrap suite", bootstrap->suite);
    add_vector(out, "packages", bootstrap->packages);
    for (size_t i = 0; i < bootstrap->file_count; i++) {
        const struct model_bootstrap_file *file = &bootstrap->files[i];
        const char *inside = file->source ? str_after_prefix(file->source, model->directory) : NULL;
        strbuf_addf(out, "  file %s %04o %s%s\n", file->path, file->mode,
                    file->content ? "content: " : "source: {DIR}",
                    file->content ? file->content
                    : inside      ? inside
                                  : file->source);
    }
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
    }
    for (size_t i = 0; i < service->dependency_count; i++) {
        const struct model_dependency *dependency = &service->dependencies[i];
        strbuf_addf(out, "  after %s%s%s\n", model->services[dependency->service].name,
                    dependency->required ? " required" : "", dependency->restart ? " restart" : "");
    }
}

static void dump_service(const struct model *model, const struct model_service *service,
                         struct strbuf *out)
{
    strbuf_addf(out, "service %s (line %u)\n", service->name, service->position.line);
    add_text(out, "image", service->image);
    if (service->bootstrap)
        dump_bootstrap(model, service->bootstrap, out);
    if (service->has_entrypoint)
        add_vector(out, "entrypoint", service->entrypoint);
    if (service->has_command)
        add_vector(out, "command", service->command);
    for (size_t i = 0; i < service->environment_count; i++)
        strbuf_addf(out, "  environment %s=%s\n", service->environment[i].name,
                    service->environment[i].value);
    dump_links(model, service, out);
    add_text(out, "hostname", service->hostname);
    add_text(out, "working_dir", service->working_dir);
    add_text(out, "user", service->user);
    strbuf_addf(out, "  cpus %g memory %" PRIu64 "\n", service->cpus, service->memory_bytes);
}

void dump_model(const struct model *model, struct strbuf *out)
{
    strbuf_addf(out, "project %s\n", model->name);
    for (size_t i = 0; i < model->network_count; i++) {
        const struct model_network *network = &model->networks[i];
        strbuf_addf(out, "network %s (line %u)\n  name: \"%s\"%s%s\n", network->key,
                    network->position.line, network->name, network->internal ? " internal" : "",
                    network->external ? " external" : "");
        add_text(out, "subnet", network->subnet);
        add_text(out, "gateway", network->gateway);
    }
    for (size_t i = 0; i < model->service_count; i++)
        dump_service(model, &model->services[i], out);
}
