//! What the commands of a script do: to the disk in memory, and to the scripted backend.
//!
//! A command like `save` does what a program does and sends the events that a kernel would; those about
//! directories that are not watched are not delivered. `fs` commands change the disk silently.

use crate::world::{World, full};
use hmr_watcher::{Files, Raw, WatchError};
use std::path::Path;

impl World {
    pub(crate) fn silently(&mut self, args: &[&str]) {
        match args {
            ["write", path] => {
                self.writes += 1;
                self.disk
                    .write(full(path), format!("write {}", self.writes));
            }
            ["write", path, content] => self.disk.write(full(path), content),
            ["unseen", path, content] => self.disk.write_unseen(full(path), content),
            ["mkdir", path] => self.disk.mkdir(full(path)),
            ["link", path, target] => self.disk.link(full(path), full(target)),
            ["rm", path] => self.disk.remove(full(path)),
            ["mv", from, to] => self.disk.rename(full(from), full(to)),
            _ => panic!("no such thing to do silently: {args:?}"),
        }
    }

    /// Does what a program does and sends what a kernel sends.
    pub(crate) fn act(&mut self, word: &str, args: &[&str]) -> Option<String> {
        let path = full(args.first().copied().unwrap_or_default());
        match word {
            "save" => {
                self.write(&path, args.get(1).copied());
                self.backend.send(Raw::Closed(path));
            }
            "write" => self.write(&path, args.get(1).copied()),
            "close" => drop(self.backend.send(Raw::Closed(path))),
            "atomic" => {
                let temporary = full(&format!("{}.tmp", args[0]));
                self.write(&temporary, None);
                self.backend.send(Raw::Closed(temporary.clone()));
                self.rename(&temporary, &path);
            }
            "vim" => {
                let (probe, backup) = (full("4913"), full(&format!("{}~", args[0])));
                self.write(&probe, Some("probe"));
                self.backend.send(Raw::Closed(probe.clone()));
                self.remove(&probe);
                self.rename(&path, &backup);
                self.write(&path, None);
                self.backend.send(Raw::Closed(path.clone()));
                self.backend.send(Raw::Attrib(path));
                self.remove(&backup);
            }
            "mv" => self.rename(&path, &full(args[1])),
            "rm" => self.remove(&path),
            "mkdir" => {
                self.disk.mkdir(&path);
                self.backend.send(Raw::Created(path));
            }
            "link" => {
                self.disk.link(&path, full(args[1]));
                self.backend.send(Raw::Created(path));
            }
            "touch" => {
                self.disk.touch(&path);
                self.backend.send(Raw::Attrib(path));
            }
            "read" => drop(self.disk.read(&path)),
            "event" => self.event(args),
            "deny" => {
                self.disk.deny(&path);
                self.backend.send(Raw::Attrib(path));
            }
            "allow" => {
                self.disk.allow(&path);
                self.backend.send(Raw::Attrib(path));
            }
            "refuse" => self.backend.refuse(path, WatchError::Denied),
            "break" => {
                let why = WatchError::Other("out of order".to_owned());
                self.backend.refuse(path, why);
            }
            "mend" => self.backend.accept(path),
            "limit" => self.backend.limit(args[0].parse().expect("a number")),
            "broken" => self.backend.refuse_to_start(WatchError::Limit),
            "pause" => self.watcher().pause(),
            "resume" => self.watcher().resume(),
            "stop" => self.watcher().stop(),
            "expect" => self
                .watcher()
                .expect_write(&path, args[1].as_bytes())
                .expect("absolute"),
            "add" => return self.watcher().add_path(&path).err().map(|e| e.to_string()),
            "remove" => {
                return self
                    .watcher()
                    .remove_path(&path)
                    .err()
                    .map(|e| e.to_string());
            }
            _ => panic!("no such command: {word}"),
        }
        None
    }

    fn event(&mut self, args: &[&str]) {
        let path = || full(args[1]);
        let cookie = || args[2].parse().expect("a cookie");
        let raw = match args[0] {
            "dirty" => Raw::Dirty(path()),
            "closed" => Raw::Closed(path()),
            "created" => Raw::Created(path()),
            "removed" => Raw::Removed(path()),
            "attrib" => Raw::Attrib(path()),
            "from" => Raw::MovedFrom {
                path: path(),
                cookie: cookie(),
            },
            "to" => Raw::MovedTo {
                path: path(),
                cookie: cookie(),
            },
            "scan" => Raw::Scan(path()),
            "overflow" => Raw::Overflow,
            "error" => Raw::Error(args[1..].join(" ")),
            other => panic!("no such event: {other}"),
        };
        self.backend.send(raw);
    }

    fn write(&mut self, path: &Path, content: Option<&str>) {
        let is_new = self.disk.stat(path, true).is_err();
        self.writes += 1;
        let fresh = format!("write {}", self.writes);
        self.disk.write(path, content.unwrap_or(&fresh));
        if is_new {
            self.backend.send(Raw::Created(path.to_owned()));
        }
        self.backend.send(Raw::Dirty(path.to_owned()));
    }

    fn rename(&mut self, from: &Path, to: &Path) {
        self.cookie += 1;
        let cookie = self.cookie;
        self.disk.rename(from, to);
        self.backend.send(Raw::MovedFrom {
            path: from.to_owned(),
            cookie,
        });
        self.backend.send(Raw::MovedTo {
            path: to.to_owned(),
            cookie,
        });
    }

    fn remove(&mut self, path: &Path) {
        let entries = self.disk.list(path, &mut |_, _| false).unwrap_or_default();
        for entry in entries {
            self.remove(&path.join(entry.name));
        }
        self.disk.remove(path);
        self.backend.send(Raw::Removed(path.to_owned()));
    }
}
