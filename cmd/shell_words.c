/* Splits command lines; see shell_words.h. */
#include "cmd/shell_words.h"

#include "base/str.h"

#include <errno.h>

int shell_words_split(const char *text, char ***ret_words, struct error *err)
{
    _cleanup_strv_ char **words = NULL;
    _cleanup_strbuf_ struct strbuf word = {0};
    bool in_word = false;
    char quote = '\0';
    for (const char *at = text; *at; at++) {
        if (quote ? *at == quote : *at == '\'' || *at == '"') {
            quote = quote ? '\0' : *at;
            in_word = true;
        } else if (!quote && strchr(" \t\n", *at)) {
            if (in_word)
                strv_add(&words, strbuf_take(&word));
            in_word = false;
        } else {
            if (*at == '\\' && quote != '\'' && at[1])
                at++;
            strbuf_add_char(&word, *at);
            in_word = true;
        }
    }
    if (quote)
        return error_set(err, EINVAL, "a quote does not end in: %s", text);
    if (in_word)
        strv_add(&words, strbuf_take(&word));
    *ret_words = TAKE_PTR(words);
    return 0;
}
