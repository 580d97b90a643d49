//! The operating system's events, through notify. The only file that names it.
//!
//! Each directory is watched on its own (`NonRecursive`), in batches: what to watch is decided by our
//! own walk. Events that only say that somebody read a file are masked out in the kernel.
//!
//! # Why notify 9
//!
//! `9.0.0-rc.7` is a release candidate, and pinned exactly. Version 8.2 was measured too. It has no
//! event mask, so each save takes three places in the kernel's queue of 16,384 instead of two, and its
//! own walk fills the queue with `Open` events; it also needs one round trip to its thread per
//! directory (689 ms for 10,000 directories, 143 ms in batches with version 9). No type of notify is
//! in the public interface, so that moving on is not a breaking change.

use super::{Backend, Raw, WatchError};
use crate::inbox::Sink;
use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{
    Config, ErrorKind, Event, EventKind, EventKindMask, PathOp, RecommendedWatcher, Watcher as _,
};
use std::path::Path;

/// Whether the system says when a file is closed after writing, and both halves of a rename.
const EXACT: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// See the module.
#[derive(Default)]
pub(crate) struct Native {
    sink: Option<Sink>,
    watcher: Option<RecommendedWatcher>,
}

impl Backend for Native {
    fn start(&mut self, sink: Sink) -> Result<(), WatchError> {
        self.sink = Some(sink);
        self.reset()
    }

    fn watch_dirs(&mut self, dirs: &[&Path]) -> Vec<Result<(), WatchError>> {
        let mut answers = Vec::with_capacity(dirs.len());
        let Some(watcher) = &mut self.watcher else {
            return vec![Err(WatchError::Limit); dirs.len()];
        };
        let mut ops: Vec<_> = dirs.iter().map(PathOp::watch_non_recursive).collect();
        while !ops.is_empty() {
            let asked = ops.len();
            match watcher.update_paths(ops) {
                Ok(()) => {
                    answers.resize(answers.len() + asked, Ok(()));
                    break;
                }
                Err(error) => {
                    // Everything before the one that failed was done.
                    let done = asked - error.remaining.len() - 1;
                    answers.resize(answers.len() + done, Ok(()));
                    let why = why(&error.source);
                    if why == WatchError::Limit {
                        // None of the others would fare better.
                        answers.resize(dirs.len(), Err(why));
                        break;
                    }
                    answers.push(Err(why));
                    ops = error.remaining;
                }
            }
        }
        answers
    }

    fn unwatch_dirs(&mut self, dirs: &[&Path]) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        let mut ops: Vec<_> = dirs.iter().map(PathOp::unwatch).collect();
        while !ops.is_empty() {
            // One that is not watched is an error, and not one for us.
            ops = watcher
                .update_paths(ops)
                .map_or_else(|error| error.remaining, |()| Vec::new());
        }
    }

    fn barrier(&mut self) {
        // A round trip through the thread of notify; it reads all events before it answers.
        if let Some(watcher) = &mut self.watcher {
            // Twice, since it hands over what it has read only after its answer.
            let _ = watcher.update_paths(Vec::new());
            let _ = watcher.update_paths(Vec::new());
        }
    }

    fn reset(&mut self) -> Result<(), WatchError> {
        // The old one first, or both count against the limits.
        self.watcher = None;
        let Some(sink) = self.sink.clone() else {
            return Ok(());
        };
        let mask = EventKindMask::CREATE
            | EventKindMask::REMOVE
            | EventKindMask::MODIFY_NAME
            | EventKindMask::MODIFY_DATA
            // Also for directories that may be read at last.
            | EventKindMask::MODIFY_META
            | EventKindMask::ACCESS_CLOSE;
        let config = Config::default()
            .with_follow_symlinks(false)
            .with_event_kinds(mask);
        let watcher = RecommendedWatcher::new(move |event| translate(event, &sink), config)
            .map_err(|error| why(&error))?;
        self.watcher = Some(watcher);
        Ok(())
    }
}

fn why(error: &notify::Error) -> WatchError {
    match &error.kind {
        ErrorKind::PathNotFound | ErrorKind::WatchNotFound => WatchError::Gone,
        ErrorKind::MaxFilesWatch => WatchError::Limit,
        ErrorKind::Io(io) => match io.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => WatchError::Gone,
            std::io::ErrorKind::PermissionDenied => WatchError::Denied,
            // EMFILE, ENFILE, ENOSYS: no instance to be had.
            _ if matches!(io.raw_os_error(), Some(23 | 24 | 38)) => WatchError::Limit,
            _ => WatchError::Other(io.to_string()),
        },
        _ => WatchError::Other(error.to_string()),
    }
}

fn translate(event: Result<Event, notify::Error>, sink: &Sink) {
    let event = match event {
        Ok(event) => event,
        // An error without a meaning of its own may have cost an event.
        Err(error) => {
            sink.send(Raw::Error(error.to_string()));
            return sink.send(Raw::Overflow);
        }
    };
    if event.need_rescan() {
        sink.send(Raw::Overflow);
    }
    let cookie = event.tracker().unwrap_or(0) as u64;
    let kind = event.kind;
    for path in event.paths {
        let raw = match kind {
            EventKind::Remove(_) => Raw::Removed(path),
            EventKind::Modify(ModifyKind::Data(_)) if EXACT => Raw::Dirty(path),
            EventKind::Modify(ModifyKind::Name(RenameMode::From)) => {
                Raw::MovedFrom { path, cookie }
            }
            EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Raw::MovedTo { path, cookie },
            // Both halves were sent before.
            EventKind::Modify(ModifyKind::Name(RenameMode::Both)) if EXACT => return,
            // Which half of a rename it is, only a look at the file tells.
            EventKind::Create(_) | EventKind::Modify(ModifyKind::Name(_)) => {
                if !EXACT {
                    sink.send(Raw::Created(path.clone()));
                    sink.send(Raw::Closed(path));
                    continue;
                }
                Raw::Created(path)
            }
            EventKind::Modify(ModifyKind::Metadata(_)) => Raw::Attrib(path),
            EventKind::Modify(_)
            | EventKind::Any
            | EventKind::Access(AccessKind::Close(AccessMode::Write)) => Raw::Closed(path),
            EventKind::Access(_) | EventKind::Other => return,
        };
        sink.send(raw);
    }
}
