/* /dev/kmsg, see console.h. */
#include "runtime/guest/console.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void console_write(const char *format, ...)
{
    static int fd = -1;
    if (fd < 0)
        fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
    va_list args;
    va_start(args, format);
    if (fd >= 0) {
        dprintf(fd, "<4>vmstead-agent: ");
        vdprintf(fd, format, args);
    }
    va_end(args);
}
