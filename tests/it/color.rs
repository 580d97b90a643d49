//! Colour: never where nobody asked for it, and everywhere where somebody did.

use hmr_tests::{Hmr, Project};

fn project() -> Project {
    Project::new(&[
        ("m.py", "X = 1\n"),
        ("main.py", "import m\nprint('V', m.X)\n"),
    ])
}

/// What `hmr` writes for a save that works and for one that fails.
fn lines(variables: &[(&str, &str)], arguments: &[&str]) -> Vec<String> {
    let project = project();
    let mut hmr = Hmr::start_with(&project, &project.root(), variables, arguments);
    hmr.wait_stdout("V 1");
    project.save("m.py", "X = 2\n");
    let reran = hmr.wait_stderr("the report", |line| line.contains("m.py"));
    project.save("m.py", "X = 1 / 0\n");
    let raised = hmr.wait_stderr("the exception", |line| line.contains("ZeroDivisionError"));
    let failed = hmr.wait_stderr("the report", |line| line.contains("m.py ->"));
    vec![reran, raised, failed]
}

#[test]
fn nothing_is_in_colour_where_stderr_is_no_terminal() {
    for line in lines(&[], &["main.py"]) {
        assert!(!line.contains('\x1b'), "{line:?}");
    }
    for line in lines(&[("CLICOLOR_FORCE", "1")], &["--color", "never", "main.py"]) {
        assert!(!line.contains('\x1b'), "{line:?}");
    }
}

#[test]
fn nothing_else_that_hmr_writes_has_codes_or_letters_of_its_own() {
    for arguments in [
        &["--help"][..],
        &["graph", "--help"],
        &["doctor", "main.py"],
        &["--granularity", "line", "main.py"],
        &["--nonsense", "main.py"],
        &["nosuch.py"],
        &["graph", "main.py"],
        &["completions", "bash"],
    ] {
        let project = project();
        let mut hmr = Hmr::start(&project, arguments);
        hmr.exit();
        let log = hmr.log();
        assert!(log.lines().count() > 0, "{arguments:?}");
        assert!(!log.contains('\x1b'), "{arguments:?}: {log:?}");
        let is_ours = |line: &&str| !line.contains(&*project.root().to_string_lossy());
        let odd = log.lines().filter(is_ours).find(|line| !line.is_ascii());
        assert_eq!(odd, None, "{arguments:?}");
    }
}

#[test]
fn colour_that_was_asked_for_tells_outcomes_apart() {
    for lines in [
        lines(&[], &["--color", "always", "main.py"]),
        lines(&[("HMR_COLOR", "always")], &["main.py"]),
        lines(&[("CLICOLOR_FORCE", "1")], &["main.py"]),
    ] {
        assert!(lines[0].starts_with("\x1b[1;36mhmr\x1b[0m"), "{lines:?}");
        assert!(
            lines[0].contains("m.py -> \x1b[32mreran m, main\x1b[0m"),
            "{lines:?}"
        );
        assert!(
            lines[2].contains("\x1b[1;31mm failed (ZeroDivisionError)\x1b[0m"),
            "{lines:?}"
        );
    }
}

#[test]
fn a_traceback_is_in_colour_where_python_does_that() {
    let version =
        Project::new(&[]).python(&["-c", "import sys; print(sys.version_info >= (3, 13))"]);
    let lines = lines(&[], &["--color", "always", "main.py"]);
    let is_colored = lines[1].contains('\x1b');
    assert_eq!(
        version.0,
        [if is_colored { "True" } else { "False" }],
        "{lines:?}"
    );
}
