/* See compose/variables.h. A map node does the looking up. */
#include "compose/variables.h"

#include "compose/characters.h"

#include <stdlib.h>
#include <string.h>

struct variables {
    struct arena *arena;
    const struct variables *outer;
    struct node *map;
};

struct variables *variables_new(struct arena *arena, const struct variables *outer)
{
    struct variables *variables = arena_new0(arena, struct variables);
    variables->arena = arena;
    variables->outer = outer;
    variables->map = node_new(arena, NODE_MAP, (struct position){0});
    return variables;
}

void variables_add(struct variables *variables, const char *name, const char *value)
{
    if (!node_find(variables->map, name))
        variables_put(variables, name, value, (struct position){0});
}

void variables_put(struct variables *variables, const char *name, const char *value,
                   struct position position)
{
    node_put(variables->arena, variables->map, name, position,
             node_new_string(variables->arena, value, position));
}

struct node *variables_own(const struct variables *variables)
{
    return variables->map;
}

void variables_add_all(struct variables *variables, char *const *environment)
{
    for (; environment && *environment; environment++) {
        const char *equals = strchr(*environment, '=');
        if (equals)
            variables_add(
                variables,
                arena_strndup(variables->arena, *environment, (size_t)(equals - *environment)),
                characters_clean(variables->arena, equals + 1));
    }
}

const char *variables_get(const struct variables *variables, const char *name)
{
    const char *value = variables->outer ? variables_get(variables->outer, name) : NULL;
    return value ? value : node_get_string(variables->map, name, NULL);
}

static void add_all(const struct variables *variables, struct node *map)
{
    if (variables->outer)
        add_all(variables->outer, map);
    for (size_t i = 0; i < variables->map->count; i++)
        if (!node_find(map, variables->map->pairs[i].key))
            node_put_ranked(variables->arena, map, &variables->map->pairs[i]);
}

static int compare_lines(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

char **variables_list(const struct variables *variables)
{
    struct node *map = node_new(variables->arena, NODE_MAP, (struct position){0});
    add_all(variables, map);
    char **lines = arena_array(variables->arena, map->count + 1, sizeof(char *));
    for (size_t i = 0; i < map->count; i++)
        lines[i] =
            arena_printf(variables->arena, "%s=%s", map->pairs[i].key, map->pairs[i].value->text);
    qsort(lines, map->count, sizeof(*lines), compare_lines);
    return lines;
}
