//! The settings of a project: `[tool.hmr]` in its `pyproject.toml`.
//!
//! That is the file beside the program or in the nearest folder above. What it says wrongly is an
//! error that names the line, and a name that is not known is one too: a setting that does nothing
//! helps nobody.

use std::{
    fs, io,
    ops::Range,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use hmr_module_graph::{python::Seal, statements::Granularity};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

const GRANULARITY: &str = "granularity";
const CODE_READERS: &str = "code-readers";
const SEAL: &str = "seal";

/// All that there are, sorted.
const NAMES: [&str; 3] = [CODE_READERS, GRANULARITY, SEAL];

/// From here on, two names are taken for one with a slip of the finger.
const ALIKE: f64 = 0.8;

/// What the table says. Anything that it does not say is as by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// `code-readers`: decorators, besides the known ones, that read a function's source or bytecode.
    /// `jit` means `numba.jit` too. A function below one of them is never patched.
    pub code_readers: Vec<String>,
    /// `granularity`: how much of a module runs again when it must, `"module"` or `"statement"`.
    pub granularity: Option<Granularity>,
    /// `seal`: when a program that does not end counts as started, `"auto"`, `"serve"` or `"never"`.
    pub seal: Seal,
}

impl Settings {
    /// The settings of the project that `folder` is part of.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or is not TOML, or if `[tool.hmr]` has a setting that does not exist
    /// or a value that its setting cannot have; the message says which and where.
    pub fn of(folder: &Path) -> Result<Self> {
        let Some(path) = project_file(folder) else {
            return Ok(Self::default());
        };
        read(&path).with_context(|| format!("cannot use the settings in {}", path.display()))
    }
}

/// The file that has the settings of the project that `folder` is part of, if there is one.
pub(crate) fn project_file(folder: &Path) -> Option<PathBuf> {
    let files = folder.ancestors().map(|it| it.join("pyproject.toml"));
    files.into_iter().find(|file| file.is_file())
}

fn read(path: &Path) -> Result<Settings> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        // It went between the two looks.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Settings::default()),
        Err(error) => return Err(error.into()),
    };
    parse(&text)
}

fn parse(text: &str) -> Result<Settings> {
    let file = DeTable::parse(text)?;
    let mut settings = Settings::default();
    let tool = file.get_ref().get("tool").map(Spanned::get_ref);
    let Some(table) = tool.and_then(|tool| tool.get("hmr")) else {
        return Ok(settings);
    };
    let at = |place: Range<usize>| format!("line {}", line(text, place.start));
    let DeValue::Table(entries) = table.get_ref() else {
        bail!(
            "{}: tool.hmr is {}, not a table",
            at(table.span()),
            table.get_ref().type_str()
        );
    };
    let mut entries: Vec<_> = entries.iter().collect();
    // The first mistake in the file is the one to be told of.
    entries.sort_by_key(|(name, _)| name.span().start);
    for (name, value) in entries {
        let set = set(&mut settings, name.get_ref(), value.get_ref());
        set.with_context(|| at(name.span()))?;
    }
    Ok(settings)
}

fn set(settings: &mut Settings, name: &str, value: &DeValue<'_>) -> Result<()> {
    match name {
        GRANULARITY => settings.granularity = Some(granularity(value)?),
        CODE_READERS => settings.code_readers = names(name, value)?,
        SEAL => settings.seal = seal(value)?,
        _ => bail!("tool.hmr has no setting named {name}{}", instead_of(name)),
    }
    Ok(())
}

/// What may have been meant by a name that no setting has.
fn instead_of(name: &str) -> String {
    let likeness = |known: &&str| strsim::jaro_winkler(known, &name.replace('_', "-"));
    let nearest = NAMES
        .into_iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
        .filter(|known| likeness(known) > ALIKE);
    match nearest {
        Some(known) => format!("; did you mean {known}?"),
        None => format!("; there are {}", NAMES.join(", ")),
    }
}

/// The number of the line in which the byte at `place` stands.
fn line(text: &str, place: usize) -> usize {
    text[..place].matches('\n').count() + 1
}

fn granularity(value: &DeValue<'_>) -> Result<Granularity> {
    match value.as_str() {
        Some("module") => Ok(Granularity::Module),
        Some("statement") => Ok(Granularity::Statement),
        _ => bail!("tool.hmr.granularity must be \"module\" or \"statement\""),
    }
}

fn seal(value: &DeValue<'_>) -> Result<Seal> {
    match value.as_str() {
        Some("auto") => Ok(Seal::Auto),
        Some("serve") => Ok(Seal::Serve),
        Some("never") => Ok(Seal::Never),
        _ => bail!("tool.hmr.seal must be \"auto\", \"serve\" or \"never\""),
    }
}

/// A list of strings.
fn names(setting: &str, value: &DeValue<'_>) -> Result<Vec<String>> {
    let string = |it: &Spanned<DeValue<'_>>| it.get_ref().as_str().map(str::to_owned);
    let names: Option<Vec<_>> = match value {
        DeValue::Array(list) => list.iter().map(string).collect(),
        _ => None,
    };
    names.with_context(|| format!("tool.hmr.{setting} must be a list of names, as in [\"jit\"]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        format!("{:#}", parse(text).expect_err(text))
    }

    #[test]
    fn a_file_without_the_table_says_nothing() {
        for text in [
            "",
            "[tool.other]\nx = 1\n",
            "[project]\nname = 'a'\n",
            "[tool.hmr]\n",
        ] {
            assert_eq!(parse(text).expect(text), Settings::default());
        }
    }

    #[test]
    fn names_are_read() {
        let settings = parse("[tool.hmr]\ncode-readers = ['trace', 'my.compile']\n");
        assert_eq!(
            settings.expect("valid").code_readers,
            ["trace", "my.compile"]
        );
    }

    #[test]
    fn the_granularity_is_read() {
        for (text, granularity) in [
            ("module", Granularity::Module),
            ("statement", Granularity::Statement),
        ] {
            let settings = parse(&format!("[tool.hmr]\ngranularity = '{text}'\n"));
            assert_eq!(settings.expect("valid").granularity, Some(granularity));
        }
        assert_eq!(
            error("[tool.hmr]\ngranularity = 'line'\n"),
            "line 2: tool.hmr.granularity must be \"module\" or \"statement\""
        );
    }

    #[test]
    fn when_a_program_counts_as_started_is_read() {
        let settings = parse("[tool.hmr]\nseal = 'serve'\n");
        assert_eq!(settings.expect("valid").seal, Seal::Serve);
        assert_eq!(
            error("[tool.hmr]\nseal = 1\n"),
            "line 2: tool.hmr.seal must be \"auto\", \"serve\" or \"never\""
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(
            error("[tool]\nhmr = 1\n"),
            "line 2: tool.hmr is integer, not a table"
        );
        assert_eq!(
            error("[tool.hmr]\ncode_readers = []\n"),
            "line 2: tool.hmr has no setting named code_readers; did you mean code-readers?"
        );
        assert_eq!(
            error("[project]\n\n[tool.hmr]\nzzz = 1\ngranulatiry = 'module'\n"),
            "line 4: tool.hmr has no setting named zzz; there are code-readers, granularity, seal"
        );
        assert_eq!(
            error("[tool.hmr]\ngranularity = 'module'\ngranulatiry = 'module'\n"),
            "line 3: tool.hmr has no setting named granulatiry; did you mean granularity?"
        );
        for value in ["'jit'", "['jit', 1]", "{}"] {
            assert_eq!(
                error(&format!("[tool.hmr]\ncode-readers = {value}\n")),
                "line 2: tool.hmr.code-readers must be a list of names, as in [\"jit\"]"
            );
        }
        assert!(error("[tool.hmr\n").contains("line 1"));
    }
}
