//! A spreadsheet: cells are signals with a formula, values are memos, a cycle is an error value.

use std::collections::BTreeMap;
use std::io::{Write, stdout};
use std::rc::Rc;

use hmr_signals::{Error, Memo, Runtime, Signal};

/// What a cell shows: a number, or why there is none.
type Value = Result<f64, String>;

#[derive(Clone, PartialEq)]
enum Formula {
    Number(f64),
    Sum(Vec<&'static str>),
    Times(&'static str, f64),
}

struct Sheet {
    formulas: BTreeMap<&'static str, Signal<Formula>>,
    values: BTreeMap<&'static str, Memo<Value>>,
}

fn value(cells: &BTreeMap<&'static str, Stored>, name: &str) -> Value {
    let cell = cells.get(name).ok_or(format!("no cell {name}"))?;
    match cell.get().try_get() {
        Ok(value) => value,
        Err(Error::Cycle(_)) => Err("cycle".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// A cell's memo, which exists only after the map of all cells does.
type Stored = Rc<std::cell::OnceCell<Memo<Value>>>;

trait Get {
    fn get(&self) -> Memo<Value>;
}

impl Get for Stored {
    fn get(&self) -> Memo<Value> {
        *std::cell::OnceCell::get(self).expect("filled when the sheet was built")
    }
}

fn sheet(rt: &Runtime, cells: &[(&'static str, Formula)]) -> Sheet {
    let slots: BTreeMap<&'static str, Stored> = cells
        .iter()
        .map(|(name, _)| (*name, Stored::default()))
        .collect();
    let slots = Rc::new(slots);
    let (mut formulas, mut values) = (BTreeMap::new(), BTreeMap::new());
    for (name, formula) in cells {
        let formula = rt.signal(formula.clone());
        let all = Rc::clone(&slots);
        let memo = rt.memo(move || match formula.get() {
            Formula::Number(number) => Ok(number),
            Formula::Sum(names) => names.iter().map(|n| value(&all, n)).sum(),
            Formula::Times(name, factor) => Ok(value(&all, name)? * factor),
        });
        let _ = slots[name].set(memo.label(*name));
        formulas.insert(*name, formula);
        values.insert(*name, memo);
    }
    Sheet { formulas, values }
}

fn main() -> std::io::Result<()> {
    let rt = Runtime::new();
    let sheet = sheet(
        &rt,
        &[
            ("A1", Formula::Number(10.0)),
            ("A2", Formula::Number(20.0)),
            ("A3", Formula::Sum(vec!["A1", "A2"])),
            ("B1", Formula::Times("A3", 1.2)),
        ],
    );
    let show = |title: &str| -> std::io::Result<()> {
        let cells: Vec<String> = sheet
            .values
            .iter()
            .map(|(name, memo)| format!("{name}={:?}", memo.get()))
            .collect();
        writeln!(stdout(), "{title}: {}", cells.join("  "))
    };
    show("start")?;
    sheet.formulas["A1"].set(Formula::Number(100.0));
    show("A1 = 100")?;
    sheet.formulas["A1"].set(Formula::Times("B1", 2.0));
    show("A1 = B1 * 2, a cycle")?;
    sheet.formulas["A1"].set(Formula::Number(1.0));
    show("A1 = 1 again")?;
    assert_eq!(sheet.values["B1"].get(), Ok(25.2));
    Ok(())
}
