//! `[tool.hmr]` in the `pyproject.toml` of a project: its keys and values with their lines.

use std::{
    fs, io,
    ops::Range,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::table::{ALL, Setting, Value};

/// A setting that the file names, what it says, and the line.
pub(super) type Entry = (&'static Setting, Value, usize);

/// The file that has the settings of the project that `folder` is part of, if there is one.
pub(crate) fn project_file(folder: &Path) -> Option<PathBuf> {
    let files = folder.ancestors().map(|it| it.join("pyproject.toml"));
    files.into_iter().find(|file| file.is_file())
}

/// What the file says, in its order.
pub(super) fn read(path: &Path) -> Result<Vec<Entry>> {
    match fs::read_to_string(path) {
        Ok(text) => parse(&text),
        // It went between the two looks.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn parse(text: &str) -> Result<Vec<Entry>> {
    let file = DeTable::parse(text)?;
    let tool = file.get_ref().get("tool").map(Spanned::get_ref);
    let Some(table) = tool.and_then(|tool| tool.get("hmr")) else {
        return Ok(Vec::new());
    };
    let DeValue::Table(keys) = table.get_ref() else {
        let kind = table.get_ref().type_str();
        bail!(
            "line {}: tool.hmr is {kind}, not a table",
            line(text, table.span())
        );
    };
    let mut keys: Vec<_> = keys.iter().collect();
    // The first mistake in the file is the one to be told of.
    keys.sort_by_key(|(name, _)| name.span().start);
    let mut entries = Vec::new();
    for (name, value) in keys {
        let line = line(text, name.span());
        let setting = named(name.get_ref()).with_context(|| format!("line {line}"))?;
        entries.push((setting, value_of(value.get_ref()), line));
    }
    Ok(entries)
}

fn named(name: &str) -> Result<&'static Setting> {
    if let Some(setting) = ALL.iter().find(|setting| setting.name == name) {
        return Ok(setting);
    }
    let names = ALL.iter().map(|setting| setting.name);
    if let Some(known) = super::nearest(name, names.clone()) {
        bail!("tool.hmr has no setting named {name}; did you mean {known}?");
    }
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    let names = names.join(", ");
    bail!("tool.hmr has no setting named {name}; there are {names}")
}

fn value_of(value: &DeValue<'_>) -> Value {
    let other = || {
        Value::Other(format!(
            "{} {}",
            article(value.type_str()),
            value.type_str()
        ))
    };
    match value {
        DeValue::Boolean(on) => Value::Switch(*on),
        DeValue::Integer(number) => {
            let number = i64::from_str_radix(number.as_str(), number.radix());
            number.map_or_else(|_| other(), Value::Number)
        }
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Array(list) => {
            let string = |it: &Spanned<DeValue<'_>>| it.get_ref().as_str().map(str::to_owned);
            let list: Option<Vec<_>> = list.iter().map(string).collect();
            list.map_or_else(
                || Value::Other("a list of other things".into()),
                Value::List,
            )
        }
        _ => other(),
    }
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    }
}

/// The number of the line in which the place begins.
fn line(text: &str, place: Range<usize>) -> usize {
    text[..place.start].matches('\n').count() + 1
}
