/* What `cp` reads: any bytes as a tar, in pieces of a size that the first byte says. */
#include "fuzz.h"

#include "cmd/tar.h"

static int on_entry(void *userdata, const struct tar_entry *entry, struct error *err)
{
    (void)err;
    *(size_t *)userdata += strlen(entry->name) + (entry->link ? strlen(entry->link) : 0);
    return 0;
}

static int on_data(void *userdata, const char *data, size_t length, struct error *err)
{
    (void)err;
    for (size_t i = 0; i < length; i++)
        *(size_t *)userdata += (unsigned char)data[i];
    return 0;
}

static int on_entry_end(void *userdata, struct error *err)
{
    (void)userdata;
    (void)err;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct tar_handlers handlers = {on_entry, on_data, on_entry_end};
    size_t sum = 0, step = size ? data[0] * 3U + 1 : 1;
    _cleanup_error_ struct error err = {0};
    _cleanup_(tar_reader_freep) struct tar_reader *reader = tar_reader_new(&handlers, &sum);
    int r = 0;
    for (size_t at = 1; r == 0 && at < size; at += step)
        r = tar_reader_feed(reader, (const char *)data + at, size - at < step ? size - at : step,
                            &err);
    if (r == 0)
        (void)tar_reader_finish(reader, &err);
    return 0;
}
