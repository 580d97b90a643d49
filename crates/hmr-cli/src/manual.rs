//! What is written about the command itself: completions for shells, and the man page.

use clap::{CommandFactory as _, Parser};
use clap_complete::Shell;

use crate::{args::Args, doctor::DoctorArgs, graph::GraphArgs};

/// Write a completion script for a shell to stdout.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(
    name = "hmr completions",
    after_help = "\
For the running bash: source <(hmr completions bash). To keep it, write it to where the shell looks:
~/.local/share/bash-completion/completions/hmr, or ~/.config/fish/completions/hmr.fish."
)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Write the man page to stdout, as in `hmr man | man -l -`.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(name = "hmr man")]
pub struct ManArgs {}

/// The whole command with all that it can do.
fn command() -> clap::Command {
    Args::command()
        .disable_help_subcommand(true)
        .subcommand(GraphArgs::command().name("graph"))
        .subcommand(DoctorArgs::command().name("doctor"))
        .subcommand(CompletionsArgs::command().name("completions"))
        .subcommand(ManArgs::command().name("man"))
}

impl CompletionsArgs {
    /// The script.
    pub(crate) fn text(&self) -> Vec<u8> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command(), "hmr", &mut script);
        script
    }
}

impl ManArgs {
    /// The page, for `man`.
    pub(crate) fn text() -> Vec<u8> {
        let mut page = Vec::new();
        // Writing to a vector does not fail.
        let _ = clap_mangen::Man::new(command()).render(&mut page);
        page
    }
}
