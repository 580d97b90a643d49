//! End-to-end tests: real files, a real interpreter, the real command.
//!
//! Each test carries the number of the behaviour it shows (`a01_…` is A01) and says it as a
//! sentence. The modules follow the letters: what a save reaches (A), state (B), errors (C), files
//! (D), data (E), the process (F; `endless` and those beside it for programs that do not end). `api` holds what a program
//! may ask of `hmr`. `comeback`,
//! `comments`, `names`, `namespaces`, `packages`, `paths`, `shadowed` and `signals` hold what
//! once went wrong, without a number. `tidy` looks at the source tree instead and starts nothing.

mod abstract_classes;
mod api;
mod api_accept;
mod api_cache;
mod api_reloader;
mod book;
mod caches;
mod calls;
mod class_attributes;
mod color;
mod comeback;
mod comments;
mod corners;
mod data;
mod definitions;
mod demo;
mod diamonds;
mod dispose;
mod doctor;
mod dropped;
#[cfg(unix)]
mod endless;
#[cfg(unix)]
mod endless_end;
#[cfg(unix)]
mod endless_restart;
#[cfg(unix)]
mod endless_seal;
mod errors;
mod events;
mod files;
mod graph;
mod identity;
mod imports;
#[cfg(unix)]
mod keys;
mod layout;
mod manual;
mod modules;
mod names;
mod namespaces;
mod packages;
mod page;
mod patching;
mod paths;
mod process;
mod propagation;
mod recovery;
mod running;
mod saves;
mod settings;
mod shadowed;
#[cfg(unix)]
mod signals;
mod state;
mod statements;
mod threads;
mod tidy;
mod voice;
mod writes;
