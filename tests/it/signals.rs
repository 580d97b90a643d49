//! A signal does what the program's handler says, whether `hmr` waits or the program runs.

use hmr_tests::{Hmr, Project};

#[test]
fn a_handler_that_exits_while_idle_says_the_status() {
    let project = Project::new(&[("main.py", &handled("sys.exit(7)", 1))]);
    let mut hmr = idle_with(&project, "sys.exit(7)");
    hmr.terminate();

    let (status, stdout) = hmr.exit();
    assert_eq!(status.code(), Some(7), "{}", hmr.log());
    assert!(stdout.is_empty(), "{}", hmr.log());
    assert!(!hmr.log().contains("Traceback"), "{}", hmr.log());
}

#[test]
fn a_handler_that_raises_while_idle_ends_the_program_with_its_traceback() {
    let project = Project::new(&[("main.py", &handled("1 / 0", 1))]);
    let mut hmr = idle_with(&project, "1 / 0");
    hmr.terminate();

    hmr.wait_stderr("the traceback", |line| {
        line == "Traceback (most recent call last):"
    });
    hmr.wait_stderr("the exception", |line| {
        line == "ZeroDivisionError: division by zero"
    });
    let (status, _) = hmr.exit();
    assert_eq!(status.code(), Some(1), "{}", hmr.log());
}

/// A program that does `action` on SIGTERM and prints `value`.
fn handled(action: &str, value: u32) -> String {
    format!(
        "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: {action})\nprint('V', {value})\n"
    )
}

/// Nothing of a reload is left to do when its report is there: `hmr` waits, or is about to.
#[track_caller]
fn idle_with<'p>(project: &'p Project, action: &str) -> Hmr<'p> {
    let mut hmr = Hmr::start(project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.save("main.py", &handled(action, 2))
        .expect(&["main"], &["V 2"]);
    hmr
}

/// Half a minute in short sleeps: a signal that arrives just before a long one begins would be seen
/// only when that is over.
const SLOW: &str =
    "import time\nprint('slow', flush=True)\nfor _ in range(3000):\n    time.sleep(0.01)\n";

#[test]
fn ctrl_c_during_a_reload_fails_that_module_and_nothing_else() {
    let slow = format!("{SLOW}X = 2\n");
    let project = Project::new(&[
        ("m.py", "X = 1\n"),
        ("mid.py", "from m import X\nprint('mid')\n"),
        ("main.py", "import mid\nprint('V', mid.X)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(hmr.wait_stdout("V 1"), ["mid"]);

    project.save("m.py", &slow);
    hmr.wait_stdout("slow");
    hmr.interrupt();
    let reload = hmr.wait_report("m.py");
    reload.expect_failure("m", "KeyboardInterrupt");
    assert!(reload.ran.is_empty(), "{}", reload.log);
    assert!(hmr.is_alive());

    hmr.save("m.py", "X = 3\n")
        .expect(&["m", "mid", "main"], &["mid", "V 3"]);
}

#[test]
fn ctrl_c_during_the_first_run_ends_the_program_as_interrupted() {
    let project = Project::new(&[("main.py", &format!("{SLOW}print('never')\n"))]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("slow");
    hmr.interrupt();

    let (status, stdout) = hmr.exit();
    assert_eq!(status.code(), Some(130), "{}", hmr.log());
    assert!(stdout.is_empty(), "{}", hmr.log());
}

#[test]
fn ctrl_c_during_a_rerun_of_a_program_that_ends_stops_that_rerun() {
    let project = Project::new(&[
        ("m.py", "X = 1\n"),
        ("main.py", "import m\nprint('V', m.X)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    project.save("main.py", &format!("import m\n{SLOW}print('never')\n"));
    hmr.wait_stdout("slow");
    hmr.interrupt();
    hmr.wait_stderr("that it was stopped", |line| {
        line.contains("main failed (KeyboardInterrupt)")
    });
    hmr.save("main.py", "import m\nprint('W', m.X)\n")
        .expect(&["main"], &["W 1"]);
    hmr.save("m.py", "X = 2\n").expect(&["m", "main"], &["W 2"]);
    // While it waits it is ended as ever.
    hmr.interrupt();
    assert_eq!(hmr.exit().0.code(), Some(0), "{}", hmr.log());
}

#[test]
fn ctrl_c_ends_a_program_that_goes_on_after_its_first_run_has_failed() {
    let project = Project::new(&[("main.py", "1 / 0\n")]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_failure("ZeroDivisionError");
    // There is no good state yet that it could be on.
    hmr.save("main.py", "1 / 0 # again\n");
    assert!(!hmr.log().contains("last good state"), "{}", hmr.log());

    project.save("main.py", &format!("{SLOW}print('never')\n"));
    hmr.wait_stdout("slow");
    hmr.interrupt();
    let (status, stdout) = hmr.exit();
    assert_eq!(status.code(), Some(130), "{}", hmr.log());
    assert!(stdout.is_empty(), "{}", hmr.log());
    assert!(!hmr.log().contains("(KeyboardInterrupt)"), "{}", hmr.log());
}
