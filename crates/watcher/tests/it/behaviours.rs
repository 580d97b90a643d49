//! No promise without a test: every number of `BEHAVIOURS.md` is named by one.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn numbers(dir: &Path, found: &mut BTreeSet<u32>) {
    for entry in fs::read_dir(dir).expect("the tests") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            numbers(&path, found);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap_or_default();
        let named = text
            .split('[')
            .skip(1)
            .filter_map(|rest| rest.split(']').next());
        found.extend(named.filter_map(|number| number.parse::<u32>().ok()));
    }
}

#[test]
fn every_promise_has_a_test() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let promises = fs::read_to_string(here.join("BEHAVIOURS.md")).expect("the promises");
    let promised: BTreeSet<u32> = promises
        .lines()
        .filter_map(|line| line.split_once(". ")?.0.parse().ok())
        .collect();
    let mut tested = BTreeSet::new();
    numbers(&here.join("tests"), &mut tested);
    let missing: Vec<_> = promised.difference(&tested).collect();
    assert!(missing.is_empty(), "promises without a test: {missing:?}");
    assert_eq!(promised.len(), 69);
}
