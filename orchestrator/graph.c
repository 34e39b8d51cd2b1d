/* See graph.h. Adjacency lists in both directions; no recursion, so depth is no limit. */
#include "orchestrator/graph.h"

#include "base/str.h"
#include "base/vec.h"

#include <errno.h>

struct node {
    VEC(size_t) dependencies, dependents;
};

struct graph {
    struct node *nodes;
    size_t count;
};

struct graph *graph_new(size_t node_count)
{
    struct graph *graph = new0(struct graph);
    graph->nodes = xcalloc(node_count ? node_count : 1, sizeof(*graph->nodes));
    graph->count = node_count;
    return graph;
}

void graph_free(struct graph *graph)
{
    if (!graph)
        return;
    for (size_t i = 0; i < graph->count; i++) {
        vec_done(&graph->nodes[i].dependencies);
        vec_done(&graph->nodes[i].dependents);
    }
    free(graph->nodes);
    free(graph);
}

size_t graph_count(const struct graph *graph)
{
    return graph->count;
}

void graph_add(struct graph *graph, size_t node, size_t dependency)
{
    struct graph_neighbours known = graph_dependencies(graph, node);
    for (size_t i = 0; i < known.count; i++)
        if (known.items[i] == dependency)
            return;
    vec_add(&graph->nodes[node].dependencies, dependency);
    vec_add(&graph->nodes[dependency].dependents, node);
}

struct graph_neighbours graph_dependencies(const struct graph *graph, size_t node)
{
    const struct node *of = &graph->nodes[node];
    return (struct graph_neighbours){of->dependencies.items, of->dependencies.count};
}

struct graph_neighbours graph_dependents(const struct graph *graph, size_t node)
{
    const struct node *of = &graph->nodes[node];
    return (struct graph_neighbours){of->dependents.items, of->dependents.count};
}

/* Names one cycle among the nodes that still miss a dependency: every such node has one that is
 * missing too, so following them must come back to a node already seen. */
static int report_cycle(const struct graph *graph, const size_t *missing, graph_name_fn *name,
                        const void *userdata, struct error *err)
{
    _cleanup_free_ size_t *seen_at = xcalloc(graph->count, sizeof(*seen_at));
    _cleanup_free_ size_t *path = xcalloc(graph->count + 1, sizeof(*path));
    size_t node = 0, length = 0;
    while (missing[node] == 0)
        node++;
    while (seen_at[node] == 0) {
        path[length++] = node;
        seen_at[node] = length;
        struct graph_neighbours needs = graph_dependencies(graph, node);
        size_t next = 0;
        while (missing[needs.items[next]] == 0)
            next++;
        node = needs.items[next];
    }
    _cleanup_strbuf_ struct strbuf text = {0};
    for (size_t i = seen_at[node] - 1; i < length; i++)
        strbuf_addf(&text, "%s -> ", name(userdata, path[i]));
    return error_set(err, EINVAL, "dependency cycle: %s%s", strbuf_text(&text),
                     name(userdata, node));
}

int graph_order(const struct graph *graph, graph_name_fn *name, const void *userdata,
                size_t *ret_order, struct error *err)
{
    _cleanup_free_ size_t *missing = xcalloc(graph->count + 1, sizeof(*missing));
    size_t found = 0;
    for (size_t i = 0; i < graph->count; i++) {
        missing[i] = graph->nodes[i].dependencies.count;
        if (missing[i] == 0)
            ret_order[found++] = i;
    }
    for (size_t next = 0; next < found; next++) {
        struct graph_neighbours dependents = graph_dependents(graph, ret_order[next]);
        for (size_t i = 0; i < dependents.count; i++)
            if (--missing[dependents.items[i]] == 0)
                ret_order[found++] = dependents.items[i];
    }
    if (found < graph->count)
        return report_cycle(graph, missing, name, userdata, err);
    return 0;
}

void graph_select_dependencies(const struct graph *graph, bool *selected)
{
    VEC(size_t) queue = {0};
    for (size_t i = 0; i < graph->count; i++)
        if (selected[i])
            vec_add(&queue, i);
    for (size_t next = 0; next < queue.count; next++) {
        struct graph_neighbours needs = graph_dependencies(graph, queue.items[next]);
        for (size_t i = 0; i < needs.count; i++) {
            if (selected[needs.items[i]])
                continue;
            selected[needs.items[i]] = true;
            vec_add(&queue, needs.items[i]);
        }
    }
    vec_done(&queue);
}
