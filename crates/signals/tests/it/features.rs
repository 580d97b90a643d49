//! What is behind features: the conformance cases, mailboxes, resources and streams.

#[cfg(feature = "conformance")]
mod conformance {
    use std::cell::Cell;

    use hmr_signals::conformance::{Library, cases};
    use hmr_signals::{Cx, Memo, Runtime, Signal};

    thread_local! {
        static CX: Cell<Option<Cx>> = const { Cell::new(None) };
    }

    struct Ours;

    fn cx() -> Cx {
        CX.get().expect("inside root")
    }

    impl Library for Ours {
        type Signal = Signal<i64>;
        type Memo = Memo<i64>;
        fn root(f: impl FnOnce()) {
            let rt = Runtime::new();
            CX.set(Some(rt.cx()));
            f();
        }
        fn signal(value: i64) -> Signal<i64> {
            cx().signal(value)
        }
        fn memo(f: impl Fn() -> i64 + 'static) -> Memo<i64> {
            cx().memo(f)
        }
        fn effect(f: impl Fn() + 'static) {
            cx().effect(f);
        }
        fn read(signal: Signal<i64>) -> i64 {
            signal.get()
        }
        fn write(signal: Signal<i64>, value: i64) {
            signal.set(value);
        }
        fn get(memo: Memo<i64>) -> i64 {
            memo.get()
        }
        fn batch(f: impl FnOnce()) {
            cx().batch(f);
        }
    }

    #[test]
    fn this_crate_passes_every_conformance_case() {
        for (name, case) in cases::<Ours>() {
            assert_eq!(case(), Ok(()), "{name}");
        }
    }
}

#[cfg(feature = "sync")]
#[test]
fn another_thread_writes_through_a_mailbox() {
    use std::sync::mpsc::channel;
    let rt = hmr_signals::Runtime::new();
    let log = crate::Log::default();
    let s = rt.signal(0);
    rt.effect({
        let log = log.clone();
        move || log.add(s.get())
    });
    let (woken, wakes) = channel();
    let (mailbox, inbox) = rt.mailbox(s, move || woken.send(()).expect("the test listens"));
    std::thread::spawn(move || (1..=3).for_each(|i| mailbox.send(i)))
        .join()
        .expect("sent");
    assert_eq!(wakes.try_iter().count(), 3);
    assert_eq!(inbox.deliver(), Ok(3));
    assert_eq!(log.take(), "0 3", "one batch");
}

#[cfg(feature = "async")]
mod futures {
    use std::cell::RefCell;
    use std::pin::{Pin, pin};
    use std::rc::Rc;
    use std::task::{Context, Poll, Waker};

    use futures_core::Stream;
    use hmr_signals::{Runtime, Task};

    fn poll_all(tasks: &RefCell<Vec<Task>>) {
        let mut cx = Context::from_waker(Waker::noop());
        for mut task in tasks.take() {
            if task.as_mut().poll(&mut cx).is_pending() {
                tasks.borrow_mut().push(task);
            }
        }
    }

    #[test]
    fn a_resource_follows_its_request_and_drops_overtaken_answers() {
        let rt = Runtime::new();
        let tasks = Rc::new(RefCell::new(Vec::new()));
        let (id, queue) = (rt.signal(1), tasks.clone());
        let resource = rt.resource(
            move || {
                let id = id.get();
                async move { id * 10 }
            },
            move |task| queue.borrow_mut().push(task),
        );
        assert_eq!((resource.get(), resource.is_loading()), (None, true));
        id.set(2);
        poll_all(&tasks);
        assert_eq!((resource.get(), resource.is_loading()), (Some(20), false));
        id.set(3);
        assert_eq!((resource.get(), resource.is_loading()), (Some(20), true));
        drop(rt);
        poll_all(&tasks);
    }

    #[test]
    fn a_future_waits_for_a_condition_or_the_end_of_the_runtime() {
        use std::future::Future;
        let rt = Runtime::new();
        let s = rt.signal(1);
        let (mut large, mut never) = (
            pin!(rt.until(move || s.get() > 5)),
            pin!(rt.until(|| false)),
        );
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(large.as_mut().poll(&mut cx), Poll::Pending);
        s.set(6);
        assert_eq!(large.as_mut().poll(&mut cx), Poll::Ready(true));
        drop(rt);
        assert_eq!(never.as_mut().poll(&mut cx), Poll::Ready(false));
    }

    #[test]
    fn a_stream_gives_the_current_value_and_then_the_latest_change() {
        let rt = Runtime::new();
        let s = rt.signal(1);
        let mut changes = pin!(rt.changes(move || s.get()));
        let mut cx = Context::from_waker(Waker::noop());
        let mut next = || Pin::as_mut(&mut changes).poll_next(&mut cx);
        assert_eq!(next(), Poll::Ready(Some(1)));
        assert_eq!(next(), Poll::Pending);
        s.set(2);
        s.set(3);
        assert_eq!(next(), Poll::Ready(Some(3)));
        assert_eq!(next(), Poll::Pending);
    }
}
