//! The engine on CPython: the only place that knows it.
//!
//! [`Engine::install`] puts a finder before CPython's own. Modules below the project's roots then
//! load through it: their reads of each other's names are recorded in a
//! [`ModuleGraph`](crate::ModuleGraph), and [`Engine::update`] reruns what a batch of saves reaches.
//! Everything else, the standard library and installed packages, is left to CPython.
//!
//! | file | its one concern |
//! |---|---|
//! | `engine` | the state |
//! | `run` | how a module runs, for the first time or again |
//! | `mark` | what the files of a batch mean |
//! | `settle` | drives the graph core: which module runs next |
//! | `cycles` | what circular imports may see of each other |
//! | `finder`, `loader`, `bytecode`, `source` | from a module's name to its code |
//! | `module_type`, `reads` | which name was read, by whom |
//! | `namespace`, `equality`, `recorder`, `bindings` | what a rerun changed |
//! | `entry` | what `__main__` is |
//! | `roots` | which files are the user's |
//! | `errors` | exceptions as data |
//! | `own` | standard modules that the program cannot replace |
//! | `embed` | an interpreter for programs that bring none |

pub mod embed;

mod bindings;
mod bytecode;
mod cycles;
mod engine;
mod entry;
mod equality;
mod errors;
mod finder;
mod loader;
mod mark;
mod module_type;
mod namespace;
mod own;
mod reads;
mod recorder;
mod roots;
mod run;
mod settle;
mod source;

pub use engine::{Engine, InstallError};
pub use entry::{Entry, EntryError};
pub use errors::{exit_of, forgive};
pub use own::import as import_own;
pub use roots::Roots;
