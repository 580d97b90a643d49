//! What is spliced is what compiling the whole file gives.

use std::ffi::CString;

use pyo3::{prelude::*, types::PyModule};

use super::{Kept, Reading, splice};
use crate::outline::Outline;

/// `parts` gives everything that CPython keeps of the code of a file, but the places of the module's own
/// instructions; `edits` the sources of standard modules with one definition edited.
const HELPERS: &str = r#"
import ast, glob, os, re, types

def parts(code, places=False):
    names = [name for name in dir(code) if name.startswith("co_")]
    found = []
    for name in names:
        value = getattr(code, name)
        if callable(value) or name in ("co_consts", "co_linetable", "co_lnotab") and not places and name != "co_consts":
            continue
        if name == "co_consts":
            value = [parts(it, True) if isinstance(it, types.CodeType) else (type(it), shown(it)) for it in value]
        found.append((name, value))
    return found + [list(code.co_positions())] * places

def shown(value):
    # The order in a set follows the hash seed, and how it came about.
    return sorted(map(repr, value)) if isinstance(value, frozenset) else repr(value)

def edits(count):
    for path in sorted(glob.glob(os.path.dirname(os.__file__) + "/*.py")):
        if os.path.getsize(path) > 40_000:
            continue
        text = open(path, encoding="utf-8", newline="").read()
        made = 0
        for node in ast.parse(text).body:
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                continue
            lines = text.split("\n")
            for number in range(node.lineno, node.end_lineno):
                changed = re.sub(r"^( +return )(\w+)$", r"\1(\2, 1)", lines[number])
                if changed != lines[number]:
                    lines[number] = changed
                    yield text, "\n".join(lines)
                    made += 1
                    break
            if made == count:
                break
"#;

struct Checked {
    spliced: bool,
}

fn helpers(py: Python<'_>) -> Bound<'_, PyModule> {
    let text = CString::new(HELPERS).expect("no zero byte");
    PyModule::from_code(py, &text, c"helpers.py", c"helpers").expect("valid")
}

/// Splices the edit. If that can be done, all code must be as if compiled together.
#[track_caller]
fn check(helpers: &Bound<'_, PyModule>, before: &str, after: &str) -> Checked {
    let builtins = helpers.py().import("builtins").expect("there");
    let compile = builtins.getattr("compile").expect("there");
    let whole = |text: &str| compile.call1((text, "m.py", "exec")).expect("valid");
    let reading = Reading {
        text: None,
        code: whole(before).unbind(),
        outline: Outline::parse(before).expect("valid"),
        kept: Kept::default(),
    };
    let new = Outline::parse(after).expect("valid");
    let Some(code) = splice(&compile, &reading, &new, after).expect("valid") else {
        return Checked { spliced: false };
    };
    let parts = |code| helpers.call_method1("parts", (code,)).expect("code");
    let (found, expected) = (parts(code), parts(whole(after)));
    assert!(
        found.eq(&expected).expect("plain values"),
        "{after}\n{found}\n{expected}"
    );
    Checked { spliced: true }
}

#[track_caller]
fn check_all(cases: &[(&str, &str)], spliced: bool) {
    Python::initialize();
    Python::attach(|py| {
        let helpers = helpers(py);
        for (before, after) in cases {
            assert_eq!(
                check(&helpers, before, after).spliced,
                spliced,
                "{before}\n{after}"
            );
        }
    });
}

#[test]
fn an_edited_definition_is_compiled_alone() {
    check_all(
        &[
            (
                "X = 1\ndef f():\n    return 1\n",
                "X = 1\ndef f():\n    x = 1\n    return x\n",
            ),
            (
                "def f():\n    return 1\nX = 1\n",
                "def f():\n    return 2\nX = 1\n",
            ),
            (
                "X = 1\ndef f(): return 1\ndef f(): return 2\n",
                "X = 1\ndef f(): return 3\ndef f(): return 4\n",
            ),
            (
                "import os\ndef f():\n    return os.getcwd()\n",
                "import os\ndef f():\n    return os.getpid()\n",
            ),
            (
                "try:\n    import os as o\nexcept ImportError: pass\ndef f():\n    return o.getcwd()\n",
                "try:\n    import os as o\nexcept ImportError: pass\ndef f():\n    return o.getpid()\n",
            ),
            (
                "from __future__ import annotations\ndef f():\n    x: int = 1\n    def g(y: X): return 1\n",
                "from __future__ import annotations\ndef f():\n    x: int = 2\n    def g(y: X): return 2\n",
            ),
            (
                "import functools\n@functools.cache\n@(lambda f: f)\ndef f(x=lambda: 1):\n    return [y for y in x]\n",
                "import functools\n@functools.cache\n@(lambda f: f)\ndef f(x=lambda: 1):\n    return [z for z in x]\n",
            ),
            (
                "class C(B):\n    def m(self, x: int = 1) -> str:\n        return super().m()\n    class D:\n        def n(self): return 1\n",
                "class C(B):\n    def m(self, x: int = 1) -> str:\n        return super().n()\n    class D:\n        def n(self): return 2\n",
            ),
            (
                "def f():\n    'a'\n    return 1\n",
                "def f():\n    'b'\n    return 1\n",
            ),
            ("def f(): return 1\n", "def f(): return 1  # a comment\n"),
            (
                "def f(): return 1\r\nX = 2\r\n",
                "def f(): return 2\r\nX = 2\r\n",
            ),
            (
                "def f(): return 'ä'\ndef g(): return 'ä', 1\n",
                "def f(): return 'ä'\ndef g(): return 'ä', 2\n",
            ),
        ],
        true,
    );
}

#[test]
fn what_moves_or_runs_with_the_module_is_compiled_as_a_whole() {
    check_all(
        &[
            ("def f(): return 1\n", "# moved\ndef f(): return 1\n"),
            (
                "def f():\n    return 1\nX = 1\n",
                "def f():\n    x = 1\n    return x\nX = 1\n",
            ),
            ("def f(): return 1\nX = 1\n", "def f(): return 2\nX = 2\n"),
            ("def f(): return 1\nX = 1\n", "def f(): return 2\nX =  1\n"),
            (
                "def f(): return 1\nX = 1\n",
                "def f():\n    return 1\nX = 1\n",
            ),
            ("def f(x=1): return 1\n", "def f(x=2): return 1\n"),
            ("'a'\ndef f(): return 1\n", "'b'\ndef f(): return 1\n"),
            (
                "if 1:\n    def f(): return 1\n",
                "if 1:\n    def f(): return 2\n",
            ),
        ],
        false,
    );
}

#[test]
fn edits_of_the_standard_library_are_spliced_as_they_are_compiled() {
    Python::initialize();
    Python::attach(|py| {
        let helpers = helpers(py);
        let mut spliced = 0;
        for edit in helpers
            .call_method1("edits", (3,))
            .and_then(|it| it.try_iter())
            .expect("edits")
        {
            let (before, after): (String, String) =
                edit.and_then(|it| it.extract()).expect("two texts");
            spliced += usize::from(check(&helpers, &before, &after).spliced);
        }
        assert!(spliced > 100, "{spliced} edits");
    });
}
