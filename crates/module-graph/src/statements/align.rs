//! Which statement of an old text each statement of the new one is.
//!
//! The longest common sequence: what was moved to another place is another statement, for others have
//! run before it. Statements are equal if their fingerprints are.

use crate::outline::Statement;

/// More statements than this, multiplied, are not compared: what is between the equal ends of two such
/// texts counts as new.
const MOST: usize = 1 << 22;

/// For each of `new`, its place in `old`.
pub(super) fn align(old: &[Statement], new: &[Statement]) -> Vec<Option<usize>> {
    let is_same = |one: usize, two: usize| old[one].print == new[two].print;
    let most = old.len().min(new.len());
    let head = (0..most).take_while(|&at| is_same(at, at)).count();
    let from_end = |at: &usize| is_same(old.len() - 1 - at, new.len() - 1 - at);
    let tail = (0..most - head).take_while(from_end).count();

    let mut found = vec![None; new.len()];
    for (at, place) in found.iter_mut().enumerate().take(head) {
        *place = Some(at);
    }
    for at in 1..=tail {
        found[new.len() - at] = Some(old.len() - at);
    }
    let (rows, columns) = (old.len() - head - tail, new.len() - head - tail);
    if rows.saturating_mul(columns) > MOST {
        return found;
    }
    // How long the longest common sequence is from each pair of places on.
    let mut lengths = vec![0_u32; (rows + 1) * (columns + 1)];
    let at = |row: usize, column: usize| row * (columns + 1) + column;
    for row in (0..rows).rev() {
        for column in (0..columns).rev() {
            lengths[at(row, column)] = if is_same(head + row, head + column) {
                lengths[at(row + 1, column + 1)] + 1
            } else {
                lengths[at(row + 1, column)].max(lengths[at(row, column + 1)])
            };
        }
    }
    let (mut row, mut column) = (0, 0);
    while row < rows && column < columns {
        if is_same(head + row, head + column) {
            found[head + column] = Some(head + row);
            (row, column) = (row + 1, column + 1);
        } else if lengths[at(row + 1, column)] >= lengths[at(row, column + 1)] {
            row += 1;
        } else {
            column += 1;
        }
    }
    found
}
