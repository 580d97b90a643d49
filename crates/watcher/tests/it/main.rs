//! The behaviours of `hmr-watcher`, through its public interface. One binary; modules by subject.

mod cases;
mod differential;
mod disk;
mod handle;
mod overflow;
mod props;
mod real_fs;
mod script;
mod world;
