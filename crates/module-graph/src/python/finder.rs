//! Finds the user's modules, before CPython's own finder is asked.
//!
//! The folders of the search path are taken in order, as `importlib.machinery.PathFinder` does. As
//! long as they are the user's they are looked into here; from the first one that is not, CPython
//! goes on, and a source file that it finds below the project's roots gets our loader. Packages
//! without `__init__.py`, extension modules and files without source are always left to CPython.
//!
//! Kept true: what is found is the file that CPython would have found.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use pyo3::{
    exceptions::PyImportError,
    prelude::*,
    types::{PyDict, PyList, PyType},
};

use super::{engine::Engine, loader};

/// The object on `sys.meta_path`.
#[pyclass(frozen, name = "Finder", module = "hmr")]
pub(super) struct Finder {
    loader: Py<PyType>,
    cpythons: Py<PyAny>,
    spec: Py<PyAny>,
    source_loader: Py<PyAny>,
    extension_suffixes: Vec<String>,
    folders: Mutex<HashMap<PathBuf, Listing>>,
}

/// The names in a folder, as of the time that the folder last changed.
struct Listing {
    modified: SystemTime,
    names: HashSet<OsString>,
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
        name: &str,
        path: Option<Bound<'py, PyAny>>,
        target: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(engine) = Engine::get() else {
            return Ok(None);
        };
        let path = match path {
            Some(path) => path,
            None => py.import("sys")?.getattr("path")?,
        };
        let tail = name.rsplit_once('.').map_or(name, |(_, tail)| tail);
        let mut rest = Vec::new();
        for entry in path.try_iter()? {
            let entry = entry?;
            if rest.is_empty()
                && let Some(folder) = user_folder(engine, &entry)
            {
                match self.look_into(&folder, tail) {
                    Found::Module { file, package } => {
                        return self
                            .make_spec(py, name, &file, package.as_deref())
                            .map(Some);
                    }
                    Found::Nothing => continue,
                    Found::NotOurs => {}
                }
            }
            rest.push(entry);
        }
        if rest.is_empty() {
            // Nothing was found, and nothing is left that CPython could look into.
            engine.note_missing(name);
            return Ok(None);
        }
        let found = self
            .cpythons
            .bind(py)
            .call_method1("find_spec", (name, rest, target))?;
        if found.is_none() {
            engine.note_missing(name);
            return Ok(None);
        }
        self.adopt(py, engine, &found)?;
        Ok(Some(found))
    }

    fn invalidate_caches(&self) {
        self.folders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

enum Found {
    Module {
        file: PathBuf,
        package: Option<PathBuf>,
    },
    Nothing,
    NotOurs,
}

impl Finder {
    fn look_into(&self, folder: &Path, tail: &str) -> Found {
        let Some(has) = self.names_in(folder, tail) else {
            return Found::Nothing;
        };
        if has.folder {
            let package = folder.join(tail);
            let inside = self.names_in(&package, "__init__");
            match inside {
                Some(inside) if inside.extension => return Found::NotOurs,
                Some(inside) if inside.source && package.join("__init__.py").is_file() => {
                    return Found::Module {
                        file: package.join("__init__.py"),
                        package: Some(package),
                    };
                }
                _ => {}
            }
        }
        if has.extension {
            return Found::NotOurs;
        }
        if has.source && folder.join(format!("{tail}.py")).is_file() {
            return Found::Module {
                file: folder.join(format!("{tail}.py")),
                package: None,
            };
        }
        // A folder alone may be part of a namespace package, a lone `.pyc` a module without source.
        if has.folder || has.bytecode {
            Found::NotOurs
        } else {
            Found::Nothing
        }
    }

    /// Which files for a module called `stem` there are in `folder`; `None` if it cannot be read.
    fn names_in(&self, folder: &Path, stem: &str) -> Option<Stem> {
        let modified = fs::metadata(folder).ok()?.modified().ok()?;
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        let known = folders
            .get(folder)
            .is_some_and(|listing| listing.modified == modified);
        if !known {
            let names = fs::read_dir(folder)
                .ok()?
                .flatten()
                .map(|entry| entry.file_name())
                .collect();
            folders.insert(folder.to_path_buf(), Listing { modified, names });
        }
        let names = &folders.get(folder)?.names;
        let has = |suffix: &str| {
            names.contains(AsRef::<std::ffi::OsStr>::as_ref(&format!("{stem}{suffix}")))
        };
        Some(Stem {
            folder: has("") && folder.join(stem).is_dir(),
            extension: self.extension_suffixes.iter().any(|suffix| has(suffix)),
            source: has(".py"),
            bytecode: has(".pyc"),
        })
    }

    fn make_spec<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        file: &Path,
        package: Option<&Path>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let file = file.to_str().ok_or_else(|| {
            PyImportError::new_err(format!(
                "the path of module {name:?} is not valid text: {}",
                file.display()
            ))
        })?;
        let loader = self.loader.bind(py).call1((name, file))?;
        let options = PyDict::new(py);
        options.set_item("origin", file)?;
        options.set_item("is_package", package.is_some())?;
        let spec = self.spec.bind(py).call((name, loader), Some(&options))?;
        spec.setattr("_set_fileattr", true)?;
        if let Some(package) = package {
            spec.getattr("submodule_search_locations")?
                .call_method1("append", (package.as_os_str(),))?;
        }
        if let Some(cached) = Engine::get().and_then(|e| e.bytecode().cache_of(file.as_ref())) {
            spec.setattr("cached", cached.to_str())?;
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

/// The folder that `entry` of a search path names, if it is the user's. An empty one is the
/// working directory.
fn user_folder(engine: &Engine, entry: &Bound<'_, PyAny>) -> Option<PathBuf> {
    let entry: PathBuf = entry.extract().ok()?;
    let folder = std::path::absolute(if entry.as_os_str().is_empty() {
        std::env::current_dir().ok()?
    } else {
        entry
    })
    .ok()?;
    engine.roots().contain(&folder).then_some(folder)
}

/// What a folder has for one module name.
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent facts about a folder"
)]
struct Stem {
    folder: bool,
    extension: bool,
    source: bool,
    bytecode: bool,
}
