//! [`Engine::builder`]: everything that a program of one's own decides before it runs Python code
//! under the engine.
//!
//! Kept true: nothing of the interpreter is touched before all that can be known to be wrong without
//! it has been found out.

use std::{
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use pyo3::prelude::*;

use super::{
    embed::{self, EmbedError},
    engine::{Engine, InstallError},
    entry::{Entry, EntryError},
    program::{Event, Program, Sink},
    roots::Roots,
    sealing::Seal,
};
use crate::{equality::Equality, plan::Rules, statements::Granularity};

/// What is to be run, and how; made by [`Engine::builder`], and used up by [`Builder::start`].
#[derive(Default)]
#[must_use = "nothing happens before `start`"]
pub struct Builder {
    entry: Option<What>,
    arguments: Vec<OsString>,
    roots: Vec<PathBuf>,
    granularity: Granularity,
    equality: Equality,
    seal: Seal,
    reruns_always: bool,
    code_readers: Vec<String>,
    in_color: bool,
    explains: bool,
    python: Option<PathBuf>,
    sink: Option<Sink>,
}

/// The entry as it was named. A path is looked for when the program starts.
#[derive(Debug)]
enum What {
    Path(PathBuf),
    Module(String),
}

/// Why a program could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Neither a file nor a module was named.
    #[error("nothing to run: name it with `file` or with `module`")]
    NoEntry,
    /// The path that was named cannot be run.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// A folder of the program cannot be found.
    #[error("cannot find the folder of the program: {0}")]
    Folder(#[from] std::io::Error),
    /// No interpreter runs in this process, and none was named.
    #[error(
        "no Python interpreter runs in this process: start one, or name an executable with `python`"
    )]
    NoInterpreter,
    /// An interpreter was named and could not be started; also if one runs already.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// The interpreter that was named runs, and its library is of another build than the program was
    /// linked to.
    #[error("{python:?} is another build of Python than this program was linked to: {error}")]
    ForeignBuild {
        /// The executable that was named.
        python: PathBuf,
        /// What an import of the standard library said.
        error: PyErr,
    },
    /// The engine does not work there, or this process has one.
    #[error(transparent)]
    Install(#[from] InstallError),
}

impl Engine {
    /// Begins to describe a program that is to run in this process and be reloaded.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use hmr_module_graph::python::{Engine, Event};
    ///
    /// let program = Engine::builder()
    ///     .file("app/main.py")
    ///     .python(".venv/bin/python")
    ///     .on_event(|event| {
    ///         if let Event::Reloaded(update) = event {
    ///             println!("{} modules ran again", update.reran.len());
    ///         }
    ///     })
    ///     .start()?;
    /// program.run()?;
    /// // Whoever knows which files were saved pushes them:
    /// program.update(["app/config.py"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl Builder {
    /// Runs the file at `path`, or the folder with a `__main__.py`, as `python path` does. It may be
    /// relative to the working directory. Of this and [`module`](Self::module) the last one counts.
    pub fn file(mut self, path: impl AsRef<Path>) -> Self {
        self.entry = Some(What::Path(path.as_ref().to_owned()));
        self
    }

    /// Runs the module `name`, as `python -m name` does.
    pub fn module(mut self, name: impl Into<String>) -> Self {
        self.entry = Some(What::Module(name.into()));
        self
    }

    /// Adds an argument of the program: what it finds behind its own name in `sys.argv`.
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds a folder whose modules are the user's, besides the entry's own. What is installed below it
    /// (`site-packages`, virtual environments) is not.
    pub fn root(mut self, folder: impl AsRef<Path>) -> Self {
        self.roots.push(folder.as_ref().to_owned());
        self
    }

    /// How much of a module runs again when it must. Without it, all.
    pub fn granularity(mut self, granularity: Granularity) -> Self {
        self.granularity = granularity;
        self
    }

    /// When what a module has bound counts as unchanged. Without it, when nobody can tell the two apart.
    pub fn equality(mut self, equality: Equality) -> Self {
        self.equality = equality;
        self
    }

    /// Whether live functions may take new code. Without it, they do; else every edit reruns its module.
    pub fn patching(mut self, patches: bool) -> Self {
        self.reruns_always = !patches;
        self
    }

    /// When a program that does not end counts as started.
    pub fn seal(mut self, seal: Seal) -> Self {
        self.seal = seal;
        self
    }

    /// Adds decorators that read a function's source or bytecode, besides the known ones: a function
    /// below one of them is never patched. `jit` means `numba.jit` too.
    pub fn code_readers(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.code_readers.extend(names.into_iter().map(Into::into));
        self
    }

    /// Whether failures come with a traceback in colour, too, where CPython can do that.
    pub fn color(mut self, in_color: bool) -> Self {
        self.in_color = in_color;
        self
    }

    /// Whether the first edit of a module is to be explained as well as all others, which costs a read
    /// of its source: see [`Rerun::cause`](crate::Rerun::cause).
    pub fn explain(mut self, explains: bool) -> Self {
        self.explains = explains;
        self
    }

    /// Starts the interpreter with this executable in the process, which has none yet. Without it, the
    /// one that runs already is used.
    ///
    /// It must be of the [version](embed::linked_version) that this program is linked to. Do not
    /// resolve links: a virtual environment is known by the place of its `python`. From then on Ctrl-C
    /// is Python's: it raises `KeyboardInterrupt` in Python code.
    pub fn python(mut self, executable: impl AsRef<Path>) -> Self {
        self.python = Some(executable.as_ref().to_owned());
        self
    }

    /// Calls `sink` with everything that happens to the program, on its thread and after the fact. The
    /// engine is not locked meanwhile, and the interpreter not held for it. One sink: the last one
    /// counts.
    pub fn on_event(mut self, sink: impl Fn(&Event<'_>) + 'static) -> Self {
        self.sink = Some(Box::new(sink));
        self
    }

    /// Starts the interpreter, if one was named, and installs the engine. Nothing of the program has
    /// run yet: that is [`Program::run`]'s part, so that a watcher can be there first.
    ///
    /// # Errors
    ///
    /// * [`StartError::NoEntry`], [`StartError::Entry`] and [`StartError::Folder`] if there is nothing
    ///   to run; the process is as it was.
    /// * [`StartError::NoInterpreter`] if none was named and none runs, [`StartError::Embed`] if one
    ///   was named and does not start or is one too many.
    /// * [`StartError::ForeignBuild`] if it does not find a standard library of its own build. It runs
    ///   then, and cannot be of use.
    /// * [`StartError::Install`] if this process has an engine already: there is one for a process,
    ///   as there is one `sys.modules`.
    pub fn start(self) -> Result<Program, StartError> {
        let entry = match self.entry {
            Some(What::Path(path)) => Entry::at(&path)?,
            Some(What::Module(name)) => Entry::Module(name),
            None => return Err(StartError::NoEntry),
        };
        let mut folders = vec![entry.folder()?];
        for root in self.roots {
            folders.push(std::path::absolute(root)?);
        }
        let owns_interpreter = self.python.is_some();
        interpreter(self.python)?;
        let engine = embed::attached(|py| {
            let roots = Roots::new(py, folders).map_err(InstallError::from)?;
            Engine::install(py, roots)
        })?;
        engine.set_granularity(self.granularity);
        engine.set_equality(self.equality);
        engine.set_patching(!self.reruns_always);
        engine.set_seal(self.seal);
        engine.set_rules(Rules::default().with_code_readers(self.code_readers));
        engine.set_color(self.in_color);
        engine.set_explains(self.explains);
        Ok(Program::new(
            engine,
            entry,
            self.arguments,
            self.sink,
            owns_interpreter,
        ))
    }
}

/// Makes sure that one runs.
fn interpreter(named: Option<PathBuf>) -> Result<(), StartError> {
    let Some(python) = named else {
        let is_there = embed::is_initialized();
        return is_there.then_some(()).ok_or(StartError::NoInterpreter);
    };
    embed::initialize(&python)?;
    embed::verify().map_err(|error| StartError::ForeignBuild { python, error })
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("entry", &self.entry)
            .field("arguments", &self.arguments)
            .field("roots", &self.roots)
            .field("python", &self.python)
            .finish_non_exhaustive()
    }
}
