//! Sockets that stay open over a restart, so that no client is refused while the program is away.
//!
//! Before the program ends, each TCP socket that it listens on gets a second descriptor. The program closes
//! its own, and the kernel goes on taking connections. When the next run binds a socket to the same address,
//! that one becomes the kept one. What nobody has asked for a second after the program has bound something is
//! closed, so that clients of a port that is gone are not left waiting.
//!
//! A socket is kept only if the program has let go of it: a thread, a module or a child process that still
//! has it would go on answering beside the new run. `socket.socket.bind` is ours as long as something is kept,
//! and at no other time.
//!
//! Kept true: whoever is refused an address because of what is kept here gets it all the same.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use hmr_module_graph::python::{forgive, import_own};
use pyo3::{
    prelude::*,
    types::{PyCFunction, PyDict, PyTuple, PyType},
};

/// After the program has bound a socket, it gets so long to bind the others.
const CLAIMED: Duration = Duration::from_secs(1);
/// So long it gets to bind the first.
const STARTED: Duration = Duration::from_secs(10);

const BIND: &str = "bind";

/// What is kept, if anything.
#[derive(Debug, Default)]
pub(crate) struct KeptSockets(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    sockets: Vec<Kept>,
    /// When the program began to run again, and when it bound a socket for the last time.
    started: Option<Instant>,
    bound: Option<Instant>,
}

/// A second descriptor of a socket that listens.
#[derive(Debug)]
struct Kept {
    socket: Py<PyAny>,
    fd: i32,
    inode: u64,
    family: i32,
    /// As `getsockname` gives it.
    address: Py<PyTuple>,
    port: u16,
}

impl KeptSockets {
    /// The program is about to end: keeps what it listens on.
    pub(crate) fn gather(&self, py: Python<'_>) {
        // The last restart's are not to be mixed with these.
        self.close(py);
        let gathered = forgive(py, listening(py)).unwrap_or_default();
        self.state().sockets = gathered;
    }

    /// The program has ended and is about to run again: gives it back what it has let go of.
    pub(crate) fn offer(&self, py: Python<'_>) {
        let sockets = std::mem::take(&mut self.state().sockets);
        let held = forgive(py, still_held(py, &sockets));
        let is_held = |it: &Kept| held.as_ref().is_none_or(|held| held.contains(&it.inode));
        let (gone, kept): (Vec<_>, Vec<_>) = sockets.into_iter().partition(is_held);
        close_all(py, gone);
        if kept.is_empty() {
            return;
        }
        *self.state() = State {
            sockets: kept,
            started: Some(Instant::now()),
            bound: None,
        };
        if !forgive(py, install(py, &self.0)).unwrap_or(false) {
            self.close(py);
        }
    }

    /// Closes what nobody has asked for. Whether there was anything.
    pub(crate) fn close(&self, py: Python<'_>) -> bool {
        let state = std::mem::take(&mut *self.state());
        let was_any = !state.sockets.is_empty();
        close_all(py, state.sockets);
        if state.started.is_some() {
            forgive(py, uninstall(py));
        }
        was_any
    }

    /// Closes what nobody has asked for in time; whether something is still offered. Needs no interpreter
    /// unless it does so.
    pub(crate) fn close_if_late(&self) -> bool {
        let (is_offered, is_late) = {
            let state = self.state();
            let is_over =
                |since: Option<Instant>, limit| since.is_some_and(|it| it.elapsed() > limit);
            let is_late = is_over(state.bound, CLAIMED) || is_over(state.started, STARTED);
            (state.started.is_some(), is_late)
        };
        if is_offered && is_late {
            Python::attach(|py| self.close(py));
        }
        is_offered && !is_late
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

/// Never held while Python code may run: that may wait for another thread, which waits for this.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn close_all(py: Python<'_>, sockets: Vec<Kept>) {
    for kept in sockets {
        forgive(py, kept.socket.call_method0(py, "close"));
    }
}

/// A second descriptor for each TCP socket that listens.
fn listening(py: Python<'_>) -> PyResult<Vec<Kept>> {
    let (os, sockets) = (import_own(py, "os")?, import_own(py, "_socket")?);
    let mut found: Vec<Kept> = Vec::new();
    for (fd, inode) in open_sockets(py)? {
        if found.iter().any(|it| it.inode == inode) {
            continue;
        }
        let copy: i32 = os.call_method1("dup", (fd,))?.extract()?;
        let options = PyDict::new(py);
        options.set_item("fileno", copy)?;
        let socket = sockets.getattr("socket")?.call((), Some(&options))?;
        // Raises for what has no such address.
        match kept(&sockets, &socket, copy, inode) {
            Ok(Some(kept)) => found.push(kept),
            Ok(None) | Err(_) => drop(socket.call_method0("close")?),
        }
    }
    Ok(found)
}

fn kept(
    sockets: &Bound<'_, PyAny>,
    socket: &Bound<'_, PyAny>,
    fd: i32,
    inode: u64,
) -> PyResult<Option<Kept>> {
    let family: i32 = socket.getattr("family")?.extract()?;
    let is_tcp = (family == number(sockets, "AF_INET")? || family == number(sockets, "AF_INET6")?)
        && socket.getattr("type")?.extract::<i32>()? == number(sockets, "SOCK_STREAM")?;
    let option = (
        number(sockets, "SOL_SOCKET")?,
        number(sockets, "SO_ACCEPTCONN")?,
    );
    if !is_tcp || !socket.call_method1("getsockopt", option)?.is_truthy()? {
        return Ok(None);
    }
    let address = socket.call_method0("getsockname")?.cast_into::<PyTuple>()?;
    Ok(Some(Kept {
        socket: socket.clone().unbind(),
        fd,
        inode,
        family,
        port: address.get_item(1)?.extract()?,
        address: address.unbind(),
    }))
}

fn number(sockets: &Bound<'_, PyAny>, name: &str) -> PyResult<i32> {
    sockets.getattr(name)?.extract()
}

/// The descriptors of the process that are sockets, with what stands for each socket.
fn open_sockets(py: Python<'_>) -> PyResult<Vec<(i32, u64)>> {
    let (os, stat) = (import_own(py, "os")?, import_own(py, "_stat")?);
    let Ok(entries) = std::fs::read_dir("/dev/fd") else {
        return Ok(Vec::new());
    };
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let mut found = Vec::new();
    for fd in numbers.collect::<Vec<i32>>() {
        // The one that listed them is closed.
        let Ok(status) = os.call_method1("fstat", (fd,)) else {
            continue;
        };
        if stat
            .call_method1("S_ISSOCK", (status.getattr("st_mode")?,))?
            .is_truthy()?
        {
            found.push((fd, status.getattr("st_ino")?.extract()?));
        }
    }
    Ok(found)
}

/// Which of `sockets` the program, or a child of it, may still have.
fn still_held(py: Python<'_>, sockets: &[Kept]) -> PyResult<HashSet<u64>> {
    if sockets.is_empty() {
        return Ok(HashSet::new());
    }
    if may_have_children(py)? {
        return Ok(sockets.iter().map(|it| it.inode).collect());
    }
    let is_ours = |fd: &i32| sockets.iter().any(|it| it.fd == *fd);
    let open = open_sockets(py)?.into_iter();
    Ok(open
        .filter(|(fd, _)| !is_ours(fd))
        .map(|(_, inode)| inode)
        .collect())
}

fn may_have_children(py: Python<'_>) -> PyResult<bool> {
    let os = import_own(py, "os")?;
    let Some(wait) = os.getattr_opt("waitid")? else {
        return Ok(true);
    };
    let mut options = 0;
    for name in ["WEXITED", "WNOHANG", "WNOWAIT"] {
        options |= os.getattr(name)?.extract::<i32>()?;
    }
    // It raises if there are none.
    Ok(wait.call1((os.getattr("P_ALL")?, 0, options)).is_ok())
}

/// The class whose `bind` programs call. `None`: the program has none, or has replaced it.
fn socket_class(py: Python<'_>) -> PyResult<Option<Bound<'_, PyType>>> {
    let modules = py
        .import("sys")?
        .getattr("modules")?
        .cast_into::<PyDict>()?;
    let Some(module) = modules.get_item("socket")? else {
        return Ok(None);
    };
    let class = module.getattr("socket")?.cast_into::<PyType>()?;
    let base = import_own(py, "_socket")?.getattr("socket")?;
    let is_known = class.is_subclass(&base)?;
    Ok(is_known.then_some(class))
}

fn own_bind<'py>(class: &Bound<'py, PyType>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let own = class.getattr("__dict__")?.call_method1("get", (BIND,))?;
    Ok((!own.is_none()).then_some(own))
}

fn install(py: Python<'_>, state: &Arc<Mutex<State>>) -> PyResult<bool> {
    let Some(class) = socket_class(py)? else {
        return Ok(false);
    };
    match own_bind(&class)? {
        Some(own) if !own.is_instance_of::<Bind>() => return Ok(false),
        _ => class.setattr(BIND, Bind(Arc::clone(state)))?,
    }
    Ok(true)
}

fn uninstall(py: Python<'_>) -> PyResult<()> {
    if let Some(class) = socket_class(py)?
        && own_bind(&class)?.is_some_and(|own| own.is_instance_of::<Bind>())
    {
        class.delattr(BIND)?;
    }
    Ok(())
}

/// `socket.socket.bind` while something is kept.
#[pyclass(frozen)]
struct Bind(Arc<Mutex<State>>);

#[pymethods]
impl Bind {
    fn __get__<'py>(
        &self,
        instance: &Bound<'py, PyAny>,
        _owner: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = instance.py();
        let real = import_own(py, "_socket")?
            .getattr("socket")?
            .getattr(BIND)?;
        if instance.is_none() {
            return Ok(real);
        }
        let (state, real) = (Arc::clone(&self.0), real.unbind());
        let instance = instance.clone().unbind();
        let bind = PyCFunction::new_closure(py, Some(c"bind"), None, move |arguments, options| {
            let py = arguments.py();
            let instance = instance.bind(py);
            let address = arguments.get_item(0).ok();
            if let Some(address) = address.filter(|_| arguments.len() == 1 && options.is_none())
                && claim(py, &state, instance, &address)?
            {
                return Ok(py.None());
            }
            let mut all = vec![instance.clone()];
            all.extend(arguments.iter());
            let bound = real.bind(py).call(PyTuple::new(py, all)?, options);
            lock(&state).bound = Some(Instant::now());
            bound.map(Bound::unbind)
        })?;
        Ok(bind.into_any())
    }
}

/// Makes `socket` the kept one of this address, if there is one. Closes one that would be in its way.
fn claim(
    py: Python<'_>,
    state: &Mutex<State>,
    socket: &Bound<'_, PyAny>,
    address: &Bound<'_, PyAny>,
) -> PyResult<bool> {
    let port = address.get_item(1).and_then(|port| port.extract::<u16>());
    let Some(port) = port.ok().filter(|&port| port != 0) else {
        return Ok(false);
    };
    let kind: i32 = socket.getattr("type")?.extract()?;
    let is_open = socket.call_method0("fileno")?.extract::<i32>()? >= 0;
    if !is_open || kind != number(&import_own(py, "_socket")?, "SOCK_STREAM")? {
        return Ok(false);
    }
    let candidates: Vec<Kept> = {
        let mut state = lock(state);
        let (taken, left) = std::mem::take(&mut state.sockets)
            .into_iter()
            .partition(|it| it.port == port);
        state.sockets = left;
        taken
    };
    let is_its = |it: &Kept| it.is_for(socket, address).unwrap_or(false);
    let Some(place) = candidates.iter().position(is_its) else {
        // They may be in its way.
        close_all(py, candidates);
        return Ok(false);
    };
    let mut others = candidates;
    let claimed = others.swap_remove(place);
    let given = claimed.give_to(socket);
    close_all(py, vec![claimed]);
    // A port may be bound once more, for another family or address.
    let mut state = lock(state);
    state.sockets.extend(others);
    state.bound = Some(Instant::now());
    drop(state);
    given.map(|()| true)
}

impl Kept {
    fn is_for(&self, socket: &Bound<'_, PyAny>, address: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = socket.py();
        let sockets = import_own(py, "_socket")?;
        let kept = self.socket.bind(py);
        if socket.getattr("family")?.extract::<i32>()? != self.family {
            return Ok(false);
        }
        if self.family == number(&sockets, "AF_INET6")? {
            let option = (
                number(&sockets, "IPPROTO_IPV6")?,
                number(&sockets, "IPV6_V6ONLY")?,
            );
            let of =
                |it: &Bound<'_, PyAny>| it.call_method1("getsockopt", option)?.extract::<i32>();
            if of(kept)? != of(socket)? {
                return Ok(false);
            }
        }
        let host: String = address.get_item(0)?.extract()?;
        let ours: String = self.address.bind(py).get_item(0)?.extract()?;
        let any = if self.family == number(&sockets, "AF_INET")? {
            "0.0.0.0"
        } else {
            "::"
        };
        if host == ours || host.is_empty() && ours == any {
            return Ok(true);
        }
        let kind = number(&sockets, "SOCK_STREAM")?;
        let found = sockets.call_method1("getaddrinfo", (host, self.port, self.family, kind))?;
        let first = found.try_iter()?.next().transpose()?;
        first.map_or(Ok(false), |first| {
            first.get_item(4)?.eq(self.address.bind(py))
        })
    }

    /// `socket` keeps its descriptor, which now is one of the kept socket.
    fn give_to(&self, socket: &Bound<'_, PyAny>) -> PyResult<()> {
        let os = import_own(socket.py(), "os")?;
        let fd: i32 = socket.call_method0("fileno")?.extract()?;
        let is_inheritable = os.call_method1("get_inheritable", (fd,))?;
        os.call_method1("dup2", (self.fd, fd, is_inheritable))?;
        // Whether it blocks goes with the socket and not with the descriptor.
        let timeout = socket.call_method0("gettimeout")?;
        socket.call_method1("settimeout", (timeout,))?;
        Ok(())
    }
}
