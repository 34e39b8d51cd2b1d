/* A directed graph of "node needs dependency" over numbered nodes, for services and for plan steps.
 * Pure: knows neither; whoever asks hands in how a node is called. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct graph;

struct graph_neighbours {
    const size_t *items; /* borrowed, valid until the graph changes */
    size_t count;
};

struct graph *graph_new(size_t node_count);
void graph_free(struct graph *graph);
DEFINE_FREEP(struct graph *, graph_free)

size_t graph_count(const struct graph *graph);
/* The same edge twice counts once. Both must be below the node count. */
void graph_add(struct graph *graph, size_t node, size_t dependency);
/* In the order they were added. */
struct graph_neighbours graph_dependencies(const struct graph *graph, size_t node);
struct graph_neighbours graph_dependents(const struct graph *graph, size_t node);

typedef const char *graph_name_fn(const void *userdata, size_t node);
/* Fills ret_order (room for all nodes) so that dependencies stand before who needs them; nodes that
 * are free at the same time keep the order of their numbers. -EINVAL names a whole cycle:
 * "dependency cycle: a -> b -> a". */
int graph_order(const struct graph *graph, graph_name_fn *name, const void *userdata,
                size_t *ret_order, struct error *err);
/* Adds to the selection all that the selected nodes need. */
void graph_select_dependencies(const struct graph *graph, bool *selected);
