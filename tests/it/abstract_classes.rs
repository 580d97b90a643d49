//! Abstract classes: what is registered with them, and what they remember of other classes.

use hmr_tests::{Hmr, Project};

const USER: &str =
    "import m, u\ndef probe(): return isinstance(m.X(), m.A), isinstance(u.B(), m.A)\n";
const MAIN: &str = "import m, u, probe\nfrom data import K\nprint('V', *probe.probe(), K)\n";

fn project(m: &str, u: &str) -> Project {
    Project::new(&[
        ("m.py", m),
        ("u.py", u),
        ("probe.py", USER),
        ("data.py", "K = 0\n"),
        ("main.py", MAIN),
    ])
}

#[test]
fn what_is_registered_stays_so_over_an_edit_of_something_else() {
    let m = |k: u32, body: &str| {
        format!(
            "import abc\nclass A(abc.ABC):\n    {body}\nclass X: pass\nA.register(X)\nK = {k}\n"
        )
    };
    let u = "from m import A\n@A.register\nclass B: pass\n";
    let project = project(&m(1, "pass"), u);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V True True 0");
    hmr.save("m.py", &m(2, "pass")).expect(&["m"], &[]);
    hmr.save("data.py", "K = 1\n")
        .expect(&["data", "main"], &["V True True 1"]);
    // The class takes another member.
    hmr.save("m.py", &m(2, "n = 1"))
        .expect(&["m", "u", "main"], &["V True True 1"]);
    hmr.save("m.py", &m(2, "n = 1").replace("A.register(X)\n", ""))
        .expect(&["m", "u", "main"], &["V False True 1"]);
    hmr.save("m.py", &m(2, "n = 1"))
        .expect(&["m", "u", "main"], &["V True True 1"]);
}

#[test]
fn a_class_that_is_registered_elsewhere_stays_where_it_can() {
    let m = |register: &str, k: u32| {
        format!("import a, collections.abc\nA = a.A\nclass X: pass\n{register}\nK = {k}\n")
    };
    let u = "import a\nclass B: pass\na.A.register(B)\n";
    let project = project(&m("", 1), u);
    project.save("a.py", "import abc\nclass A(abc.ABC): pass\n");
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V False True 0");
    hmr.save("m.py", &m("A.register(X)", 1))
        .expect(&["m", "main"], &["V True True 0"]);
    hmr.save("m.py", &m("A.register(X)", 2)).expect(&["m"], &[]);
    hmr.save("data.py", "K = 1\n")
        .expect(&["data", "main"], &["V True True 1"]);
}

#[test]
fn an_abstract_class_judges_an_edited_class_again() {
    let hooked = "import abc\nclass A(abc.ABC):\n    @classmethod\n    def __subclasshook__(cls, other):\n        \
                  return hasattr(other, 'go') or NotImplemented\n";
    let protocol = "from typing import Protocol, runtime_checkable\n@runtime_checkable\nclass A(Protocol):\n    \
                    def go(self): ...\n";
    for a in [hooked, protocol] {
        let m = |name: &str| {
            format!("{a}class X:\n    def {name}(self): pass\nx = isinstance(X(), A)\n")
        };
        let u = "from m import X\nclass B(X): pass\n";
        let project = project(&m("go"), u);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("V True True 0");
        for (name, answer) in [("gone", "False"), ("go", "True")] {
            let edit = hmr.save("m.py", &m(name));
            edit.expect(&["m", "u", "main"], &[&format!("V {answer} {answer} 0")]);
        }
    }
}

#[test]
fn an_abstract_class_of_another_module_judges_an_edited_class_again() {
    let m = |name: &str| format!("from a import A\nclass X:\n    def {name}(self): pass\n");
    let a = "import abc\nclass A(abc.ABC):\n    @classmethod\n    def __subclasshook__(cls, other):\n        \
             return hasattr(other, 'go') or NotImplemented\n";
    let project = project(&m("go"), "from m import X\nclass B(X): pass\n");
    project.save("a.py", a);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V True True 0");
    hmr.save("m.py", &m("gone"))
        .expect(&["m", "u", "main"], &["V False False 0"]);
    hmr.save("m.py", &m("go"))
        .expect(&["m", "u", "main"], &["V True True 0"]);
    hmr.save("a.py", &a.replace("'go'", "'gone'"))
        .expect(&["m", "main"], &["V False False 0"]);
}
