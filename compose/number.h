/* Numbers as text, as Go writes them. compose/ only. */
#pragma once

enum number_style {
    NUMBER_PLAIN, /* %v and YAML: 1e-05, 1e+06; 100000.5; +Inf, -Inf, NaN */
    NUMBER_JSON,  /* as JavaScript: 0.00001, 1000000, 1e-7, 1e+21 */
};

#define NUMBER_SIZE 40
/* The shortest digits that read back as the same number; buffer of NUMBER_SIZE bytes. */
char *number_format(double value, enum number_style style, char *buffer);
