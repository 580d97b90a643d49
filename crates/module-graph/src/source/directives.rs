//! Comments that speak to us: `# hmr: rerun` and `# hmr: keep`.

use std::{collections::BTreeMap, ops::RangeInclusive};

use crate::outline::Directive;

/// The directives of a file by line.
#[derive(Default)]
pub(super) struct Directives {
    /// On a line of their own: for the statement that begins on the next one, no further to the left.
    /// Each with its column.
    above: BTreeMap<u32, (u32, Directive)>,
    /// Behind code: for the statement whose line it is.
    behind: BTreeMap<u32, Directive>,
}

impl Directives {
    /// A comment, `at` a line and a column.
    pub(super) fn add(&mut self, at: (u32, u32), comment: &str, is_alone: bool) {
        let (line, column) = at;
        match read(comment) {
            Some(directive) if is_alone => drop(self.above.insert(line, (column, directive))),
            Some(directive) => drop(self.behind.insert(line, directive)),
            None => {}
        }
    }

    /// The directive for a statement that begins `at` this line and column, and whose lines with room
    /// for a comment behind them are these. What stands nearer to its end wins.
    pub(super) fn of(&self, at: (u32, u32), own: RangeInclusive<u32>) -> Option<Directive> {
        let (first, column) = at;
        let above = self.above.get(&first.checked_sub(1)?);
        let above = above.filter(|(indent, _)| *indent <= column);
        let behind = self.behind.range(own).next_back();
        behind
            .map(|(_, directive)| *directive)
            .or_else(|| above.map(|(_, directive)| *directive))
    }
}

/// `# hmr: word`, with or without blanks, before or behind other comments, and perhaps with a reason.
fn read(comment: &str) -> Option<Directive> {
    comment.split('#').find_map(|comment| {
        let words = comment.trim_start().strip_prefix("hmr:")?.trim_start();
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        let end = words.find(|c| !is_part(c)).unwrap_or(words.len());
        match &words[..end] {
            "rerun" => Some(Directive::Rerun),
            "keep" => Some(Directive::Keep),
            _ => None,
        }
    })
}
