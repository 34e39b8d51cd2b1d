/* .dockerignore: which files of a build's context take part. The rules are Docker's
 * (github.com/moby/patternmatcher): one pattern a line, '#' comments, '!' takes back, the last
 * pattern that matches a path or one of its folders decides; '*' and '?' stop at slashes, "**" does
 * not. Pure. */
#pragma once

#include <stdbool.h>

struct image_ignore;

/* Of the file's text; NULL: nothing is ignored. */
struct image_ignore *image_ignore_new(const char *text);
void image_ignore_free(struct image_ignore *ignore);

/* path: relative to the context, "a/b/c". ignore may be NULL. */
bool image_ignore_excludes(const struct image_ignore *ignore, const char *path);
/* May something below an excluded folder be taken back? */
bool image_ignore_has_exceptions(const struct image_ignore *ignore);
