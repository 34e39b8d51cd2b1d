/* Loads files made for one test in a folder of its own. */
#pragma once

#include "../unit.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "compose/compose.h"

#include <stdlib.h>

struct loaded {
    char *folder; /* absolute, ends in "/Test-Project" */
    char *root;   /* the folder above; removed by loaded_done */
    struct diagnostics *diagnostics;
    struct model *model;
    struct error err;
    int result;
};

static inline struct loaded loaded_new(void)
{
    char template[] = "/tmp/vmstead-compose-XXXXXX";
    struct loaded loaded = {.diagnostics = diagnostics_new()};
    assert_non_null(mkdtemp(template));
    loaded.root = xstrdup(template);
    loaded.folder = xasprintf("%s/Test-Project", template);
    assert_ok(fs_make_directory(loaded.folder, 0700, &loaded.err), &loaded.err);
    return loaded;
}

/* A vector for the options; freed by the caller. */
#define vector(...) strv_copy((const char *const[]){__VA_ARGS__, NULL})

/* Writes a file below the folder. */
static inline void loaded_write(struct loaded *loaded, const char *name, const char *text)
{
    _cleanup_free_ char *path = xasprintf("%s/%s", loaded->folder, name);
    assert_ok(fs_write_file_atomic(path, text, strlen(text), 0600, &loaded->err), &loaded->err);
}

/* Loads with the options given; the working directory is the folder where they name none. */
static inline void loaded_run(struct loaded *loaded, struct compose_options options)
{
    if (!options.working_directory)
        options.working_directory = loaded->folder;
    model_free(loaded->model);
    diagnostics_free(loaded->diagnostics);
    error_done(&loaded->err);
    loaded->model = NULL;
    loaded->diagnostics = diagnostics_new();
    loaded->result = compose_load(&options, loaded->diagnostics, &loaded->model, &loaded->err);
}

/* The model of one compose.yaml, which must load. */
static inline const struct model *loaded_model(struct loaded *loaded, const char *text)
{
    _cleanup_strbuf_ struct strbuf problems = {0};
    loaded_write(loaded, "compose.yaml", text);
    loaded_run(loaded, (struct compose_options){0});
    diagnostics_print(loaded->diagnostics, false, &problems);
    if (loaded->result < 0)
        fail_msg("%s%s", strbuf_text(&problems), error_text(&loaded->err));
    return loaded->model;
}

static inline void loaded_done(struct loaded *loaded)
{
    struct error err = {0};
    model_free(loaded->model);
    diagnostics_free(loaded->diagnostics);
    error_done(&loaded->err);
    fs_remove_tree(loaded->root, &err);
    error_done(&err);
    free(loaded->folder);
    free(loaded->root);
}
#define _cleanup_loaded_ _cleanup_(loaded_done)
