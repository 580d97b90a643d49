//! Single keys on a terminal, while `hmr` has nothing else to do.
//!
//! What a person types is the program's as long as that may read it: while it runs, also if it does not
//! end, for nobody can tell that it will not ask for a line, or start a debugger; while threads or
//! child processes of it are alive, which may read as well; and if a line was typed that it has not read
//! yet. Then nothing is read, and the terminal is not touched.

use std::collections::VecDeque;
#[cfg(unix)]
use std::os::fd::RawFd;

use pyo3::prelude::*;

use crate::report::Reporter;
#[cfg(unix)]
use crate::terminal::{self, Raw, Typed, Unfit};

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Rerun,
    Restart,
    Clear,
    Why,
    Graph,
    Help,
    Quit,
}

/// All keys, with what a person is told of them.
pub(crate) const ALL: [(char, Key, &str); 7] = [
    ('r', Key::Rerun, "rerun the entry"),
    ('R', Key::Restart, "restart everything, as if begun anew"),
    ('c', Key::Clear, "clear the screen"),
    ('w', Key::Why, "say why the last reload ran what it ran"),
    ('g', Key::Graph, "write the graph of who reads which name"),
    ('h', Key::Help, "list the keys"),
    ('q', Key::Quit, "quit, as Ctrl-C does"),
];

/// The keyboard, if keys are to be taken from it.
#[derive(Debug)]
pub(crate) struct Keyboard {
    is_on: bool,
    has_told_of_keys: bool,
    has_told_of_line: bool,
    /// Typed in one go with others that come first.
    waiting: VecDeque<Key>,
}

impl Keyboard {
    /// `is_on`: whether the settings allow it.
    pub(crate) fn new(is_on: bool) -> Self {
        Self {
            is_on,
            has_told_of_keys: false,
            has_told_of_line: false,
            waiting: VecDeque::new(),
        }
    }

    /// The next key that has been read.
    pub(crate) fn next(&mut self) -> Option<Key> {
        self.waiting.pop_front()
    }
}

/// Keys are read as long as this lives.
#[cfg(unix)]
#[derive(Debug)]
pub(crate) struct Open<'k> {
    keyboard: &'k mut Keyboard,
    raw: Raw,
}

#[cfg(unix)]
impl Keyboard {
    /// Begins to take keys, if nobody else may read them. `wake` is written to when the process comes
    /// back from the background.
    pub(crate) fn open(
        &mut self,
        py: Python<'_>,
        wake: RawFd,
        reporter: &Reporter,
    ) -> Option<Open<'_>> {
        let is_free = self.is_on && is_interactive();
        if !is_free || has_threads(py) || terminal::has_children() {
            return None;
        }
        let raw = match Raw::begin(wake) {
            Ok(raw) => raw,
            Err(Unfit::LineWaits) => {
                if !std::mem::replace(&mut self.has_told_of_line, true) {
                    reporter.note("a line was typed that the program has not read; there are no keys until it has");
                }
                return None;
            }
            Err(Unfit::Absent) => return None,
        };
        self.has_told_of_line = false;
        if !std::mem::replace(&mut self.has_told_of_keys, true) {
            reporter.note("waiting for changes; h lists the keys");
        }
        Some(Open {
            keyboard: self,
            raw,
        })
    }
}

#[cfg(unix)]
impl Open<'_> {
    /// Reads all that was typed: what stays behind would be a line to the program.
    pub(crate) fn read(&mut self) {
        loop {
            match self.raw.read() {
                Typed::Nothing => return,
                Typed::End => {
                    self.keyboard.is_on = false;
                    return;
                }
                // People part what they have read from what will come.
                Typed::Byte(b'\n' | b'\r') => Reporter::gap(),
                Typed::Byte(byte) => self.keyboard.waiting.extend(meant_by(byte)),
            }
        }
    }
}

fn meant_by(byte: u8) -> Option<Key> {
    let mut all = ALL.into_iter();
    all.find_map(|(letter, key, _)| (letter == char::from(byte)).then_some(key))
}

/// Whether the three streams are one person's terminal, as far as can be seen: a pager that reads what
/// the program writes takes its keys from the same one.
pub(crate) fn is_interactive() -> bool {
    use std::io::IsTerminal as _;

    cfg!(unix)
        && std::io::stdin().is_terminal()
        && std::io::stdout().is_terminal()
        && std::io::stderr().is_terminal()
}

/// Whether the program has threads, besides the one that waits. If that cannot be said it may have.
#[cfg(unix)]
fn has_threads(py: Python<'_>) -> bool {
    let count = py
        .import("_thread")
        .and_then(|thread| thread.call_method0("_count"));
    count
        .and_then(|count| count.extract::<usize>())
        .unwrap_or(1)
        > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capitals_are_keys_of_their_own() {
        assert_eq!(meant_by(b'r'), Some(Key::Rerun));
        assert_eq!(meant_by(b'R'), Some(Key::Restart));
        assert_eq!(meant_by(b'Q'), None);
        assert_eq!(meant_by(0), None);
    }
}
