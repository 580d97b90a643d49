//! The `hmr` binary: finds a Python, starts it in this process, and hands over.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use hmr_cli::{
    api::built_in as hmr,
    command::Command,
    doctor,
    interpreter::{self, Interpreter, Way},
    own_command::OwnCommand,
    report,
};
use hmr_module_graph::python::embed;

fn main() -> ExitCode {
    let command = match Command::parse(std::env::args_os()) {
        Ok(command) => command,
        Err(error) => return report::usage(&error).into(),
    };
    match run(&command) {
        Ok(status) => status.into(),
        Err(error) => report::error(&error).into(),
    }
}

fn run(command: &Command) -> Result<u8> {
    if command.text().is_some() {
        return Ok(hmr_cli::print(command));
    }
    if let Command::Doctor(args) = command {
        let python = interpreter::explain(args.python.as_deref());
        return Ok(hmr_cli::say(&doctor::examine(
            args,
            python,
            embed::linked_version(),
        )));
    }
    let args = command.program();
    // What can be known to be wrong without a Python is said before one is looked for.
    args.clone().resolve()?;
    let python = interpreter::find(args.python.as_deref())?;
    if let Way::Execute(own) = interpreter::way(&python, embed::linked_version())? {
        return own.execute(std::env::args_os().skip(1));
    }
    pyo3::append_to_inittab!(hmr);
    embed::initialize(&python.path)?;
    if let Err(error) = embed::verify() {
        return hand_over(&python, error.into());
    }
    let status = embed::attached(|py| hmr_cli::run(py, std::env::args_os()));
    embed::finalize();
    Ok(status)
}

/// The interpreter is another build of Python than this program is linked to.
fn hand_over(python: &Interpreter, error: anyhow::Error) -> Result<u8> {
    let own = OwnCommand::of(python);
    if own.is_installed() {
        return own.execute(std::env::args_os().skip(1));
    }
    Err(error).with_context(|| {
        let advice = own.advice();
        let python = python.path.display();
        format!("{python} is another build of Python than this hmr was built for; {advice}, or rebuild hmr with PYO3_PYTHON={python}")
    })
}
