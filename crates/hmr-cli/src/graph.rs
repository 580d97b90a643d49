//! `hmr graph`: runs a program once and writes who reads which name of which module.
//!
//! Kept true: stdout has the graph and nothing else. What the program prints goes to stderr meanwhile.

use std::{ffi::OsString, fs, io::Write as _, path::PathBuf};

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};
use hmr_module_graph::{
    ModuleGraph,
    python::{Engine, Roots, import_own},
};
use pyo3::prelude::*;

use crate::{
    OK, PROGRAM_FAILED,
    args::Args,
    reload::flush_output,
    report::{Reporter, Style},
};

/// Run a program once and write who reads which name of which module.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(
    name = "hmr graph",
    override_usage = "hmr graph [OPTIONS] <FILE|FOLDER> [ARGS]...\n       hmr graph [OPTIONS] -m <MODULE> [ARGS]...",
    after_help = "\
The graph is what the program's modules have read while they loaded. What the program prints goes to
stderr. It is written when the program has ended: Ctrl-C ends one that does not. A folder named `graph`
is run by `hmr ./graph`."
)]
pub struct GraphArgs {
    /// What to write [default: by the ending of the output, or dot]
    #[arg(short, long, value_enum)]
    pub format: Option<Format>,

    /// Where to write it [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// The Python to run the program with [default: the active or nearest virtual environment]
    #[arg(long, value_name = "PATH", env = "HMR_PYTHON")]
    pub python: Option<PathBuf>,

    /// Run a module instead of a file
    #[arg(short, value_name = "MODULE", num_args = 1.., allow_hyphen_values = true, conflicts_with = "program")]
    pub module: Vec<OsString>,

    /// The file, or folder with a __main__.py, and the program's own arguments
    #[arg(
        value_name = "FILE",
        trailing_var_arg = true,
        allow_hyphen_values = true,
        hide = true
    )]
    pub program: Vec<OsString>,
}

/// A language for graphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For Graphviz
    Dot,
    /// A flowchart for Markdown
    Mermaid,
    /// For other programs
    Json,
    /// A page for a browser, which can be searched and needs no other file
    Html,
}

impl GraphArgs {
    /// The program, as `hmr` without `graph` would be told of it.
    pub(crate) fn program(&self) -> Args {
        Args {
            python: self.python.clone(),
            module: self.module.clone(),
            program: self.program.clone(),
            ..Args::default()
        }
    }

    fn format(&self) -> Format {
        let ending = self
            .output
            .as_ref()
            .and_then(|path| path.extension()?.to_str());
        self.format.unwrap_or(match ending {
            Some("html" | "htm") => Format::Html,
            Some("json") => Format::Json,
            Some("mmd" | "mermaid") => Format::Mermaid,
            _ => Format::Dot,
        })
    }
}

/// Runs the program and writes its graph. Returns the exit status: whether the program failed.
///
/// # Errors
///
/// If the program does not exist, or the graph cannot be written.
pub(crate) fn run(py: Python<'_>, args: &GraphArgs) -> Result<u8> {
    let config = args.program().resolve()?;
    let engine = Engine::install(py, Roots::new(py, config.roots)?)?;
    engine.set_color(Style::of_stderr() == Style::Colored);
    let stdout = match args.output {
        Some(_) => None,
        None => Some(Diverted::begin(py)?),
    };
    let mut update = engine.run_entry(py, config.entry, &config.arguments)?;
    // Ctrl-C is how a program ends here that does not end by itself.
    update.failures.retain(|failure| !failure.interrupted);
    flush_output(py)?;
    if let Some(stdout) = stdout {
        stdout.end(py)?;
    }
    Reporter::tracebacks(&update);
    let graph = engine.with_graph(|graph| write(graph, args.format()));
    match &args.output {
        Some(path) => fs::write(path, graph)
            .with_context(|| format!("cannot write the graph to {}", path.display()))?,
        None => std::io::stdout().lock().write_all(graph.as_bytes())?,
    }
    Ok(if update.failures.is_empty() {
        OK
    } else {
        PROGRAM_FAILED
    })
}

fn write(graph: &ModuleGraph, format: Format) -> String {
    match format {
        Format::Dot => graph.to_dot(),
        Format::Mermaid => graph.to_mermaid(),
        Format::Json => graph.to_json().to_string() + "\n",
        Format::Html => graph.to_html(),
    }
}

/// The process's stdout, while its number stands for stderr.
struct Diverted(i32);

impl Diverted {
    fn begin(py: Python<'_>) -> PyResult<Self> {
        let os = import_own(py, "os")?;
        let stdout = os.call_method1("dup", (1,))?.extract()?;
        os.call_method1("dup2", (2, 1))?;
        Ok(Self(stdout))
    }

    fn end(self, py: Python<'_>) -> PyResult<()> {
        let os = import_own(py, "os")?;
        os.call_method1("dup2", (self.0, 1))?;
        os.call_method1("close", (self.0,))?;
        Ok(())
    }
}
