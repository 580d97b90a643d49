//! Roots that are reached through symbolic links [35] [48], natively and by polling [46].

use crate::disk::put;
use hmr_watcher::{Choice, Watcher};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

struct Tree {
    temp: tempfile::TempDir,
    watcher: Option<Watcher>,
    what: String,
}

/// A new tree for each backend. Names differ, since what is watched last under one name or another once
/// decided what the events are about.
fn with_each(check: impl Fn(&mut Tree, Choice, &str)) {
    for choice in [Choice::Native, Choice::Poll(Duration::from_hours(1))] {
        for link in ["a-link", "z-link"] {
            let mut tree = Tree {
                temp: tempfile::tempdir().expect("a directory"),
                watcher: None,
                what: format!("{choice:?}, {link}"),
            };
            check(&mut tree, choice, link);
        }
    }
}

impl Tree {
    fn path(&self, path: &str) -> std::path::PathBuf {
        let top = self.temp.path().canonicalize().expect("a path");
        top.join(path)
    }

    fn write(&self, path: &str, text: &str) {
        put(&self.path(path), text);
    }

    /// Makes a link lead elsewhere at once, as whoever switches releases does.
    fn link(&self, path: &str, target: &str) {
        let temporary = self.path(&format!("{path}.tmp"));
        symlink(target, &temporary).expect("a link");
        fs::rename(&temporary, self.path(path)).expect("a rename");
    }

    fn watch(&mut self, choice: Choice, roots: &[&str]) {
        let mut builder = Watcher::builder().backend(choice);
        for root in roots {
            builder = builder.path(self.path(root));
        }
        self.watcher = Some(builder.build().expect("a watcher"));
    }

    #[track_caller]
    fn shows(&self, want: &[&str]) {
        let watcher = self.watcher.as_ref().expect("a watcher");
        let batch = watcher.settle();
        let top = format!("{}/", self.path("").display()).replace("//", "/");
        let line = |change| format!("{change:?}").replace(&top, "").replace('"', "");
        let got: Vec<_> = batch.iter().flatten().map(line).collect();
        assert_eq!(got, want, "{}", self.what);
    }
}

#[test]
fn a_file_in_a_linked_directory_is_seen() {
    with_each(|tree, choice, link| {
        tree.write("real/f", "1");
        tree.link(link, "real");
        let file = format!("{link}/f");
        let modified = format!("Modified({file})");
        tree.watch(choice, &[&file]);
        tree.write("real/f", "22");
        tree.shows(&[&modified]);
        tree.write("other/f", "333");
        tree.link(link, "other");
        tree.shows(&[&modified]);
        tree.write("other/f", "4444");
        tree.shows(&[&modified]);
        tree.write("real/f", "nobody asked");
        tree.shows(&[]);
    });
}

#[test]
fn a_link_in_the_middle_of_a_chain_may_be_made_to_lead_elsewhere() {
    for is_file in [false, true] {
        with_each(|tree, choice, link| {
            tree.write("one/f", "1");
            tree.write("two/f", "22");
            fs::create_dir(tree.path("between")).expect("a directory");
            tree.link("between/l", "../one");
            tree.link(link, "between/l");
            let file = format!("{link}/f");
            let lines = ["Added", "Modified", "Removed"].map(|kind| format!("{kind}({file})"));
            let [added, modified, removed] = lines.each_ref().map(String::as_str);
            tree.watch(choice, &[if is_file { &file } else { link }]);
            for _ in 0..3 {
                tree.link("between/l", "../two");
                tree.shows(&[modified]);
                tree.write("two/f", "now here");
                tree.shows(&[modified]);
                tree.write("one/f", "no longer here");
                tree.shows(&[]);
                fs::remove_file(tree.path("between/l")).expect("a removal");
                tree.shows(&[removed]);
                tree.link("between/l", "../one");
                tree.shows(&[added]);
                tree.write("one/f", "back");
                tree.shows(&[modified]);
                tree.write("two/f", "22");
                tree.shows(&[]);
            }
        });
    }
}

#[test]
fn a_chain_that_is_built_up_later_is_waited_for() {
    with_each(|tree, choice, link| {
        tree.write("real/f", "1");
        let root = tree.path(link);
        let builder = Watcher::builder().path(&root).wait_for_root(true);
        tree.watcher = Some(builder.backend(choice).build().expect("a watcher"));
        tree.link(link, "between/l");
        tree.shows(&[]);
        fs::create_dir(tree.path("between")).expect("a directory");
        tree.shows(&[]);
        tree.link("between/l", "../real");
        tree.shows(&[&format!("Added({link}/f)")]);
        tree.write("real/f", "22");
        tree.shows(&[&format!("Modified({link}/f)")]);
    });
}

#[test]
fn two_roots_that_lead_to_one_directory_are_both_told() {
    with_each(|tree, choice, link| {
        tree.write("real/sub/f", "1");
        tree.link(link, "real");
        let linked = format!("Modified({link}/sub/f)");
        let mut both = [linked.as_str(), "Modified(real/sub/f)"];
        both.sort_unstable();
        for roots in [["real/sub", link], [link, "real/sub"]] {
            tree.watch(choice, &roots);
            tree.write("real/sub/f", roots[0]);
            tree.shows(&both);
            // Each alone, when the other is given up.
            let watcher = tree.watcher.as_ref().expect("a watcher");
            watcher.remove_path(tree.path(roots[0])).expect("watched");
            tree.write("real/sub/f", "2");
            let left = both.iter().find(|line| line.contains(roots[1]));
            tree.shows(&[left.expect("one of them")]);
        }
    });
}

#[test]
fn the_ignore_file_above_a_linked_root_is_seen() {
    with_each(|tree, choice, link| {
        fs::create_dir_all(tree.path("real/.git")).expect("a directory");
        tree.write("real/src/f", "1");
        tree.link(link, "real");
        let filter = hmr_watcher::Filter::new().gitignore(true);
        let builder = Watcher::builder().path(tree.path(link).join("src"));
        let builder = builder.filter(filter).backend(choice);
        tree.watcher = Some(builder.build().expect("a watcher"));
        tree.write("real/.gitignore", "f");
        tree.write("real/src/f", "22");
        tree.shows(&[]);
        tree.write("real/.gitignore", "nothing");
        tree.shows(&[&format!("Added({link}/src/f)")]);
    });
}

#[test]
fn links_that_lead_around_in_a_circle_are_no_root() {
    with_each(|tree, choice, link| {
        tree.link(link, "other");
        tree.link("other", link);
        let path: &Path = &tree.path(link);
        let builder = || Watcher::builder().path(path).backend(choice);
        assert!(builder().build().is_err(), "{}", tree.what);
        tree.watcher = Some(builder().wait_for_root(true).build().expect("a watcher"));
        tree.write("real/f", "1");
        tree.link("other", "real");
        tree.shows(&[&format!("Added({link}/f)")]);
    });
}
