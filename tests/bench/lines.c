/* A service that talks, for the figure of logs: lines COUNT [LENGTH] writes so many numbered lines
 * of LENGTH bytes (100), newline included, as programs do whose stdout is no terminal: in stdio's
 * blocks. Static: it runs in guests that have nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    long count = argc > 1 ? atol(argv[1]) : 0;
    size_t length = argc > 2 ? (size_t)atol(argv[2]) : 100;
    char *line = malloc(length + 32);
    if (!line || count < 1 || length < 12)
        return 2;
    memset(line, 'x', length);
    line[length - 1] = '\n';
    for (long i = 1; i <= count; i++) {
        char number[16];
        memcpy(line, number, (size_t)snprintf(number, sizeof(number), "%010ld ", i));
        if (fwrite(line, 1, length, stdout) != length)
            return 1;
    }
    free(line);
    return fflush(stdout) == 0 ? 0 : 1;
}
