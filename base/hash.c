/* See hash.h. */
#include "base/hash.h"

#include <errno.h>
#include <sha2.h>
#include <string.h>
#include <sys/random.h>

static char *to_hex(const unsigned char *bytes, size_t count, char *hex)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    hex[2 * count] = '\0';
    return hex;
}

char *hash_sha256_hex(const void *data, size_t length, char *hex)
{
    SHA2_CTX context;
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256Init(&context);
    SHA256Update(&context, data, length);
    SHA256Final(digest, &context);
    return to_hex(digest, sizeof(digest), hex);
}

int hash_sha256_file(const char *path, char *hex, struct error *err)
{
    if (!SHA256File(path, hex))
        return error_set(err, errno ? errno : EIO, "cannot read '%s': %s", path, strerror(errno));
    return 0;
}

char *hash_random_hex(char *hex)
{
    unsigned char bytes[32];
    if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
        abort();
    return to_hex(bytes, sizeof(bytes), hex);
}
