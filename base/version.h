/* Which vmstead this is. One file knows it (and a second program in tests/, of another version), so
 * that nothing else is compiled anew with it. */
#pragma once

/* "0.1.0" */
extern const char vmstead_version[];

/* Below, at or above 0 where a is older than, the same as or newer than b. By number, part for
 * part: 0.10.0 is newer than 0.9.2, and 1.0 the same as 1.0.0. What follows the numbers ("-rc1") is
 * not looked at. */
int version_compare(const char *a, const char *b);
