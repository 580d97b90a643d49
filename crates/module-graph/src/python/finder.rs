//! Finds the user's modules, before CPython's own finder is asked.
//!
//! The folders of the search path are taken in order, as `importlib.machinery.PathFinder` does. As
//! long as they are the user's they are looked into here; from the first one that is not, CPython
//! goes on, and a source file that it finds below the project's roots gets our loader. Packages
//! without `__init__.py`, extension modules and files without source are always left to CPython.
//!
//! Kept true: what is found is the file that CPython would have found.
#![expect(
    unsafe_code,
    reason = "`sys.path` is had at once through the C API alone"
)]

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use pyo3::{
    ffi, intern,
    prelude::*,
    types::{PyList, PyString, PyType},
};
use rustc_hash::FxHashMap;

use super::{engine::Engine, loader};

/// The object on `sys.meta_path`.
#[pyclass(frozen, name = "Finder", module = "hmr")]
pub(super) struct Finder {
    loader: Py<PyType>,
    cpythons: Py<PyAny>,
    spec: Py<PyAny>,
    source_loader: Py<PyAny>,
    extension_suffixes: Vec<String>,
    /// By their paths, as they are spelled.
    folders: Mutex<FxHashMap<OsString, Arc<Folder>>>,
}

/// A folder of a search path.
struct Folder {
    /// `None` if the folder is not the user's.
    path: Option<PathBuf>,
    listing: Mutex<Option<Listing>>,
}

/// What a folder has for each module name, as of the time that the folder last changed.
struct Listing {
    modified: SystemTime,
    stems: FxHashMap<Box<str>, Stem>,
}

/// What a folder has for one module name.
#[derive(Clone, Copy, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent facts about a folder"
)]
struct Stem {
    /// A folder, or a link to one.
    folder: bool,
    extension: bool,
    source: bool,
    bytecode: bool,
}

enum Found {
    Module { file: String, package: bool },
    Nothing,
    NotOurs,
}

impl Finder {
    /// Puts a finder just before CPython's own, so that built-in and frozen modules come first.
    pub(super) fn install(py: Python<'_>) -> PyResult<()> {
        let machinery = py.import("importlib.machinery")?;
        let path_finder = machinery.getattr("PathFinder")?;
        let finder = Self {
            loader: loader::create_type(py)?.unbind(),
            spec: machinery.getattr("ModuleSpec")?.unbind(),
            source_loader: machinery.getattr("SourceFileLoader")?.unbind(),
            extension_suffixes: machinery.getattr("EXTENSION_SUFFIXES")?.extract()?,
            cpythons: path_finder.clone().unbind(),
            folders: Mutex::default(),
        };
        let meta_path = py
            .import("sys")?
            .getattr("meta_path")?
            .cast_into::<PyList>()?;
        let place = meta_path.index(&path_finder).unwrap_or(meta_path.len());
        meta_path.insert(place, finder)
    }
}

#[pymethods]
impl Finder {
    #[pyo3(signature = (name, path=None, target=None))]
    fn find_spec<'py>(
        &self,
        py: Python<'py>,
        name: Bound<'py, PyString>,
        path: Option<Bound<'py, PyAny>>,
        target: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(engine) = Engine::get() else {
            return Ok(None);
        };
        let path = match path {
            Some(path) => path,
            None => search_path(py)?,
        };
        let text = name.to_str()?;
        let (package, tail) = text.rsplit_once('.').unwrap_or(("", text));
        engine.adopt_namespace(py, package);
        let mut rest = Vec::new();
        for entry in path.try_iter()? {
            let entry = entry?;
            if rest.is_empty()
                && let Some(folder) = self.users_folder(engine, &entry)
                && let Some(path) = &folder.path
            {
                match self.look_into(engine, &folder, path, tail) {
                    Found::Module { file, package } => {
                        return self.make_spec(engine, &name, &file, package).map(Some);
                    }
                    Found::Nothing => continue,
                    Found::NotOurs => {}
                }
            }
            rest.push(entry);
        }
        if rest.is_empty() {
            // Nothing was found, and nothing is left that CPython could look into.
            engine.note_missing(text);
            return Ok(None);
        }
        let found = self
            .cpythons
            .bind(py)
            .call_method1("find_spec", (&name, rest, target))?;
        if found.is_none() {
            engine.note_missing(text);
            return Ok(None);
        }
        if found.getattr(intern!(py, "loader"))?.is_none() {
            note_namespace(engine, text, &found)?;
        } else {
            self.adopt(py, engine, &found)?;
        }
        Ok(Some(found))
    }

    fn invalidate_caches(&self) {
        self.folders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

/// `sys.path`, without importing `sys`.
fn search_path(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: the name ends in a zero, and the thread is attached; the result is borrowed or null.
    let path = unsafe {
        let path = ffi::PySys_GetObject(c"path".as_ptr());
        Bound::from_borrowed_ptr_or_opt(py, path)
    };
    path.map_or_else(|| py.import("sys")?.getattr("path"), Ok)
}

/// A package without a file is the user's if one of its folders is.
fn note_namespace(engine: &Engine, name: &str, spec: &Bound<'_, PyAny>) -> PyResult<()> {
    let folders = spec.getattr(intern!(spec.py(), "submodule_search_locations"))?;
    if folders.is_none() {
        return Ok(());
    }
    for folder in folders.try_iter()? {
        let folder: PathBuf = folder?.extract()?;
        if std::path::absolute(folder).is_ok_and(|folder| engine.roots().contain(&folder)) {
            engine.note_namespace(name);
            break;
        }
    }
    Ok(())
}

impl Finder {
    /// The folder that `entry` of a search path names. An empty one is the working directory.
    fn users_folder(&self, engine: &Engine, entry: &Bound<'_, PyAny>) -> Option<Arc<Folder>> {
        if let Ok(text) = entry.cast::<PyString>()
            && let Ok(text) = text.to_str()
            && Path::new(text).is_absolute()
        {
            return Some(self.folder_at(engine, text.as_ref()));
        }
        let entry: PathBuf = entry.extract().ok()?;
        let folder = std::path::absolute(if entry.as_os_str().is_empty() {
            std::env::current_dir().ok()?
        } else {
            entry
        });
        Some(self.folder_at(engine, &folder.ok()?))
    }

    /// What is known of the folder at an absolute path.
    fn folder_at(&self, engine: &Engine, path: &Path) -> Arc<Folder> {
        let known = self.folders().get(path.as_os_str()).cloned();
        known.unwrap_or_else(|| {
            let folder = Arc::new(Folder::new(engine, path));
            self.folders()
                .insert(path.as_os_str().into(), Arc::clone(&folder));
            folder
        })
    }

    fn folders(&self) -> std::sync::MutexGuard<'_, FxHashMap<OsString, Arc<Folder>>> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look_into(&self, engine: &Engine, folder: &Folder, path: &Path, tail: &str) -> Found {
        let Some(has) = self.stem_in(folder, path, tail) else {
            return Found::Nothing;
        };
        if has.folder && path.join(tail).is_dir() {
            let inside = path.join(tail);
            let package = self.folder_at(engine, &inside);
            match self.stem_in(&package, &inside, "__init__") {
                Some(init) if init.extension => return Found::NotOurs,
                Some(init) if init.source && inside.join("__init__.py").is_file() => {
                    return Found::module(&inside, "__init__", true);
                }
                // Alone it may be part of a namespace package.
                _ if !has.source => return Found::NotOurs,
                _ => {}
            }
        }
        if has.extension {
            return Found::NotOurs;
        }
        if has.source && path.join(format!("{tail}.py")).is_file() {
            return Found::module(path, tail, false);
        }
        // A lone `.pyc` is a module without source.
        if has.bytecode {
            Found::NotOurs
        } else {
            Found::Nothing
        }
    }

    /// What there is in the folder at `path` for a module called `stem`; `None` if nothing is, or the
    /// folder cannot be read.
    fn stem_in(&self, folder: &Folder, path: &Path, stem: &str) -> Option<Stem> {
        let modified = fs::metadata(path).ok()?.modified().ok()?;
        let mut listing = folder
            .listing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match &*listing {
            Some(listing) if listing.modified == modified => {}
            _ => *listing = Some(self.list(path, modified)?),
        }
        listing.as_ref()?.stems.get(stem).copied()
    }

    fn list(&self, folder: &Path, modified: SystemTime) -> Option<Listing> {
        let mut stems: FxHashMap<Box<str>, Stem> = FxHashMap::default();
        for entry in fs::read_dir(folder).ok()?.flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let is_folder = |kind: fs::FileType| kind.is_dir() || kind.is_symlink();
            if entry.file_type().is_ok_and(is_folder) {
                stems.entry(name.into()).or_default().folder = true;
            }
            if let Some(stem) = name.strip_suffix(".py") {
                stems.entry(stem.into()).or_default().source = true;
            } else if let Some(stem) = name.strip_suffix(".pyc") {
                stems.entry(stem.into()).or_default().bytecode = true;
            } else {
                let suffixes = self.extension_suffixes.iter();
                for stem in suffixes.filter_map(|suffix| name.strip_suffix(suffix.as_str())) {
                    stems.entry(stem.into()).or_default().extension = true;
                }
            }
        }
        Some(Listing { modified, stems })
    }

    fn make_spec<'py>(
        &self,
        engine: &Engine,
        name: &Bound<'py, PyString>,
        file: &str,
        package: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = name.py();
        let origin = PyString::new(py, file);
        let loader = self.loader.bind(py).call1((name, &origin))?;
        let spec = self.spec.bind(py).call1((name, loader))?;
        spec.setattr(intern!(py, "origin"), origin)?;
        spec.setattr(intern!(py, "_set_fileattr"), true)?;
        if package {
            let folder = Path::new(file).parent().unwrap_or(Path::new(""));
            let folder = PyList::new(py, [folder.as_os_str()])?;
            spec.setattr(intern!(py, "submodule_search_locations"), folder)?;
        }
        // What `spec.cached` would come to by itself, in several calls.
        if let Some(cached) = engine.bytecode().cache_of(file.as_ref()) {
            spec.setattr(intern!(py, "_cached"), cached.to_str())?;
        }
        Ok(spec)
    }

    /// Gives a plain source file of the user that CPython found our loader.
    fn adopt(&self, py: Python<'_>, engine: &Engine, spec: &Bound<'_, PyAny>) -> PyResult<()> {
        let loader = spec.getattr("loader")?;
        if !loader.get_type().is(self.source_loader.bind(py)) {
            return Ok(());
        }
        let file: PathBuf = spec.getattr("origin")?.extract()?;
        let is_users = std::path::absolute(&file)
            .ok()
            .and_then(|file| file.parent().map(|folder| engine.roots().contain(folder)))
            .unwrap_or(false);
        if is_users {
            let ours = self
                .loader
                .bind(py)
                .call1((spec.getattr("name")?, file.as_os_str()))?;
            spec.setattr("loader", ours)?;
        }
        Ok(())
    }
}

impl Folder {
    fn new(engine: &Engine, path: &Path) -> Self {
        let clean = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let is_users = engine.roots().contain(&clean);
        Self {
            path: is_users.then_some(clean),
            listing: Mutex::default(),
        }
    }
}

impl Found {
    /// A path that is no text cannot be a module's `__file__`: CPython has its own way with those.
    fn module(folder: &Path, stem: &str, package: bool) -> Self {
        match folder.to_str() {
            Some(folder) => {
                let separator = std::path::MAIN_SEPARATOR;
                let end = folder.strip_suffix(separator).unwrap_or(folder);
                let file = format!("{end}{separator}{stem}.py");
                Self::Module { file, package }
            }
            None => Self::NotOurs,
        }
    }
}
