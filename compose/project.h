/* Which files, which folder, which name: the rules around the files themselves (Docker Compose's
 * file discovery, COMPOSE_FILE, .env and project names). */
#pragma once

#include "base/error.h"
#include "compose/arena.h"
#include "compose/compose.h"
#include "compose/variables.h"

struct project_files {
    char **paths;          /* absolute or "-"; NULL-terminated */
    char **names;          /* as shown in positions: the same, short where that is possible */
    const char *directory; /* absolute; relative paths in the files begin here */
};

/* -ENOENT as the reference words it where there is no file. .env of the working directory has been
 * read into variables before (it may set COMPOSE_FILE). */
int project_find_files(struct arena *arena, const struct compose_options *options,
                       const struct variables *variables, struct diagnostics *diagnostics,
                       struct project_files *ret_files, struct error *err);

/* Where files are looked for, and the first .env: --project-directory, or where the caller stands.
 */
const char *project_first_directory(struct arena *arena, const struct compose_options *options);

/* Adds DIRECTORY/.env below what is there; a missing one is fine. */
void project_read_dotenv(struct arena *arena, const struct compose_options *options,
                         const char *directory, struct diagnostics *diagnostics,
                         struct variables *variables);

/* The same for --env-file and COMPOSE_ENV_FILES, which replace .env. 1 where there are some, or
 * COMPOSE_DISABLE_ENV_FILE is set, 0 where .env counts; a missing one is an error. */
int project_read_env_files(struct arena *arena, const struct compose_options *options,
                           struct diagnostics *diagnostics, struct variables *variables,
                           struct error *err);

/* -p, COMPOSE_PROJECT_NAME; NULL where neither is given. -EINVAL for one that is not allowed. */
int project_given_name(const struct compose_options *options, const struct variables *variables,
                       const char **ret_name, struct error *err);
/* Lower case, without what is not allowed: from `name:` or the folder. May come out empty. */
const char *project_fitting_name(struct arena *arena, const char *text);
