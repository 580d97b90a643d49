//! A rerun starts with the names that a fresh start would have, and the values are each other's.

use hmr_tests::{Hmr, Project};

const PRINTS_X: &str = "import m\nprint('V', m.X)\n";

#[test]
fn a_name_that_was_renamed_is_not_found_by_its_old_name() {
    let project = Project::new(&[
        ("m.py", "HOST = 'a'\nU = 'http://' + HOST\n"),
        ("main.py", "import m\nprint('V', m.U)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V http://a");

    let reload = hmr.save("m.py", "HOSTNAME = 'b'\nU = 'http://' + HOST\n");
    reload.expect_failure("m", "NameError");
    assert_eq!(
        reload.stderr.last().map(String::as_str),
        Some("NameError: name 'HOST' is not defined"),
        "{}",
        reload.log
    );
    hmr.save("m.py", "HOSTNAME = 'b'\nU = 'http://' + HOSTNAME\n")
        .expect(&["m", "main"], &["V http://b"]);
}

#[test]
fn a_name_that_is_used_before_it_is_bound_is_not_found() {
    let project = Project::new(&[
        ("m.py", "HOST = 'a'\nU = 'http://' + HOST\n"),
        ("main.py", "import m\nprint('V', m.U)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V http://a");

    hmr.save("m.py", "U = 'http://' + HOST\nHOST = 'a'\n")
        .expect_failure("m", "NameError");
    hmr.save("m.py", "HOST = 'c'\nU = 'http://' + HOST\n")
        .expect(&["m", "main"], &["V http://c"]);
}

#[test]
fn a_counter_begins_anew_in_each_run() {
    let m = |edit: u32| {
        format!(
            "try:\n    c += 1\nexcept NameError:\n    c = 0\nEDIT = {edit}\nprint('c', c, EDIT)\n"
        )
    };
    let project = Project::new(&[("m.py", &m(0)), ("main.py", "import m\nprint('V', m.c)\n")]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(hmr.wait_stdout("V 0"), ["c 0 0"]);

    for edit in 1..4 {
        hmr.save("m.py", &m(edit))
            .expect(&["m"], &[&format!("c 0 {edit}")]);
    }
}

#[test]
fn a_name_that_a_failed_first_run_bound_is_gone() {
    let project = Project::new(&[("main.py", "X = 1\n1 / 0\n")]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_failure("ZeroDivisionError");

    hmr.save("main.py", "print(X)\n")
        .expect_failure("main", "NameError");
    hmr.save("main.py", "X = 2\nprint('V', X)\n")
        .expect(&["main"], &["V 2"]);
}

#[test]
fn two_names_for_one_list_are_one_list_after_a_rerun() {
    let m = |value: u32| format!("A = [1]\nB = {{'a': A}}\nX = {value}\n");
    let project = Project::new(&[
        ("m.py", &m(1)),
        ("main.py", "import m\nprint('V', m.B['a'] is m.A, m.X)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V True 1");

    hmr.save("m.py", &m(2))
        .expect(&["m", "main"], &["V True 2"]);
}

#[test]
fn a_functions_default_is_the_modules_own_object_after_a_rerun() {
    let m = |value: u32| format!("A = [1]\ndef f(x=A):\n    return x\nX = {value}\n");
    let project = Project::new(&[
        ("m.py", &m(1)),
        (
            "main.py",
            "import m\nprint('V', m.f.__defaults__[0] is m.A, m.f() is m.A, m.X)\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V True True 1");

    hmr.save("m.py", &m(2))
        .expect(&["m", "main"], &["V True True 2"]);
}

#[test]
fn an_equal_tuple_reruns_no_reader() {
    let project = Project::new(&[
        ("m.py", "P = (80, 443)\nX = 1\n"),
        ("main.py", "from m import P\nprint('V', *P)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 80 443");

    hmr.save("m.py", "P = (80, 443)\nX = 2\n")
        .expect(&["m"], &[]);
    hmr.save("m.py", "P = (80, 444)\nX = 2\n")
        .expect(&["m", "main"], &["V 80 444"]);
}

#[test]
fn a_name_from_a_modules_getattr_follows_an_edit_of_it() {
    let project = Project::new(&[
        ("m.py", "def __getattr__(n):\n    return 1\n"),
        ("main.py", "from m import X\nprint('V', X)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.save("m.py", "def __getattr__(n):\n    return 2\n")
        .expect(&["main"], &["V 2"]);
}

#[test]
fn a_module_that_puts_an_object_in_its_place_reaches_its_readers() {
    let m = |value: u32| {
        format!("import sys\nclass O:\n    X = {value}\nprint('m')\nsys.modules[__name__] = O()\n")
    };
    let project = Project::new(&[("m.py", &m(1)), ("main.py", PRINTS_X)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(hmr.wait_stdout("V 1"), ["m"]);

    hmr.save("m.py", &m(2))
        .expect(&["m", "main"], &["m", "V 2"]);
}

#[test]
fn a_functions_docstring_reaches_who_prints_it() {
    let project = Project::new(&[
        ("m.py", "def f():\n    'one'\n"),
        ("main.py", "import m\nprint('V', m.f.__doc__)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V one");

    hmr.save("m.py", "def f():\n    'two'\n")
        .expect(&["main"], &["V two"]);
}

#[test]
fn a_name_whose_condition_turned_false_is_gone() {
    let project = Project::new(&[
        ("m.py", "if True:\n    X = 1\n"),
        ("main.py", "import m\nprint('V', hasattr(m, 'X'))\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V True");

    hmr.save("m.py", "if not True:\n    X = 1\n")
        .expect(&["m", "main"], &["V False"]);
    hmr.save("m.py", "if True:\n    X = 1\n")
        .expect(&["m", "main"], &["V True"]);
}

#[test]
fn a_name_that_a_star_import_no_longer_brings_is_gone() {
    let project = Project::new(&[
        ("low.py", "X = 1\nZ = 1\n"),
        ("m.py", "from low import *\n"),
        ("main.py", "import m\nprint('V', hasattr(m, 'X'), m.Z)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V True 1");

    hmr.save("low.py", "Z = 1\n")
        .expect(&["low", "m", "main"], &["V False 1"]);
}

#[test]
fn a_class_body_does_not_find_a_name_that_the_source_dropped_beside_a_star_import() {
    let project = Project::new(&[
        ("stars.py", "STAR = 1\n"),
        ("m.py", "X = 1\nfrom stars import *\nclass K:\n    A = X\n"),
        ("main.py", "import m\nprint('V', m.K.A, m.STAR)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 1");
    hmr.save("m.py", "from stars import *\nclass K:\n    A = X\n")
        .expect_failure("m", "NameError");
    hmr.save("m.py", "X = 2\nfrom stars import *\nclass K:\n    A = X\n")
        .expect(&["m", "main"], &["V 2 1"]);
}
