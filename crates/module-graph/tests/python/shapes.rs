//! Every shape of function and class, edited in each of its parts under the real engine: what becomes
//! of the object that others hold, and that the module ends as a fresh start would.
//!
//! The shapes and the outcomes are `tests/cases/shapes.txt`. One engine lives in a process, so that
//! this is a program of its own; each edit is of a module of its own.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{ffi::CString, fmt::Write as _, fs, path::PathBuf};

use hmr_module_graph::{
    Update,
    python::{Engine, Entry, Roots},
};
use pyo3::{prelude::*, types::PyDict};

/// What a decorator that is added does.
const HEAD: &str = "def hold(thing):\n    return thing\n";

/// The parts that are edited, in the order of the outcomes.
const EDITS: [&str; 7] = [
    "body",
    "docstring",
    "default",
    "decorator",
    "signature",
    "add",
    "remove",
];

/// One section of the file.
struct Shape {
    title: String,
    /// The name that is looked at.
    name: String,
    source: String,
    probe: String,
    outcomes: String,
}

impl Shape {
    fn all() -> Vec<Self> {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/shapes.txt");
        let text = fs::read_to_string(file).unwrap();
        text.split("\n## ").skip(1).map(Self::of).collect()
    }

    fn of(section: &str) -> Self {
        let (title, rest) = section.split_once('\n').unwrap();
        let (source, rest) = rest.split_once("\n==> ").unwrap();
        let (probe, outcomes) = rest.split_once("\n--> ").unwrap();
        let (title, name) = title.split_once(": ").unwrap();
        Self {
            title: title.into(),
            name: name.into(),
            source: format!("{HEAD}{source}\n"),
            probe: probe.into(),
            outcomes: outcomes.trim().into(),
        }
    }

    /// The module with one part edited, or none; `None` if the shape has no such part.
    fn text(&self, edit: Option<&str>) -> Option<String> {
        let is = |part| edit == Some(part);
        let mut text = self.source.clone();
        for (part, mark, before, after) in [
            ("body", "BODY", "1", "2"),
            ("docstring", "DOC", "text", "another text"),
            ("default", "10", "10", "20"),
            ("signature", "SIG", "", ", added=30"),
        ] {
            let (has, new) = (text.contains(mark), if is(part) { after } else { before });
            if is(part) && !has {
                return None;
            }
            text = text.replacen(mark, new, 1);
        }
        let has = |mark: &str| self.source.contains(mark);
        if is("decorator") && !has("@deco")
            || is("add") && !has("@add")
            || is("remove") && !has("@remove")
        {
            return None;
        }
        let line = |line: &str| -> Option<String> {
            match line.trim_start() {
                "@deco" => is("decorator").then(|| line.replace("@deco", "@hold")),
                "@add" => is("add").then(|| line.replace("@add", "ADDED = 1")),
                _ if line.ends_with("@remove") => {
                    (!is("remove")).then(|| line.replace("@remove", ""))
                }
                _ => Some(line.to_owned()),
            }
        };
        Some(
            text.lines()
                .filter_map(line)
                .fold(String::new(), |all, line| all + &line + "\n"),
        )
    }
}

struct Program<'py> {
    py: Python<'py>,
    folder: PathBuf,
    engine: &'static Engine,
}

impl<'py> Program<'py> {
    fn start(py: Python<'py>, folder: PathBuf) -> Self {
        fs::write(folder.join("main.py"), "").unwrap();
        let engine = Engine::install(py, Roots::new(py, vec![folder.clone()]).unwrap()).unwrap();
        let entry = Entry::at(&folder.join("main.py")).unwrap();
        engine.run_entry(py, entry, &[]).unwrap();
        Self { py, folder, engine }
    }

    fn import(&self, module: &str, text: &str) -> Bound<'py, PyDict> {
        fs::write(self.folder.join(module).with_extension("py"), text).unwrap();
        self.py
            .import("importlib")
            .unwrap()
            .call_method0("invalidate_caches")
            .unwrap();
        self.py
            .import(module)
            .unwrap_or_else(|error| panic!("{error}\n{text}"))
            .dict()
    }

    fn save(&self, module: &str, text: &str) -> Update {
        let file = self.folder.join(module).with_extension("py");
        fs::write(&file, text).unwrap();
        let update = self.engine.update(self.py, vec![file]);
        assert!(update.failures.is_empty(), "{:?}\n{text}", update.failures);
        update
    }

    /// What the probe gives in a module that has never been edited.
    fn fresh(&self, text: &str, probe: &str) -> String {
        let module = PyModule::new(self.py, "fresh").unwrap();
        let modules = self.py.import("sys").unwrap().getattr("modules").unwrap();
        modules.set_item("fresh", &module).unwrap();
        let code = CString::new(text).unwrap();
        self.py
            .run(&code, Some(&module.dict()), None)
            .unwrap_or_else(|error| panic!("{error}\n{text}"));
        self.eval(&module.dict(), probe)
    }

    fn eval(&self, namespace: &Bound<'py, PyDict>, probe: &str) -> String {
        let value = self
            .py
            .eval(&CString::new(probe).unwrap(), Some(namespace), None);
        value.map_or_else(
            |error| error.to_string(),
            |value| value.repr().unwrap().to_string(),
        )
    }

    /// Makes the edit and takes it back. Returns the letter of what became of the object.
    fn outcome(&self, shape: &Shape, module: &str, after: &str) -> Result<char, String> {
        let before = shape.text(None).unwrap();
        let namespace = self.import(module, &before);
        let old = namespace.get_item(&shape.name).unwrap().unwrap();
        let update = self.save(module, after);
        let new = namespace.get_item(&shape.name).unwrap().unwrap();
        let letter = letter(&update, &shape.name, new.is(&old));
        let mut wrong = String::new();
        let mut compare = |when: &str, text: &str| {
            let (found, fresh) = (
                self.eval(&namespace, &shape.probe),
                self.fresh(text, &shape.probe),
            );
            if found != fresh {
                let _ = write!(wrong, "{letter}, but {when} {found} is not {fresh}; ");
            }
        };
        compare("after it", after);
        self.save(module, &before);
        compare("when taken back", &before);
        self.save(module, after);
        compare("after it again", after);
        if wrong.is_empty() {
            Ok(letter)
        } else {
            Err(wrong)
        }
    }
}

fn letter(update: &Update, name: &str, stayed: bool) -> char {
    let told = update
        .reran
        .iter()
        .any(|rerun| rerun.changed.iter().any(|changed| changed == name));
    match (update.patched.len(), update.reran.len(), stayed, told) {
        (1, 0, true, false) => 'P',
        (0, 1, true, false) => 'K',
        (0, 1, true, true) => 'G',
        (0, 1, false, true) => 'R',
        _ => panic!("{name}: {update:?}, stayed: {stayed}"),
    }
}

#[test]
fn each_edit_of_each_shape_has_its_outcome() {
    Python::initialize();
    Python::attach(|py| {
        let folder = tempfile::tempdir().unwrap();
        let program = Program::start(py, folder.path().canonicalize().unwrap());
        let shapes = Shape::all();
        assert!(shapes.len() >= 60, "{} shapes", shapes.len());
        let mut wrong = String::new();
        for (number, shape) in shapes.iter().enumerate() {
            let mut found = String::new();
            for edit in EDITS {
                let outcome = shape
                    .text(Some(edit))
                    .map(|after| program.outcome(shape, &format!("shape_{number}_{edit}"), &after));
                found.push(match outcome {
                    None => '-',
                    Some(Ok(letter)) => letter,
                    Some(Err(text)) => {
                        let _ = writeln!(wrong, "{}, {edit}: {text}", shape.title);
                        '?'
                    }
                });
            }
            if found != shape.outcomes {
                let _ = writeln!(
                    wrong,
                    "{}: {found} instead of {}",
                    shape.title, shape.outcomes
                );
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
    });
}
