/* Runs a fuzz target over the files of a folder, without libFuzzer: what was once found stays
 * fixed. */
#include "fuzz.h"

#include "base/alloc.h"
#include "base/fs.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define SIZE_LIMIT ((size_t)16 * 1024 * 1024)

static int replay(const char *folder, const char *name)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *path = xasprintf("%s/%s", folder, name);
    _cleanup_free_ char *data = NULL;
    size_t length = 0;
    if (fs_read_file(path, SIZE_LIMIT, &data, &length, &err) < 0) {
        printf("%s\n", error_text(&err));
        return -1;
    }
    LLVMFuzzerTestOneInput((const uint8_t *)data, length);
    return 0;
}

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    struct dirent **entries = NULL;
    int count = argc == 2 ? scandir(argv[1], &entries, is_input, alphasort) : -1;
    if (count <= 0) {
        fprintf(stderr, "usage: replay FOLDER\n");
        return 2;
    }
    int failures = 0;
    for (int i = 0; i < count; i++) {
        printf("%s\n", entries[i]->d_name);
        fflush(stdout);
        failures += replay(argv[1], entries[i]->d_name) < 0;
        free(entries[i]);
    }
    free(entries);
    return failures > 0;
}
