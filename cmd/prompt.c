/* yes or no; see prompt.h. */
#include "cmd/prompt.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

bool prompt_yes(const char *question)
{
    char answer[64];
    fprintf(stderr, "%s [yN] ", question);
    fflush(stderr);
    if (!fgets(answer, sizeof(answer), stdin))
        return false;
    answer[strcspn(answer, "\r\n")] = '\0';
    return strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0;
}
