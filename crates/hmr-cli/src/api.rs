//! What a program under `hmr` may ask of it: the functions of the Python package `hmr`.
//!
//! The wheel brings a package of that name; the binary has a module of that name built in.
//!
//! Kept true: without `hmr` around the program none of them fails or does more than the program asks.
#![expect(clippy::missing_errors_doc, reason = "the text is Python's")]

use hmr_module_graph::python::{self, Cached, Engine, Moment, ReloadHook};
use pyo3::prelude::*;

/// Whether `hmr`, or a `Reloader`, runs the program in this process.
///
/// Any thread may ask. It is as good as a constant: it never changes while the program's code runs.
#[pyfunction]
pub fn is_hot() -> bool {
    Engine::get().is_some()
}

/// Call `hook`, without arguments, before the module that is loading runs again, when it leaves the
/// program, and at exit, whichever comes first. Returns `hook`, so that it can be a decorator.
///
/// Hooks are called newest first, and not for a save that does not compile. Without `hmr` around the
/// program they are called at exit. Raises `TypeError` if `hook` cannot be called.
#[pyfunction]
pub fn on_dispose(hook: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    python::on_dispose(&hook)?;
    Ok(hook)
}

/// Call `hook`, without arguments, before each reload that patches or reruns anything. A decorator, and
/// with `with pre_reload(hook):` for as long as the block runs.
///
/// Hooks are called oldest first, on the thread that reloads (the main one). One that raises is
/// reported and stops nothing. A hook goes when the module that registered it has run again. Raises
/// `TypeError` if `hook` cannot be called.
#[pyfunction]
pub fn pre_reload(hook: &Bound<'_, PyAny>) -> PyResult<ReloadHook> {
    python::listen(hook, "pre_reload", Moment::Before, false)
}

/// Call `hook`, without arguments, after each reload that has patched or rerun anything, whether it
/// went well or not. Otherwise as `pre_reload`.
///
/// An entry that runs again and does not end keeps its reload open: its hooks are called when it ends.
#[pyfunction]
pub fn post_reload(hook: &Bound<'_, PyAny>) -> PyResult<ReloadHook> {
    python::listen(hook, "post_reload", Moment::After, false)
}

/// Call `function` at each `event`, with what it is about:
///
/// * `"before-reload"`: the list of the files that were saved;
/// * `"after-reload"`: the `Update`;
/// * `"error"`: the `Update`, if a module has raised in it, or does not compile.
///
/// Otherwise as `pre_reload`. Raises `ValueError` for any other event.
#[pyfunction]
pub fn on(event: &str, function: &Bound<'_, PyAny>) -> PyResult<ReloadHook> {
    let moment = Moment::of_event(event)?;
    python::listen(function, "on", moment, true)
}

/// The value called `name` of the module that calls. The first time it is what `factory()` returns; it
/// stays while the module runs again, whatever has changed, until the module's file goes.
///
/// A restart keeps it too, unless the process ends. Another name makes a new value. Raises `TypeError` if
/// `factory` cannot be called, and whatever it raises: then nothing is kept. Two threads that ask at once
/// may both call their factory, and get the value of one.
#[pyfunction]
pub fn data<'py>(name: &str, factory: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    python::data(name, factory)
}

/// Call `hook`, without arguments, when nothing alive imports the module that is loading any more, or when
/// its file goes. Returns `hook`, so that it can be a decorator.
///
/// Its dispose hooks are called first. The module has left the program then: the next import loads it
/// anew. Without such a hook it stays as it is until then. At exit only dispose hooks are called. Raises
/// `TypeError` if `hook` cannot be called.
#[pyfunction]
pub fn prune(hook: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    python::listen(&hook, "prune", Moment::Prune, false)?;
    Ok(hook)
}

/// A change of `modules` stops at the module that calls: it does not run again for it, and
/// `callback` is called instead, once they have settled. `modules` is a module or its name, relative ones
/// too, and the callback is given the module; or several, and it is given a list, with `None` for those
/// that have not changed.
///
/// The callback is called for whatever changes there, also if only functions read it, on the thread that
/// reloads. What it binds in its module is told to who reads that. If it raises, that is reported, and the
/// module runs again. A change that reaches the module in another way makes it run all the same. Raises
/// `TypeError` and `ValueError` for what is no module, or cannot be called.
#[pyfunction]
pub fn accept(modules: &Bound<'_, PyAny>, callback: &Bound<'_, PyAny>) -> PyResult<()> {
    python::accept(modules, callback)
}

/// From a callback of `accept`: pass the change on. The module that accepted runs again, and who reads from
/// it is told what that changed.
///
/// Raises `RuntimeError` outside of such a callback.
#[pyfunction]
pub fn invalidate() -> PyResult<()> {
    python::invalidate()
}

/// Keep the result of `function`, which takes no arguments, until its source or anything that it was made
/// from changes: names of modules, functions that it called, files and folders that it read. A decorator.
///
/// A rerun of its module keeps the result; whoever was given it runs again when it is outdated, and the
/// next call makes it anew. It is made again, too, if its module runs again and it uses classes or objects
/// of that which no comparison can tell to be the same; and at the next start of the process. Not seen is
/// what no module's run would see either: time, the network, what C code opens. Without `hmr` it is a cache
/// for ever.
///
/// Raises `TypeError` if `function` cannot be called, or is a coroutine or generator. What it raises is not
/// kept. Two threads that call at once may both call the function.
#[pyfunction]
pub fn cache<'py>(function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Cached>> {
    python::cache(function)
}

/// The program has started: a change of what it has read so far restarts it, and what it reads from now on
/// it will read again by itself.
///
/// For a program that does not end, once, where its start-up is over; `hmr` guesses otherwise. Any thread
/// may call it. Nothing that is read later is tracked, so that reading costs what it costs under python.
#[pyfunction]
pub fn sealed(py: Python<'_>) {
    python::sealed(py);
}

/// The program has taken `name` of `module` for good: a change of it, or of what a function of that name
/// does, restarts a program that does not end, however often it reads it. `module` is a module or its name,
/// relative ones too.
///
/// It holds for the run of the program that it is called in. Modules that are not the user's are left
/// alone. Raises `TypeError` and `ValueError` for what is no module.
#[pyfunction]
pub fn captured(module: &Bound<'_, PyAny>, name: &str) -> PyResult<()> {
    python::captured(module, name)
}

/// The module `hmr` of the binary.
#[pymodule(name = "hmr")]
pub mod built_in {
    #[pymodule_export]
    use super::{
        accept, cache, captured, data, invalidate, is_hot, on, on_dispose, post_reload, pre_reload,
        prune, sealed,
    };
    #[pymodule_export]
    use hmr_module_graph::python::{Cached, ReloadHook, UpdateObject};

    #[pymodule_init]
    fn init(module: &pyo3::Bound<'_, pyo3::types::PyModule>) -> pyo3::PyResult<()> {
        use pyo3::types::PyModuleMethods as _;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
