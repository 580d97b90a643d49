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
//! | `finder`, `loader`, `bytecode`, `source`, `splice`, `keep` | from a module's name to its code |
//! | `module_type`, `reads`, `threads` | which name was read, by whom |
//! | `code_diff`, `patch`, `live`, `caches` | edits that reach live functions without a run |
//! | `calls`, `units`, `opcodes` | which definition was executed, and what that needs |
//! | `inputs`, `stamp` | what was read besides modules, and whether it changed |
//! | `audit`, `probes`, `frames`, `places` | seeing files opened, folders listed, paths probed |
//! | `statements` | what of a module need not run again |
//! | `namespace`, `recorder`, `bindings` | what a rerun bound |
//! | `unify`, `reach` | what it changed, and what keeps its object |
//! | `equality`, `buffers`, `layout`, `referents` | what objects hold, and whether it is the same |
//! | `dispose`, `prune`, `at_exit` | how modules end what they have begun |
//! | `data`, `cached` | values and results that survive reruns |
//! | `accept` | where changes stop |
//! | `listeners`, `update_object` | who is told of reloads, and how |
//! | `entry` | what `__main__` is |
//! | `release` | modules that the program has dropped |
//! | `roots`, `sys_modules` | which files are the user's, which modules imports find |
//! | `errors` | exceptions as data |
//! | `own` | standard modules that the program cannot replace |
//! | `embed` | an interpreter for programs that bring none |
//! | `builder`, `program` | the engine with its program, for whoever embeds both |

pub mod embed;

mod accept;
mod at_exit;
mod audit;
mod bindings;
mod buffers;
mod builder;
mod bytecode;
mod cached;
mod caches;
mod calls;
mod choices;
mod class_reads;
mod code_diff;
mod cold_order;
mod cycles;
mod data;
mod dispose;
mod endless;
mod engine;
mod entry;
mod equality;
mod errors;
mod excuses;
mod finder;
mod frames;
mod holders;
mod inputs;
mod keep;
mod layout;
mod listeners;
mod live;
mod loader;
mod mark;
mod module_type;
mod namespace;
mod opcodes;
mod own;
mod own_files;
mod packages;
mod patch;
mod places;
mod probes;
mod program;
mod prune;
mod reach;
mod reads;
mod recent;
mod recorder;
mod referents;
mod release;
mod roots;
mod run;
mod sealing;
mod settle;
mod source;
mod splice;
mod stamp;
mod startup;
mod statements;
mod sys_modules;
mod threads;
mod unify;
mod units;
mod unseen;
mod update_object;
mod writes;

pub use accept::{accept, invalidate};
pub use builder::{Builder, StartError};
pub use cached::{Cached, cache};
pub use data::data;
pub use dispose::on_dispose;
pub use engine::{Engine, InstallError};
pub use entry::{Entry, EntryError};
pub use errors::{exit_of, forgive};
pub use listeners::{Moment, ReloadHook, listen};
pub use own::import as import_own;
pub use program::{Event, Program};
pub use roots::Roots;
pub use sealing::{Seal, captured, sealed};
pub use update_object::UpdateObject;
