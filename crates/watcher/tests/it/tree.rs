//! Random changes of a tree, and what is in it afterwards.
//!
//! Whatever a program or a person may do with files, directories, links, the directories above a root and
//! ignore files, mostly to things that are there.

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % n
    }

    fn pick<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap_or(0)]
    }
}

const DIRS: [&str; 5] = ["", "a", "a/b", "c", "c/d"];
const NAMES: [&str; 5] = ["x.py", "X.py", "\u{e9}t\u{e9}.py", "e\u{301}.py", "z.txt"];

/// The files of interest, with their content; of a link, where it leads.
pub(crate) type Files = BTreeMap<PathBuf, Vec<u8>>;

/// What is at `root`, a directory or a file, without what ignore files leave out if they count.
pub(crate) fn snapshot(root: &Path, ignoring: bool) -> Files {
    let mut files = Files::new();
    if let Ok(content) = fs::read(root) {
        files.insert(root.to_owned(), content);
    }
    collect(root, ignoring.then(Vec::new), &mut files);
    files
}

fn collect(dir: &Path, rules: Option<Vec<Gitignore>>, files: &mut Files) {
    let rules = rules.map(|mut rules| {
        let text = fs::read_to_string(dir.join(".gitignore")).unwrap_or_default();
        let mut own = GitignoreBuilder::new(dir);
        for line in text.lines() {
            own.add_line(None, line).expect("a rule");
        }
        rules.push(own.build().expect("rules"));
        rules
    });
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        let is_link = path.is_symlink();
        let is_dir = !is_link && path.is_dir();
        let mut said = rules
            .iter()
            .flatten()
            .rev()
            .map(|rules| rules.matched(&path, is_dir));
        if said
            .find(|said| !said.is_none())
            .is_some_and(|said| matches!(said, Match::Ignore(_)))
        {
            continue;
        }
        if is_dir {
            collect(&path, rules.clone(), files);
        } else if path.extension().is_some_and(|extension| extension == "py") {
            let content = if is_link {
                let place = fs::read_link(&path).expect("a link");
                place.into_os_string().into_encoded_bytes()
            } else {
                fs::read(&path).expect("a file")
            };
            files.insert(path, content);
        }
    }
}

/// Changes something, or tries to.
pub(crate) fn change(root: &Path, random: &mut Random) -> String {
    let (one, two) = (root.join(random.pick(&DIRS)), root.join(random.pick(&DIRS)));
    let (file, other) = (one.join(random.pick(&NAMES)), two.join(random.pick(&NAMES)));
    let kind = random.below(17);
    let content = random.below(1_000_000).to_string();
    let done = match kind {
        0..=2 => fs::write(&file, content),
        3 => fs::remove_file(&file),
        4 => fs::rename(&file, &other),
        5 => fs::create_dir_all(&one).and_then(|()| fs::write(&file, content)),
        6 if one != root => fs::remove_dir_all(&one),
        7 if one != root && !two.starts_with(&one) => fs::rename(&one, two.join("moved")),
        8 => {
            let temporary = one.join("t.tmp");
            fs::write(&temporary, content).and_then(|()| fs::rename(&temporary, &file))
        }
        // A file becomes a directory or a link and back, a directory another one, a link a file.
        9 => fs::remove_file(&file)
            .and_then(|()| fs::create_dir(&file))
            .and_then(|()| fs::write(file.join("in.py"), content)),
        10 => fs::remove_dir_all(&file).and_then(|()| fs::write(&file, content)),
        11 => {
            let _ = fs::remove_file(&file);
            symlink(&content, &file)
        }
        12 => {
            let temporary = one.join("t.tmp");
            symlink(root.join("a").join(&content), &temporary)
                .and_then(|()| fs::rename(&temporary, &file))
        }
        13 if one != root => fs::rename(&one, root.join("t"))
            .and_then(|()| fs::create_dir(&one))
            .and_then(|()| fs::rename(root.join("t"), &one)),
        14 => fs::create_dir_all(root.join("n/e/w"))
            .and_then(|()| fs::write(root.join("n/e/w/x.py"), content))
            .and_then(|()| fs::rename(root.join("n"), one.join("w"))),
        // The root itself, or all of what is above it.
        15 => put_aside(root)
            .and_then(|()| fs::create_dir(root))
            .and_then(|()| fs::write(root.join("x.py"), content)),
        16 => put_aside(root.parent().expect("not the top"))
            .and_then(|()| fs::create_dir_all(&file))
            .and_then(|()| fs::write(root.join("y.py"), content)),
        _ => Ok(()),
    };
    format!("{kind} {} {} {done:?}", file.display(), other.display())
}

/// Renames `dir`, which lives on until this is called again.
fn put_aside(dir: &Path) -> io::Result<()> {
    let aside = dir.with_extension("old");
    let _ = remove(&aside);
    fs::rename(dir, aside)
}

/// Writes or removes an ignore file.
pub(crate) fn change_rules(root: &Path, random: &mut Random) -> String {
    let rules = ["x.py\n", "a/\n", "*\n!X.py\n!c/\n", "/x.py\n!a/\n", ""];
    let file = root.join(random.pick(&DIRS)).join(".gitignore");
    let done = match random.below(6) {
        0 => fs::remove_file(&file),
        _ => fs::write(&file, random.pick(&rules)),
    };
    format!("rules {} {done:?}", file.display())
}

/// Makes `link` lead to one of `places`, at once or a moment later.
pub(crate) fn switch(link: &Path, places: &[&str], random: &mut Random) -> String {
    let temporary = link.with_extension("tmp");
    let place = random.pick(places);
    if random.below(3) == 0 {
        let _ = fs::remove_file(link);
    }
    let done = symlink(place, &temporary).and_then(|()| fs::rename(&temporary, link));
    format!("switch {} {place} {done:?}", link.display())
}

/// Changes `file`, which may become a directory or a link to `other`.
pub(crate) fn change_file(file: &Path, other: &Path, random: &mut Random) -> String {
    let kind = random.below(10);
    let content = random.below(5).to_string();
    let temporary = file.with_extension("tmp");
    let done = match kind {
        0 | 1 => fs::write(file, &content),
        2 => fs::write(&temporary, &content).and_then(|()| fs::rename(&temporary, file)),
        3 => fs::rename(file, &temporary)
            .and_then(|()| fs::write(file, &content))
            .and_then(|()| fs::remove_file(&temporary)),
        4 => remove(file),
        5 => fs::rename(file, other),
        6 => fs::rename(other, file),
        7 => remove(file)
            .and_then(|()| fs::create_dir(file))
            .and_then(|()| fs::write(file.join("in.py"), &content)),
        8 => fs::write(other, &content)
            .and_then(|()| symlink(other, &temporary))
            .and_then(|()| fs::rename(&temporary, file)),
        _ => put_aside(file.parent().expect("not the top"))
            .and_then(|()| fs::create_dir_all(file.parent().expect("not the top")))
            .and_then(|()| match content.as_str() {
                "0" => Ok(()),
                _ => fs::write(file, &content),
            }),
    };
    format!("{kind} {} {content} {done:?}", file.display())
}

fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path).or_else(|_| fs::remove_dir_all(path))
}
