//! Modules that a program takes out of `sys.modules` go, and come back as new ones.

use hmr_tests::{Hmr, Project};

const M: &str = "def f():\n    return 1\n";

/// A `main` beside `keep`, which drops `m`, and `tick`, whose edit makes an update.
fn project(keep: &str, main: &str) -> Project {
    Project::new(&[
        ("m.py", M),
        ("keep.py", keep),
        ("tick.py", "N = 1\n"),
        ("main.py", main),
    ])
}

#[test]
fn a_module_that_the_program_has_dropped_goes_with_the_next_update() {
    let keep = "import sys, weakref, m\n\
        refs = [weakref.ref(m), weakref.ref(m.f.__code__)]\n\
        del sys.modules['m'], m\n";
    let main = "import gc, keep, tick\ngc.collect()\n\
        print('V', tick.N, [ref() is None for ref in keep.refs])\n";
    let project = project(keep, main);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 [False, False]");
    hmr.save("tick.py", "N = 2\n")
        .expect(&["tick", "main"], &["V 2 [False, False]"]);
    hmr.save("tick.py", "N = 3\n")
        .expect(&["tick", "main"], &["V 3 [True, True]"]);
    hmr.save("m.py", "def f():\n    return 2\n")
        .expect(&["m", "keep", "main"], &["V 3 [False, False]"]);
}

#[test]
fn what_the_program_still_holds_of_a_dropped_module_follows_the_edit() {
    let keep = "import sys\nfrom m import f\ndel sys.modules['m']\n";
    let main = "import keep, tick\nprint('V', tick.N, keep.f())\n";
    let project = project(keep, main);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 1");
    for n in 2..4 {
        hmr.save("tick.py", &format!("N = {n}\n"))
            .expect(&["tick", "main"], &[&format!("V {n} 1")]);
    }
    hmr.save("m.py", "def f():\n    return 2\n")
        .expect(&["m", "keep", "main"], &["V 3 2"]);
}
