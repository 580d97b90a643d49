//! The tests of the crate, in one binary; one module per area of behaviour. The README maps the
//! number of each behaviour to its test.
#![expect(
    clippy::many_single_char_names,
    reason = "a, b, c and d are the names of nodes in the behaviours"
)]

mod batch;
mod chains;
mod collections;
mod core;
mod cycles;
mod dynamic;
mod effects;
mod equality;
mod features;
mod fuse;
mod gone;
mod hostile;
mod laziness;
mod loans;
mod losses;
mod outputs;
mod ownership;
mod panics;
mod propagation;
mod props;
mod scale;
mod untrack;
mod writes;

use std::cell::RefCell;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use hmr_signals::Runtime;

/// A list that closures write to and the test reads.
#[derive(Clone, Default)]
struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    fn add(&self, line: impl ToString) {
        self.0.borrow_mut().push(line.to_string());
    }

    /// What was written since the last call, separated by spaces.
    fn take(&self) -> String {
        std::mem::take(&mut *self.0.borrow_mut()).join(" ")
    }
}

/// What `f` returns, or its panic.
fn quiet<R>(f: impl FnOnce() -> R) -> std::thread::Result<R> {
    catch_unwind(AssertUnwindSafe(f))
}

/// The message of the panic that `f` ends with.
#[track_caller]
fn panic_of<R: Debug>(f: impl FnOnce() -> R) -> String {
    let panic = catch_unwind(AssertUnwindSafe(f)).expect_err("it should have panicked");
    if let Some(text) = panic.downcast_ref::<String>() {
        return text.clone();
    }
    panic
        .downcast_ref::<&str>()
        .map_or_else(|| "?".into(), |text| (*text).to_owned())
}

/// The graph is consistent and nothing is left over.
#[track_caller]
fn check(rt: &Runtime) {
    if let Err(fault) = rt.check() {
        panic!("{fault}\n{}", rt.dot());
    }
}
