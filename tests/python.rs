//! A Python that can `import hmr` and that `hmr` does not run: what the package is to a program then.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

use crate::command::{cargo_build, environment, hmr_command, profile};

/// Runs `program` under plain Python, with the package `hmr` at hand and `folder` as its directory.
pub fn run_plain(folder: &Path, program: &str) -> Output {
    let (python, path) = plain_python();
    let mut command = Command::new(python);
    command.args(["-c", program]).current_dir(folder);
    environment(&mut command);
    if let Some(path) = path {
        command.env("PYTHONPATH", path);
    }
    command.output().expect("Python starts")
}

/// The interpreter, and where it finds the package if that is not installed in it.
fn plain_python() -> &'static (PathBuf, Option<PathBuf>) {
    static PYTHON: OnceLock<(PathBuf, Option<PathBuf>)> = OnceLock::new();
    PYTHON.get_or_init(|| match env::var_os("HMR_TEST_COMMAND") {
        Some(words) if !words.is_empty() => {
            let first = PathBuf::from(&hmr_command()[0]);
            let python = format!("python{}", env::consts::EXE_SUFFIX);
            (first.with_file_name(python), None)
        }
        _ => {
            let python = env::var_os("PYO3_PYTHON").map_or_else(|| "python3".into(), PathBuf::from);
            (python, Some(package()))
        }
    })
}

/// Makes a folder with the package as the wheel has it, its compiled part fresh.
fn package() -> PathBuf {
    cargo_build(&["-p", "hmr-python"]).unwrap_or_else(|why| panic!("{why}"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../python/hmr");
    let folder = profile().join("plain-python");
    let package = folder.join("hmr");
    fs::create_dir_all(&package).expect("a folder can be made below target");
    for file in fs::read_dir(source)
        .expect("the package is there")
        .flatten()
    {
        if file.path().is_file() {
            fs::copy(file.path(), package.join(file.file_name())).expect("files can be copied");
        }
    }
    let (prefix, suffix) = (env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
    let compiled = profile().join(format!("{prefix}_hmr{suffix}"));
    let ending = if cfg!(windows) { "pyd" } else { "so" };
    // Not overwritten in place: another test run may have it loaded.
    let there = package.join(format!("_hmr.{ending}"));
    let fresh = package.join(format!("_hmr.{}.new", std::process::id()));
    fs::copy(compiled, &fresh).expect("cargo has built it");
    fs::rename(fresh, there).expect("files can be renamed");
    folder
}
