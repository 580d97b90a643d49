//! What was typed on the command line, before it means anything.

use std::{ffi::OsString, path::PathBuf};

use clap::Parser;

use crate::settings::Typed;

/// Run a Python program and, after each save, rerun only what the change reaches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Parser)]
#[command(
    name = "hmr",
    version,
    override_usage = "hmr [OPTIONS] <FILE|FOLDER> [ARGS]...\n       hmr [OPTIONS] -m <MODULE> [ARGS]...\n       hmr graph [OPTIONS] <FILE|FOLDER> [ARGS]...",
    after_help = "\
The program runs as under `python`: same __main__, sys.argv and sys.path. When its last statement
has run, hmr stays and watches; Ctrl-C ends it. The program's output is its own: hmr writes one line
per reload to stderr.

  hmr main.py --verbose      run a script; what follows its name is its own
  hmr -m package.tool        run a module, as `python -m` does
  hmr graph main.py          write who reads which name of which module; see `hmr graph --help`
  hmr doctor main.py         say what hmr finds here and what would keep it from working
  hmr completions bash       write completions for a shell; `hmr man` writes the man page"
)]
pub struct Args {
    /// Write one JSON object per event to this file, or to the open file descriptor of this number
    #[arg(long, value_name = "FILE|FD", env = "HMR_EVENTS")]
    pub events: Option<String>,

    /// The Python to run the program with [default: the active or nearest virtual environment]
    #[arg(long, value_name = "PATH", env = "HMR_PYTHON")]
    pub python: Option<PathBuf>,

    /// Run a module instead of a file
    #[arg(short, value_name = "MODULE", num_args = 1.., allow_hyphen_values = true, conflicts_with = "program")]
    pub module: Vec<OsString>,

    /// What the table of settings has.
    #[command(flatten)]
    pub settings: Typed,

    /// The file, or folder with a __main__.py, and the program's own arguments
    #[arg(
        value_name = "FILE",
        trailing_var_arg = true,
        allow_hyphen_values = true,
        hide = true
    )]
    pub program: Vec<OsString>,
}
