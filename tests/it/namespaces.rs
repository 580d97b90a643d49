//! A module that looks at its own names while it runs again finds what a fresh start would show it.

use hmr_tests::{Hmr, Project};

/// A thread of the program, which may look at any module at any time.
const THREAD: &str =
    "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n";

/// Star names beside code that looks at its namespace, over several reruns of any cause.
fn keeps_its_star_names(thread: &str, reflection: &str) {
    let m = |edit: u32| {
        format!("import q\nfrom p import *\nN = {reflection}\nV = q.X, {edit}\ndef f(): return a\n")
    };
    let project = Project::new(&[
        ("p.py", "a = 1\n"),
        ("q.py", "X = 1\n"),
        ("m.py", &m(1)),
        (
            "main.py",
            &format!("{thread}import m\nprint('V', *m.V, m.f())\n"),
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 1 1");
    for x in 2..5 {
        hmr.save("q.py", &format!("X = {x}\n"))
            .expect(&["q", "m", "main"], &[&format!("V {x} 1 1")]);
    }
    for edit in 2..5 {
        hmr.save("m.py", &m(edit))
            .expect(&["m", "main"], &[&format!("V 4 {edit} 1")]);
    }
}

#[test]
fn star_names_stay_beside_code_that_looks_at_its_namespace() {
    for reflection in ["len(dir(q))", "len(locals())", "eval('1')"] {
        keeps_its_star_names("", reflection);
    }
}

#[test]
fn star_names_stay_beside_such_code_while_other_threads_run() {
    for reflection in ["len(dir(q))", "len(locals())"] {
        keeps_its_star_names(THREAD, reflection);
    }
}

#[test]
fn a_star_name_that_goes_is_gone_beside_code_that_looks_at_its_namespace() {
    let project = Project::new(&[
        ("low.py", "X = 1\nZ = 1\n"),
        ("m.py", "from low import *\nN = len(dir())\n"),
        ("main.py", "import m\nprint('V', hasattr(m, 'X'), m.Z)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V True 1");
    hmr.save("low.py", "Z = 1\n")
        .expect(&["low", "m", "main"], &["V False 1"]);
    hmr.save("low.py", "Z = 2\n")
        .expect(&["low", "m", "main"], &["V False 2"]);
}
