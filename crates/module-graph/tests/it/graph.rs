//! Which modules run after a change, in which order, and what the graph says about them.

use std::path::Path;

use hmr_module_graph::{ModuleGraph, ModuleName, Read};

use crate::program::{Program, reads};

fn config_mail_main() -> Program {
    let program = Program::default();
    program.save("config", vec![("HOST", 1, vec![]), ("PORT", 2, vec![])]);
    program.save("mail", vec![("SENDER", 0, reads("config.HOST"))]);
    program.save("main", vec![("RESULT", 0, reads("mail.SENDER"))]);
    program
}

#[test]
fn a_changed_name_reruns_its_readers_deepest_first() {
    let program = config_mail_main();
    program.save("config", vec![("HOST", 5, vec![]), ("PORT", 2, vec![])]);
    assert_eq!(program.settle("main"), "config mail main");
    assert_eq!(program.value("main", "RESULT"), 5);
}

#[test]
fn a_name_that_nobody_read_reruns_its_own_module_only() {
    let program = config_mail_main();
    program.save("config", vec![("HOST", 1, vec![]), ("PORT", 9, vec![])]);
    assert_eq!(program.settle("main"), "config");
}

#[test]
fn an_equal_value_stops_the_rerun_there() {
    let program = config_mail_main();
    program.save(
        "mail",
        vec![(
            "SENDER",
            -4,
            reads("config.HOST config.HOST config.HOST config.HOST config.HOST"),
        )],
    );
    assert_eq!(program.settle("main"), "mail");
}

#[test]
fn a_name_that_appears_reruns_who_had_found_it_missing() {
    let program = Program::default();
    program.save("config", vec![]);
    program.save("main", vec![("RESULT", 0, reads("config.LATER"))]);
    program.save("config", vec![("LATER", 3, vec![])]);
    assert_eq!(program.settle("main"), "config main");
    assert_eq!(program.value("main", "RESULT"), 3);
}

#[test]
fn each_module_of_a_diamond_runs_once() {
    let program = Program::default();
    program.save("leaf", vec![("X", 1, vec![])]);
    program.save("left", vec![("X", 0, reads("leaf.X"))]);
    program.save("right", vec![("X", 0, reads("leaf.X"))]);
    program.save("top", vec![("X", 0, reads("left.X right.X"))]);
    program.save("leaf", vec![("X", 2, vec![])]);
    assert_eq!(program.settle("top"), "leaf left right top");
    assert_eq!(program.value("top", "X"), 4);
}

#[test]
fn a_thousand_modules_that_all_changed_run_one_after_the_other() {
    let program = Program::default();
    let name = |n: usize| format!("m{n}");
    program.save("m0", vec![("X", 1, vec![])]);
    for n in 1..1_000 {
        program.save(&name(n), vec![("X", 0, vec![(name(n - 1), "X")])]);
    }
    program.save("m0", vec![("X", 7, vec![])]);
    for n in 1..1_000 {
        program.save(&name(n), vec![("X", 1, vec![(name(n - 1), "X")])]);
    }
    let ran = program.settle("m999");
    let expected: Vec<_> = (0..1_000).map(name).collect();
    assert_eq!(ran, expected.join(" "));
    assert_eq!(program.value("m999", "X"), 7 + 999);
    assert_eq!(program.deepest.get(), 1, "no run may be nested in another");
}

#[test]
fn the_graph_says_who_read_what() {
    let program = config_mail_main();
    let [config, mail, main] = ["config", "mail", "main"].map(|name| program.id(name));
    program.with(|graph| {
        assert_eq!(graph.readers(config, Read::Name("HOST")), [mail]);
        assert_eq!(graph.readers(config, Read::Name("PORT")), []);
        assert_eq!(graph.readers(config, Read::Name("ABSENT")), []);
        assert_eq!(graph.imports(main), [mail]);
        assert_eq!(graph.find("mail"), Some(mail));
        assert_eq!(graph.find("ma..il"), None);
    });
}

#[test]
fn a_run_that_raised_depends_on_what_the_last_good_one_read_too() {
    let mut graph = ModuleGraph::default();
    let add = |graph: &mut ModuleGraph, name: &str| {
        graph.add_module(ModuleName::new(name).expect("a name"), None)
    };
    let [old, new, both, m] = ["old", "new", "both", "m"].map(|name| add(&mut graph, name));
    graph.start(m);
    graph.read(m, both, Read::Name("X"));
    graph.read(m, old, Read::Name("X"));
    graph.finish(m);
    graph.start(m);
    graph.read(m, new, Read::Name("X"));
    graph.read(m, both, Read::Name("X"));
    graph.abort(m);
    assert_eq!(graph.imports(m), [new, both, old]);

    graph.start(m);
    graph.read(m, new, Read::Name("X"));
    graph.finish(m);
    assert_eq!(graph.imports(m), [new]);
}

#[test]
fn modules_are_found_by_the_last_part_of_their_names() {
    let mut graph = ModuleGraph::default();
    let add = |graph: &mut ModuleGraph, name: &str| {
        graph.add_module(ModuleName::new(name).expect("a name"), None)
    };
    let first = add(&mut graph, "app.mail");
    add(&mut graph, "app.mailbox");
    assert_eq!(graph.with_tail("mail"), [first]);
    // What comes after the first question counts too.
    let second = add(&mut graph, "mail");
    add(&mut graph, "mail.app");
    assert_eq!(graph.with_tail("mail"), [first, second]);
    assert!(graph.with_tail("app.mail").is_empty());
}

#[test]
fn folders_are_those_that_modules_have_been_in() {
    let mut graph = ModuleGraph::default();
    for (name, path) in [("a", "x/a.py"), ("b", "x/b.py"), ("c", "y/c.py")] {
        graph.add_module(ModuleName::new(name).expect("a name"), Some(path.into()));
    }
    let mut folders: Vec<_> = graph.folders().collect();
    folders.sort_unstable();
    assert_eq!(folders, [Path::new("x"), Path::new("y")]);
}
