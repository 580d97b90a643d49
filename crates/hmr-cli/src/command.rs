//! What `hmr` was asked to do: run a program, or draw its graph.

use std::ffi::OsString;

use clap::Parser as _;

use crate::{args::Args, graph::GraphArgs};

/// A command line, parsed.
#[derive(Debug, Clone)]
pub enum Command {
    /// `hmr main.py`
    Run(Args),
    /// `hmr graph main.py`
    Graph(GraphArgs),
}

impl Command {
    /// Reads a command line, which begins with the command's own name.
    ///
    /// # Errors
    ///
    /// What is wrong with it, or the help that was asked for.
    pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut words: Vec<_> = words.into_iter().collect();
        if words.get(1).is_some_and(|word| word == "graph") {
            words.remove(0);
            return GraphArgs::try_parse_from(words).map(Self::Graph);
        }
        Args::try_parse_from(words).map(Self::Run)
    }

    /// What says which program, and with which Python.
    pub fn program(&self) -> Args {
        match self {
            Self::Run(args) => args.clone(),
            Self::Graph(graph) => graph.program(),
        }
    }
}
