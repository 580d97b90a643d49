//! Which file a module's name stands for, and which names a file may have.
//!
//! The rules are those of CPython's path finder. In one folder a package goes before an extension
//! module, that before a source file and that before bytecode without source; of several folders
//! the first that has any of them wins, and only if none has, folders of that name make up a
//! namespace package. Whether a path is there is asked of a [`FileTree`], so nothing here touches a
//! disk.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use crate::ModuleName;

/// A tree of files to look into.
pub trait FileTree {
    /// Whether `path` is a file.
    fn is_file(&self, path: &Path) -> bool;
    /// Whether `path` is a folder.
    fn is_dir(&self, path: &Path) -> bool;
    /// The names of what is in the folder `path`, sorted; empty if it is none.
    fn list(&self, path: &Path) -> Vec<String>;
}

/// Where a module was found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Location {
    /// A file; it is a package if it is called `__init__`.
    File {
        /// The file.
        path: PathBuf,
        /// How it is loaded.
        kind: FileKind,
        /// The folder in which its submodules are, if it is a package.
        package: Option<PathBuf>,
    },
    /// A namespace package: these folders, in the order of the search path.
    Namespace(Vec<PathBuf>),
}

/// How a module's file is loaded. In this order they go before each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    /// A compiled extension module.
    Extension,
    /// A source file.
    Source,
    /// Bytecode without its source.
    Bytecode,
}

impl Location {
    /// The folders in which submodules are searched: the module's `__path__`. Empty if it is no
    /// package.
    pub fn folders(&self) -> &[PathBuf] {
        match self {
            Self::File { package, .. } => package.as_slice(),
            Self::Namespace(folders) => folders,
        }
    }
}

/// The folders in which top-level modules are searched: `sys.path`.
///
/// # Examples
///
/// ```
/// use hmr_module_graph::{ModuleName, resolve::{FileTree, Location, MemoryTree, SearchPath}};
///
/// let tree = MemoryTree::new(["/app/services/mail.py", "/app/services.py"]);
/// let search = SearchPath::new(["/app"]);
/// let find = |name: &str| search.find(&tree, &ModuleName::new(name).unwrap());
/// // A folder without `__init__.py` does not shadow a module.
/// assert!(matches!(find("services"), Some(Location::File { package: None, .. })));
/// assert_eq!(find("services.mail"), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchPath {
    folders: Vec<PathBuf>,
    /// What a module's file may end in, in the order in which CPython tries them.
    suffixes: Vec<(String, FileKind)>,
}

impl SearchPath {
    /// These folders, and source files and bytecode only.
    pub fn new<P: Into<PathBuf>>(folders: impl IntoIterator<Item = P>) -> Self {
        Self::with_extensions(folders, [])
    }

    /// These folders, and extension modules with these suffixes as well: the interpreter's
    /// `importlib.machinery.EXTENSION_SUFFIXES`.
    pub fn with_extensions<'a, P: Into<PathBuf>>(
        folders: impl IntoIterator<Item = P>,
        extensions: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let extensions = extensions.into_iter().map(|s| (s, FileKind::Extension));
        let own = [(".py", FileKind::Source), (".pyc", FileKind::Bytecode)];
        Self {
            folders: folders.into_iter().map(Into::into).collect(),
            suffixes: extensions
                .chain(own)
                .map(|(suffix, kind)| (suffix.to_owned(), kind))
                .collect(),
        }
    }

    /// What `import name` would find. A package that changes its own `__path__` is taken as found.
    pub fn find(&self, tree: &impl FileTree, name: &ModuleName) -> Option<Location> {
        let mut parts = name.as_str().split('.');
        let mut found = self.find_in(tree, parts.next()?, &self.folders)?;
        for part in parts {
            found = self.find_in(tree, part, found.folders())?;
        }
        Some(found)
    }

    /// What a name without dots is in `folders`, of which the first goes first.
    pub fn find_in(
        &self,
        tree: &impl FileTree,
        name: &str,
        folders: &[PathBuf],
    ) -> Option<Location> {
        let mut portions = Vec::new();
        for folder in folders {
            let inner = folder.join(name);
            let is_dir = tree.is_dir(&inner);
            if is_dir && let Some((path, kind)) = self.file(tree, &inner, "__init__") {
                let package = Some(inner);
                return Some(Location::File {
                    path,
                    kind,
                    package,
                });
            }
            if let Some((path, kind)) = self.file(tree, folder, name) {
                let package = None;
                return Some(Location::File {
                    path,
                    kind,
                    package,
                });
            }
            if is_dir {
                portions.push(inner);
            }
        }
        (!portions.is_empty()).then_some(Location::Namespace(portions))
    }

    /// The names without dots that [`SearchPath::find_in`] would find in `folders`, sorted.
    pub fn names_in(&self, tree: &impl FileTree, folders: &[PathBuf]) -> Vec<String> {
        let mut names = BTreeSet::new();
        for entry in folders.iter().flat_map(|folder| tree.list(folder)) {
            let tails = self.suffixes.iter();
            names.extend(
                tails.filter_map(|(suffix, _)| {
                    Some(entry.strip_suffix(suffix.as_str())?.to_owned())
                }),
            );
            names.insert(entry);
        }
        names.retain(|name| {
            ModuleName::new(name).is_ok_and(|_| !name.contains('.'))
                && self.find_in(tree, name, folders).is_some()
        });
        names.into_iter().collect()
    }

    fn file(&self, tree: &impl FileTree, folder: &Path, name: &str) -> Option<(PathBuf, FileKind)> {
        let mut candidates = self
            .suffixes
            .iter()
            .map(|(suffix, kind)| (folder.join(format!("{name}{suffix}")), *kind));
        candidates.find(|(path, _)| tree.is_file(path))
    }

    /// Every name that a module at `path` could have, in the order of the search path: those whose
    /// meaning may change when `path` comes, goes or changes. A path that ends in no known suffix
    /// is taken as the folder of a package. Whether a name does mean this file is for
    /// [`SearchPath::find`] to say.
    pub fn names_of(&self, path: &Path) -> Vec<ModuleName> {
        let mut names = Vec::new();
        for folder in &self.folders {
            let Ok(inside) = path.strip_prefix(folder) else {
                continue;
            };
            for name in self.names_inside(inside) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }

    fn names_inside(&self, inside: &Path) -> Vec<ModuleName> {
        let parts: Option<Vec<_>> = inside.iter().map(|part| part.to_str()).collect();
        let Some((last, parents)) = parts.as_deref().and_then(<[&str]>::split_last) else {
            return Vec::new();
        };
        let mut names = Vec::from_iter(name_of(inside_of(parents, last)));
        for (suffix, _) in &self.suffixes {
            let Some(stem) = last.strip_suffix(suffix.as_str()) else {
                continue;
            };
            if stem == "__init__" {
                names.extend(name_of(parents.to_vec()));
            }
            // A package can also be imported as `pkg.__init__`.
            names.extend(name_of(inside_of(parents, stem)));
        }
        names
    }
}

fn inside_of<'a>(parents: &[&'a str], last: &'a str) -> Vec<&'a str> {
    [parents, &[last]].concat()
}

/// The parts as one name, if none of them has a dot of its own.
fn name_of(parts: Vec<&str>) -> Option<ModuleName> {
    let has_dot = parts.iter().any(|part| part.contains('.'));
    let name = (!has_dot).then(|| parts.join("."))?;
    ModuleName::new(&name).ok()
}

/// A tree of files in memory. Folders are there as far as files are in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryTree {
    files: BTreeSet<PathBuf>,
}

impl MemoryTree {
    /// A tree of these files.
    pub fn new<P: Into<PathBuf>>(files: impl IntoIterator<Item = P>) -> Self {
        Self {
            files: files.into_iter().map(Into::into).collect(),
        }
    }

    /// Adds a file.
    pub fn add(&mut self, file: impl Into<PathBuf>) {
        self.files.insert(file.into());
    }

    /// Takes a file away; says whether it was there.
    pub fn remove(&mut self, file: &Path) -> bool {
        self.files.remove(file)
    }
}

impl FileTree for MemoryTree {
    fn is_file(&self, path: &Path) -> bool {
        self.files.contains(path)
    }

    fn is_dir(&self, path: &Path) -> bool {
        let mut files = self.files.iter();
        files.any(|file| file != path && file.starts_with(path))
    }

    fn list(&self, path: &Path) -> Vec<String> {
        let inside = self
            .files
            .iter()
            .filter_map(|file| file.strip_prefix(path).ok());
        let names: BTreeSet<_> = inside
            .filter_map(|inside| Some(inside.iter().next()?.to_string_lossy().into_owned()))
            .collect();
        names.into_iter().collect()
    }
}
