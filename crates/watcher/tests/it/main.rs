//! The behaviours of `hmr-watcher`, through its public interface. One binary; modules by subject.

mod disk;
mod real_fs;
