//! Statements that keep what they have bound: those with the comment `# hmr: keep`.
//!
//! `model = load()  # hmr: keep` takes its time once. When the module runs again, the statement reads
//! `model = model`: the name is bound as it was, to what it held. It runs once more when the comment
//! goes, or when one of its names is no longer bound.

use std::ops::Range;

use pyo3::{prelude::*, types::PyDict};
use rustc_hash::FxHashSet;

use crate::outline::{Directive, Kind, Outline, Statement};

/// Whether the source may have such a comment: a quick look.
pub(super) fn may_ask(source: &[u8]) -> bool {
    const MARK: &[u8] = b"hmr:";
    let mut marks = source.windows(MARK.len()).enumerate();
    marks.any(|(at, part)| {
        part == MARK
            && source[at + MARK.len()..]
                .trim_ascii_start()
                .starts_with(b"keep")
    })
}

/// The statements that are not to run again.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Kept {
    places: Vec<Range<usize>>,
    names: Vec<Vec<String>>,
    /// The annotations that the statements give to their one name.
    annotations: Vec<Option<String>>,
}

impl Kept {
    /// Those of `outline` that ask for it, and all of whose names `namespace` has.
    pub(super) fn of(outline: &Outline, namespace: &Bound<'_, PyDict>) -> PyResult<Self> {
        let mut kept = Self::default();
        for statement in outline.statements.iter().filter(|it| asks(it)) {
            let names: Vec<_> = statement.binds.iter().map(|it| it.name.clone()).collect();
            let mut are_there = true;
            for name in &names {
                are_there &= namespace.contains(name)?;
            }
            if are_there {
                kept.push(statement.bytes.clone(), names, None);
            }
        }
        Ok(kept)
    }

    fn push(&mut self, place: Range<usize>, names: Vec<String>, annotation: Option<String>) {
        self.places.push(place);
        self.names.push(names);
        self.annotations.push(annotation);
    }

    /// These, and the statements at `more` places, each with the names that it has bound and the
    /// annotation that it gives.
    pub(super) fn and(&self, more: Vec<(Range<usize>, Vec<String>, Option<String>)>) -> Self {
        let mut all: Vec<_> = (self.places.iter().zip(&self.names).zip(&self.annotations))
            .map(|((place, names), annotation)| (place.clone(), names.clone(), annotation.clone()))
            .collect();
        all.extend(more.into_iter().filter(|it| !self.places.contains(&it.0)));
        all.sort_unstable_by_key(|it| it.0.start);
        let mut found = Self::default();
        for (place, names, annotation) in all {
            found.push(place, names, annotation);
        }
        found
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The same names, so that one's code may be compared with the other's.
    pub(super) fn has_names_of(&self, other: &Self) -> bool {
        self.names == other.names
    }

    pub(super) fn names(&self) -> FxHashSet<String> {
        self.names.iter().flatten().cloned().collect()
    }

    /// `text`, in which these statements bind their names to what they hold, on the same lines.
    pub(super) fn apply(&self, text: &str) -> String {
        let mut found = String::with_capacity(text.len());
        let mut end = 0;
        let statements = self.places.iter().zip(&self.names).zip(&self.annotations);
        for ((place, names), annotation) in statements {
            found.push_str(&text[end..place.start]);
            let same: Vec<_> = names
                .iter()
                .map(|name| match annotation {
                    Some(annotation) => format!("{name}: {annotation} = {name}"),
                    None => format!("{name} = {name}"),
                })
                .collect();
            let same = if same.is_empty() {
                "pass".to_owned()
            } else {
                same.join("; ")
            };
            let lines = |text: &str| text.matches('\n').count();
            found.push_str(&same);
            found.push_str(&"\n".repeat(lines(&text[place.clone()]) - lines(&same)));
            end = place.end;
        }
        found + &text[end..]
    }
}

/// Whether the statement asks for it and can be kept: it binds names for certain, and does nothing to
/// others.
fn asks(statement: &Statement) -> bool {
    statement.directive == Some(Directive::Keep)
        && matches!(statement.kind, Kind::Other(_))
        && !statement.binds.is_empty()
        && statement.unbinds.is_empty()
        && statement.globals.is_empty()
}
