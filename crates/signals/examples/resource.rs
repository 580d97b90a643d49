//! An async resource on a hand-made executor: the request follows a signal, late answers are dropped.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{Write, stdout};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use hmr_signals::{Runtime, Task};

/// Pretends to ask a server: ready when polled for the third time.
async fn fetch(user: u32) -> String {
    let mut polls = 0;
    poll_fn(|cx| {
        polls += 1;
        cx.waker().wake_by_ref();
        if polls < 3 {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
    format!("user number {user}")
}

fn main() {
    let rt = Runtime::new();
    let tasks: Rc<RefCell<Vec<Task>>> = Rc::default();
    let (user, queue) = (rt.signal(1), Rc::clone(&tasks));
    let profile = rt.resource(
        move || fetch(user.get()),
        move |task| queue.borrow_mut().push(task),
    );
    rt.effect(move || {
        let state = if profile.is_loading() {
            "loading"
        } else {
            "ready"
        };
        let _ = writeln!(stdout(), "{state}: {:?}", profile.get());
    });
    user.set(2); // the answer for user 1 will be dropped
    let mut cx = Context::from_waker(Waker::noop());
    while !tasks.borrow().is_empty() {
        tasks
            .borrow_mut()
            .retain_mut(|task| task.as_mut().poll(&mut cx).is_pending());
    }
    assert_eq!(profile.get().as_deref(), Some("user number 2"));
}
