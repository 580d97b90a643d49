//! What `hmr` was asked to do: run a program, draw its graph, look around, or write about itself.

use std::ffi::OsString;

use clap::Parser as _;

use crate::{
    args::Args,
    doctor::DoctorArgs,
    graph::GraphArgs,
    manual::{CompletionsArgs, ManArgs},
};

/// A command line, parsed.
#[derive(Debug, Clone)]
pub enum Command {
    /// `hmr main.py`
    Run(Args),
    /// `hmr graph main.py`
    Graph(GraphArgs),
    /// `hmr doctor main.py`
    Doctor(DoctorArgs),
    /// `hmr completions bash`
    Completions(CompletionsArgs),
    /// `hmr man`
    Man,
}

impl Command {
    /// Reads a command line, which begins with the command's own name.
    ///
    /// # Errors
    ///
    /// What is wrong with it, or the help that was asked for.
    pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut words: Vec<_> = words.into_iter().collect();
        let first = words.get(1).and_then(|word| word.to_str());
        match first.map(str::to_owned).as_deref() {
            Some("graph") => GraphArgs::try_parse_from(words.split_off(1)).map(Self::Graph),
            Some("doctor") => DoctorArgs::try_parse_from(words.split_off(1)).map(Self::Doctor),
            Some("completions") => {
                CompletionsArgs::try_parse_from(words.split_off(1)).map(Self::Completions)
            }
            Some("man") => ManArgs::try_parse_from(words.split_off(1)).map(|_| Self::Man),
            _ => Args::try_parse_from(words).map(Self::Run),
        }
    }

    /// What is to be written to stdout, if that is all.
    pub fn text(&self) -> Option<Vec<u8>> {
        match self {
            Self::Run(_) | Self::Graph(_) | Self::Doctor(_) => None,
            Self::Completions(args) => Some(args.text()),
            Self::Man => Some(ManArgs::text()),
        }
    }

    /// What says which program, and with which Python.
    pub fn program(&self) -> Args {
        match self {
            Self::Run(args) => args.clone(),
            Self::Graph(graph) => graph.program(),
            Self::Doctor(doctor) => doctor.program(),
            Self::Completions(_) | Self::Man => Args::default(),
        }
    }
}
