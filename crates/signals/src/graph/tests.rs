//! Tests of the arena at the ends of its counters, where only the inside can get to.

use super::node::{Graph, NONE};

#[test]
fn a_slot_whose_generations_are_used_up_is_retired() {
    let mut graph = Graph::new();
    graph.first_generation = u32::MAX - 2;
    let ids: Vec<_> = (0..3)
        .map(|_| {
            let id = graph.add_source();
            graph.remove(id);
            id
        })
        .collect();
    assert_eq!(ids[0].index, ids[1].index);
    assert_ne!(
        ids[1].index, ids[2].index,
        "the last generation is never handed out"
    );
    assert!(ids.iter().all(|id| !graph.contains(*id)));
    assert_eq!(graph.free_node, 1);
    assert_ne!(graph.free_node, NONE);
}

#[test]
fn run_numbers_start_anew_without_losing_or_doubling_an_edge() {
    let mut graph = Graph::new();
    let (a, b) = (graph.add_source(), graph.add_source());
    let (outer, inner) = (graph.add_computation(false), graph.add_computation(false));
    graph.start(outer);
    graph.read(outer, a);
    graph.stamp = u32::MAX;
    graph.start(inner);
    graph.read(inner, a);
    graph.read(inner, b);
    graph.finish(inner, true);
    for dep in [a, b, inner, a, b] {
        graph.read(outer, dep);
    }
    graph.finish(outer, true);
    assert_eq!(graph.dependencies(outer).collect::<Vec<_>>(), [a, b, inner]);
    graph.check().expect("consistent");
}
