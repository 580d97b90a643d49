//! B: what a rerun leaves of the state that a program has built up.

use hmr_tests::{Hmr, Project};

#[test]
fn b22_a_module_that_fails_half_way_shows_none_of_its_new_values() {
    let project = Project::new(&[
        ("m.py", "A = 1\nB = 1\n"),
        ("peek.py", "import m\nprint('peek', m.A, m.B)\n"),
        ("main.py", "import m, peek\nprint('V', m.A, m.B)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 1");

    hmr.save("m.py", "A = 2\nraise RuntimeError('half')\nB = 2\n")
        .expect_failure("m", "RuntimeError");
    let peek = hmr.save("peek.py", "import m\nprint('peek again', m.A, m.B)\n");
    assert_eq!(peek.stdout, ["peek again 1 1"], "{}", peek.log);

    let reload = hmr.save("m.py", "A = 2\nB = 2\n");
    reload.expect(&["m", "peek", "main"], &["peek again 2 2", "V 2 2"]);
}
