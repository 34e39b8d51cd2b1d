/* compose/: text -> model. Pure: files and variables in, a model or diagnostics out; no network, no
 * processes, no clock. The only place that sees libyaml.
 *
 *   files -> yaml tree (positions on every node) -> interpolate -> schema (types, canonical long
 *   form, file by file) -> merge (of one shape per key) -> complete -> model -> validate
 *
 * Positions in a model point into the diagnostics it was loaded with; those of a deserialized model
 * have no file. Relative paths begin in the project's directory.
 */
#pragma once

#include "base/error.h"
#include "compose/model.h"

struct compose_options {
    char *const *files;            /* -f, in order; empty: looked up (compose.yaml, compose.yml,
                                      docker-compose.yml, docker-compose.yaml, with the override beside it)
                                      in working_directory and its parents; "-" is stdin */
    const char *project_name;      /* -p; NULL: COMPOSE_PROJECT_NAME, `name:`, the folder's name */
    const char *project_directory; /* --project-directory; NULL: the first file's folder */
    const char *working_directory; /* absolute */
    char *const *environment;      /* "K=V": the caller's environment */
    char *const *profiles;         /* --profile; NULL: COMPOSE_PROFILES. "*" enables all */
    char *const *services;         /* named by the caller: their profiles are enabled as well */
    bool only_services;            /* all but those, and what they depend on, is left out */
    char *const *env_files;        /* --env-file: instead of .env; the last definition counts */
    bool keep_all; /* nothing is left out: no service, and no network that none uses */
    /* What `config` can be told to leave out; nothing can run without them. */
    bool no_interpolate, no_normalize, no_path_resolution, no_consistency, no_env_resolution;
};

/* Reads, checks and builds. 0 with *ret_model set where there is no error among the diagnostics
 * (warnings may be); -EINVAL with the errors in diagnostics; -ENOENT where there is no file at all,
 * with err set as the reference words it. */
int compose_load(const struct compose_options *options, struct diagnostics *diagnostics,
                 struct model **ret_model, struct error *err);

enum compose_format { COMPOSE_YAML, COMPOSE_JSON, COMPOSE_TABLE };

/* What `config` lists instead of the whole: lines of text, sorted. */
enum compose_list {
    COMPOSE_SERVICES,
    COMPOSE_VOLUMES,
    COMPOSE_NETWORKS,
    COMPOSE_MODELS,      /* what services ask for by name, once each */
    COMPOSE_IMAGES,      /* one a service */
    COMPOSE_PROFILES,    /* of all services, enabled or not */
    COMPOSE_ENVIRONMENT, /* what interpolation saw */
    COMPOSE_LIST_COUNT
};
char *compose_list(const struct model *model, enum compose_list what);
/* The variables that the values of a model name that was not interpolated. */
char *compose_list_variables(const struct model *model, enum compose_format format);
/* "SERVICE HASH" a line, sorted, of those named; names NULL: of all. The hash is that of the
 * reference (SHA-256 of the service's canonical JSON, with env_file's variables in the place of the
 * files, without what may change under a running VM: build, depends_on, profiles, pull_policy,
 * scale, deploy.replicas). */
char *compose_list_hashes(const struct model *model, char *const *names);

/* What `config` prints, as YAML or JSON: the canonical form, keys sorted as the reference sorts
 * them, `$` as `$$`. Reading it back gives the same model. Of a model that was not interpolated
 * every `$` stays. */
char *compose_print(const struct model *model, enum compose_format format);

/* Another image for a service, where it names one, for compose_print(). */
void compose_set_image(struct model *model, const char *service, const char *image);
/* The services with their images only: a file over those that were read, which pins them. */
char *compose_print_images(const struct model *model, enum compose_format format);

/* The canonical form as it goes over the wire to the daemon: JSON, nothing escaped, and its reader:
 * no interpolation, no files. It holds the values of configs and secrets that come from the
 * caller's environment: it must not be stored. */
char *compose_serialize(const struct model *model);
int compose_deserialize(const char *text, size_t length, struct diagnostics *diagnostics,
                        struct model **ret_model, struct error *err);
