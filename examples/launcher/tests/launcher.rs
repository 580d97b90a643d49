//! The launcher is built, run on a program, and does what its source says.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

/// Nothing here takes a second; a machine that does everything at once may take some.
const LIMIT: Duration = Duration::from_mins(1);

struct Launcher {
    child: Child,
    lines: Receiver<String>,
}

impl Launcher {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_launcher"))
            .args(arguments)
            .current_dir(folder)
            .env("PYTHONUNBUFFERED", "1")
            .env_remove("PYTHONDONTWRITEBYTECODE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, lines }
    }

    #[track_caller]
    fn expect(&self, wanted: &[&str]) {
        for wanted in wanted {
            assert_eq!(self.line(), *wanted);
        }
    }

    #[track_caller]
    fn line(&self) -> String {
        self.lines.recv_timeout(LIMIT).expect("a line in time")
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_program_is_run_with_its_arguments_and_reloaded_by_saves() {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| fs::write(folder.path().join(file), text).unwrap();
    write("config.py", "HOST = 'one'\n");
    write(
        "main.py",
        "import sys\nfrom config import HOST\nprint(HOST, *sys.argv[1:])\n",
    );
    write("pyproject.toml", "[tool.hmr]\ngranularity = 'statement'\n");
    let launcher = Launcher::start(folder.path(), &["main.py", "--loud"]);
    launcher.expect(&["one --loud", "ran config __main__"]);

    write("config.py", "HOST = 'two'\n");
    launcher.expect(&["two --loud", "reloaded config __main__"]);

    write("config.py", "HOST = \n");
    launcher.expect(&["reloaded config"]);
    while launcher.line() != "SyntaxError: invalid syntax" {}
    launcher.expect(&[""]);
    write("config.py", "HOST = 'three'\n");
    launcher.expect(&["three --loud", "reloaded config __main__"]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_well_and_with_the_programs_hooks() {
    let folder = tempfile::tempdir().unwrap();
    let text = "import atexit\natexit.register(lambda: print('hook'))\n";
    fs::write(folder.path().join("main.py"), text).unwrap();
    let mut launcher = Launcher::start(folder.path(), &["main.py"]);
    launcher.expect(&["ran __main__"]);
    let kill = Command::new("kill")
        .args(["-INT", &launcher.child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    launcher.expect(&["hook"]);
    assert!(launcher.child.wait().unwrap().success());
}

#[test]
fn what_does_not_exist_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_launcher"))
        .arg("nosuch.py")
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("nosuch.py"), "{text}");
}
