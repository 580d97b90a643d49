//! A Python project in a directory of its own, and the ways in which editors save.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::SystemTime;

use tempfile::TempDir;

use crate::command::environment;
use crate::process::Hmr;

/// A project in a temporary directory, which goes when the project does.
#[derive(Debug)]
pub struct Project {
    directory: TempDir,
}

impl Project {
    /// Creates the project with `files`, each a path relative to it and a text.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("hmr-test-")
            .tempdir()
            .expect("a temporary directory can be made");
        let project = Self { directory };
        for (path, text) in files {
            project.save(path, text);
        }
        project
    }

    /// Copies the directory `from` with everything in it except bytecode.
    pub fn copy_of(from: &Path) -> Self {
        let project = Self::new(&[]);
        copy(from, &project.root());
        project
    }

    /// The project's directory, links resolved.
    pub fn root(&self) -> PathBuf {
        self.directory
            .path()
            .canonicalize()
            .expect("the project's directory is there")
    }

    /// The full path of `path`.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// The text of `path`.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Writes `text` over what is there, in one `write`, as most editors do.
    pub fn save(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a file has a directory")).expect("mkdir");
        fs::write(path, text).expect("the file can be written");
    }

    /// Writes a file beside `path` and renames it over `path`, as `PyCharm` and many others do.
    pub fn save_atomically(&self, path: &str, text: &str) {
        let beside = self.path(&format!("{path}.tmp4711"));
        fs::write(&beside, text).expect("the temporary file can be written");
        fs::rename(&beside, self.path(path)).expect("the rename works");
    }

    /// Saves as vim does with `backupcopy=no`: probes the directory with a file `4913`, moves the
    /// old file to `path~`, writes a new one, syncs it, and removes the old one.
    pub fn save_like_vim(&self, path: &str, text: &str) {
        let target = self.path(path);
        let backup = self.path(&format!("{path}~"));
        let probe = target.with_file_name("4913");
        File::create(&probe).expect("the probe can be written");
        fs::remove_file(&probe).expect("the probe can be removed");
        fs::rename(&target, &backup).expect("the rename works");
        let mut file = File::create(&target).expect("the file can be created");
        file.write_all(text.as_bytes())
            .expect("the file can be written");
        file.sync_all().expect("the file can be synced");
        drop(file);
        fs::remove_file(backup).expect("the backup can be removed");
    }

    /// Sets the modification time to now and leaves the bytes alone.
    pub fn touch(&self, path: &str) {
        File::options()
            .append(true)
            .open(self.path(path))
            .and_then(|file| file.set_modified(SystemTime::now()))
            .expect("the time can be set");
    }

    /// Deletes a file.
    pub fn delete(&self, path: &str) {
        fs::remove_file(self.path(path)).expect("the file can be deleted");
    }

    /// What plain `python` with `arguments` writes in the project's directory: the lines of its
    /// stdout and of its stderr. It is the oracle of many tests.
    ///
    /// The interpreter is the one that `hmr` runs programs with. It gets bytecode caches of its
    /// own: two saves of one length within a second have caches that look alike, so the oracle
    /// would be wrong with the project's.
    pub fn python(&self, arguments: &[&str]) -> (Vec<String>, Vec<String>) {
        let caches = tempfile::tempdir().expect("a temporary directory can be made");
        let output = environment(&mut Command::new(interpreter()))
            .args(arguments)
            .env("PYTHONPYCACHEPREFIX", caches.path())
            .current_dir(self.root())
            .stdin(Stdio::null())
            .output()
            .expect("the interpreter starts");
        let lines = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            text.lines()
                .map(|line| line.trim_end().to_owned())
                .collect()
        };
        (lines(&output.stdout), lines(&output.stderr))
    }

    /// Renames a file or a directory.
    pub fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).expect("the rename works");
    }
}

/// The interpreter that `hmr` runs programs with, as a program sees it.
fn interpreter() -> &'static str {
    static INTERPRETER: OnceLock<String> = OnceLock::new();
    INTERPRETER.get_or_init(|| {
        let project = Project::new(&[(
            "main.py",
            "import sys\nprint(sys.executable)\nprint('END')\n",
        )]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("END")
            .pop()
            .expect("the interpreter's path comes first")
    })
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("mkdir");
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let entry = entry.expect("the directory can be read");
        let target = to.join(entry.file_name());
        if entry.file_name() == "__pycache__" {
            continue;
        }
        if entry.file_type().expect("the entry has a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("the file can be copied");
        }
    }
}
