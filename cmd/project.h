/* From the global options to a project: the model where its files are needed, or only its name.
 * Problems in Compose files are printed on stderr here, in the form of compose/diagnostics.h. */
#pragma once

#include "cmd/command.h"
#include "compose/compose.h"

/* Loads and checks the files. -EINVAL with err empty where the diagnostics have been printed: they
 * said everything. */
int project_load(const struct global_options *global, struct model **ret_model, struct error *err);
/* For `config`: options has what is wanted beside the global ones; problems are printed as JSON,
 * one a line, where json is set. */
int project_show(const struct global_options *global, struct compose_options *options, bool json,
                 struct model **ret_model, struct error *err);
/* The same; the services that the caller names (NULL-terminated) have their profiles enabled. */
int project_load_services(const struct global_options *global, char *const *services,
                          struct model **ret_model, struct error *err);
/* The project's name: -p alone is enough when no -f is there; else the files decide; where these
 * cannot be read COMPOSE_PROJECT_NAME does (as the reference has it). *ret_model is the model where
 * one was loaded, else NULL; may be NULL. */
int project_find(const struct global_options *global, char **ret_name, struct model **ret_model,
                 struct error *err);
/* -ENOENT "no such service: x" for the first operand the model does not have; a NULL model knows
 * all. */
int project_check_services(const struct model *model, char *const *services, size_t count,
                           struct error *err);
/* -EPERM with the remedy unless we are root. */
int project_need_root(const struct invocation *invocation, struct error *err);
