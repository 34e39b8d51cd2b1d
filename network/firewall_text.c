/* See firewall_text.h. */
#include "network/firewall_text.h"

void firewall_begin_elements(struct strbuf *text, const char *head)
{
    strbuf_addf(text, "\t%s\n\t\telements = {\n", head);
}

/* A set without elements may have no `elements` line: cut what begin_elements wrote of it. */
void firewall_end_elements(struct strbuf *text, bool any)
{
    static const char opened[] = "\t\telements = {\n";
    if (any) {
        strbuf_add_str(text, "\t\t}\n\t}\n");
    } else {
        text->length -= sizeof(opened) - 1;
        text->data[text->length] = '\0';
        strbuf_add_str(text, "\t}\n");
    }
}

/* Names come from files of users: nothing that could end the string goes in. At most 128 bytes. */
void firewall_add_comment(struct strbuf *text, const char *first, const char *second)
{
    _cleanup_strbuf_ struct strbuf comment = {0};
    strbuf_addf(&comment, "%s%s%s", first, *first && *second ? " " : "", second);
    strbuf_add_str(text, " comment \"");
    for (size_t i = 0; i < comment.length && i < 120; i++) {
        char c = comment.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.' || c == '/' || c == ' ';
        strbuf_add_char(text, plain ? c : '_');
    }
    strbuf_add_str(text, "\"");
}
