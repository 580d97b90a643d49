//! `hmr doctor`: what it finds, and what would keep a program from being reloaded.

use hmr_tests::{Hmr, Project};

fn doctor(project: &Project, arguments: &[&str]) -> (Option<i32>, Vec<String>, String) {
    let arguments: Vec<_> = ["doctor"].iter().chain(arguments).copied().collect();
    let mut hmr = Hmr::start(project, &arguments);
    let (status, stdout) = hmr.exit();
    (status.code(), stdout, hmr.log())
}

#[test]
fn a_project_that_is_well_is_described_and_not_run() {
    let project = Project::new(&[
        ("main.py", "import m\nprint('RAN')\n"),
        ("m.py", "X = 1\n"),
        ("pyproject.toml", "[tool.hmr]\ngranularity = 'statement'\n"),
    ]);
    let (status, lines, log) = doctor(&project, &["main.py"]);
    assert_eq!(status, Some(0), "{log}");
    let root = project.root();
    for line in [
        format!("program   main.py in {}", root.display()),
        format!("settings  {}", root.join("pyproject.toml").display()),
        "watched   Python files: 2, folders: 1".to_owned(),
        "result    nothing speaks against it".to_owned(),
    ] {
        assert!(lines.contains(&line), "no `{line}` in:\n{log}");
    }
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("python    ") && line.contains(", Python 3.")),
        "{log}"
    );
    assert!(!log.contains("RAN"), "{log}");
}

#[test]
fn without_a_program_the_rest_is_looked_at() {
    let (status, lines, log) = doctor(&Project::new(&[]), &[]);
    assert_eq!(status, Some(0), "{log}");
    assert!(lines[0].starts_with("hmr       0."), "{log}");
    assert!(
        lines.contains(&"program   none was named, as in `hmr doctor main.py`".to_owned()),
        "{log}"
    );
}

#[test]
fn what_would_keep_a_program_from_running_is_a_problem() {
    let project = Project::new(&[
        ("main.py", ""),
        ("pyproject.toml", "[tool.hmr]\nnonsense = 1\n"),
    ]);
    let (status, lines, log) = doctor(&project, &["main.py"]);
    assert_eq!(status, Some(1), "{log}");
    let problem = lines.last().expect("a line");
    assert!(
        problem.starts_with("problem   program: cannot use the settings in ")
            && problem.contains("line 2: tool.hmr has no setting named nonsense"),
        "{log}"
    );
    let (status, _, log) = doctor(&project, &["nosuch.py"]);
    assert_eq!(status, Some(1), "{log}");
    assert!(
        log.contains("problem   program: ") && log.contains("nosuch.py"),
        "{log}"
    );
}
