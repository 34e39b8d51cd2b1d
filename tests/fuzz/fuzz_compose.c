/* YAML -> model. The input is up to three texts with a NUL between them: a Compose file, one over
 * it, and an .env beside them. Whatever loads must print, read back and go over the wire as the
 * same project; where nothing is interpolated, it must print. */
#include "base/cleanup.h"
#include "stage.h"

#include <stdlib.h>

/* What is not interpolated may be of any kind everywhere. */
static void check_original(char *const *files)
{
    _cleanup_(model_freep) struct model *model = stage_load(files, true);
    if (!model)
        return;
    free(compose_print(model, COMPOSE_YAML));
    free(compose_print(model, COMPOSE_JSON));
    free(compose_list_variables(model, COMPOSE_TABLE));
    free(compose_list_hashes(model, NULL));
    for (enum compose_list list = 0; list < COMPOSE_LIST_COUNT; list++)
        free(compose_list(model, list));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *base = stage_put_file("base.yaml", stage_take_text(&data, &size));
    _cleanup_free_ char *over = stage_put_file("over.yaml", stage_take_text(&data, &size));
    _cleanup_free_ char *dotenv = stage_put_file(".env", stage_take_text(&data, &size));
    char *files[] = {base, over, NULL};
    if (!base)
        return 0;
    check_original(files);
    _cleanup_(model_freep) struct model *model = stage_load(files, false);
    if (model)
        stage_check(model);
    return 0;
}
