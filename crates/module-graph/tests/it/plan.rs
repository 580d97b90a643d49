//! What to do about an edit.

use hmr_module_graph::{
    outline::Outline,
    plan::{Action, Rules},
};

/// The action for one edit, where the module's own run executed the functions `ran`.
fn action(old: &str, new: &str, ran: &[&str]) -> String {
    let old = Outline::parse(old).ok();
    let new = Outline::parse(new);
    Rules::default()
        .decide(old.as_ref(), new.as_ref(), |unit| ran.contains(&unit))
        .to_string()
}

#[test]
fn what_does_not_count_is_left() {
    assert_eq!(action("x = 1", "x = 1  # one", &[]), "leave");
    assert_eq!(
        action("def f(): pass", "\ndef f(): pass", &[]),
        "refresh lines of f"
    );
}

#[test]
fn bodies_are_patched_unless_the_module_itself_called_them() {
    let (old, new) = ("def f(): return 1\nx = 1", "def f(): return 2\nx = 1");
    assert_eq!(action(old, new, &[]), "patch f");
    assert_eq!(action(old, new, &["g"]), "patch f");
    assert_eq!(
        action(old, new, &["f"]),
        "rerun: it called f, which differs"
    );
    let (old, new) = ("class C:\n def m(s): 1", "class C:\n 'doc'\n def m(s): 2");
    assert_eq!(action(old, new, &[]), "patch C.m, C.__doc__");
    assert_eq!(action("'a'", "'b'", &[]), "patch __doc__");
}

#[test]
fn a_function_that_only_moved_may_have_been_called() {
    let (old, new) = ("def f(): pass\ndef g(): 1", "\ndef f(): pass\ndef g(): 2");
    assert_eq!(action(old, new, &["f"]), "patch g");
}

#[test]
fn statements_rerun() {
    assert_eq!(action("X = 1", "X = 2", &[]), "rerun: changed X");
    assert_eq!(
        action("X = 1", "X = (", &[]),
        "rerun: line 1, column 6: unexpected EOF while parsing"
    );
    assert_eq!(
        action("X = (", "X = 1", &[]),
        "rerun: what ran before is not known"
    );
}

#[test]
fn a_decorated_docstring_reruns_and_a_decorated_body_does_not() {
    let code = |doc: &str, body: &str| format!("@app.get('/')\ndef f():\n '{doc}'\n {body}");
    assert_eq!(action(&code("a", "1"), &code("a", "2"), &[]), "patch f");
    let rerun = "rerun: @app.get has seen the docstring of f";
    assert_eq!(action(&code("a", "1"), &code("b", "1"), &[]), rerun);
    assert_eq!(action(&code("a", "1"), &code("b", "2"), &[]), rerun);
    let class = |doc: &str| format!("@register\nclass C:\n def m(self): '{doc}'");
    assert_eq!(
        action(&class("a"), &class("b"), &[]),
        "rerun: @register has seen the docstring of C.m"
    );
}

#[test]
fn a_docstring_that_the_module_may_have_read_reruns() {
    let function =
        |doc: &str, rest: &str| format!("def f(): '{doc}'\nclass C:\n def m(s): '{doc}'\n{rest}");
    let docs = |rest: &str| action(&function("a", rest), &function("b", rest), &[]);
    assert_eq!(
        docs("def g(): return f.__doc__, C"),
        "patch f.__doc__, C.m.__doc__"
    );
    let rerun = "rerun: its own code may have read the docstring of ";
    assert_eq!(docs("register(f)"), format!("{rerun}f"));
    assert_eq!(docs("class D(C): pass"), format!("{rerun}C.m"));
    assert_eq!(docs("def g(x=C.m): pass"), format!("{rerun}C.m"));
    assert_eq!(docs("x = [a.__doc__ for a in all]"), format!("{rerun}f"));
    assert_eq!(docs("x = lambda: f"), "patch f.__doc__, C.m.__doc__");
    assert_eq!(
        action("'a'\np(__doc__)", "'b'\np(__doc__)", &[]),
        format!("{rerun}the module")
    );
    assert_eq!(action("'a'\nX = 1", "'b'\nX = 1", &[]), "patch __doc__");
}

#[test]
fn a_compiled_body_reruns() {
    for decorator in [
        "njit",
        "numba.njit(cache=True)",
        "torch.compile",
        "jax.jit",
        "ti.kernel",
    ] {
        let code = |body: &str| format!("@{decorator}\ndef f(): return {body}");
        let name = decorator.split('(').next().unwrap();
        assert_eq!(
            action(&code("1"), &code("2"), &[]),
            format!("rerun: @{name} has read the code of f")
        );
    }
    for decorator in ["habjit", "compile", "app.route"] {
        let code = |body: &str| format!("@{decorator}\ndef f(): return {body}");
        assert_eq!(action(&code("1"), &code("2"), &[]), "patch f");
    }
}

/// Under whatever name the file knows it.
#[test]
fn a_compiled_body_reruns_under_other_names() {
    for (imports, decorator) in [
        ("from torch import compile", "compile"),
        ("from torch import compile as zz", "zz"),
        ("import torch as t", "t.compile"),
        ("import torch as t", "t.compile(mode='x')"),
        ("if x:\n from torch import compile as c\nelse:\n c = y", "c"),
        ("from torch import *", "compile"),
        ("import torch\nfast = torch.compile", "fast"),
        (
            "import torch\nfast = partial(torch.compile, mode='x')",
            "fast",
        ),
        (
            "import torch as t\ndef fast(f): return t.compile(f)",
            "fast",
        ),
        ("import torch as t\nt2 = t\nfast = t2.compile", "fast()"),
        ("from . import ti as q", "q.kernel"),
        (
            "import functools, torch as t",
            "functools.partial(t.compile, x=1)",
        ),
    ] {
        let code = |body: &str| format!("{imports}\n@{decorator}\ndef f(): return {body}");
        let seen = action(&code("1"), &code("2"), &[]);
        assert!(
            seen.ends_with("has read the code of f"),
            "{imports}: {seen}"
        );
    }
    for (imports, decorator) in [
        ("from re import compile", "compile"),
        ("import re as torchish", "torchish.compile"),
        ("from torch import compile\nfrom app import route", "route"),
        ("x = x.y\ny = x", "x"),
    ] {
        let code = |body: &str| format!("{imports}\n@{decorator}\ndef f(): return {body}");
        assert_eq!(action(&code("1"), &code("2"), &[]), "patch f", "{imports}");
    }
}

#[test]
fn a_comment_asks_for_a_rerun() {
    let code =
        |body: &str| format!("class C:  # hmr: rerun\n def m(s): return {body}\ndef f(): {body}");
    assert_eq!(
        action(&code("1"), &code("2"), &[]),
        "rerun: a comment at C.m asks for it"
    );
}

#[test]
fn the_action_is_data() {
    let old = Outline::parse("def f():\n 1").unwrap();
    let new = Outline::parse("\ndef f():\n 2").unwrap();
    let Action::Patch(patch) = Rules::default().decide(Some(&old), Ok(&new), |_| false) else {
        panic!("not a patch")
    };
    let unit = &patch.bodies[0];
    assert_eq!((unit.qualname.as_str(), unit.nth), ("f", 0));
    assert_eq!((unit.old_line, unit.new_line), (1, 2));
}
