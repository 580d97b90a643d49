//! Comments that speak to us: `# hmr: rerun` and `# hmr: keep`.

use std::{collections::BTreeMap, ops::RangeInclusive};

use crate::outline::Directive;

/// The directives of a file by line.
#[derive(Default)]
pub(super) struct Directives {
    /// On a line of their own: for the statement that begins on the next one.
    above: BTreeMap<u32, Directive>,
    /// Behind code: for the statement whose line it is.
    behind: BTreeMap<u32, Directive>,
}

impl Directives {
    pub(super) fn add(&mut self, line: u32, comment: &str, is_alone: bool) {
        if let Some(directive) = read(comment) {
            let lines = [&mut self.behind, &mut self.above];
            lines[usize::from(is_alone)].insert(line, directive);
        }
    }

    /// The directive for a statement whose first line and whose lines with room for a comment
    /// behind them are these. What stands nearer to its end wins.
    pub(super) fn of(&self, first: u32, own: RangeInclusive<u32>) -> Option<Directive> {
        let behind = self.behind.range(own).next_back();
        behind
            .map(|(_, directive)| *directive)
            .or_else(|| self.above.get(&first.checked_sub(1)?).copied())
    }
}

/// `# hmr: word`, perhaps followed by another comment.
fn read(comment: &str) -> Option<Directive> {
    let words = comment.strip_prefix('#')?.trim_start();
    let word = words.strip_prefix("hmr:")?.split('#').next()?.trim();
    match word {
        "rerun" => Some(Directive::Rerun),
        "keep" => Some(Directive::Keep),
        _ => None,
    }
}
