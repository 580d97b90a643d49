//! One adapter per library: the same few operations, each by the library's own means.

use std::fmt::Debug;

/// What signals hold in the cases.
pub trait Value: Clone + PartialEq + Debug + Send + Sync + 'static {}
impl<T: Clone + PartialEq + Debug + Send + Sync + 'static> Value for T {}

pub trait Lib: 'static {
    const NAME: &'static str;
    type Signal<T: Value>: Copy + 'static;
    type Memo<T: Value>: Copy + 'static;

    /// Runs `f` where nodes can be made, and disposes them afterwards where the library can.
    fn root<R>(f: impl FnOnce() -> R) -> R;
    fn signal<T: Value>(value: T) -> Self::Signal<T>;
    fn memo<T: Value>(f: impl Fn() -> T + 'static) -> Self::Memo<T>;
    fn effect(f: impl Fn() + 'static);
    fn read<T: Value>(signal: Self::Signal<T>) -> T;
    fn write<T: Value>(signal: Self::Signal<T>, value: T);
    fn get<T: Value>(memo: Self::Memo<T>) -> T;
    fn batch(f: impl FnOnce());
}

/// Wires a library of the benchmark to the conformance cases.
pub struct Wired<L>(std::marker::PhantomData<L>);

impl<L: Lib> hmr_signals::conformance::Library for Wired<L> {
    type Signal = L::Signal<i64>;
    type Memo = L::Memo<i64>;

    fn root(f: impl FnOnce()) {
        L::root(f);
    }
    fn signal(value: i64) -> Self::Signal {
        L::signal(value)
    }
    fn memo(f: impl Fn() -> i64 + 'static) -> Self::Memo {
        L::memo(f)
    }
    fn effect(f: impl Fn() + 'static) {
        L::effect(f);
    }
    fn read(signal: Self::Signal) -> i64 {
        L::read(signal)
    }
    fn write(signal: Self::Signal, value: i64) {
        L::write(signal, value);
    }
    fn get(memo: Self::Memo) -> i64 {
        L::get(memo)
    }
    fn batch(f: impl FnOnce()) {
        L::batch(f);
    }
}

/// What the library does in each conformance case.
pub fn conformance<L: Lib>() {
    println!("{}", L::NAME);
    for (name, case) in hmr_signals::conformance::cases::<Wired<L>>() {
        match case() {
            Ok(()) => println!("  ok    {name}"),
            Err(why) => println!("  FAILS {name}: {why}"),
        }
    }
}

pub struct Ours;

thread_local! {
    static CX: std::cell::Cell<Option<hmr_signals::Cx>> = const { std::cell::Cell::new(None) };
}

fn cx() -> hmr_signals::Cx {
    CX.get().expect("inside root")
}

impl Lib for Ours {
    const NAME: &'static str = "hmr-signals";
    type Signal<T: Value> = hmr_signals::Signal<T>;
    type Memo<T: Value> = hmr_signals::Memo<T>;

    fn root<R>(f: impl FnOnce() -> R) -> R {
        let rt = hmr_signals::Runtime::new();
        CX.set(Some(rt.cx()));
        f()
    }
    fn signal<T: Value>(value: T) -> Self::Signal<T> {
        cx().signal(value)
    }
    fn memo<T: Value>(f: impl Fn() -> T + 'static) -> Self::Memo<T> {
        cx().memo(f)
    }
    fn effect(f: impl Fn() + 'static) {
        cx().effect(f);
    }
    fn read<T: Value>(signal: Self::Signal<T>) -> T {
        signal.get()
    }
    fn write<T: Value>(signal: Self::Signal<T>, value: T) {
        signal.set(value);
    }
    fn get<T: Value>(memo: Self::Memo<T>) -> T {
        memo.get()
    }
    fn batch(f: impl FnOnce()) {
        cx().batch(f);
    }
}

pub struct Alien;

impl Lib for Alien {
    const NAME: &'static str = "alien-signals";
    type Signal<T: Value> = alien_signals::Signal<T>;
    type Memo<T: Value> = alien_signals::Computed<T>;

    fn root<R>(f: impl FnOnce() -> R) -> R {
        f()
    }
    fn signal<T: Value>(value: T) -> Self::Signal<T> {
        alien_signals::signal(value)
    }
    fn memo<T: Value>(f: impl Fn() -> T + 'static) -> Self::Memo<T> {
        alien_signals::computed(move |_| f())
    }
    fn effect(f: impl Fn() + 'static) {
        std::mem::forget(alien_signals::effect(f));
    }
    fn read<T: Value>(signal: Self::Signal<T>) -> T {
        signal.get()
    }
    fn write<T: Value>(signal: Self::Signal<T>, value: T) {
        signal.set(value);
    }
    fn get<T: Value>(memo: Self::Memo<T>) -> T {
        memo.get()
    }
    fn batch(f: impl FnOnce()) {
        alien_signals::start_batch();
        f();
        alien_signals::end_batch();
    }
}

pub struct Sycamore;

impl Lib for Sycamore {
    const NAME: &'static str = "sycamore-reactive";
    type Signal<T: Value> = sycamore_reactive::Signal<T>;
    type Memo<T: Value> = sycamore_reactive::ReadSignal<T>;

    fn root<R>(f: impl FnOnce() -> R) -> R {
        let mut result = None;
        let root = sycamore_reactive::create_root(|| result = Some(f()));
        root.dispose();
        result.expect("it ran")
    }
    fn signal<T: Value>(value: T) -> Self::Signal<T> {
        sycamore_reactive::create_signal(value)
    }
    fn memo<T: Value>(f: impl Fn() -> T + 'static) -> Self::Memo<T> {
        // `create_memo` has no equality; the selector is the memo that cuts.
        sycamore_reactive::create_selector(f)
    }
    fn effect(f: impl Fn() + 'static) {
        sycamore_reactive::create_effect(f);
    }
    fn read<T: Value>(signal: Self::Signal<T>) -> T {
        signal.get_clone()
    }
    fn write<T: Value>(signal: Self::Signal<T>, value: T) {
        signal.set(value);
    }
    fn get<T: Value>(memo: Self::Memo<T>) -> T {
        memo.get_clone()
    }
    fn batch(f: impl FnOnce()) {
        sycamore_reactive::batch(f);
    }
}

pub struct Floem;

impl Lib for Floem {
    const NAME: &'static str = "floem_reactive";
    type Signal<T: Value> = floem_reactive::RwSignal<T>;
    type Memo<T: Value> = floem_reactive::Memo<T>;

    fn root<R>(f: impl FnOnce() -> R) -> R {
        let scope = floem_reactive::Scope::new();
        let mut result = None;
        floem_reactive::with_scope(scope, || result = Some(f()));
        scope.dispose();
        result.expect("it ran")
    }
    fn signal<T: Value>(value: T) -> Self::Signal<T> {
        floem_reactive::create_rw_signal(value)
    }
    fn memo<T: Value>(f: impl Fn() -> T + 'static) -> Self::Memo<T> {
        floem_reactive::create_memo(move |_| f())
    }
    fn effect(f: impl Fn() + 'static) {
        floem_reactive::create_effect(move |_| f());
    }
    fn read<T: Value>(signal: Self::Signal<T>) -> T {
        floem_reactive::SignalGet::get(&signal)
    }
    fn write<T: Value>(signal: Self::Signal<T>, value: T) {
        floem_reactive::SignalUpdate::set(&signal, value);
    }
    fn get<T: Value>(memo: Self::Memo<T>) -> T {
        floem_reactive::SignalGet::get(&memo)
    }
    fn batch(f: impl FnOnce()) {
        floem_reactive::batch(f);
    }
}

pub struct Leptos;

/// The library wants `Send + Sync` closures; the cases run on one thread.
struct OneThread<F>(F);
// SAFETY: nothing in this program starts a second thread.
unsafe impl<F> Send for OneThread<F> {}
// SAFETY: as above.
unsafe impl<F> Sync for OneThread<F> {}
impl<F: Fn() -> R, R> OneThread<F> {
    fn call(&self) -> R {
        (self.0)()
    }
}

impl Lib for Leptos {
    const NAME: &'static str = "reactive_graph";
    type Signal<T: Value> = reactive_graph::signal::RwSignal<T>;
    type Memo<T: Value> = reactive_graph::computed::Memo<T>;

    fn root<R>(f: impl FnOnce() -> R) -> R {
        let owner = reactive_graph::owner::Owner::new();
        let result = owner.with(f);
        owner.cleanup();
        result
    }
    fn signal<T: Value>(value: T) -> Self::Signal<T> {
        reactive_graph::signal::RwSignal::new(value)
    }
    fn memo<T: Value>(f: impl Fn() -> T + 'static) -> Self::Memo<T> {
        let f = OneThread(f);
        reactive_graph::computed::Memo::new(move |_| f.call())
    }
    fn effect(f: impl Fn() + 'static) {
        let f = OneThread(f);
        reactive_graph::effect::ImmediateEffect::new_scoped(move || f.call());
    }
    fn read<T: Value>(signal: Self::Signal<T>) -> T {
        reactive_graph::traits::Get::get(&signal)
    }
    fn write<T: Value>(signal: Self::Signal<T>, value: T) {
        reactive_graph::traits::Set::set(&signal, value);
    }
    fn get<T: Value>(memo: Self::Memo<T>) -> T {
        reactive_graph::traits::Get::get(&memo)
    }
    fn batch(f: impl FnOnce()) {
        // Inside its `batch` an `ImmediateEffect` behind a memo did not run again at all; without
        // it every write is a flush of its own, which is what the library documents for these.
        f();
    }
}
