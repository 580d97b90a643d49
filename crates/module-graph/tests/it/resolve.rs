//! From names to files and back, against a plain model of CPython's finder.

use std::path::{Path, PathBuf};

use hmr_module_graph::{
    ModuleName,
    resolve::{FileKind, FileTree, Location, MemoryTree, SearchPath},
};
use proptest::prelude::*;

const EXTENSIONS: [&str; 2] = [".abi3.so", ".so"];

fn search() -> SearchPath {
    SearchPath::with_extensions(["/a", "/b", "/b/p"], EXTENSIONS)
}

/// What `name` is in a tree of these files.
fn find(files: &[&str], name: &str) -> String {
    let tree = MemoryTree::new(files.iter().copied());
    show(
        search()
            .find(&tree, &ModuleName::new(name).unwrap())
            .as_ref(),
    )
}

fn show(location: Option<&Location>) -> String {
    let text = |path: &PathBuf| path.to_string_lossy().into_owned();
    match location {
        None => "nothing".to_owned(),
        Some(Location::File {
            path,
            kind,
            package,
        }) => {
            let of = if package.is_some() { "package " } else { "" };
            let kind = match kind {
                FileKind::Extension => "extension",
                FileKind::Source => "source",
                FileKind::Bytecode => "bytecode",
            };
            format!("{of}{kind} {}", text(path))
        }
        Some(Location::Namespace(folders)) => {
            format!(
                "namespace {}",
                folders.iter().map(text).collect::<Vec<_>>().join(" ")
            )
        }
        Some(_) => unreachable!(),
    }
}

#[test]
fn a_package_shadows_an_extension_and_that_a_module() {
    let all = ["/a/m/__init__.py", "/a/m.so", "/a/m.py", "/a/m.pyc"];
    for (files, found) in [
        (&all[..], "package source /a/m/__init__.py"),
        (&all[1..], "extension /a/m.so"),
        (&all[2..], "source /a/m.py"),
        (&all[3..], "bytecode /a/m.pyc"),
    ] {
        assert_eq!(find(files, "m"), found);
    }
    assert_eq!(find(&["/a/m.py", "/a/m/x.py"], "m"), "source /a/m.py");
    assert_eq!(
        find(&["/a/m/__init__.py", "/a/m/__init__.abi3.so"], "m"),
        "package extension /a/m/__init__.abi3.so"
    );
}

#[test]
fn an_earlier_folder_wins_but_for_namespaces() {
    assert_eq!(
        find(&["/b/m/__init__.py", "/a/m.py"], "m"),
        "source /a/m.py"
    );
    assert_eq!(find(&["/a/m/x.py", "/b/m.py"], "m"), "source /b/m.py");
    assert_eq!(
        find(&["/a/m/x.py", "/b/m/y.py"], "m"),
        "namespace /a/m /b/m"
    );
    assert_eq!(find(&["/a/m/x.py", "/b/m/y.py"], "m.y"), "source /b/m/y.py");
    assert_eq!(find(&["/a/m/x.py", "/b/m/y.py"], "m.z"), "nothing");
    assert_eq!(find(&["/a/m.py", "/b/m/y.py"], "m.y"), "nothing");
    assert_eq!(
        find(&["/a/p/q/__init__.py", "/b/p/q/r.py"], "p.q.r"),
        "nothing"
    );
    assert_eq!(
        find(&["/a/p/q/s.py", "/b/p/q/r.py"], "p.q"),
        "namespace /a/p/q /b/p/q"
    );
}

#[test]
fn a_path_has_the_names_that_it_could_be_imported_by() {
    let names = |path: &str| {
        let names = search().names_of(Path::new(path));
        names
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(names("/a/m.py"), "m");
    assert_eq!(names("/a/p/q/m.py"), "p.q.m");
    assert_eq!(names("/a/p/__init__.py"), "p p.__init__");
    assert_eq!(names("/a/__init__.py"), "__init__");
    assert_eq!(names("/b/p/m.py"), "p.m m");
    assert_eq!(names("/a/m.abi3.so"), "m");
    assert_eq!(names("/a/p"), "p");
    assert_eq!(names("/a/m.cpython-311.so"), "");
    assert_eq!(names("/a/notes.txt"), "");
    assert_eq!(names("/a/x.y/m.py"), "");
    assert_eq!(names("/c/m.py"), "");
    assert_eq!(names("/a"), "");
}

#[test]
fn the_names_in_a_folder_are_those_that_can_be_found() {
    let tree = MemoryTree::new([
        "/a/m.py",
        "/a/m.so",
        "/a/n.txt",
        "/a/p/x.py",
        "/a/q.py/r.py",
    ]);
    assert_eq!(search().names_in(&tree, &["/a".into()]), ["m", "p"]);
    assert_eq!(
        tree.list(Path::new("/a")),
        ["m.py", "m.so", "n.txt", "p", "q.py"]
    );
}

/// CPython's rules as one table of everything that could be meant, best first.
fn model(files: &[String], name: &str) -> String {
    let mut folders: Vec<String> = ["/a", "/b", "/b/p"].map(str::to_owned).to_vec();
    let mut result = "nothing".to_owned();
    for part in name.split('.') {
        let mut candidates = Vec::new();
        for (index, folder) in folders.iter().enumerate() {
            for (rank, suffix) in [".abi3.so", ".so", ".py", ".pyc"].iter().enumerate() {
                let kind = ["extension", "extension", "source", "bytecode"][rank];
                let package = format!("{folder}/{part}/__init__{suffix}");
                let module = format!("{folder}/{part}{suffix}");
                let inner = vec![format!("{folder}/{part}")];
                candidates.push((
                    (0, index, 0, rank),
                    package.clone(),
                    format!("package {kind} {package}"),
                    inner,
                ));
                candidates.push((
                    (0, index, 1, rank),
                    module.clone(),
                    format!("{kind} {module}"),
                    Vec::new(),
                ));
            }
        }
        candidates.retain(|candidate| files.contains(&candidate.1));
        candidates.sort();
        if let Some((_, _, shown, inner)) = candidates.into_iter().next() {
            (result, folders) = (shown, inner);
            continue;
        }
        folders = folders
            .iter()
            .map(|folder| format!("{folder}/{part}"))
            .collect();
        folders.retain(|folder| {
            files
                .iter()
                .any(|file| file.starts_with(&format!("{folder}/")))
        });
        if folders.is_empty() {
            return "nothing".to_owned();
        }
        result = format!("namespace {}", folders.join(" "));
    }
    result
}

fn part() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["p", "q", "r"]).prop_map(str::to_owned)
}

fn file() -> impl Strategy<Value = String> {
    let root = prop::sample::select(vec!["/a", "/b"]);
    let tail = prop::sample::select(vec!["p", "q", "r", "__init__", "x.y"]);
    let suffix = prop::sample::select(vec![".py", ".py", ".py", ".so", ".abi3.so", ".pyc", ".txt"]);
    (root, prop::collection::vec(part(), 0..3), tail, suffix).prop_map(
        |(root, parts, tail, suffix)| {
            let folders: String = parts.iter().flat_map(|part| ["/", part]).collect();
            format!("{root}{folders}/{tail}{suffix}")
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn names_are_found_as_the_model_finds_them(
        files in prop::collection::vec(file(), 0..12),
        parts in prop::collection::vec(part(), 1..4),
    ) {
        let name = parts.join(".");
        let references: Vec<_> = files.iter().map(String::as_str).collect();
        prop_assert_eq!(find(&references, &name), model(&files, &name));
    }

    /// What a name means changes only with files that could have the name, or that of a package
    /// around it.
    #[test]
    fn a_file_changes_only_the_names_that_it_could_have(
        files in prop::collection::vec(file(), 0..12),
        new in file(),
        parts in prop::collection::vec(part(), 1..4),
    ) {
        let name = ModuleName::new(&parts.join(".")).unwrap();
        let search = search();
        let mut tree = MemoryTree::new(files);
        let before = search.find(&tree, &name);
        tree.add(&new);
        let after = search.find(&tree, &name);
        if before != after {
            // The file itself, or a folder that came with it.
            let mut could = Path::new(&new).ancestors().flat_map(|path| search.names_of(path));
            let is_around = |other: &ModuleName| {
                name == *other || name.as_str().starts_with(&format!("{other}."))
            };
            prop_assert!(could.any(|other| is_around(&other)), "{:?} {:?} {:?}", new, before, after);
        }
    }

    #[test]
    fn a_module_that_is_found_is_among_the_names_of_its_file(
        files in prop::collection::vec(file(), 1..12),
        parts in prop::collection::vec(part(), 1..4),
    ) {
        let name = ModuleName::new(&parts.join(".")).unwrap();
        let search = search();
        let found = search.find(&MemoryTree::new(files), &name);
        let paths = match &found {
            Some(Location::File { path, .. }) => vec![path.clone()],
            Some(Location::Namespace(folders)) => folders.clone(),
            _ => Vec::new(),
        };
        for path in paths {
            prop_assert!(search.names_of(&path).contains(&name), "{:?}", path);
        }
    }
}
