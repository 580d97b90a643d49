//! The table of all settings: what each is called, what it takes, and what it does.
//!
//! Everything else comes from here: the keys of `[tool.hmr]`, the `HMR_*` variables, the flags with
//! their help, what `hmr doctor` lists, and the table in `docs/settings.md`. A new setting is a field of
//! [`Settings`] and a line of this table.

use std::{fmt, time::Duration};

use hmr_module_graph::{equality::Equality, python::Seal, statements::Granularity};

use super::{Color, OnError, Settings};

/// The longest time that a setting may name.
const LONGEST: u64 = 600_000;

/// One setting.
pub(crate) struct Setting {
    /// As a key and, behind `--`, as a flag.
    pub(crate) name: &'static str,
    /// The letter that stands for the flag.
    pub(crate) short: Option<char>,
    pub(crate) kind: Kind,
    /// What holds if nobody says anything, as a person would write it.
    pub(crate) default: &'static str,
    /// What it does, in a line.
    pub(crate) help: &'static str,
}

/// What a setting takes, and where it puts that.
pub(crate) enum Kind {
    Switch(fn(&mut Settings, bool)),
    /// One of these words, with what they mean.
    Choice(
        &'static [(&'static str, &'static str)],
        fn(&mut Settings, &str),
    ),
    Milliseconds(fn(&mut Settings, Duration)),
    Names(fn(&mut Settings, Vec<String>)),
    /// Relative ones begin at the folder of the file that has them.
    Globs(fn(&mut Settings, Vec<String>)),
}

/// All settings, in the order in which a person may want to read them.
pub(crate) static ALL: [Setting; 16] = [
    Setting {
        name: "include",
        short: None,
        kind: Kind::Globs(|it, globs| it.include = globs),
        default: "[]",
        help: "Also watch files that match: a change runs the entry again if nobody is seen to read them",
    },
    Setting {
        name: "exclude",
        short: None,
        kind: Kind::Globs(|it, globs| it.exclude = globs),
        default: "[]",
        help: "Leave files and folders alone that match, code and data",
    },
    Setting {
        name: "gitignore",
        short: None,
        kind: Kind::Switch(|it, on| it.gitignore = on),
        default: "false",
        help: "Leave alone what .gitignore and .ignore name, but for data that the program reads",
    },
    Setting {
        name: "patching",
        short: None,
        kind: Kind::Switch(|it, on| it.patching = on),
        default: "true",
        help: "Give live functions their new code where that will do; without it every edit reruns its module",
    },
    Setting {
        name: "granularity",
        short: None,
        kind: Kind::Choice(
            &[
                ("module", "All of it"),
                (
                    "statement",
                    "Only the top-level statements that the edit reaches, where that can be told",
                ),
            ],
            |it, word| {
                it.granularity = match word {
                    "statement" => Granularity::Statement,
                    _ => Granularity::Module,
                }
            },
        ),
        default: "\"module\"",
        help: "How much of a module runs again when it must",
    },
    Setting {
        name: "equality",
        short: None,
        kind: Kind::Choice(
            &[
                ("value", "Nobody can tell the two apart"),
                (
                    "identity",
                    "It is the same object: whatever a run made anew counts as changed",
                ),
            ],
            |it, word| {
                it.equality = match word {
                    "identity" => Equality::Identity,
                    _ => Equality::Value,
                }
            },
        ),
        default: "\"value\"",
        help: "When what a module has bound counts as unchanged, so that its readers need not run",
    },
    Setting {
        name: "code-readers",
        short: None,
        kind: Kind::Names(|it, names| it.code_readers = names),
        default: "[]",
        help: "More decorators that read source or bytecode: functions below one are never patched",
    },
    Setting {
        name: "seal",
        short: None,
        kind: Kind::Choice(
            &[
                (
                    "auto",
                    "When it has read nothing new for a while, or serves requests",
                ),
                (
                    "serve",
                    "When it serves requests, or says so with hmr.sealed()",
                ),
                ("never", "Only when it says so"),
            ],
            |it, word| {
                it.seal = match word {
                    "serve" => Seal::Serve,
                    "never" => Seal::Never,
                    _ => Seal::Auto,
                }
            },
        ),
        default: "\"auto\"",
        help: "When a program that does not end counts as started, so that its reads are its own affair",
    },
    Setting {
        name: "poll",
        short: None,
        kind: Kind::Milliseconds(|it, time| it.poll = (!time.is_zero()).then_some(time)),
        default: "0",
        help: "Look at all files every so many milliseconds instead of being told by the system",
    },
    Setting {
        name: "debounce",
        short: None,
        kind: Kind::Milliseconds(|it, time| it.debounce = time),
        default: "2",
        help: "Reload when nothing more has been saved for so many milliseconds",
    },
    Setting {
        name: "on-error",
        short: None,
        kind: Kind::Choice(
            &[
                ("keep", "Go on with the last good state and wait for a fix"),
                ("exit", "End the program, and hmr with status 1"),
            ],
            |it, word| {
                it.on_error = match word {
                    "exit" => OnError::Exit,
                    _ => OnError::Keep,
                }
            },
        ),
        default: "\"keep\"",
        help: "What to do when a module raises",
    },
    Setting {
        name: "keys",
        short: None,
        kind: Kind::Switch(|it, on| it.keys = on),
        default: "true",
        help: "Take single keys on a terminal while the program does not run; h lists them",
    },
    Setting {
        name: "color",
        short: None,
        kind: Kind::Choice(
            &[
                ("auto", "On a terminal, and not if NO_COLOR is set"),
                ("always", "Wherever it goes"),
                ("never", "Not at all"),
            ],
            |it, word| {
                it.color = match word {
                    "always" => Color::Always,
                    "never" => Color::Never,
                    _ => Color::Auto,
                }
            },
        ),
        default: "\"auto\"",
        help: "When to write in colour",
    },
    Setting {
        name: "quiet",
        short: Some('q'),
        kind: Kind::Switch(|it, on| it.quiet = on),
        default: "false",
        help: "Write nothing to stderr but errors",
    },
    Setting {
        name: "timings",
        short: None,
        kind: Kind::Switch(|it, on| it.timings = on),
        default: "false",
        help: "Say after each reload what its time went into",
    },
    Setting {
        name: "why",
        short: None,
        kind: Kind::Switch(|it, on| it.why = on),
        default: "false",
        help: "Say after each reload why each module ran, back to the edit",
    },
];

/// A value that somebody gave, which may be none that its setting can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Switch(bool),
    Number(i64),
    Text(String),
    List(Vec<String>),
    /// Nothing that any setting takes, in words: `a table`.
    Other(String),
}

impl Setting {
    /// The variable that says the same.
    pub(crate) fn variable(&self) -> String {
        format!("HMR_{}", self.name.to_uppercase().replace('-', "_"))
    }

    /// Whether it is a switch that is on by default, so that its flag turns it off.
    pub(crate) fn is_on_by_default(&self) -> bool {
        self.default == "true"
    }

    /// What it takes, in words that follow `must be`.
    pub(crate) fn takes(&self) -> String {
        match &self.kind {
            Kind::Switch(_) => "true or false".to_owned(),
            Kind::Choice(words, _) => {
                let words = words.iter().map(|(word, _)| format!("\"{word}\""));
                words.collect::<Vec<_>>().join(" or ")
            }
            Kind::Milliseconds(_) => {
                format!("a number of milliseconds, at most {LONGEST}")
            }
            Kind::Names(_) => "a list of names, as in [\"jit\"]".to_owned(),
            Kind::Globs(_) => "a list of globs, as in [\"data/**\"]".to_owned(),
        }
    }

    /// Puts `value` in its place.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words that follow the setting's name.
    pub(crate) fn set(&self, settings: &mut Settings, value: &Value) -> Result<(), String> {
        let wrong = || Err(format!("must be {}, not {value}", self.takes()));
        match (&self.kind, value) {
            (Kind::Switch(set), Value::Switch(on)) => set(settings, *on),
            (Kind::Choice(words, set), Value::Text(text)) => {
                let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                if !known.contains(&text.as_str()) {
                    let meant = super::nearest(text, known);
                    let meant = meant.map(|it| format!("; did you mean \"{it}\"?"));
                    return wrong().map_err(|wrong: String| wrong + &meant.unwrap_or_default());
                }
                set(settings, text);
            }
            (Kind::Milliseconds(set), Value::Number(number)) => match u64::try_from(*number) {
                Ok(time) if time <= LONGEST => set(settings, Duration::from_millis(time)),
                _ => return wrong(),
            },
            (Kind::Names(set) | Kind::Globs(set), Value::List(list)) => {
                set(settings, list.clone());
            }
            _ => return wrong(),
        }
        Ok(())
    }

    /// What `text` means where there are no types: in a variable.
    pub(crate) fn read(&self, text: &str) -> Value {
        let word = text.trim().to_lowercase();
        match (&self.kind, word.as_str()) {
            (Kind::Switch(_), "1" | "true" | "yes" | "on") => Value::Switch(true),
            (Kind::Switch(_), "0" | "false" | "no" | "off") => Value::Switch(false),
            (Kind::Milliseconds(_), number) => match number.parse() {
                Ok(number) => Value::Number(number),
                Err(_) => Value::Text(text.to_owned()),
            },
            (Kind::Names(_) | Kind::Globs(_), _) => Value::List(parts(text)),
            _ => Value::Text(text.to_owned()),
        }
    }
}

/// As it would stand in `pyproject.toml`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(on) => write!(f, "{on}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::List(list) => write!(f, "{list:?}"),
            Self::Other(words) => f.write_str(words),
        }
    }
}

/// What stands between the commas of `text`, those in braces apart: `*.{a,b}, c` is two.
fn parts(text: &str) -> Vec<String> {
    let mut depth = 0_usize;
    let parts = text.split(|letter| {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == ',' && depth == 0
    });
    let parts = parts.map(str::trim).filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_part_a_list_but_not_in_braces() {
        assert_eq!(parts("*.{a,b}, c ,,d"), ["*.{a,b}", "c", "d"]);
        assert!(parts(" ").is_empty());
    }
}
