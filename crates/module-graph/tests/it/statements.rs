//! Which statements of an edited module are left out of its run.

use std::collections::BTreeSet;

use expect_test::{Expect, expect};
use hmr_module_graph::statements::{Around, Script, plan};

fn script(text: &str) -> Script {
    Script::parse(text).unwrap()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// All names of `text` are bound, and nothing else is known of the module.
fn around(text: &str) -> Around {
    let script = script(text);
    let statements = &script.outline().statements;
    let names = statements.iter().flat_map(|it| &it.binds);
    Around {
        bound: names.map(|it| it.name.clone()).collect(),
        ..Around::default()
    }
}

/// The statements of `new` that are kept, one a line.
fn kept_among(old: &str, new: &str, around: &Around) -> String {
    let (old, new_script) = (script(old), script(new));
    let Ok(plan) = plan(&old, &new_script, around) else {
        return "the whole module runs\n".to_owned();
    };
    let statements = &new_script.outline().statements;
    let kept = plan.kept.iter().map(|&at| &statements[at]);
    kept.flat_map(|it| [new[it.bytes.clone()].replace('\n', " / "), "\n".to_owned()])
        .collect()
}

fn kept(old: &str, new: &str) -> String {
    kept_among(old, new, &around(old))
}

/// `text` is kept as said when its statement `A = 1` becomes `A = 2`.
fn check(text: &str, expected: Expect) {
    assert!(text.contains("A = 1\n"), "{text}");
    expected.assert_eq(&kept(text, &text.replace("A = 1\n", "A = 2\n")));
}

const APP: &str = "\
from lib import App, load
model = load('big')
app = App()
@app.get('/')
def root(): return model
";

#[test]
fn a_load_survives_the_edit_of_a_route() {
    let edited = APP.replace("'/'", "'/new'");
    assert_eq!(kept(APP, &edited), "model = load('big')\n");
    let with_parameter = APP.replace("root()", "root(q=1)");
    assert_eq!(kept(APP, &with_parameter), "model = load('big')\n");
    let with_another = format!("{APP}@app.get('/b')\ndef other(): return 2\n");
    assert_eq!(kept(APP, &with_another), "model = load('big')\n");
    let without = "from lib import App, load\nmodel = load('big')\napp = App()\n";
    assert_eq!(kept(APP, without), "model = load('big')\n");
}

#[test]
fn a_load_runs_again_when_its_arguments_or_its_function_change() {
    let edited = APP.replace("'big'", "'small'");
    assert!(!kept(APP, &edited).contains("load"));
    let old = "SIZE = 1\ndef load(): return SIZE\nmodel = load()\nother = [1]\n";
    let mut around = around(old);
    around.immutable = set(&["SIZE"]);
    assert_eq!(
        kept_among(old, &old.replace("SIZE = 1", "SIZE = 2"), &around),
        "other = [1]\n"
    );
    assert_eq!(
        kept_among(old, &old.replace("return SIZE", "return SIZE + 1"), &around),
        "SIZE = 1\nother = [1]\n"
    );
}

#[test]
fn what_uses_a_changed_name_runs_and_nothing_else() {
    check(
        "A = 1\nB = A\nC = B\nX = 5\nY = [X]\n",
        expect!["X = 5\nY = [X]\n"],
    );
}

#[test]
fn what_a_function_mentions_counts_as_used_by_its_caller() {
    check(
        "A = 1\ndef f(): return g()\ndef g(): return A\nX = f()\nY = 2\n",
        expect!["Y = 2\n"],
    );
}

#[test]
fn a_statement_that_moved_counts_as_another() {
    let old = "L = [1]\nX = 2\nL.append(2)\nM = [3]\n";
    let new = "L = [1]\nL.append(2)\nX = 2\nM = [3]\n";
    assert!(kept(old, new).contains("M = [3]"));
    let old = "L = []\nL.append(1)\nL.append(2)\n";
    let new = "L = []\nL.append(2)\nL.append(1)\n";
    assert_eq!(kept(old, new), "the whole module runs\n");
}

#[test]
fn what_a_statement_changes_is_made_again() {
    for act in [
        "L.append(A)",
        "L[0] = A",
        "L.x = A",
        "L += [A]",
        "del L[A]",
        "f(L, A)",
        "x = f(A, L)",
        "for L[0] in [A]: pass",
        "for x in L: A",
        "with L: A",
        "@L.add\ndef g(x=A): pass",
        "@L\nclass G: x = A",
        "class G(L): x = A",
        "x = [A for y in L]",
        "x = L + [A]",
        "x = f'{L}{A}'",
        "assert L, A",
        "if L: x = A",
    ] {
        let text = format!(
            "A = 1\nfrom lib import f\nfrom other import load\nL = f(0)\nkept = load()\n{act}\n"
        );
        let seen = kept(&text, &text.replace("A = 1\n", "A = 2\n"));
        assert_eq!(seen, "kept = load()\n", "with {act}");
    }
}

#[test]
fn aliases_are_followed_both_ways() {
    check(
        "A = 1\nL = [0]\nM = L\nN = (M,)\nN[0].append(A)\nother = [L]\nX = [2]\n",
        expect!["X = [2]\n"],
    );
    // What was put in is reached through what holds it.
    check(
        "A = 1\nL = list()\nR = list()\nR.append(L)\nR[0].append(A)\nX = [2]\n",
        expect!["X = [2]\n"],
    );
}

#[test]
fn a_function_changes_what_it_mentions() {
    check(
        "A = 1\nL = [0]\ndef f(x): L.append(x)\nclass K:\n    def m(self): f(2)\nk = K()\nk.m(A)\nX = [2]\n",
        expect!["X = [2]\n"],
    );
}

#[test]
fn what_is_gone_has_changed_what_it_could_reach() {
    let old = "L = []\nX = [2]\nL.append(1)\nN = len(L)\n";
    let new = "L = []\nX = [2]\nN = len(L)\n";
    assert_eq!(kept(old, new), "X = [2]\n");
}

/// It stood before a later statement that has changed the object since.
#[test]
fn an_object_that_is_looked_into_is_as_it_was_in_its_place() {
    let old = "from lib import make\no = make()\nx = o.a\no.b = 5\n";
    let new = "from lib import make\no = make()\nx = o.b\no.b = 5\n";
    assert_eq!(kept(old, new), "the whole module runs\n");
}

#[test]
fn immutable_values_connect_nothing() {
    let text = "A = 1\nfrom lib import f\nN = f()\nx = f(N, A)\ny = [N]\n";
    let edited = text.replace("A = 1\n", "A = 2\n");
    let mut around = around(text);
    assert_eq!(
        kept_among(text, &edited, &around),
        "the whole module runs\n"
    );
    around.immutable = set(&["A", "N"]);
    assert_eq!(kept_among(text, &edited, &around), "N = f()\ny = [N]\n");
}

/// The value was immutable before, and is another one now.
#[test]
fn a_value_that_changes_is_not_known_to_be_immutable() {
    let old = "L = [0]\nflag = None\nchosen = flag\nif chosen: chosen.append(1)\n";
    let new = old.replace("flag = None", "flag = L");
    let mut around = around(old);
    around.immutable = set(&["flag", "chosen"]);
    assert_eq!(kept_among(old, &new, &around), "the whole module runs\n");
}

#[test]
fn modules_do_not_connect_but_their_effects_do() {
    let text = "A = 1\nimport lib\nx = lib.make(A)\ny = lib.load()\n";
    check(text, expect!["y = lib.load()\n"]);
    let text = "A = 1\nimport lib\nlib.configure(A)\ny = lib.load()\nz = [1]\n";
    check(text, expect!["z = [1]\n"]);
}

/// An unchanged definition has registered itself already.
#[test]
fn a_changed_definition_is_an_effect_on_the_package_that_gets_it() {
    let text = "from lib import Base, create\nclass T(Base): x = 1\ny = create()\nz = [1]\n";
    assert_eq!(kept(text, &text.replace("x = 1", "x = 2")), "z = [1]\n");
    assert_eq!(
        kept(text, &text.replace("z = [1]", "z = [2]")),
        "y = create()\n"
    );
}

#[test]
fn objects_of_other_modules_connect() {
    let text = "A = 1\nfrom lib import table\nx = table.add(A)\ny = table.all()\n";
    let edited = text.replace("A = 1\n", "A = 2\n");
    let mut around = around(text);
    around.instances = set(&["table"]);
    assert_eq!(
        kept_among(text, &edited, &around),
        "the whole module runs\n"
    );
}

/// They may reach each other.
#[test]
fn the_users_own_modules_count_as_one() {
    let text = "A = 1\nimport store\nimport view\nimport lib\nx = store.put(A)\nn = view.count()\nz = lib.f()\n";
    let edited = text.replace("A = 1\n", "A = 2\n");
    let mut around = around(text);
    assert_eq!(
        kept_among(text, &edited, &around),
        "n = view.count()\nz = lib.f()\n"
    );
    around.own_imports = set(&["store", "view"]);
    assert_eq!(kept_among(text, &edited, &around), "z = lib.f()\n");
    let without = edited
        .replace("import view\n", "")
        .replace("view.count()", "0");
    assert_eq!(
        kept_among(text, &without, &around),
        "the whole module runs\n"
    );
}

#[test]
fn a_module_that_will_run_acts_on_what_it_has_read() {
    let text = "A = 1\nL = [0]\nX = [2]\n";
    let edited = text.replace("A = 1\n", "A = 2\n");
    let mut around = around(text);
    around.readers = vec![set(&["L"])];
    assert_eq!(kept_among(text, &edited, &around), "L = [0]\nX = [2]\n");
    around.readers = vec![set(&["A", "L"])];
    assert_eq!(kept_among(text, &edited, &around), "X = [2]\n");
    around.readers.clear();
    around.touched = set(&["L"]);
    assert_eq!(kept_among(text, &edited, &around), "X = [2]\n");
}

#[test]
fn a_name_that_somebody_else_has_bound_is_bound_again() {
    let text = "A = 1\nL = [0]\nX = [2]\n";
    let mut around = around(text);
    around.bound.remove("L");
    let edited = text.replace("A = 1\n", "A = 2\n");
    assert_eq!(kept_among(text, &edited, &around), "X = [2]\n");
}

/// A start would not find what is bound further down.
#[test]
fn what_is_bound_further_down_is_not_there_yet() {
    check(
        "A = 1\ndef f(): return 'L' in names() and L\nfrom lib import names\nX = f(), A\nL = [0]\n",
        expect!["the whole module runs\n"],
    );
}

#[test]
fn names_that_several_statements_bind_are_bound_again() {
    check("A = 1\nB = 2\nB = 3\nX = [2]\n", expect!["X = [2]\n"]);
    check("A = 1\nB = 2\ndel B\nX = [2]\n", expect!["X = [2]\n"]);
}

#[test]
fn a_comment_asks_for_a_run() {
    check(
        "A = 1\nX = [2]  # hmr: rerun\nY = [2]\n",
        expect!["Y = [2]\n"],
    );
}

#[test]
fn what_is_not_understood_runs_whole() {
    for text in [
        "exec('x = 1')",
        "x = eval('1')",
        "x = globals()",
        "def f(): return locals()",
        "x = vars()",
        "x = dir()",
        "from lib import *",
        "def f():\n    global B\n    B = 1",
        "import sys\nx = sys.modules",
        "from sys import modules as m",
        "from inspect import stack as s",
        "def f(o): setattr(o, 'x', 1)",
        "def f(): return f.__code__.co_firstlineno",
        "def __getattr__(name): return 1",
        "print(x := 1)",
        "import importlib\nx = importlib.import_module('m')",
        "import gc",
        "import builtins\nbuiltins.Z = 1",
        "from builtins import exec as e",
        "import torch\ntorch.eval(1)",
    ] {
        let text = format!("A = 1\nX = [2]\n{text}\n");
        let seen = kept(&text, &text.replace("A = 1\n", "A = 2\n"));
        assert_eq!(seen, "the whole module runs\n", "with {text}");
    }
}

/// A function of another module may import this one while it runs.
#[test]
fn whoever_acts_comes_to_what_others_have_read_of_the_module() {
    let text = "import lib\nA = 1\nB = 3\nX = lib.go()\nY = [2]\n";
    let edited = text.replace("A = 1\n", "A = 2\n");
    let mut around = around(text);
    around.immutable = set(&["A", "B"]);
    assert_eq!(
        kept_among(text, &edited, &around),
        "B = 3\nX = lib.go()\nY = [2]\n"
    );
    around.looked_into = set(&["A"]);
    assert_eq!(kept_among(text, &edited, &around), "B = 3\nY = [2]\n");
    around.looked_into = set(&["B"]);
    assert_eq!(
        kept_among(text, &edited, &around),
        "B = 3\nX = lib.go()\nY = [2]\n"
    );
    // What is new may change it.
    let more = format!("{text}lib.add()\n");
    around.looked_into = set(&["Y"]);
    assert!(!kept_among(text, &more, &around).contains("Y = [2]"));
}

#[test]
fn a_function_that_its_package_has_called_counts_for_all_that_the_package_gives() {
    let text = "import lib\nA = 1\n@lib.add\ndef f(): return g()\ndef g(): return A\nX = lib.go()\nY = [2]\n";
    let edited = text.replace("A = 1\n", "A = 2\n");
    let mut around = around(text);
    assert_eq!(
        kept_among(text, &edited, &around),
        "X = lib.go()\nY = [2]\n"
    );
    around.executed = set(&["f", "g"]);
    assert_eq!(kept_among(text, &edited, &around), "Y = [2]\n");
    let unrelated = text.replace("Y = [2]", "Y = [3]");
    assert_eq!(
        kept_among(text, &unrelated, &around),
        "A = 1\nX = lib.go()\n"
    );
}

/// What it has bound may be of a function that has changed since.
#[test]
fn a_statement_whose_comment_goes_runs_again() {
    let text = "A = 1\nX = [2]  # hmr: keep\nY = [2]\n";
    let released = text.replace("  # hmr: keep", "");
    assert_eq!(kept(text, &released), "A = 1\nY = [2]\n");
    let with_reason = text.replace("keep", "keep, it is slow");
    assert_eq!(kept(text, &with_reason), "A = 1\nX = [2]\nY = [2]\n");
}

#[test]
fn everyday_decorators_and_methods_change_nothing() {
    let load = "from lib import load\nmodel = load()\nA = 1\n";
    for more in [
        "import re\nR = re.compile('a')\n",
        "from dataclasses import dataclass\n@dataclass\nclass Q:\n    a: int = 1\nq = Q()\n",
        "import dataclasses\n@dataclasses.dataclass(frozen=True)\nclass Q:\n    a: int = 1\nq = Q()\n",
        "class M:\n    @property\n    def p(self): return 1\n    @p.setter\n    def p(self, v): pass\nm = M()\n",
        "class M:\n    @classmethod\n    def p(cls): return cls()\nm = M()\n",
        "import abc\nclass M:\n    @abc.abstractmethod\n    def p(self): return 1\nm = M\n",
    ] {
        let text = format!("{load}{more}");
        let seen = kept(&text, &text.replace("A = 1\n", "A = 2\n"));
        let last = more.lines().last().unwrap();
        assert_eq!(seen, format!("model = load()\n{last}\n"), "with {more}");
    }
    // Nobody can say what others of the same name do.
    for more in [
        "def property(f): return f\nclass M:\n    @property\n    def p(self): return 1\nm = M()\n",
        "from lib import dataclass\n@dataclass\nclass Q:\n    a: int = 1\nm = Q()\n",
        "class M:\n    @app.setter\n    def p(self): return 1\nm = M()\n",
    ] {
        let text = format!("{load}{more}");
        let seen = kept(&text, &text.replace("A = 1\n", "A = 2\n"));
        assert!(!seen.contains("m = "), "with {more}");
    }
}
