//! Collections and selectors: changes reach only who read the item.

use std::cell::Cell;
use std::rc::Rc;

use hmr_signals::{Error, ReactiveMap, ReactiveSet, ReactiveVec, Runtime};

use crate::{Log, check};

#[test]
fn a_change_of_one_key_runs_only_the_readers_of_that_key() {
    let (rt, log) = (Runtime::new(), Log::default());
    let map = ReactiveMap::new(rt.cx());
    map.insert("a", 1);
    for key in ["a", "b"] {
        let log = log.clone();
        rt.effect(move || log.add(format!("{key}={:?}", map.get(&key))));
    }
    rt.effect({
        let log = log.clone();
        move || log.add(format!("len={}", map.len()))
    });
    assert_eq!(log.take(), "a=Some(1) b=None len=1");
    map.insert("a", 2);
    assert_eq!(log.take(), "a=Some(2)");
    map.insert("a", 2);
    assert_eq!(log.take(), "");
    map.insert("b", 5);
    assert_eq!(log.take(), "b=Some(5) len=2");
    assert_eq!(map.remove(&"a"), Some(2));
    assert_eq!(log.take(), "a=None len=1");
    let memo = rt.memo(move || matches!(map.try_insert("x", 1), Err(Error::WriteInMemo { .. })));
    assert!(memo.get() && map.get(&"x").is_none());
    check(&rt);
}

#[test]
fn sets_and_vectors_notify_per_member_and_index() {
    let (rt, log) = (Runtime::new(), Log::default());
    let (set, list) = (ReactiveSet::new(rt.cx()), ReactiveVec::new(rt.cx()));
    rt.effect({
        let log = log.clone();
        move || log.add(format!("has7={}", set.contains(&7)))
    });
    rt.effect({
        let log = log.clone();
        move || log.add(format!("[1]={:?}", list.get(1)))
    });
    log.take();
    assert!(set.insert(3) && !set.insert(3) && set.insert(7));
    assert_eq!(log.take(), "has7=true");
    list.push('a');
    assert_eq!(log.take(), "");
    list.push('b');
    assert_eq!(log.take(), "[1]=Some('b')");
    list.set(0, 'x');
    assert_eq!(log.take(), "");
    list.insert(0, 'y');
    assert_eq!(log.take(), "[1]=Some('x')");
    list.remove(0);
    assert_eq!((log.take().as_str(), list.len()), ("[1]=Some('b')", 2));
    assert_eq!((list.to_vec(), set.members()), (vec!['x', 'b'], vec![3, 7]));
    check(&rt);
}

#[test]
fn a_selector_runs_the_old_and_the_new_key_only() {
    let rt = Runtime::new();
    let (chosen, runs) = (rt.signal(0), Rc::new(Cell::new(0)));
    let selector = rt.selector(move || chosen.get());
    for row in 0..1_000 {
        let runs = runs.clone();
        rt.effect(move || {
            runs.set(runs.get() + 1);
            selector.is(&row);
        });
    }
    runs.set(0);
    chosen.set(500);
    assert_eq!(runs.get(), 2);
    rt.batch(|| {
        chosen.set(7);
        assert!(
            selector.is(&7) && !selector.is(&500),
            "fresh inside a batch"
        );
    });
    assert_eq!(runs.get(), 4);
    check(&rt);
}
