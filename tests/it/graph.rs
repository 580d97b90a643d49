//! `hmr graph`: who reads which name, for people and other tools.

use hmr_tests::{Hmr, Project};

fn project() -> Project {
    Project::new(&[
        ("config.py", "HOST = 'a'\n"),
        ("mail.py", "from config import HOST\n"),
        ("main.py", "import mail\nprint('V', mail.HOST)\n"),
    ])
}

/// What `hmr graph` with `arguments` writes to stdout, and its status.
fn graph(project: &Project, arguments: &[&str]) -> (Option<i32>, Vec<String>, String) {
    let arguments: Vec<_> = ["graph"].iter().chain(arguments).copied().collect();
    let mut hmr = Hmr::start(project, &arguments);
    let (status, stdout) = hmr.exit();
    (status.code(), stdout, hmr.log())
}

#[test]
fn a_graph_is_all_that_stdout_has() {
    let project = project();
    let (status, stdout, log) = graph(&project, &["--format", "mermaid", "main.py"]);
    assert_eq!(status, Some(0), "{log}");
    assert_eq!(
        stdout,
        [
            "flowchart LR",
            "    m0[\"__main__\"]",
            "    m1[\"config\"]",
            "    m2[\"mail\"]",
            "    m0 -->|\"HOST, import\"| m2",
            "    m2 -->|\"HOST, import\"| m1",
        ],
        "{log}"
    );
    assert!(log.contains("stderr  V a"), "{log}");

    let (_, stdout, log) = graph(&project, &["main.py"]);
    assert_eq!(stdout[0], "digraph modules {", "{log}");
    assert!(
        stdout.contains(&"    \"mail\" -> \"config\" [label=\"HOST, import\"];".to_owned()),
        "{log}"
    );
    let (_, stdout, log) = graph(&project, &["-f", "json", "main.py"]);
    assert!(stdout[0].starts_with("{\"modules\":["), "{log}");
    assert_eq!(stdout.len(), 1, "{log}");
}

#[test]
fn a_file_gets_the_format_of_its_ending_and_the_program_its_stdout() {
    let project = project();
    let (status, stdout, log) = graph(&project, &["-o", "graph.html", "main.py"]);
    assert_eq!(status, Some(0), "{log}");
    assert_eq!(stdout, ["V a"], "{log}");
    let page = project.read("graph.html");
    assert!(page.starts_with("<!DOCTYPE html>"), "{page}");
    assert!(
        page.contains("\"reads\":{\"config\":[\"HOST\",\"import\"]}"),
        "{page}"
    );
}

#[test]
fn a_module_is_drawn_with_its_arguments() {
    let project = Project::new(&[("pkg/tool.py", "import sys\nprint(sys.argv[1:])\n")]);
    let (status, stdout, log) = graph(&project, &["-o", "g.json", "-m", "pkg.tool", "--x"]);
    assert_eq!(status, Some(0), "{log}");
    assert_eq!(stdout, ["['--x']"], "{log}");
    assert!(project.read("g.json").contains("__main__"));
}

#[test]
fn a_program_that_fails_is_drawn_as_far_as_it_came() {
    let project = project();
    project.save("main.py", "import mail\nmail.HOST\n1 / 0\n");
    let (status, stdout, log) = graph(&project, &["-f", "mermaid", "main.py"]);
    assert_eq!(status, Some(1), "{log}");
    assert!(log.contains("ZeroDivisionError"), "{log}");
    assert!(
        stdout.contains(&"    m0 -->|\"HOST, import\"| m2".to_owned()),
        "{log}"
    );
}

#[cfg(unix)]
#[test]
fn a_program_that_does_not_end_is_drawn_when_ctrl_c_ends_it() {
    let project = project();
    let main = "import mail, sys, time\nprint('V', mail.HOST, file=sys.stderr, flush=True)\n\
        while True: time.sleep(0.01)\n";
    project.save("main.py", main);
    let mut hmr = Hmr::start(&project, &["graph", "-f", "mermaid", "main.py"]);
    hmr.wait_stderr("that it runs", |line| line == "V a");
    hmr.interrupt();
    let (status, stdout) = hmr.exit();
    assert_eq!(status.code(), Some(0), "{}", hmr.log());
    assert!(!hmr.log().contains("Traceback"), "{}", hmr.log());
    assert!(
        stdout.contains(&"    m0 -->|\"HOST, import\"| m2".to_owned()),
        "{}",
        hmr.log()
    );
}

#[test]
fn a_program_that_is_not_there_is_said() {
    let project = project();
    let (status, stdout, log) = graph(&project, &["nosuch.py"]);
    assert_eq!(status, Some(2), "{log}");
    assert!(stdout.is_empty() && log.contains("nosuch.py"), "{log}");
}
