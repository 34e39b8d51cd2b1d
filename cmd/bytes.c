/* Bytes in words; see bytes.h. */
#include "cmd/bytes.h"

#include "base/vec.h"

static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};

void bytes_add(int64_t bytes, struct strbuf *out)
{
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 999.5 && unit + 1 < ARRAY_SIZE(units); unit++)
        value /= 1000;
    strbuf_addf(out, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

void bytes_add_docker(int64_t bytes, struct strbuf *out)
{
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 1000 && unit + 1 < ARRAY_SIZE(units); unit++)
        value /= 1000;
    strbuf_addf(out, "%.4g%s", value, units[unit]);
}
