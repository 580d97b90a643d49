//! The settings: what `[tool.hmr]` in `pyproject.toml` says, then `HMR_*` variables, then flags, each
//! stronger than the one before.
//!
//! What there is stands in one table (`settings/table.rs`). What is said wrongly is an error that names
//! the place, and a key that is not known is one too: a setting that does nothing helps nobody.

mod flags;
mod globs;
mod project;
pub(crate) mod table;

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};
use hmr_module_graph::{equality::Equality, python::Seal, statements::Granularity};

pub use self::flags::Typed;
pub(crate) use self::globs::escape;
use self::table::{ALL, Kind, Setting, Value};

/// From here on, two names are taken for one with a slip of the finger.
const ALIKE: f64 = 0.8;

/// What holds. `settings/table.rs` says what each means.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches")]
pub struct Settings {
    /// Globs of files for which the entry runs again, though nobody is seen to read them.
    pub include: Vec<String>,
    /// Globs of files and folders that are left alone.
    pub exclude: Vec<String>,
    /// Whether ignore files count.
    pub gitignore: bool,
    /// Whether live functions may take new code.
    pub patching: bool,
    /// How much of a module runs again when it must.
    pub granularity: Granularity,
    /// When a value counts as the one from before.
    pub equality: Equality,
    /// Decorators, besides the known ones, that read a function's source or bytecode. `jit` means
    /// `numba.jit` too.
    pub code_readers: Vec<String>,
    /// When a program that does not end counts as started.
    pub seal: Seal,
    /// How often to look at files instead of being told.
    pub poll: Option<Duration>,
    /// How long it must have been quiet after a save.
    pub debounce: Duration,
    /// What to do when a module raises.
    pub on_error: OnError,
    /// Whether keys are taken on a terminal.
    pub keys: bool,
    /// When to write in colour.
    pub color: Color,
    /// Report nothing but errors.
    pub quiet: bool,
    /// Report what the time of a reload went into.
    pub timings: bool,
    /// Report why each module ran.
    pub why: bool,
}

/// What to do when a module raises.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnError {
    /// Go on with the last good state and wait for a fix.
    #[default]
    Keep,
    /// End the program, and `hmr` with it.
    Exit,
}

/// When to write in colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Color {
    /// On a terminal that shows it.
    #[default]
    Auto,
    /// Wherever it goes.
    Always,
    /// Not at all.
    Never,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            include: Vec::new(),
            exclude: Vec::new(),
            gitignore: false,
            patching: true,
            granularity: Granularity::default(),
            equality: Equality::default(),
            code_readers: Vec::new(),
            seal: Seal::default(),
            poll: None,
            debounce: Duration::from_millis(2),
            on_error: OnError::default(),
            keys: true,
            color: Color::default(),
            quiet: false,
            timings: false,
            why: false,
        }
    }
}

impl Settings {
    /// What holds for the project that `folder` is part of, as its file and the environment say.
    ///
    /// # Errors
    ///
    /// As [`Resolved::of`].
    pub fn of(folder: &Path) -> Result<Self> {
        Resolved::of(folder, &Typed::default()).map(|resolved| resolved.settings)
    }
}

/// The settings of one session, and where each was said.
#[derive(Debug, Clone, Default)]
pub struct Resolved {
    /// What holds.
    pub settings: Settings,
    /// What was said last of each setting that somebody has set.
    said: Vec<(&'static str, Value, Place)>,
    /// The folders that relative globs of files to include begin at.
    pub(crate) folders: Vec<PathBuf>,
    /// What looks like a setting in the environment and is none, in words.
    pub(crate) warnings: Vec<String>,
}

/// Where a setting was said.
#[derive(Debug, Clone)]
enum Place {
    File(PathBuf, usize),
    Variable(String),
    Flag,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, line) => write!(f, "{}, line {line}", path.display()),
            Self::Variable(name) => write!(f, "{name}"),
            Self::Flag => f.write_str("command line"),
        }
    }
}

impl Resolved {
    /// The settings of the project that `folder` is part of, with those of the environment and with what
    /// was typed.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or is not TOML, has a setting that does not exist, or if any place
    /// gives a setting a value that it cannot have; the message says which and where.
    pub fn of(folder: &Path, typed: &Typed) -> Result<Self> {
        let mut resolved = Self::default();
        if let Some(path) = project::project_file(folder) {
            let read = project::read(&path).and_then(|all| resolved.say_all(&path, all));
            read.with_context(|| format!("cannot use the settings in {}", path.display()))?;
        }
        let here = std::env::current_dir().ok();
        for setting in &ALL {
            let variable = setting.variable();
            let Some(text) = std::env::var_os(&variable).filter(|text| !text.is_empty()) else {
                continue;
            };
            let value = setting.read(&text.to_string_lossy());
            let place = Place::Variable(variable.clone());
            let set = resolved.say(setting, value, place, here.as_deref());
            set.map_err(|error| anyhow!("the environment variable {variable} {error}"))?;
        }
        for setting in &ALL {
            if let Some(value) = typed.value(setting) {
                let set = resolved.say(setting, value.clone(), Place::Flag, here.as_deref());
                set.map_err(|error| anyhow!("--{} {error}", setting.name))?;
            }
        }
        resolved.warnings = misspelt(std::env::vars_os().map(|(name, _)| name));
        Ok(resolved)
    }

    /// Takes what the file at `path` says.
    fn say_all(&mut self, path: &Path, entries: Vec<project::Entry>) -> Result<()> {
        for (setting, value, line) in entries {
            let place = Place::File(path.to_owned(), line);
            let set = self.say(setting, value, place, path.parent());
            set.map_err(|error| anyhow!("line {line}: tool.hmr.{} {error}", setting.name))?;
        }
        Ok(())
    }

    /// Takes a value that is stronger than those before.
    fn say(
        &mut self,
        setting: &'static Setting,
        value: Value,
        place: Place,
        folder: Option<&Path>,
    ) -> Result<(), String> {
        let mut taken = value.clone();
        if let (Kind::Globs(_), Value::List(list), Some(folder)) = (&setting.kind, &value, folder) {
            taken = Value::List(globs::anchored(folder, list)?);
            if setting.name == "include" {
                self.folders = vec![folder.to_owned()];
            }
        }
        setting.set(&mut self.settings, &taken)?;
        self.said.retain(|(name, ..)| *name != setting.name);
        self.said.push((setting.name, value, place));
        Ok(())
    }

    /// Each setting in a line: what holds, and who said so.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |setting: &Setting| {
            let name = setting.name;
            let said = self.said.iter().find(|(of, ..)| *of == name);
            match said {
                Some((_, value, place)) => format!("{name} = {value}  ({place})"),
                None => format!("{name} = {}", setting.default),
            }
        };
        ALL.iter().map(line).collect()
    }
}

/// The file that has the settings of the project that `folder` is part of, if there is one.
pub(crate) fn project_file(folder: &Path) -> Option<PathBuf> {
    project::project_file(folder)
}

/// What is likely to have been meant by a flag that is not known.
pub(crate) fn nearest_flag(flag: &str) -> Option<String> {
    let name = flag.strip_prefix("--")?;
    let name = name.split('=').next().unwrap_or(name);
    let others = ["python", "events", "help", "version"].map(str::to_owned);
    let flag = |setting: &Setting| {
        let no = if setting.is_on_by_default() {
            "no-"
        } else {
            ""
        };
        format!("{no}{}", setting.name)
    };
    let names = ALL.iter().map(flag);
    let names: Vec<_> = names.chain(others).collect();
    nearest(name, names.iter().map(String::as_str)).map(|name| format!("--{name}"))
}

/// The one of `names` that `name` is a slip of the finger away from.
fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.replace('_', "-").to_lowercase();
    let alike = |known: &&str| strsim::jaro_winkler(known, &name);
    let nearest = names
        .into_iter()
        .max_by(|a, b| alike(a).total_cmp(&alike(b)));
    nearest.filter(|known| alike(known) > ALIKE)
}

/// Variables that are a slip of the finger away from a setting's. Others that begin alike may be
/// anybody's.
fn misspelt(variables: impl Iterator<Item = std::ffi::OsString>) -> Vec<String> {
    let known: Vec<_> = ALL.iter().map(Setting::variable).collect();
    let mut found: Vec<_> = variables
        .filter_map(|name| name.into_string().ok())
        .filter(|name| !known.contains(name))
        .filter_map(|name| {
            let meant = nearest(name.strip_prefix("HMR_")?, ALL.iter().map(|it| it.name))?;
            let meant = ALL.iter().find(|setting| setting.name == meant)?.variable();
            let text = "is no setting; did you mean";
            Some(format!("the environment variable {name} {text} {meant}?"))
        })
        .collect();
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests;
