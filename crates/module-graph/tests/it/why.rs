//! Why a module ran: in words, and back to the edit.

use hmr_module_graph::{ModuleName, Reason, Rerun};

use crate::program::{Program, reads};

fn name(text: &str) -> ModuleName {
    ModuleName::new(text).unwrap()
}

fn why(program: &Program, module: &str) -> Option<String> {
    let update = program.update();
    update.why(&name(module)).map(|chain| chain.to_string())
}

#[test]
fn a_chain_goes_back_to_the_edit() {
    let program = Program::default();
    program.save("config", vec![("HOST", 1, vec![]), ("PORT", 1, vec![])]);
    program.save("mail", vec![("SENDER", 0, reads("config.HOST"))]);
    program.save("other", vec![("X", 0, reads("config.PORT"))]);
    program.save("main", vec![("R", 0, reads("other.X mail.SENDER"))]);
    program.save("config", vec![("HOST", 2, vec![]), ("PORT", 1, vec![])]);
    assert_eq!(program.settle("main"), "config mail main");

    let chain = why(&program, "main").unwrap();
    assert_eq!(
        chain,
        "reran main: it read mail.SENDER; mail: it read config.HOST; config: it was edited"
    );
    assert_eq!(
        why(&program, "config").unwrap(),
        "reran config: it was edited"
    );
    assert_eq!(why(&program, "other"), None);
    let update = program.update();
    assert_eq!(update.why(&name("main")).unwrap().steps().len(), 3);
    assert_eq!(update.reran[0].changed, ["HOST"]);
}

#[test]
fn a_chain_speaks_of_its_own_batch_only() {
    let program = Program::default();
    program.save("a", vec![("X", 1, vec![])]);
    program.save("b", vec![("X", 0, reads("a.X"))]);
    program.save("a", vec![("X", 2, vec![])]);
    program.settle("b");
    program.save("b", vec![("X", 1, reads("a.X"))]);
    program.settle("b");
    assert_eq!(why(&program, "b").unwrap(), "reran b: it was edited");
    assert_eq!(why(&program, "a"), None);
}

#[test]
fn every_kind_of_reason_has_its_words() {
    let read =
        |names: &[&str]| Reason::Read(names.iter().map(|n| (name("m"), (*n).to_owned())).collect());
    for (reason, words) in [
        (Reason::Imported, "it was imported for the first time"),
        (Reason::Edited, "it was edited"),
        (Reason::Retried, "its last run failed"),
        (read(&["X"]), "it read m.X"),
        (read(&["*"]), "it read all names of m"),
        (read(&[""]), "it imported m"),
        (read(&["C.f()"]), "it called m.C.f"),
        (read(&["A", "B", "C"]), "it read m.A, read m.B, read m.C"),
        (
            read(&["A", "f()", "C", "D", "E"]),
            "it read m.A, called m.f, read m.C and 2 more",
        ),
    ] {
        let rerun = Rerun::new(name("services.mail"), reason, Vec::new());
        assert_eq!(rerun.to_string(), format!("reran services.mail: {words}"));
    }
}
