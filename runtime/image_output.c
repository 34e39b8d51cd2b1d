/* See image_output.h. */
#include "runtime/image_output.h"

#include "base/alloc.h"
#include "base/str.h"
#include "base/vec.h"
#include "runtime/image_failure.h"

#include <ctype.h>
#include <errno.h>

enum { SHOW_EVERY_MS = 200 };

/* --- lines ---------------------------------------------------------------------------------- */

/* buildah's own words about layers, and what it says again at the end. */
static bool is_noise(const char *line)
{
    static const char *const openings[] = {
        "--> ", "COMMIT", "Error: ", "time=\"", "subprocess exited", "Successfully tagged",
        "STEP "};
    for (size_t i = 0; i < ARRAY_SIZE(openings); i++)
        if (str_after_prefix(line, openings[i]))
            return true;
    return false;
}

/* "[1/2] STEP 1/3: FROM scratch" of the first of two stages -> behind the brackets. */
static const char *skip_stage(const char *line)
{
    if (line[0] != '[' || !isdigit((unsigned char)line[1]))
        return line;
    const char *end = strstr(line, "] ");
    return end ? end + 2 : line;
}

static void keep_line(struct image_output *output, const char *line)
{
    free(output->last[output->next]);
    output->last[output->next] = xstrdup(line);
    output->next = (output->next + 1) % IMAGE_OUTPUT_LINES;
}

static void forget_lines(struct image_output *output)
{
    for (size_t i = 0; i < IMAGE_OUTPUT_LINES; i++)
        free(TAKE_PTR(output->last[i]));
    output->next = 0;
}

static const char *show(struct image_output *output, char *text, uint64_t now_ms)
{
    free(output->text);
    output->text = text;
    output->told_ms = now_ms;
    return text;
}

const char *image_output_add(struct image_output *output, const char *line, uint64_t now_ms)
{
    const char *rest = skip_stage(line);
    if (str_after_prefix(rest, "STEP ")) {
        forget_lines(output); /* evidence is what the failing step said */
        free(output->step);
        output->step = xstrdup(rest);
        return show(output, xstrdup(line), now_ms);
    }
    if (is_noise(rest))
        return NULL;
    keep_line(output, line);
    if (now_ms < output->told_ms + SHOW_EVERY_MS)
        return NULL;
    size_t number = output->step ? strcspn(output->step, ":") : 0;
    return show(output,
                number ? xasprintf("%.*s | %s", (int)number, output->step, line) : xstrdup(line),
                now_ms);
}

void image_output_done(struct image_output *output)
{
    forget_lines(output);
    free(output->step);
    free(output->text);
    *output = (struct image_output){0};
}

char *image_output_tail(const struct image_output *output)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    for (size_t i = 0; i < IMAGE_OUTPUT_LINES; i++) {
        const char *line = output->last[(output->next + i) % IMAGE_OUTPUT_LINES];
        if (line)
            strbuf_addf(&text, "\n  %s", line);
    }
    return xstrdup(strbuf_text(&text));
}

/* --- failures ------------------------------------------------------------------------------- */

/* Behind the last "Error: " of buildah's stderr; else its last line. */
static char *find_reason(const char *errors)
{
    const char *reason = NULL;
    for (const char *at = errors; (at = strstr(at, "Error: ")); at += 7)
        if (at == errors || at[-1] == '\n')
            reason = at + 7;
    const char *newline = strrchr(errors, '\n');
    reason = reason ? reason : newline ? newline + 1 : errors;
    return xstrndup(reason, strcspn(reason, "\n"));
}

/* "creating build container: initializing source docker://NAME: ...": a base could not be fetched.
 * NAME, or NULL. */
static char *missing_base(const char *reason)
{
    const char *name = str_after_prefix(reason, "creating build container: ");
    name = name ? strstr(name, "docker://") : NULL;
    if (!name)
        return NULL;
    name += strlen("docker://");
    const char *end = strstr(name, ": ");
    return xstrndup(name, end ? (size_t)(end - name) : strlen(name));
}

static int explain_base(const char *name, const char *base, const char *reason, struct error *err)
{
    _cleanup_free_ char *registry = xstrndup(base, strcspn(base, "/"));
    bool named = strchr(base, '/') && strpbrk(registry, ".:");
    const char *cause = strstr(reason, base) + strlen(base);
    _cleanup_free_ char *essence = image_failure_essence(cause + 2 * (*cause == ':'));
    image_failure_explain(base, named ? registry : "docker.io", essence, err);
    return error_prefix(err, "image '%s' cannot be built: its base", name);
}

/* The end of STEP in `building at STEP "STEP": CAUSE`. Both may hold quotes: of RUN it is the exit
 * status that comes last. */
static const char *find_step_end(const char *step)
{
    const char *end = strstr(step, "\": "), *last = end;
    for (const char *next = end; next && (next = strstr(next + 1, "\": "));)
        last = next;
    return last && str_after_prefix(last, "\": exit status ") ? last : end;
}

static int explain_step(const struct image_output *output, const char *name, const char *reason,
                        struct error *err)
{
    _cleanup_free_ char *tail = image_output_tail(output);
    const char *said = *tail ? "; it said last:" : "";
    const char *step = str_after_prefix(reason, "building at STEP \"");
    const char *end = step ? find_step_end(step) : NULL;
    if (!end)
        return error_set(err, EIO, "image '%s' cannot be built: %s%s%s", name, reason, said, tail);
    const char *cause = end + 3, *status = str_after_prefix(cause, "exit status ");
    /* What follows is a Go structure of the instruction. */
    const char *noise = strstr(cause, " &imagebuilder");
    return error_set(err, EIO, "image '%s' cannot be built: '%.*s' %s%.*s%s%s", name,
                     (int)(end - step), step, status ? "failed with exit code " : "failed: ",
                     noise ? (int)(noise - cause) : (int)strlen(cause), status ? status : cause,
                     said, tail);
}

int image_output_explain_build(const struct image_output *output, const char *name,
                               const char *errors, struct error *err)
{
    _cleanup_free_ char *reason = find_reason(errors);
    if (strcasestr(reason, "no space left on device"))
        return image_failure_explain(name, NULL, reason, err);
    _cleanup_free_ char *base = missing_base(reason);
    return base ? explain_base(name, base, reason, err) : explain_step(output, name, reason, err);
}

/* --- commands ------------------------------------------------------------------------------- */

const char *image_output_begin(struct image_output *output, size_t number, size_t count,
                               const char *command)
{
    _cleanup_free_ char *line =
        xasprintf("STEP %zu/%zu: RUN %.*s", number, count, (int)strcspn(command, "\n"), command);
    return image_output_add(output, line, 0);
}

int image_output_explain_command(const struct image_output *output, const char *name,
                                 const char *command, int exit_status, int term_signal,
                                 struct error *err)
{
    _cleanup_free_ char *tail = image_output_tail(output);
    return error_set(err, EIO, "image '%s' cannot be made: 'run: %s' %s %d%s%s", name, command,
                     term_signal ? "was ended by signal" : "failed with exit code",
                     term_signal ? term_signal : exit_status, *tail ? "; it said last:" : "", tail);
}
