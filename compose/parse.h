/* Values of Compose files from their text: pure functions used by the schema's types. Each returns
 * 0 or -EINVAL (-ERANGE where a number is too large) and says nothing: the caller knows the place.
 */
#pragma once

#include "compose/arena.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Splits a command line as the reference's library does (mattn/go-shellwords): blanks, '...',
 * "...", a backslash before any character outside '...'; `...` and $(...) hold a word together, and
 * nothing is expanded. An unquoted ; & | < or > ends it: *ret_used tells where. -EINVAL: a quote, a
 * backtick, a backslash or a parenthesis is left alone; -E2BIG: there are more than
 * PARSE_WORDS_LIMIT words. The vector lives in the arena. */
#define PARSE_WORDS_LIMIT 20000
int parse_shell_words(struct arena *arena, const char *text, char ***ret_words, size_t *ret_count,
                      size_t *ret_used);

/* A number as Go's strconv.ParseFloat has it: "-1.5e3", "1_000", "0x1p4"; but it is finite. */
int parse_number(const char *text, double *ret_value);

/* "64m", "1.5gb", "512", "64 KiB": units b, k, m, g, t, p (each also with b or ib), powers of 1024.
 */
int parse_bytes(const char *text, uint64_t *ret_bytes);

/* "0644" or "644", up to limit. */
int parse_octal_digits(const char *text, int64_t limit, int64_t *ret_value);

/* "1h30m", "1.5s", "2d", "-5ms", "0": units ns, us, ms, s, m, h as Go's time.ParseDuration, d and w
 * as the reference has them beside. */
int parse_duration(const char *text, int64_t *ret_nanoseconds);
/* As Go prints it: "1h30m0s", "1.5s", "500ms". */
#define DURATION_SIZE 32
char *format_duration(int64_t nanoseconds, char buffer[static DURATION_SIZE]);
#define DURATION_MILLISECOND INT64_C(1000000)

/* "80" or "8000-8010", 1..65535 (0 allowed where zero), ascending. */
struct port_range {
    uint16_t first, last;
};
int parse_port_range(const char *text, bool zero, struct port_range *ret_range);

/* Addresses in host byte order. */
int parse_ipv4(const char *text, uint32_t *ret_address);
bool parse_is_ipv6(const char *text);
/* A name that DNS can ask for (RFC 1123, with the '_' that people write): labels of 1 to 63, 253
 * in all. */
bool parse_is_host_name(const char *text);

/* Without "." and ".." and doubled slashes, as text (path/filepath.Clean). path may be absolute;
 * where base is not either, "." is what comes of nothing. The path itself where it is that already.
 */
const char *path_clean(struct arena *arena, const char *base, const char *path);
/* A cleaned absolute path as seen from a folder that is one as well: "../x", "." for itself. */
const char *path_relative(struct arena *arena, const char *from, const char *to);
/* The folder of an absolute path. */
const char *path_folder(struct arena *arena, const char *path);
