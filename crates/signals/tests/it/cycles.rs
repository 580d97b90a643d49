//! Behaviours 77 to 79: cycles are errors with a path, and go away with their cause.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use hmr_signals::{Error, Memo, Runtime, Signal};

use crate::{Log, check, panic_of};

type Late = Rc<Cell<Option<Memo<i32>>>>;

fn read(late: &Late) -> i32 {
    late.get().expect("set by the test").get()
}

#[test]
fn a_memo_that_reads_itself_is_an_error_that_names_it_until_its_branch_changes() {
    let rt = Runtime::new();
    let (on, me) = (rt.signal(true), Late::default());
    let slot = me.clone();
    let m = rt.memo(move || if on.get() { read(&slot) } else { 7 });
    let m = m.label("narcissus");
    me.set(Some(m));
    let message = panic_of(|| m.get());
    assert!(message.contains("narcissus created at"), "{message}");
    assert!(matches!(m.try_get(), Err(Error::Cycle(path)) if path.len() == 1));
    on.set(false);
    assert_eq!(m.get(), 7);
    check(&rt);
}

/// A ring of memos; the first reads the last while `on`.
fn ring(rt: &Runtime, on: Signal<bool>, members: usize) -> Vec<Memo<i32>> {
    let last = Late::default();
    let slot = last.clone();
    let first = rt.memo(move || if on.get() { read(&slot) + 1 } else { 1 });
    let mut all = vec![first.label("ring 0")];
    for i in 1..members {
        let below = all[i - 1];
        all.push(rt.memo(move || below.get() + 1).label(format!("ring {i}")));
    }
    last.set(all.last().copied());
    all
}

#[test]
fn cycles_of_two_and_more_that_appear_later_are_errors_with_their_path() {
    for members in [2, 3, 10] {
        let (rt, log) = (Runtime::new(), Log::default());
        let on = rt.signal(false);
        let all = ring(&rt, on, members);
        let last = all[members - 1];
        let to = log.clone();
        rt.effect(move || {
            let seen = last.try_get();
            to.add(seen.map_or_else(|_| "error".into(), |v| v.to_string()));
        });
        on.set(true);
        let Err(Error::Cycle(path)) = last.try_get() else {
            panic!("a cycle of {members}: {:?}", last.try_get())
        };
        assert_eq!(path.len(), members);
        check(&rt);
        on.set(false);
        assert_eq!(last.get(), i32::try_from(members).expect("small"));
        check(&rt);
        assert_eq!(
            log.take(),
            format!("{members} error {members}"),
            "not sticky, effect woken"
        );
    }
}

#[test]
fn a_cycle_that_closes_through_a_node_that_is_only_pending_is_found() {
    let rt = Runtime::new();
    let (on, s) = (rt.signal(false), rt.signal(1));
    let all = ring(&rt, on, 4);
    let (middle, last) = (all[2], all[3]);
    let top = rt.memo(move || s.get() + last.get());
    assert_eq!((top.get(), middle.get()), (5, 3));
    rt.batch(|| {
        on.set(true);
        assert!(matches!(middle.try_get(), Err(Error::Cycle(path)) if path.len() == 4));
        assert!(matches!(top.try_get(), Err(Error::Cycle(_))));
    });
    on.set(false);
    assert_eq!((top.get(), middle.get()), (5, 3));
    check(&rt);
}

#[test]
fn two_memos_that_swap_who_reads_whom_are_no_cycle() {
    let rt = Runtime::new();
    let (s, late) = (rt.signal(true), Late::default());
    let slot = late.clone();
    let a = rt.memo(move || if s.get() { read(&slot) } else { 1 });
    let b = rt.memo(move || if s.get() { 2 } else { a.get() });
    late.set(Some(b));
    assert_eq!((a.get(), b.get()), (2, 2));
    for on in [false, true, false] {
        s.set(on);
        assert_eq!(b.get(), if on { 2 } else { 1 });
        assert_eq!(a.get(), if on { 2 } else { 1 });
    }
    check(&rt);
}

#[test]
fn a_value_that_reads_its_own_memo_when_compared_or_dropped_gets_an_error() {
    #[derive(Clone)]
    struct Nosy(i32, Rc<RefCell<Vec<String>>>, Rc<Cell<Option<Memo<Nosy>>>>);
    impl Nosy {
        fn look(&self, when: &str) {
            if let Some(memo) = self.2.get() {
                let seen = memo
                    .try_with(|v| v.0)
                    .map_err(|e| matches!(e, Error::Cycle(_)));
                self.1.borrow_mut().push(format!("{when} {seen:?}"));
            }
        }
    }
    impl PartialEq for Nosy {
        fn eq(&self, other: &Self) -> bool {
            self.look("eq");
            self.0 == other.0
        }
    }
    impl Drop for Nosy {
        fn drop(&mut self) {
            self.look("drop");
        }
    }
    let rt = Runtime::new();
    let (log, me) = (
        Rc::<RefCell<Vec<String>>>::default(),
        Rc::<Cell<Option<Memo<Nosy>>>>::default(),
    );
    let (s, to, slot) = (rt.signal(1), log.clone(), me.clone());
    let m = rt.memo(move || Nosy(s.get(), to.clone(), slot.clone()));
    m.with(|_| ());
    me.set(Some(m));
    s.set(2);
    assert_eq!(m.with(|v| v.0), 2);
    assert_eq!(log.borrow().join(", "), "eq Err(true), drop Ok(2)");
    log.borrow_mut().clear();
    assert_eq!(m.get().0, 2, "a clone outlives the loan");
    m.dispose();
    check(&rt);
    me.set(None);
}
