//! [`Engine::builder`] in a process that has an interpreter, with batches of saves pushed by hand.
//!
//! One engine lives in a process, so this is one test, in the order in which a program goes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{cell::RefCell, fs, path::Path, rc::Rc};

use hmr_module_graph::{
    ModuleName, Update,
    python::{Engine, EntryError, Event, InstallError, StartError, embed},
};
use pyo3::prelude::*;

#[test]
fn a_program_is_built_run_and_updated_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| fs::write(folder.path().join(file), text).unwrap();
    let main = folder.path().join("main.py");
    what_cannot_start_says_why(folder.path());

    Python::initialize();
    write("config.py", "HOST = 'a'\n");
    write(
        "main.py",
        "import sys, pathlib, config\nseen = [config.HOST, *sys.argv[1:]]\n",
    );
    let log = Rc::new(RefCell::new(Vec::new()));
    let sink = Rc::clone(&log);
    let program = Engine::builder()
        .module("nothing")
        .file(&main)
        .argument("--loud")
        .root(folder.path().join("more"))
        .code_readers(["trace"])
        .on_event(move |event| sink.borrow_mut().push(told(event)))
        .start()
        .unwrap();
    assert!(log.borrow().is_empty(), "nothing has run yet");
    assert!(program.update([&main]).reran.is_empty(), "nor is known");
    log.borrow_mut().clear();

    let first = program.run().unwrap();
    assert_eq!(ran(&first), ["config", "__main__"]);
    assert_eq!(seen(), ["a", "--loud"]);
    assert!(matches!(program.run(), Err(EntryError::AlreadyRunning)));

    write("config.py", "HOST = 'b'\n");
    // A thread that is attached may call, too.
    let update = Python::attach(|_| program.update([folder.path().join("config.py")]));
    assert_eq!(ran(&update), ["config", "__main__"]);
    assert_eq!(seen(), ["b", "--loud"]);
    write("config.py", "HOST = 1 / 0\n");
    let update = program.update([folder.path().join("config.py")]);
    assert_eq!(update.failures[0].exception, "ZeroDivisionError");
    assert_eq!(
        program.engine().pending(),
        [ModuleName::new("config").unwrap()]
    );
    let config = "reloading config.py";
    assert_eq!(
        *log.borrow(),
        [
            "ran config __main__",
            config,
            "reloaded config __main__",
            config,
            "reloaded config"
        ]
    );

    let second = Engine::builder().file(&main).start();
    assert!(matches!(
        second,
        Err(StartError::Install(InstallError::AlreadyInstalled))
    ));
    let interpreter = Engine::builder().file(&main).python("python3").start();
    assert!(matches!(interpreter, Err(StartError::Embed(_))));

    drop(program);
    assert!(embed::is_initialized(), "it is not the program's to end");
    Python::attach(|py| assert!(py.import("sys").is_ok()));
}

/// Before there is an interpreter.
fn what_cannot_start_says_why(folder: &Path) {
    let nothing = Engine::builder().start();
    assert!(matches!(nothing, Err(StartError::NoEntry)));
    let missing = Engine::builder().file(folder.join("main.py")).start();
    let error = missing.unwrap_err();
    assert!(matches!(
        error,
        StartError::Entry(EntryError::NoSuchFile { .. })
    ));
    assert!(error.to_string().contains("main.py"), "{error}");
    let nobody = Engine::builder().module("json.tool").start();
    assert!(matches!(nobody, Err(StartError::NoInterpreter)));
}

fn told(event: &Event<'_>) -> String {
    match event {
        Event::Ran(update) => format!("ran {}", ran(update).join(" ")),
        Event::Reloading(files) => {
            let name = |file: &std::path::PathBuf| file.file_name().unwrap().display().to_string();
            let names: Vec<_> = files.iter().map(name).collect();
            format!("reloading {}", names.join(" "))
        }
        Event::Reloaded(update) => format!("reloaded {}", ran(update).join(" ")),
        other => panic!("{other:?}"),
    }
}

fn ran(update: &Update) -> Vec<&str> {
    let names = update.reran.iter();
    names.map(|rerun| rerun.module.as_str()).collect()
}

/// What the program has in `seen`.
fn seen() -> Vec<String> {
    Python::attach(|py| {
        let modules = py.import("sys").unwrap().getattr("modules").unwrap();
        let main = modules.get_item("__main__").unwrap();
        main.getattr("seen").unwrap().extract().unwrap()
    })
}
