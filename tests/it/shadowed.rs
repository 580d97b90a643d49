//! A project's file may be called as a module of the standard library: `hmr` never imports it.

use hmr_tests::{Hmr, Project};

const READER: &str = "from m import X\nprint('V', X)\n";

#[test]
fn a_project_with_a_signal_module_is_reloaded() {
    expect_reloads_beside("signal.py");
}

#[test]
fn a_project_with_a_select_module_is_reloaded() {
    expect_reloads_beside("select.py");
}

#[test]
fn a_project_with_a_traceback_module_is_reloaded() {
    expect_reloads_beside("traceback.py");
}

#[test]
fn a_project_with_an_opcode_module_is_reloaded() {
    expect_reloads_beside("opcode.py");
}

/// Reloads, a traceback in between and the end, with a `file` that nobody may import.
#[track_caller]
fn expect_reloads_beside(file: &str) {
    let project = Project::new(&[
        (file, "raise RuntimeError('imported by hmr')\n"),
        ("m.py", "X = 1\n"),
        ("main.py", READER),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.save("m.py", "X = 2\n").expect(&["m", "main"], &["V 2"]);

    let reload = hmr.save("m.py", "X = 1 / 0\n");
    reload.expect_failure("m", "ZeroDivisionError");
    assert_eq!(
        reload.stderr.first().map(String::as_str),
        Some("Traceback (most recent call last):"),
        "{}",
        reload.log
    );
    assert_eq!(
        reload.traceback_files(),
        [project.path("m.py").display().to_string()],
        "{}",
        reload.log
    );
    hmr.save("m.py", "X = = 3\n")
        .expect_failure("m", "SyntaxError");

    hmr.save("m.py", "X = 3\n").expect(&["m", "main"], &["V 3"]);
    assert!(!hmr.log().contains("imported by hmr"), "{}", hmr.log());
}
