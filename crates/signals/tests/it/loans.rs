//! Values that are lent by `with` while what they come from changes.

use std::cell::Cell;
use std::rc::Rc;

use hmr_signals::{Error, Memo, Runtime};

use crate::{Log, check, panic_of};

/// Counts how many are alive.
#[derive(Clone)]
struct Counted(Rc<Cell<i32>>, String);

impl Counted {
    fn new(alive: &Rc<Cell<i32>>, text: String) -> Self {
        alive.set(alive.get() + 1);
        Self(Rc::clone(alive), text)
    }
}

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        self.1 == other.1
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[test]
fn a_memo_whose_value_is_lent_runs_beside_it() {
    let rt = Runtime::new();
    let alive = Rc::new(Cell::new(0));
    let s = rt.signal(String::from("a"));
    let counter = Rc::clone(&alive);
    let m = rt.memo(move || {
        let text = s.get();
        assert_ne!(text, "bad");
        Counted::new(&counter, text)
    });
    let length = rt.memo(move || m.with(|value| value.1.len()));
    let seen = Log::default();
    let log = seen.clone();
    rt.effect(move || m.with(|value| log.add(&value.1)));
    m.with(|first| {
        s.set(String::from("bb"));
        assert_eq!((first.1.as_str(), length.get()), ("a", 2));
        m.with(|second| {
            s.set(String::from("ccc"));
            assert_eq!((first.1.as_str(), second.1.as_str()), ("a", "bb"));
            assert!(panic_of(|| s.set(String::from("bad"))).contains("bad"));
        });
    });
    assert_eq!(seen.take(), "a bb ccc");
    assert!(matches!(length.try_get(), Err(Error::Panicked { .. })));
    s.set(String::from("dddd"));
    assert_eq!((length.get(), alive.get()), (4, 1), "old values have gone");
    assert_eq!(seen.take(), "dddd");
    m.with(|value| {
        s.set(String::from("eeeee"));
        m.dispose();
        assert_eq!((value.1.as_str(), alive.get()), ("dddd", 2));
    });
    assert_eq!(alive.get(), 0);
    check(&rt);
}

#[test]
fn a_memo_that_disposes_itself_while_its_value_is_lent_goes_after_the_loan() {
    let rt = Runtime::new();
    let alive = Rc::new(Cell::new(0));
    let s = rt.signal(1);
    let counter = Rc::clone(&alive);
    let itself: Rc<Cell<Option<Memo<Counted>>>> = Rc::default();
    let handle = Rc::clone(&itself);
    let m = rt.memo(move || {
        if s.get() == 2 {
            handle.take().expect("set below").dispose();
        }
        Counted::new(&counter, s.get().to_string())
    });
    itself.set(Some(m));
    m.with(|value| {
        s.set(2);
        assert!(matches!(m.try_get(), Err(Error::Disposed { .. })));
        assert_eq!((value.1.as_str(), alive.get()), ("1", 1));
    });
    assert_eq!(alive.get(), 0);
    check(&rt);
}
