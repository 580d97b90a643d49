//! The behaviours of `hmr-watcher`, through its public interface. One binary; modules by subject.
//!
//! Those on a real file system were only ever run on Linux, and say so.

mod actions;
mod behaviours;
mod cases;
mod kernel;
mod props;
mod script;
mod world;

#[cfg(target_os = "linux")]
mod barred;
#[cfg(target_os = "linux")]
mod differential;
#[cfg(target_os = "linux")]
mod disk;
#[cfg(target_os = "linux")]
mod git;
#[cfg(target_os = "linux")]
mod handle;
#[cfg(target_os = "linux")]
mod limits;
#[cfg(target_os = "linux")]
mod linked_roots;
#[cfg(target_os = "linux")]
mod overflow;
#[cfg(target_os = "linux")]
mod points;
#[cfg(target_os = "linux")]
mod real_fs;
#[cfg(target_os = "linux")]
mod real_roots;
mod replaced;
#[cfg(target_os = "linux")]
mod special;
#[cfg(target_os = "linux")]
mod tree;
