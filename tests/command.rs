//! Which `hmr` the tests start, and in which environment.
//!
//! The binary of this workspace is found from the path of the running test, and `cargo build` is
//! asked once per test run to bring it up to date: a test that passes against yesterday's binary
//! says nothing.

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// Variables that would change what a program under test does, and are not the user's choice.
const UNSET: [&str; 7] = [
    "PYTHONUNBUFFERED",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONWARNINGS",
    "RUST_BACKTRACE",
];

/// The words of the command that starts `hmr`: `HMR_TEST_COMMAND`, or the workspace's binary.
pub fn hmr_command() -> &'static [String] {
    static COMMAND: OnceLock<Result<Vec<String>, String>> = OnceLock::new();
    let command = COMMAND.get_or_init(|| match env::var("HMR_TEST_COMMAND") {
        Ok(words) if !words.trim().is_empty() => {
            Ok(words.split_whitespace().map(str::to_owned).collect())
        }
        _ => build().map(|binary| vec![binary.to_string_lossy().into_owned()]),
    });
    // A build that failed is not tried again by every test.
    command.as_ref().unwrap_or_else(|why| panic!("{why}"))
}

/// Clears from `command`'s environment what must not reach the program under test.
pub fn environment(command: &mut Command) -> &mut Command {
    for name in UNSET {
        command.env_remove(name);
    }
    // Cargo tells the test about the test's own package; a user's shell has none of it.
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO") {
            command.env_remove(name);
        }
    }
    command
}

/// Brings the binary up to date and returns its path, or says why it cannot.
fn build() -> Result<PathBuf, String> {
    cargo_build(&["-p", "hmr-cli", "--bin", "hmr"])?;
    let binary = profile().join(format!("hmr{}", env::consts::EXE_SUFFIX));
    if binary.is_file() {
        Ok(binary)
    } else {
        Err(format!("cargo built no {}", binary.display()))
    }
}

/// Where cargo has put the running test's own build: `<target>/<profile>`.
pub(crate) fn profile() -> PathBuf {
    let test = env::current_exe().expect("the running test has a path");
    // <target>/<profile>/deps/it-0123456789abcdef
    let profile = test
        .ancestors()
        .nth(2)
        .expect("a test lies in <target>/<profile>/deps");
    profile.to_path_buf()
}

/// Has cargo build `what` as the running test was, or says why it cannot.
pub(crate) fn cargo_build(what: &[&str]) -> Result<(), String> {
    let profile = profile();
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet"])
        .args(what)
        .arg("--target-dir")
        .arg(
            profile
                .parent()
                .expect("a profile lies in a target directory"),
        )
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if profile.ends_with("release") {
        command.arg("--release");
    }
    let output = command.output().expect("cargo starts");
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cargo build {} failed:\n{errors}", what.join(" ")));
    }
    Ok(())
}
