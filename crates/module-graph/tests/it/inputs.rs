//! Inputs: who read a file, what a change of it marks, and when it is forgotten.

use std::cell::RefCell;

use hmr_module_graph::{Input, ModuleGraph, ModuleId, ModuleName};
use hmr_signals::graph::{self, Graph, Host, NodeId, State};

fn file(name: &str) -> Input {
    Input::File(name.into())
}

/// Modules that each read some inputs.
#[derive(Default)]
struct Program {
    graph: RefCell<ModuleGraph>,
    /// What the host finds changed when it is asked.
    changed: RefCell<Vec<Input>>,
    asked: RefCell<Vec<Input>>,
    ran: RefCell<Vec<String>>,
    reads: RefCell<Vec<(String, Vec<Input>)>>,
}

impl Program {
    fn load(&self, module: &str, inputs: Vec<Input>) -> ModuleId {
        self.reads.borrow_mut().retain(|(name, _)| name != module);
        self.reads.borrow_mut().push((module.into(), inputs));
        let name = ModuleName::new(module).unwrap();
        let id = self.graph.borrow_mut().add_module(name, None);
        self.run(id);
        self.ran.borrow_mut().clear();
        id
    }

    fn run(&self, id: ModuleId) {
        let module = self.graph.borrow().name(id).to_string();
        self.graph.borrow_mut().start(id);
        for (_, inputs) in self
            .reads
            .borrow()
            .iter()
            .filter(|(name, _)| *name == module)
        {
            for input in inputs {
                self.graph.borrow_mut().read_input(id, input);
            }
        }
        self.graph.borrow_mut().finish(id);
        self.ran.borrow_mut().push(module);
    }

    fn settle(&self, id: ModuleId) -> Vec<String> {
        let load = self.graph.borrow().load(id);
        graph::settle(self, load).unwrap();
        self.ran.take()
    }
}

impl Host for Program {
    fn graph<R>(&self, f: impl FnOnce(&mut Graph) -> R) -> R {
        f(self.graph.borrow_mut().core())
    }

    fn recompute(&self, node: NodeId) {
        let module = self.graph.borrow().owner(node).unwrap();
        self.run(module);
    }

    fn commit(&self, source: NodeId) -> bool {
        let input = self.graph.borrow().input(source).unwrap().clone();
        self.asked.borrow_mut().push(input.clone());
        self.changed.borrow().contains(&input)
    }
}

#[test]
fn a_written_input_reruns_its_readers_if_the_host_finds_it_changed() {
    let program = Program::default();
    let one = program.load("one", vec![file("a"), file("b")]);
    let two = program.load("two", vec![file("b")]);

    assert!(program.graph.borrow_mut().input_written(&file("b")));
    assert_eq!(program.settle(one), Vec::<String>::new());
    assert_eq!(program.settle(two), Vec::<String>::new());
    assert_eq!(program.asked.take(), [file("b")], "asked once, for both");

    program.changed.borrow_mut().push(file("b"));
    program.graph.borrow_mut().input_written(&file("b"));
    assert_eq!(program.settle(one), ["one"]);
    assert_eq!(program.settle(two), ["two"]);
    assert!(
        !program.graph.borrow_mut().input_written(&file("c")),
        "nobody read it"
    );
}

#[test]
fn the_file_the_listing_and_the_existence_of_a_path_are_three_inputs() {
    let program = Program::default();
    let probes = program.load("probes", vec![Input::Existence("a".into())]);
    let lists = program.load("lists", vec![Input::Listing("a".into())]);
    let graph = program.graph.borrow();
    assert_eq!(graph.input_readers(&Input::Existence("a".into())), [probes]);
    assert_eq!(graph.input_readers(&Input::Listing("a".into())), [lists]);
    assert_eq!(graph.input_readers(&file("a")), []);
}

#[test]
fn a_change_that_a_load_finds_reruns_the_others() {
    let program = Program::default();
    let one = program.load("one", vec![file("a")]);
    let two = program.load("two", vec![file("a")]);

    program.graph.borrow_mut().begin_batch();
    program
        .graph
        .borrow_mut()
        .input_changed(&file("a"), Some(two));
    assert_eq!(program.graph.borrow().state(two), State::Clean);
    assert_eq!(program.graph.borrow().changed_inputs(one), [file("a")]);
    assert_eq!(program.settle(one), ["one"]);
}

#[test]
fn an_input_that_nobody_reads_any_more_is_forgotten() {
    let program = Program::default();
    program.load("one", vec![file("a"), file("b")]);
    program.load("two", vec![file("b")]);
    program.load("one", vec![file("c")]);

    let mut graph = program.graph.borrow_mut();
    assert_eq!(graph.forget_unread_inputs(), [file("a")]);
    assert_eq!(graph.inputs(), [&file("b"), &file("c")]);
    assert_eq!(graph.forget_unread_inputs(), []);
}

#[test]
fn two_thousand_files_that_take_turns_leave_nothing_behind() {
    let program = Program::default();
    program.load("one", vec![file("0")]);
    let nodes = program.graph.borrow_mut().core().node_count();
    let edges = program.graph.borrow_mut().core().edge_count();
    for n in 1..2_000 {
        program.load("one", vec![file(&n.to_string())]);
        program.graph.borrow_mut().forget_unread_inputs();
    }
    let mut graph = program.graph.borrow_mut();
    assert_eq!(graph.core().node_count(), nodes);
    assert_eq!(graph.core().edge_count(), edges);
    assert_eq!(graph.inputs().len(), 1);
}

#[test]
fn what_was_read_since_a_run_began_is_known() {
    let program = Program::default();
    let old = program.load("old", vec![file("a")]);
    let name = ModuleName::new("writer").unwrap();
    let writer = program.graph.borrow_mut().add_module(name, None);
    let mut graph = program.graph.borrow_mut();
    graph.start(writer);
    assert!(
        !graph.has_read_input_since(writer, &file("a")),
        "it was before"
    );
    graph.read_input(writer, &file("a"));
    assert!(graph.has_read_input_since(writer, &file("a")));
    assert!(!graph.has_read_since(writer, old));
    graph.finish(writer);
}
