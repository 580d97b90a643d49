//! Symbolic links that are followed: one file with several names.
//!
//! The system reports a change under one name, of its own choice. For each followed link the place
//! that it leads to is kept, and an event is taken to be about every name that leads to the same
//! place. A link to one of the directories that it lies in is not followed, so that loops end.

use super::Core;
use super::way::Way;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// More links in a row than this are a loop.
const MOST_IN_A_ROW: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Links {
    /// A directory or a root to the place where it really is.
    places: BTreeMap<PathBuf, PathBuf>,
    /// A file to the links that lead to it.
    files: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
}

impl Links {
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty() && self.files.is_empty()
    }

    /// Whether something in `dir` has another name.
    pub(super) fn leads_into(&self, dir: &Path) -> bool {
        let mut places = self.places.values();
        let mut files = self.files.keys();
        places.any(|place| dir.starts_with(place)) || files.any(|file| file.parent() == Some(dir))
    }

    /// Takes note of where `path` really is, if it is anywhere.
    pub(super) fn set_place(&mut self, path: &Path, place: Option<&Path>) {
        match place {
            Some(place) if place != path => drop(self.places.insert(path.into(), place.into())),
            _ => drop(self.places.remove(path)),
        }
    }

    /// Forgets the place of `path`; whether it is elsewhere.
    pub(super) fn forget_place(&mut self, path: &Path) -> bool {
        self.places.remove(path).is_some()
    }

    /// Every name of what is at `path`.
    pub(super) fn spellings(&self, path: &Path) -> BTreeSet<PathBuf> {
        let mut real = path.to_owned();
        for _ in 0..MOST_IN_A_ROW {
            let link = real
                .ancestors()
                .find_map(|part| Some((part, self.places.get(part)?)));
            match link {
                Some((part, place)) => match real.strip_prefix(part) {
                    Ok(rest) if !rest.as_os_str().is_empty() => real = place.join(rest),
                    _ => break,
                },
                None => break,
            }
        }
        let mut names = BTreeSet::from([path.to_owned()]);
        for (link, place) in &self.places {
            match real.strip_prefix(place) {
                // What happens to the place happens to what the link shows.
                Ok(rest) if rest.as_os_str().is_empty() => drop(names.insert(link.clone())),
                Ok(rest) => drop(names.insert(link.join(rest))),
                Err(_) => {}
            }
        }
        names.extend(self.files.get(&real).into_iter().flatten().cloned());
        names.insert(real);
        names
    }
}

impl Core {
    /// Whether to look through a link at `path`.
    pub(super) fn follows(&self, path: &Path) -> bool {
        self.settings.follow_links || self.roots.contains(path)
    }

    pub(super) fn is_link(&self, path: &Path) -> bool {
        self.settings.follow_links
            && self
                .files
                .stat(path, false)
                .is_ok_and(|stat| stat.kind == crate::Kind::Link)
    }

    /// Where `path` really is.
    pub(super) fn place_of(&self, path: &Path) -> Option<PathBuf> {
        let way = Way::to(&*self.files, path);
        way.place().map(Path::to_owned)
    }

    /// Takes note of a link to a directory; `false` if it must not be entered.
    pub(super) fn link_dir(&mut self, path: &Path) -> bool {
        let Some(place) = self.place_of(path) else {
            return false;
        };
        let Some(root) = self.roots.of(path) else {
            return false;
        };
        let mut above = path
            .ancestors()
            .skip(1)
            .take_while(|dir| dir.starts_with(&root));
        if above.any(|dir| self.place_of(dir).as_ref() == Some(&place)) {
            return false;
        }
        self.links.places.insert(path.to_owned(), place);
        true
    }

    /// Takes note of a link to a file, and watches the directory of the file.
    pub(super) fn link_file(&mut self, path: &Path) {
        let Some(place) = self.place_of(path) else {
            return;
        };
        if let Some(dir) = place.parent() {
            self.sources.watch(&[dir]);
        }
        let links = self.links.files.entry(place).or_default();
        if links.insert(path.to_owned()) {
            self.narrow();
        }
    }

    pub(super) fn watch_link_targets(&mut self) {
        let dirs = self.links.files.keys().filter_map(|file| file.parent());
        let dirs: BTreeSet<&Path> = dirs.collect();
        let dirs: Vec<&Path> = dirs.into_iter().collect();
        self.sources.watch(&dirs);
    }
}
