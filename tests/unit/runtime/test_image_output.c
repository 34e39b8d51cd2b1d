#include "runtime/image_output.h"

#include "../unit.h"

#include "base/str.h"

#include <errno.h>
#include <stdio.h>

static void steps_are_progress_and_lines_evidence(void **state)
{
    (void)state;
    struct image_output output = {0};
    assert_string_equal(image_output_add(&output, "[1/2] STEP 1/3: FROM a", 1000),
                        "[1/2] STEP 1/3: FROM a");
    assert_null(image_output_add(&output, "--> Using cache 123", 2000));
    assert_string_equal(image_output_add(&output, "STEP 2/3: RUN make", 2000),
                        "STEP 2/3: RUN make");
    assert_null(image_output_add(&output, "cc a.c", 2100));
    assert_string_equal(image_output_add(&output, "cc b.c", 2300), "STEP 2/3 | cc b.c");
    for (int i = 0; i < 12; i++) {
        char line[16];
        snprintf(line, sizeof(line), "line %d", i);
        image_output_add(&output, line, 2300);
    }
    _cleanup_free_ char *tail = image_output_tail(&output);
    assert_non_null(str_after_prefix(tail, "\n  line 2\n"));
    assert_true(str_ends_with(tail, "\n  line 11"));
    image_output_add(&output, "STEP 3/3: RUN x", 2300);
    _cleanup_free_ char *nothing = image_output_tail(&output);
    assert_string_equal(nothing, "");
    image_output_done(&output);
}

static void failures_say_what_and_why(void **state)
{
    (void)state;
    static const struct {
        const char *line, *errors, *message;
        int code;
    } cases[] = {
        {"gcc: not found",
         "gcc: not found\nsubprocess exited with status 127\n"
         "Error: building at STEP \"RUN echo \"a\": gcc\": exit status 127",
         "image 'app' cannot be built: 'RUN echo \"a\": gcc' failed with exit code 127; it said "
         "last:\n  gcc: not found",
         EIO},
        {NULL,
         "Error: building at STEP \"COPY x /x\": checking on sources under \"/c\": copier: stat: "
         "\"/x\": no such file or directory",
         "image 'app' cannot be built: 'COPY x /x' failed: checking on sources under \"/c\": "
         "copier: stat: \"/x\": no such file or directory",
         EIO},
        {NULL,
         "Error: building at STEP \"FOO\": Build error: Unknown instruction: \"FOO\" "
         "&imagebuilder.Step{Env:[]string{}}",
         "image 'app' cannot be built: 'FOO' failed: Build error: Unknown instruction: \"FOO\"",
         EIO},
        {NULL,
         "Error: creating build container: initializing source docker://r.example/base:1: reading "
         "manifest 1 in r.example/base: manifest unknown: manifest unknown",
         "image 'app' cannot be built: its base: image 'r.example/base:1' does not exist (reading "
         "manifest 1 in r.example/base: manifest unknown); check its name, tag or digest",
         ENOENT},
        {NULL, "Error: writing blob: write /x: no space left on device",
         "image 'app' cannot be made: the disk is full (writing blob: write /x: no space left on "
         "device); make room where the image cache is",
         ENOSPC},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        _cleanup_error_ struct error err = {0};
        struct image_output output = {0};
        if (cases[i].line)
            image_output_add(&output, cases[i].line, 0);
        assert_int_equal(image_output_explain_build(&output, "app", cases[i].errors, &err),
                         -cases[i].code);
        assert_string_equal(err.message, cases[i].message);
        image_output_done(&output);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_progress_and_lines_evidence),
        cmocka_unit_test(failures_say_what_and_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
