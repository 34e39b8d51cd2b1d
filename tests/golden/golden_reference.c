/* Compares a file with the reference page that the schema table makes; REGENERATE=1 writes it. */
#include "base/fs.h"
#include "compose/reference.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_strbuf_ struct strbuf page = {0};
    _cleanup_free_ char *file = NULL;
    const char *regenerate = getenv("REGENERATE");
    if (argc != 2) {
        fprintf(stderr, "usage: golden_reference FILE\n");
        return 2;
    }
    reference_print(&page);
    int r = regenerate && streq(regenerate, "1")
                ? fs_write_file_atomic(argv[1], page.data, page.length, 0644, &err)
                : fs_read_file(argv[1], (size_t)1024 * 1024, &file, NULL, &err);
    if (r < 0) {
        printf("%s\n", error_text(&err));
        return 1;
    }
    if (!file || streq(file, strbuf_text(&page)))
        return 0;
    printf("'%s' is not what the schema table says: run this with REGENERATE=1\n", argv[1]);
    return 1;
}
