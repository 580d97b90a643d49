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

#[test]
fn what_was_disposed_is_an_error_for_every_twin() {
    let rt = Runtime::new();
    let scope = rt.scope();
    let cx = rt.cx();
    let (items, map, set, stored) = scope.run(|| {
        let items = ReactiveVec::new(cx);
        items.push(1);
        let map = ReactiveMap::new(cx);
        map.insert("a", 1);
        let set = ReactiveSet::new(cx);
        set.insert(1);
        (items, map, set, cx.store(7))
    });
    assert_eq!(items.try_insert(0, 5), Ok(()));
    assert_eq!(items.try_set(1, 6), Ok(true));
    assert_eq!(items.try_set(2, 6), Ok(false));
    assert_eq!(items.try_to_vec(), Ok(vec![5, 6]));
    assert_eq!(items.try_remove(0), Ok(Some(5)));
    assert_eq!((items.try_len(), items.try_is_empty()), (Ok(1), Ok(false)));
    assert_eq!(map.try_keys(), Ok(vec!["a"]));
    assert_eq!(map.try_entries(), Ok(vec![("a", 1)]));
    assert_eq!((map.try_len(), map.try_is_empty()), (Ok(1), Ok(false)));
    assert_eq!(set.try_contains(&1), Ok(true));
    assert_eq!(set.try_members(), Ok(vec![1]));
    assert_eq!(set.try_remove(&1), Ok(true));
    assert_eq!(stored.try_dispose(), Ok(()));
    scope.dispose();
    let gone = [
        items.try_insert(0, 5).err(),
        items.try_set(0, 6).err(),
        items.try_to_vec().err(),
        items.try_remove(0).err(),
        items.try_len().err(),
        items.try_is_empty().err(),
        map.try_keys().err(),
        map.try_entries().err(),
        map.try_len().err(),
        map.try_is_empty().err(),
        set.try_contains(&1).err(),
        set.try_members().err(),
        set.try_remove(&1).err(),
        stored.try_dispose().err(),
    ];
    for (at, error) in gone.into_iter().enumerate() {
        assert!(
            matches!(error, Some(Error::Disposed { .. })),
            "{at}: {error:?}"
        );
    }
}

#[test]
fn a_runtime_that_has_gone_is_an_error_for_what_would_be_made_in_it() {
    let rt = Runtime::new();
    let cx = rt.cx();
    let cleaned = Rc::new(Cell::new(0));
    let count = |n: &Rc<Cell<i32>>| {
        let n = Rc::clone(n);
        move || n.set(n.get() + 1)
    };
    assert!(cx.try_scope().is_ok());
    assert_eq!(cx.try_store(7).and_then(|s| s.try_with(|v| *v)), Ok(7));
    assert_eq!(cx.try_on_cleanup(count(&cleaned)), Ok(()));
    assert_eq!(cx.try_provide_context(3_u8), Ok(()));
    assert_eq!(
        cx.try_context::<u8>().map(|c| c.as_deref().copied()),
        Ok(Some(3))
    );
    let signal = cx.try_signal_with(1, hmr_signals::Never);
    assert_eq!(signal.and_then(|s| s.try_with_untracked(|v| *v)), Ok(1));
    let memo = cx.try_memo_with(|_| 2, hmr_signals::ByPartialEq);
    assert_eq!(memo.and_then(|m| m.try_get()), Ok(2));
    assert_eq!(cx.try_linked(|_| 3).and_then(|l| l.try_get()), Ok(3));
    assert_eq!(cx.try_trigger().and_then(|t| t.try_notify()), Ok(()));
    assert_eq!(cx.try_selector(|| 4).and_then(|s| s.try_is(&4)), Ok(true));
    assert!(cx.try_watch(|| 5, |_, _| ()).is_ok());
    assert_eq!(cx.try_untrack(|| 6), Ok(6));
    drop(rt);
    assert_eq!(cleaned.get(), 1);
    let gone = [
        cx.try_scope().err(),
        cx.try_store(7).err(),
        cx.try_on_cleanup(count(&cleaned)).err(),
        cx.try_provide_context(3_u8).err(),
        cx.try_context::<u8>().err(),
        cx.try_signal_with(1, hmr_signals::Never).err(),
        cx.try_memo_with(|_| 2, hmr_signals::ByPartialEq).err(),
        cx.try_linked(|_| 3).err(),
        cx.try_trigger().err(),
        cx.try_selector(|| 4).err(),
        cx.try_watch(|| 5, |_, _| ()).err(),
        cx.try_untrack(|| 6).err(),
    ];
    for error in gone {
        assert!(matches!(error, Some(Error::Disposed { .. })), "{error:?}");
    }
    assert_eq!(cleaned.get(), 1);
}

#[test]
fn a_panic_of_a_collection_names_the_line_that_used_it() {
    let rt = Runtime::new();
    let scope = rt.scope();
    let map = scope.run(|| ReactiveMap::<u8, u8>::new(rt.cx()));
    scope.dispose();
    let before = std::panic::take_hook();
    let (send, receive) = std::sync::mpsc::channel();
    std::panic::set_hook(Box::new(move |info| {
        let at = info.location().map(|l| (l.file().to_owned(), l.line()));
        let _ = send.send(at);
    }));
    let line = line!() + 1;
    let used = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| map.len()));
    std::panic::set_hook(before);
    assert!(used.is_err());
    let here = receive
        .try_iter()
        .flatten()
        .any(|at| at == (file!().to_owned(), line));
    assert!(here, "the panic does not name {}:{}", file!(), line);
}

#[test]
fn errors_of_collections_name_the_place_of_the_user() {
    let rt = Runtime::new();
    let map: ReactiveMap<i32, i32> = ReactiveMap::new(rt.cx());
    let m = rt.memo(move || map.try_insert(1, 1).map_err(|e| e.to_string()).err());
    let e = m.get().unwrap();
    assert!(!e.contains("src/collections"), "{e}");
    let v: ReactiveVec<i32> = ReactiveVec::new(rt.cx());
    let m = rt.memo(move || v.try_push(1).map_err(|e| e.to_string()).err());
    let e = m.get().unwrap();
    assert!(!e.contains("src/collections"), "{e}");
}
