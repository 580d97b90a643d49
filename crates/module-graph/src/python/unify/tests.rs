//! What keeps its object over a rerun, by shape and by edit, and that it does what the new one does.

mod classes;
mod functions;
mod values;

use std::{
    ffi::CString,
    sync::{Mutex, PoisonError},
};

use pyo3::{prelude::*, types::PyDict};
use rustc_hash::FxHashSet;

use super::super::{namespace::Snapshot, unify::Changes};
use crate::equality::Equality;

/// What became of a name's object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It stayed, and nobody is told.
    Kept,
    /// It stayed with another body: its unit is told.
    Patched,
    /// It stayed with other contents: its name is told.
    Grafted,
    /// The name holds the new object, and is told.
    Replaced,
}
use Verdict::{Grafted, Kept, Patched, Replaced};

/// A definition, what tells versions of it apart, and what edits make of it.
struct Shape {
    name: &'static str,
    source: &'static str,
    /// An expression whose value must be that of a fresh start.
    probe: &'static str,
    /// What is replaced in the source by what, and what becomes of the name.
    edits: &'static [(&'static str, &'static str, Verdict)],
}

/// One test at a time: they share the interpreter, and with it `sys.modules`.
fn alone(test: impl FnOnce(Python<'_>)) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    Python::initialize();
    Python::attach(test);
}

fn code(text: &str) -> CString {
    CString::new(text).expect("no zero byte")
}

/// A module named `m` in a namespace of its own.
struct Module<'py> {
    namespace: Bound<'py, PyDict>,
}

impl<'py> Module<'py> {
    fn start(py: Python<'py>, source: &str) -> Self {
        let module = PyModule::new(py, "m").expect("a name");
        let modules = py.import("sys").and_then(|sys| sys.getattr("modules"));
        modules
            .and_then(|m| m.set_item("m", &module))
            .expect("sys.modules is a dict");
        let started = Self {
            namespace: module.dict(),
        };
        started.run(source);
        started
    }

    fn run(&self, source: &str) {
        let py = self.namespace.py();
        let run = py.import("builtins").and_then(|builtins| {
            let compiled = builtins.call_method1("compile", (source, "m.py", "exec"))?;
            builtins.call_method1("exec", (compiled, &self.namespace))
        });
        if let Err(error) = run {
            panic!("{error} in\n{source}");
        }
    }

    fn rerun(&self, source: &str) -> Changes {
        let before = Snapshot::take(self.namespace.clone()).expect("a dict");
        self.run(source);
        before
            .compare(&FxHashSet::default(), &[], Equality::Value)
            .expect("nothing of the user's runs")
    }

    fn get(&self, name: &str) -> Bound<'py, PyAny> {
        self.namespace
            .get_item(name)
            .expect("a dict")
            .expect("the name is bound")
    }

    fn eval(&self, expression: &str) -> String {
        let value = self
            .namespace
            .py()
            .eval(&code(expression), Some(&self.namespace), None);
        match value {
            Ok(value) => value.repr().expect("a repr").to_string(),
            Err(error) => error.to_string(),
        }
    }

    fn verdict(&self, name: &str, old: &Bound<'py, PyAny>, changes: &Changes) -> Verdict {
        let is_told = changes.names.iter().any(|told| told == name);
        match (self.get(name).is(old), is_told) {
            (true, true) => Grafted,
            (true, false) if changes.units.is_empty() => Kept,
            (true, false) => Patched,
            (false, true) => Replaced,
            (false, false) => panic!("{name} is another object, and nobody is told"),
        }
    }
}

/// Runs the edit, checks the verdict, and that the module does what a fresh start does.
#[track_caller]
fn check(shape: &Shape, after: &str, expected: Verdict) {
    alone(|py| {
        let fresh = Module::start(py, after).eval(shape.probe);
        let module = Module::start(py, shape.source);
        let old = module.get(shape.name);
        let changes = module.rerun(after);
        let found = module.verdict(shape.name, &old, &changes);
        assert_eq!(
            (found, module.eval(shape.probe)),
            (expected, fresh),
            "told {:?} and {:?} after\n{after}",
            changes.names,
            changes.units,
        );
    });
}

/// Who found a result in the cache has not executed the function, and is told of every run.
#[test]
fn a_cache_with_results_is_told_of_at_each_rerun() {
    let shape = Shape {
        name: "f",
        source: "import functools\n@functools.lru_cache\ndef f():\n    return 1\nf()\n",
        probe: "f()",
        edits: &[],
    };
    check(&shape, shape.source, Grafted);
    check(
        &shape,
        &shape.source.replace("return 1", "return 2"),
        Grafted,
    );
}

fn check_shape(shape: &Shape) {
    check(shape, shape.source, Kept);
    check(
        shape,
        &format!("# moved\n\n{}\nADDED = 1\n", shape.source),
        Kept,
    );
    for (from, to, expected) in shape.edits {
        let after = shape.source.replacen(from, to, 1);
        assert_ne!(after, shape.source, "the edit of {from:?} changes nothing");
        check(shape, &after, *expected);
    }
}

/// One test for each shape, so that each can fail alone.
macro_rules! shapes {
    ($($test:ident: $name:literal, $source:literal, $probe:literal, [$($from:literal => $to:literal, $verdict:ident;)*])*) => {
        $(
            #[test]
            fn $test() {
                check_shape(&Shape {
                    name: $name,
                    source: $source,
                    probe: $probe,
                    edits: &[$(($from, $to, $verdict)),*],
                });
            }
        )*
    };
}

use shapes;

/// A module that edits things which this one cannot see.
fn outside(py: Python<'_>) {
    let outside = PyModule::from_code(
        py,
        c"
import weakref
STRONG, WEAK, SEEN = [], weakref.WeakSet(), []
def strong(x):
    STRONG.append(x)
    return x
def weak(x):
    WEAK.add(x)
    return x
class Base:
    def __init_subclass__(cls, **kw):
        SEEN.append(cls.__name__)
",
        c"outside.py",
        c"outside",
    );
    outside.expect("valid");
}

#[track_caller]
fn check_held(source: &str, name: &str, expected: Verdict) {
    alone(|py| {
        outside(py);
        let module = Module::start(py, source);
        let old = module.get(name);
        let changes = module.rerun(source);
        assert_eq!(
            module.verdict(name, &old, &changes),
            expected,
            "{:?}",
            changes.names
        );
    });
}

#[test]
fn what_another_module_holds_is_new() {
    check_held(
        "import outside\n@outside.strong\ndef f(): pass\n",
        "f",
        Replaced,
    );
    check_held(
        "import outside\n@outside.strong\nclass C: pass\n",
        "C",
        Replaced,
    );
    check_held(
        "import outside\nclass C: pass\noutside.strong(C())\n",
        "C",
        Replaced,
    );
    check_held("import outside\nL = []\noutside.strong(L)\n", "L", Replaced);
    check_held(
        "import outside\nL = [[]]\noutside.strong(L[0])\n",
        "L",
        Replaced,
    );
    check_held(
        "import outside\ndef f(x=[]): pass\noutside.strong(f.__defaults__[0])\n",
        "f",
        Replaced,
    );
    check_held(
        "import outside\nclass C:\n def m(self): pass\noutside.strong(C.m)\n",
        "C",
        Grafted,
    );
    check_held(
        "import outside\nclass C:\n def m(self): return __class__\noutside.strong(C.m)\n",
        "C",
        Grafted,
    );
}

#[test]
fn what_another_module_watches_is_new() {
    check_held(
        "import outside\n@outside.weak\ndef f(): pass\n",
        "f",
        Replaced,
    );
    check_held(
        "import outside\n@outside.weak\nclass C: pass\n",
        "C",
        Replaced,
    );
    check_held(
        "import outside\nclass C: pass\nc = C()\noutside.weak(c)\n",
        "c",
        Replaced,
    );
}

#[test]
fn a_base_of_another_module_keeps_one_subclass() {
    alone(|py| {
        outside(py);
        let source = "import outside\nclass C(outside.Base):\n    def m(self): return super()\n";
        let module = Module::start(py, source);
        let old = module.get("C");
        let changes = module.rerun(source);
        assert_eq!(module.verdict("C", &old, &changes), Kept);
        assert_eq!(module.eval("outside.Base.__subclasses__() == [C]"), "True");
    });
}

#[test]
fn instances_of_before_have_the_new_members() {
    alone(|py| {
        let source = "class C:\n    def m(self): return 1\n";
        let module = Module::start(py, source);
        module.run("held = C()");
        module.rerun("class C:\n    def m(self): return super().__class__, 2\n    def n(self): return 3\nheld = held\n");
        assert_eq!(
            module.eval("held.m()[1], held.n(), isinstance(held, C)"),
            "(2, 3, True)"
        );
    });
}

#[test]
fn an_alias_that_is_added_holds_the_object_that_stays() {
    alone(|py| {
        let module = Module::start(py, "def f(): return 1\n");
        let old = module.get("f");
        let changes = module.rerun("def f(): return 1\ng = f\n");
        assert_eq!(changes.names, ["g"]);
        assert!(module.get("f").is(&old) && module.get("g").is(&old));
    });
}

#[test]
fn a_docstring_is_no_part_of_the_body() {
    for (before, after, unit) in [
        (
            "def f():\n    'a'\n    return 1 + 1\n",
            "def f():\n    'b'\n    return 1 + 1\n",
            false,
        ),
        (
            "def f(x):\n    return x\n",
            "def f(x):\n    'b'\n    return x\n",
            false,
        ),
        (
            "def f():\n    'a'\n    return 'a'\n",
            "def f():\n    'b'\n    return 'b'\n",
            true,
        ),
    ] {
        alone(|py| {
            let module = Module::start(py, before);
            let changes = module.rerun(after);
            assert_eq!(changes.names, ["f"], "{after}");
            assert_eq!(!changes.units.is_empty(), unit, "{after}");
            assert_eq!(module.eval("f.__doc__"), "'b'");
        });
    }
}

#[test]
fn objects_that_were_one_are_not_made_two() {
    alone(|py| {
        let module = Module::start(py, "a = b = []\n");
        let changes = module.rerun("a, b = [], []\n");
        assert!(!changes.names.is_empty());
        assert_eq!(module.eval("a is b"), "False");
        let changes = module.rerun("a = b = []\n");
        assert!(!changes.names.is_empty());
        assert_eq!(module.eval("a is b"), "True");
    });
}

#[test]
fn a_finalizer_of_the_users_does_not_run_for_what_stays() {
    alone(|py| {
        let source = "class C:\n    def __del__(self): LOG.append(1)\nc = C()\n";
        let module = Module::start(py, &format!("LOG = []\n{source}"));
        let old = module.get("c");
        let changes = module.rerun(source);
        assert_eq!(module.verdict("c", &old, &changes), Replaced);
        drop((old, changes));
        assert_eq!(
            module.eval("LOG"),
            "[1]",
            "the old one went, as it does without this"
        );
    });
}

#[test]
fn hostile_values_are_left_alone() {
    let source = "
class H:
    def __eq__(self, other): 1 / 0
    def __hash__(self): return 0
    def __getattribute__(self, name): 1 / 0
    def __reduce__(self): 1 / 0
class M(type):
    def __getattribute__(cls, name): 1 / 0
    def __setattr__(cls, name, value): 1 / 0
class C(metaclass=M): pass
h = H()
s = {H()}
d = {H(): 1}
loop = []
loop.append(loop)
deep = []
for _ in range(5000):
    deep = [deep]
wide = []
for _ in range(30):
    wide = [wide, wide]
";
    alone(|py| {
        let module = Module::start(py, source);
        let changes = module.rerun(source);
        let told: Vec<_> = changes.names.iter().map(String::as_str).collect();
        assert_eq!(told, ["deep", "s"]);
    });
}
