//! Which Python the stand-alone binary takes, and what it does with one that it cannot start itself.
//!
//! The Pythons here are scripts that say that they are of a version which does not exist yet, so that
//! nobody can embed them.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// What is said when its modules are asked for.
const HAS_HMR: &str = "own\npip";
const HAS_ANOTHER_HMR: &str = "foreign\npip";
const HAS_PIP: &str = "none\npip";
const HAS_NOTHING: &str = "none\nnone";

struct Machine(TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(machine.path("project/src")).unwrap();
        fs::write(machine.path("project/src/main.py"), "print('RAN')\n").unwrap();
        machine
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(path)
    }

    /// An interpreter at `path`, which says that it is of `version`.
    fn python_of(&self, path: &str, version: &str, modules: &str) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let own = path.display();
        let script = format!(
            "#!/bin/sh\ncase $1 in\n-I) echo {version}; echo {own};;\n-P) printf '{modules}\\n';;\n\
             *) shift 2; echo \"own hmr of {own}: $*\"; exit 7;;\nesac\n"
        );
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn python(&self, path: &str) -> PathBuf {
        self.python_of(path, "3.99", HAS_HMR)
    }

    /// An environment in `folder`, and its interpreter.
    fn environment(&self, folder: &str) -> PathBuf {
        let python = self.python(&format!("{folder}/bin/python"));
        fs::write(self.path(folder).join("pyvenv.cfg"), "version = 3.99.1\n").unwrap();
        python
    }

    /// Runs `hmr` in the project's folder of sources, with nothing on `PATH` but what is in `bin`.
    fn hmr(&self, variables: &[(&str, &Path)], arguments: &[&str]) -> (i32, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_hmr"))
            .args(arguments)
            .current_dir(self.path("project/src"))
            .env_clear()
            .env("PATH", self.path("bin"))
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        (output.status.code().unwrap(), text)
    }

    /// The first line that `hmr doctor` says of the Python.
    fn chosen(&self, variables: &[(&str, &Path)], arguments: &[&str]) -> String {
        let arguments: Vec<_> = ["doctor"].iter().chain(arguments).copied().collect();
        let (_, text) = self.hmr(variables, &arguments);
        let line = text.lines().find(|line| line.starts_with("python    "));
        line.unwrap_or(&text).replace("python    ", "")
    }
}

fn found(python: &Path, why: &str) -> String {
    format!("{}, Python 3.99, {why}", python.display())
}

#[test]
fn each_place_comes_before_the_next_one() {
    let machine = Machine::new();
    let asked = "named by --python or HMR_PYTHON";
    let (flag, named) = (machine.python("flag/python3"), machine.python("named/py"));
    let active = machine.environment("active");
    let conda = machine.python("conda/bin/python");
    let on_path = machine.python("bin/python3");
    let folder = |python: &Path| python.ancestors().nth(2).unwrap().to_path_buf();
    let (active_folder, conda_folder) = (folder(&active), folder(&conda));
    let empty = Path::new("");

    let all: [(&str, &Path); 3] = [
        ("HMR_PYTHON", &named),
        ("VIRTUAL_ENV", &active_folder),
        ("CONDA_PREFIX", &conda_folder),
    ];
    let nearest = machine.environment("project/.venv");
    let option = ["--python", flag.to_str().unwrap()];
    assert_eq!(machine.chosen(&all, &option), found(&flag, asked));
    assert_eq!(machine.chosen(&all, &[]), found(&named, asked));
    assert_eq!(
        machine.chosen(&all[1..], &[]),
        found(&active, "of the active virtual environment")
    );
    let of_nearest = "of the nearest virtual environment";
    assert_eq!(
        machine.chosen(&all[2..], &[]),
        found(&nearest, of_nearest),
        "above the working directory"
    );
    let nearer = machine.environment("project/src/venv");
    assert_eq!(machine.chosen(&all[2..], &[]), found(&nearer, of_nearest));
    fs::remove_dir_all(machine.path("project/src/venv")).unwrap();
    fs::remove_dir_all(machine.path("project/.venv")).unwrap();
    assert_eq!(
        machine.chosen(&all[2..], &[]),
        found(&conda, "of the active conda environment")
    );
    for unsaid in [
        vec![],
        vec![("VIRTUAL_ENV", empty), ("CONDA_PREFIX", empty)],
    ] {
        assert_eq!(
            machine.chosen(&unsaid, &[]),
            found(&on_path, "the first on PATH")
        );
    }
    fs::rename(&on_path, machine.path("bin/python")).unwrap();
    assert!(machine.chosen(&[], &[]).ends_with("the first on PATH"));
    fs::remove_file(machine.path("bin/python")).unwrap();
    assert!(
        machine
            .hmr(&[], &["doctor"])
            .1
            .contains("there is no Python")
    );
}

#[test]
fn an_environment_that_is_gone_is_passed_over_and_one_that_was_asked_for_is_not() {
    let machine = Machine::new();
    let on_path = machine.python("bin/python3");
    let gone = machine.path("gone");
    assert_eq!(
        machine.chosen(&[("VIRTUAL_ENV", &gone)], &[]),
        found(&on_path, "the first on PATH")
    );
    let (status, text) = machine.hmr(&[("HMR_PYTHON", &gone)], &["main.py"]);
    assert_eq!(status, 2, "{text}");
    assert!(
        text.contains(&format!("cannot use {} as the Python", gone.display())),
        "{text}"
    );
}

#[test]
fn another_version_runs_its_own_hmr_with_all_that_was_said() {
    let machine = Machine::new();
    let python = machine.environment("project/.venv");
    let ran = format!("own hmr of {}: ", python.display());
    let (status, text) = machine.hmr(&[], &["--quiet", "main.py", "--quiet", "a b"]);
    assert_eq!(
        (status, text),
        (7, format!("{ran}--quiet main.py --quiet a b\n"))
    );
    let (_, text) = machine.hmr(&[], &["graph", "main.py"]);
    assert_eq!(text, format!("{ran}graph main.py\n"));
    let (status, text) = machine.hmr(&[], &["doctor"]);
    assert_eq!(status, 0, "{text}");
    assert!(
        text.contains("python    of another version: its own hmr takes over"),
        "{text}"
    );
}

#[test]
fn another_version_without_hmr_is_told_the_one_command() {
    let machine = Machine::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap();
    let source = source.display();
    for (modules, found) in [
        (HAS_PIP, "it has no hmr of its own"),
        (
            HAS_ANOTHER_HMR,
            "the package hmr that it has is another one",
        ),
    ] {
        let python = machine.python_of("bin/python3", "3.99", modules);
        let python = python.display();
        let (status, text) = machine.hmr(&[], &["main.py"]);
        assert_eq!(status, 2, "{text}");
        assert!(
            text.contains(&format!(
                "{python} is Python 3.99, and this program was built for"
            )) && text.contains(&format!(
                "{found}: install one by `{python} -m pip install {source}`"
            )),
            "{text}"
        );
    }
    let python = machine.python_of("bin/python3", "3.99", HAS_NOTHING);
    let (_, text) = machine.hmr(&[], &["main.py"]);
    assert!(
        text.contains(&format!(
            "`uv pip install --python {} {source}`",
            python.display()
        )),
        "{text}"
    );
    machine.python_of("bin/python3", "3.9", HAS_NOTHING);
    let (_, text) = machine.hmr(&[], &["main.py"]);
    assert!(text.contains("hmr needs Python 3.11 or newer"), "{text}");
}
