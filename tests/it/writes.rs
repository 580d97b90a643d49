//! What a module writes into another one is its own: who reads it follows the writer, as a start would.

use hmr_tests::{Hmr, Project};

const READER: (&str, &str) = ("v.py", "import s\ny = s.X\n");
const MAIN: (&str, &str) = ("main.py", "import u\nimport v\nprint('V', v.y)\n");

fn project(s: &str, u: &str, reader: &str, main: &str) -> Project {
    Project::new(&[
        ("s.py", s),
        ("u.py", u),
        ("v.py", reader),
        ("main.py", main),
    ])
}

/// A module `s` with `X = 1`, a writer, and a reader that comes after it.
fn written(u: &str) -> Project {
    project("X = 1\n", u, READER.1, MAIN.1)
}

fn start<'p>(project: &'p Project, printed: &str) -> Hmr<'p> {
    let mut hmr = Hmr::start(project, &["main.py"]);
    hmr.wait_stdout(printed);
    hmr
}

#[test]
fn readers_follow_what_is_written() {
    for (write, other) in [
        ("import s\ns.X = 5\n", "import s\ns.X = 6\n"),
        (
            "import s\nsetattr(s, 'X', 5)\n",
            "import s\nsetattr(s, 'X', 6)\n",
        ),
        (
            "import s\ndef go(x): s.X = x\ngo(5)\n",
            "import s\ndef go(x): s.X = x\ngo(6)\n",
        ),
    ] {
        let project = written(write);
        let mut hmr = start(&project, "V 5");
        hmr.save("u.py", other)
            .expect(&["u", "v", "main"], &["V 6"]);
        hmr.save("u.py", &format!("{other}y = 1\n"))
            .expect(&["u"], &[]);
    }
}

#[test]
fn a_module_gets_its_own_value_back_when_nobody_writes_it_any_more() {
    let project = written("import s\ns.X = 5\n");
    let mut hmr = start(&project, "V 5");
    hmr.save("u.py", "import s\n")
        .expect(&["u", "v", "main"], &["V 1"]);
    hmr.save("s.py", "X = 2\n")
        .expect(&["s", "v", "main"], &["V 2"]);
    hmr.save("u.py", "import s\ns.X = 7\n")
        .expect(&["u", "v", "main"], &["V 7"]);
}

#[test]
fn a_name_that_only_the_writer_had_goes_with_it() {
    let reader = "import s\ny = getattr(s, 'X', 'none')\n";
    let project = project("", "import s\ns.X = 5\n", reader, MAIN.1);
    let mut hmr = start(&project, "V 5");
    hmr.save("u.py", "import s\n")
        .expect(&["u", "v", "main"], &["V none"]);
}

#[test]
fn a_deleted_name_comes_back() {
    let reader = "import s\ny = getattr(s, 'X', 'none')\n";
    let project = project("X = 1\n", "import s\ndel s.X\n", reader, MAIN.1);
    let mut hmr = start(&project, "V none");
    hmr.save("s.py", "X = 2\n").expect(&["s"], &[]);
    hmr.save("u.py", "import s\n")
        .expect(&["u", "v", "main"], &["V 2"]);
}

#[test]
fn what_was_written_stays_when_its_module_runs_again() {
    let project = written("import s\ns.X = 5\n");
    let mut hmr = start(&project, "V 5");
    hmr.save("s.py", "X = 1\nZ = 3\n").expect(&["s"], &[]);
    hmr.save("s.py", "X = 2\nZ = 3\n").expect(&["s"], &[]);
    hmr.save("s.py", "Z = 3\n").expect(&["s"], &[]);
    hmr.save("v.py", "import s\ny = s.X + 1\n")
        .expect(&["v", "main"], &["V 6"]);
}

#[test]
fn a_writer_does_not_see_what_it_wrote_last_time() {
    let project = written("import s\ns.X += 1\n");
    let mut hmr = start(&project, "V 2");
    hmr.save("u.py", "import s\ns.X += 1\ny = 1\n")
        .expect(&["u"], &[]);
    hmr.save("u.py", "import s\ns.X += 2\ny = 1\n")
        .expect(&["u", "v", "main"], &["V 3"]);
    hmr.save("s.py", "X = 10\n")
        .expect(&["s", "u", "v", "main"], &["V 12"]);
    let added = "import s\nfirst = hasattr(s, 'Y')\ns.Y = 1\nassert not first, 'left over'\n";
    hmr.save("u.py", added)
        .expect(&["u", "v", "main"], &["V 10"]);
    hmr.save("u.py", &format!("{added}z = 1\n"))
        .expect(&["u"], &[]);
}

#[test]
fn the_entry_writes_too() {
    let main = |x: &str| format!("import s\ns.X = {x}\nimport v\nprint('V', v.y)\n");
    let project = project("X = 1\n", "", READER.1, &main("5"));
    let mut hmr = start(&project, "V 5");
    hmr.save("main.py", &main("6"))
        .expect(&["v", "main"], &["V 6"]);
    hmr.save("s.py", "X = 2\n").expect(&["s"], &[]);
    hmr.save("v.py", "import s\ny = s.X * 10\n")
        .expect(&["v", "main"], &["V 60"]);
}

#[test]
fn the_last_of_two_writers_is_seen() {
    let main = "import u, w\nimport v\nprint('V', v.y)\n";
    let files = [
        ("s.py", "X = 1\n"),
        ("u.py", "import s\ns.X = 5\n"),
        ("w.py", "import s\ns.X = 7\n"),
        READER,
        ("main.py", main),
    ];
    let project = Project::new(&files);
    let mut hmr = start(&project, "V 7");
    hmr.save("u.py", "import s\ns.X = 6\n").expect(&["u"], &[]);
    hmr.save("w.py", "import s\n")
        .expect(&["w", "v", "main"], &["V 6"]);
}

#[test]
fn a_writer_that_raises_leaves_what_it_wrote_before() {
    let project = written("import s\ns.X = 5\n");
    let mut hmr = start(&project, "V 5");
    hmr.save("u.py", "import s\ns.X = 6\nraise ValueError('half')\n")
        .expect_failure("u", "ValueError");
    hmr.save("v.py", "import s\ny = s.X + 100\n")
        .expect(&["v", "main"], &["V 105"]);
    hmr.save("u.py", "import s\ns.X = 8\n")
        .expect(&["u", "v", "main"], &["V 108"]);
}

#[test]
fn a_function_that_writes_its_globals_writes_for_its_caller() {
    let s = "X = 1\ndef configure(x):\n    global X\n    X = x\ndef get(): return X\n";
    for reader in ["import s\ny = s.X\n", "import s\ny = s.get()\n"] {
        let project = project(s, "import s\ns.configure(5)\n", reader, MAIN.1);
        let mut hmr = start(&project, "V 5");
        hmr.save("u.py", "import s\ns.configure(6)\n")
            .expect(&["u", "v", "main"], &["V 6"]);
        hmr.save("s.py", &format!("{s}Z = 1\n")).expect(&["s"], &[]);
        hmr.save("v.py", &format!("{reader}y += 10\n"))
            .expect(&["v", "main"], &["V 16"]);
        hmr.save("u.py", "import s\n")
            .expect(&["u", "v", "main"], &["V 11"]);
    }
}

#[test]
fn a_star_import_sees_what_others_have_written() {
    let reader = "from s import *\ny = X\n";
    let project = project("X = 1\n", "import s\ns.X = 5\n", reader, MAIN.1);
    let mut hmr = start(&project, "V 5");
    hmr.save("u.py", "import s\ns.X = 6\n")
        .expect(&["u", "v", "main"], &["V 6"]);
}

#[test]
fn a_writer_that_nobody_imports_any_more_takes_its_value_along() {
    let project = written("import s\ns.X = 5\n");
    let mut hmr = start(&project, "V 5");
    hmr.save("main.py", "import v\nprint('V', v.y)\n")
        .expect(&["main"], &["V 5"]);
}
