//! A Rust program that brings no interpreter and has its saves watched for, from start to end.
//!
//! One engine lives in a process, so this is one test, in the order in which a program goes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{fs, path::PathBuf, thread, time::Duration};

use hmr_cli::{
    embedding::{Saves, with_settings},
    interpreter,
    settings::Settings,
};
use hmr_module_graph::python::{Engine, embed};

/// The Python that this test is linked to.
fn python() -> PathBuf {
    let asked = std::env::var_os("PYO3_PYTHON").map(PathBuf::from);
    let python = interpreter::find(asked.as_deref()).unwrap();
    interpreter::check(&python, embed::linked_version()).unwrap();
    python.path
}

#[test]
fn a_program_brings_its_interpreter_and_takes_it_away() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| fs::write(folder.path().join(file), text).unwrap();
    let word = elsewhere.path().join("word.txt");
    fs::write(&word, "a").unwrap();
    write("pyproject.toml", "[tool.hmr]\ncode-readers = ['trace']\n");
    write(
        "main.py",
        &format!(
            "import atexit, pathlib, sys\nword = pathlib.Path({word:?}).read_text()\n\
             log = pathlib.Path(__file__).with_name('log')\n\
             log.write_text(word + ' ' + sys.executable)\n\
             atexit.register(lambda: log.write_text('ended'))\n"
        ),
    );
    let log = || fs::read_to_string(folder.path().join("log")).unwrap();
    let python = python();
    let settings = Settings::of(folder.path()).unwrap();
    let builder = Engine::builder().python(&python).root(folder.path());
    let program = with_settings(builder, settings)
        .file(folder.path().join("main.py"))
        .start()
        .unwrap();
    assert!(embed::is_initialized());

    let saves = Saves::of(&program).unwrap();
    assert!(program.run().unwrap().failures.is_empty());
    assert_eq!(log(), format!("a {}", python.display()));
    assert!(saves.next(Duration::ZERO).is_empty());

    fs::write(&word, "b").unwrap();
    let files = saves.wait().unwrap().unwrap();
    assert_eq!(files, [word.canonicalize().unwrap()]);
    assert_eq!(program.update(files).reran.len(), 1);
    assert_eq!(log(), format!("b {}", python.display()));

    let stopper = saves.stopper();
    let thread = thread::spawn(move || stopper.stop());
    assert_eq!(saves.wait().unwrap(), None);
    thread.join().unwrap();

    drop(program);
    assert!(!embed::is_initialized());
    assert_eq!(log(), "ended");
}
