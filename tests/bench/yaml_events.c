/* The bare port's pace for a Compose file: libyaml's events of it, and nothing else.
 *
 * usage: yaml_events FILE */
#include "base/alloc.h"
#include "base/fs.h"

#include <stdio.h>
#include <yaml.h>

static size_t count_events(const char *text, size_t length)
{
    size_t events = 0;
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return 0;
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    for (bool ended = false; !ended; events++) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            events = 0;
            break;
        }
        ended = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return events;
}

int main(int argc, char **argv)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *text = NULL;
    size_t length = 0;
    if (argc != 2 || fs_read_file(argv[1], (size_t)64 * 1024 * 1024, &text, &length, &err) < 0) {
        fprintf(stderr, "usage: yaml_events FILE%s%s\n", err.message ? ": " : "",
                err.message ? err.message : "");
        return 2;
    }
    size_t events = count_events(text, length);
    printf("%zu\n", events);
    return events > 0 ? 0 : 1;
}
