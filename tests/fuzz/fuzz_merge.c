/* Files over each other. The input is up to three texts with a NUL between them: base.yaml,
 * over.yaml and third.yaml in one folder, so that they can extend and include each other. A file
 * that says nothing changes nothing, and what loads prints and reads back as the same project. */
#include "base/cleanup.h"
#include "stage.h"

#include <stdlib.h>

/* With what says nothing behind it, and as if it were two files. */
static void check_identity(char *base)
{
    static const char *const nothings[] = {"# nothing\n", "{}\n", "services: {}\n"};
    _cleanup_(model_freep) struct model *alone = stage_load((char *[]){base, NULL}, false);
    _cleanup_free_ char *expected = alone ? compose_print(alone, COMPOSE_YAML) : NULL;
    for (size_t i = 0; alone && i < sizeof(nothings) / sizeof(nothings[0]); i++) {
        struct text text = {nothings[i], strlen(nothings[i])};
        _cleanup_free_ char *nothing = stage_put_file("printed.yaml", text);
        _cleanup_(model_freep) struct model *model =
            stage_load((char *[]){base, nothing, NULL}, false);
        _cleanup_free_ char *printed = model ? compose_print(model, COMPOSE_YAML) : NULL;
        stage_require_same(nothings[i], expected, printed);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *base = stage_put_file("base.yaml", stage_take_text(&data, &size));
    _cleanup_free_ char *over = stage_put_file("over.yaml", stage_take_text(&data, &size));
    _cleanup_free_ char *third = stage_put_file("third.yaml", stage_take_text(&data, &size));
    if (!base)
        return 0;
    check_identity(base);
    for (size_t count = 2; over && count <= (third ? 3 : 2); count++) {
        _cleanup_(model_freep) struct model *model =
            stage_load((char *[]){base, over, count == 3 ? third : NULL, NULL}, false);
        if (model)
            stage_check(model);
    }
    return 0;
}
