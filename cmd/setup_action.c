/* What setup's steps are made of, printed for a shell or done by ourselves; see setup_steps.h. */
#include "cmd/setup_steps.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "cmd/run_program.h"

#include <errno.h>

#define END_MARK "END_OF_FILE"

void setup_action_format(const struct setup_action *action, struct strbuf *out)
{
    if (action->path) {
        strbuf_addf(out, "cat >%s <<'" END_MARK "'\n%s" END_MARK, action->path, action->text);
        return;
    }
    _cleanup_free_ char *line = strv_join(action->argv, " ");
    strbuf_add_str(out, line);
}

void setup_action_describe(const struct setup_action *action, struct strbuf *out)
{
    if (action->path)
        strbuf_addf(out, "wrote '%s'", action->path);
    else
        setup_action_format(action, out);
}

int setup_action_run(const struct setup_action *action, struct error *err)
{
    if (action->path)
        return fs_write_file_atomic(action->path, action->text, strlen(action->text), 0644, err);
    int status, r = run_program((const char *const *)action->argv, false, &status, err);
    if (r == 0 && status != 0) {
        _cleanup_free_ char *line = strv_join(action->argv, " ");
        return error_set(err, ECHILD, "'%s' ended with %d", line, status);
    }
    return r;
}
