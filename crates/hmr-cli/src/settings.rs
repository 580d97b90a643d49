//! The settings of a project: `[tool.hmr]` in its `pyproject.toml`.
//!
//! That is the file beside the program or in the nearest folder above. What it says wrongly is an
//! error, and a name that is not known is one too: a setting that does nothing helps nobody.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use hmr_module_graph::statements::Granularity;
use toml::{Table, Value};

/// What the table says. Anything that it does not say is as by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// `code-readers`: decorators, besides the known ones, that read a function's source or bytecode.
    /// `jit` means `numba.jit` too. A function below one of them is never patched.
    pub code_readers: Vec<String>,
    /// `granularity`: how much of a module runs again when it must, `"module"` or `"statement"`.
    pub granularity: Option<Granularity>,
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

fn project_file(folder: &Path) -> Option<PathBuf> {
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
    let file: Table = text.parse()?;
    let mut settings = Settings::default();
    let table = file.get("tool").and_then(|tool| tool.get("hmr"));
    let Some(table) = table else {
        return Ok(settings);
    };
    let Value::Table(table) = table else {
        bail!("tool.hmr is {}, not a table", table.type_str());
    };
    for (name, value) in table {
        match name.as_str() {
            "granularity" => settings.granularity = Some(granularity(value)?),
            "code-readers" => settings.code_readers = names(name, value)?,
            _ => bail!("tool.hmr has no setting named {name}"),
        }
    }
    Ok(settings)
}

fn granularity(value: &Value) -> Result<Granularity> {
    match value.as_str() {
        Some("module") => Ok(Granularity::Module),
        Some("statement") => Ok(Granularity::Statement),
        _ => bail!("tool.hmr.granularity must be \"module\" or \"statement\""),
    }
}

/// A list of strings.
fn names(setting: &str, value: &Value) -> Result<Vec<String>> {
    let strings = value.as_array().map(|list| list.iter().map(Value::as_str));
    let names: Option<Vec<_>> = strings.and_then(|it| it.map(|s| Some(s?.to_owned())).collect());
    names.with_context(|| format!("tool.hmr.{setting} must be a list of names, as in [\"jit\"]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        parse(text).expect_err(text).to_string()
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
            "tool.hmr.granularity must be \"module\" or \"statement\""
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(
            error("[tool]\nhmr = 1\n"),
            "tool.hmr is integer, not a table"
        );
        assert_eq!(
            error("[tool.hmr]\ncode_readers = []\n"),
            "tool.hmr has no setting named code_readers"
        );
        for value in ["'jit'", "['jit', 1]", "{}"] {
            assert_eq!(
                error(&format!("[tool.hmr]\ncode-readers = {value}\n")),
                "tool.hmr.code-readers must be a list of names, as in [\"jit\"]"
            );
        }
        assert!(error("[tool.hmr\n").contains("line 1"));
    }
}
