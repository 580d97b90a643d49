//! What any signals library should do, as cases over a small trait (feature `conformance`).
//!
//! Wire a library to [`Library`] and run [`cases`]. This crate passes all of them; a peer is wired in
//! `benches/peers`. Cases only use values and run counts, so that eager libraries can take part.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The operations the cases need. Handles are `Copy`, values are `i64`.
pub trait Library: 'static {
    /// A writable value.
    type Signal: Copy + 'static;
    /// A derived value that cuts on equality.
    type Memo: Copy + 'static;

    /// Runs `f` where nodes can be made.
    fn root(f: impl FnOnce());
    /// Makes a signal.
    fn signal(value: i64) -> Self::Signal;
    /// Makes a memo.
    fn memo(f: impl Fn() -> i64 + 'static) -> Self::Memo;
    /// Makes an effect.
    fn effect(f: impl Fn() + 'static);
    /// Reads a signal, tracked.
    fn read(signal: Self::Signal) -> i64;
    /// Writes a signal.
    fn write(signal: Self::Signal, value: i64);
    /// Reads a memo, tracked.
    fn get(memo: Self::Memo) -> i64;
    /// Runs `f` as one batch.
    fn batch(f: impl FnOnce());
}

/// The name of a case, and the case: it says what went wrong.
pub type Case = (&'static str, fn() -> Result<(), String>);

/// All cases for a library.
pub fn cases<L: Library>() -> Vec<Case> {
    vec![
        ("a diamond runs its join once and shows no mixture", || {
            diamond::<L>()
        }),
        ("an equal value stops the change", || cut::<L>()),
        ("a write of the same value runs nothing", || {
            same_value::<L>()
        }),
        ("a dropped dependency is silent", || dropped::<L>()),
        ("a memo is fresh inside a batch", || fresh_in_batch::<L>()),
        ("a batch runs effects once", || batch_once::<L>()),
        ("a write taken back in its batch runs nothing", || {
            revert::<L>()
        }),
        ("a memo nobody reads does not run", || lazy::<L>()),
        ("inner effects go when the outer one reruns", || {
            nested::<L>()
        }),
        ("a ladder of 20 rungs is linear", || ladder::<L>()),
        ("a chain of 1,000 passes a change on", || chain::<L>()),
    ]
}

fn expect<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, wanted: &T) -> Result<(), String> {
    if found == wanted {
        Ok(())
    } else {
        Err(format!("{what}: found {found:?}, wanted {wanted:?}"))
    }
}

fn inside<L: Library>(f: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let mut result = Err("the root did not run".to_owned());
    L::root(|| result = f());
    result
}

/// An effect that notes each value it sees.
fn seen<L: Library>(f: impl Fn() -> i64 + 'static) -> Rc<RefCell<Vec<i64>>> {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let into = Rc::clone(&seen);
    L::effect(move || {
        let value = f();
        into.borrow_mut().push(value);
    });
    seen
}

fn diamond<L: Library>() -> Result<(), String> {
    inside::<L>(|| {
        let a = L::signal(1);
        let (b, c) = (
            L::memo(move || L::read(a) * 2),
            L::memo(move || L::read(a) * 3),
        );
        let join = L::memo(move || L::get(b) * 100 + L::get(c));
        let seen = seen::<L>(move || L::get(join));
        seen.borrow_mut().clear();
        L::write(a, 2);
        expect("effect", &*seen.borrow(), &vec![406])
    })
}

fn cut<L: Library>() -> Result<(), String> {
    inside::<L>(|| {
        let a = L::signal(1);
        let parity = L::memo(move || L::read(a) % 2);
        let seen = seen::<L>(move || L::get(parity));
        seen.borrow_mut().clear();
        L::write(a, 3);
        expect("effect", &*seen.borrow(), &vec![])
    })
}

fn same_value<L: Library>() -> Result<(), String> {
    inside::<L>(|| {
        let a = L::signal(1);
        let seen = seen::<L>(move || L::read(a));
        seen.borrow_mut().clear();
        L::write(a, 1);
        expect("effect", &*seen.borrow(), &vec![])
    })
}

fn dropped<L: Library>() -> Result<(), String> {
    inside::<L>(|| {
        let (on, a) = (L::signal(1), L::signal(1));
        let seen = seen::<L>(move || if L::read(on) == 1 { L::read(a) } else { 0 });
        L::write(on, 0);
        seen.borrow_mut().clear();
        L::write(a, 2);
        expect("effect", &*seen.borrow(), &vec![])
    })
}

fn fresh_in_batch<L: Library>() -> Result<(), String> {
    inside::<L>(|| {
        let a = L::signal(1);
        let m = L::memo(move || L::read(a) * 2);
        let _seen = seen::<L>(move || L::get(m));
        let mut found = 0;
        L::batch(|| {
            L::write(a, 5);
            found = L::get(m);
        });
        expect("memo", &found, &10)
    })
}

fn batch_once<L: Library>() -> Result<(), String> {
    inside::<L>(|| {
        let (a, b) = (L::signal(1), L::signal(1));
        let seen = seen::<L>(move || L::read(a) + L::read(b));
        seen.borrow_mut().clear();
        L::batch(|| {
            L::write(a, 2);
            L::write(b, 2);
        });
        expect("effect", &*seen.borrow(), &vec![4])
    })
}

fn revert<L: Library>() -> Result<(), String> {
    inside::<L>(|| {
        let a = L::signal(1);
        let seen = seen::<L>(move || L::read(a));
        seen.borrow_mut().clear();
        L::batch(|| {
            L::write(a, 2);
            L::write(a, 1);
        });
        expect("effect", &*seen.borrow(), &vec![])
    })
}

fn lazy<L: Library>() -> Result<(), String> {
    inside::<L>(|| {
        let (a, runs) = (L::signal(1), Rc::new(Cell::new(0)));
        let counter = Rc::clone(&runs);
        let m = L::memo(move || {
            counter.set(counter.get() + 1);
            L::read(a)
        });
        L::write(a, 2);
        expect("runs before the first read", &runs.get(), &0)?;
        expect("value", &L::get(m), &2)
    })
}

fn nested<L: Library>() -> Result<(), String> {
    inside::<L>(|| {
        let (a, b, runs) = (L::signal(0), L::signal(0), Rc::new(Cell::new(0)));
        let counter = Rc::clone(&runs);
        L::effect(move || {
            L::read(a);
            let counter = Rc::clone(&counter);
            L::effect(move || {
                L::read(b);
                counter.set(counter.get() + 1);
            });
        });
        (1..=5).for_each(|i| L::write(a, i));
        runs.set(0);
        L::write(b, 1);
        expect("inner runs", &runs.get(), &1)
    })
}

fn ladder<L: Library>() -> Result<(), String> {
    inside::<L>(|| {
        let (a, runs) = (L::signal(0), Rc::new(Cell::new(0)));
        let first = L::memo(move || L::read(a));
        let mut rung = (first, first);
        for _ in 0..20 {
            let ((l, r), counter) = (rung, Rc::clone(&runs));
            let make = move |counter: Rc<Cell<i32>>| {
                L::memo(move || {
                    counter.set(counter.get() + 1);
                    (L::get(l) + L::get(r)) % 1_000_003
                })
            };
            rung = (make(Rc::clone(&counter)), make(counter));
        }
        let (l, r) = rung;
        let _seen = seen::<L>(move || L::get(l) + L::get(r));
        runs.set(0);
        L::write(a, 1);
        expect("memo runs", &runs.get(), &40)
    })
}

fn chain<L: Library>() -> Result<(), String> {
    inside::<L>(|| {
        let a = L::signal(0);
        let mut last = L::memo(move || L::read(a));
        for _ in 0..1_000 {
            let below = last;
            last = L::memo(move || L::get(below) + 1);
        }
        let seen = seen::<L>(move || L::get(last));
        L::write(a, 5);
        let last = seen.borrow().last().copied();
        expect("end of the chain", &last, &Some(1_005))
    })
}
