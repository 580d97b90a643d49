//! D: however a file is saved and wherever it comes from, its newest text counts.

use hmr_tests::{Hmr, Project};

fn running() -> Project {
    Project::new(&[
        ("m.py", "X = 1\n"),
        ("main.py", "from m import X\nprint('V', X)\n"),
    ])
}

#[test]
fn d01_a_save_by_atomic_rename_is_one_reload() {
    let project = running();
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    for value in 2..5 {
        let text = format!("X = {value}\n");
        let reload = hmr.edit("m.py", |project| project.save_atomically("m.py", &text));
        assert_eq!(reload.changed, ["m.py"], "{}", reload.log);
        reload.expect(&["m", "main"], &[&format!("V {value}")]);
    }
}

#[test]
fn d02_a_save_as_vim_does_it_is_one_reload() {
    let project = running();
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    for value in 2..5 {
        let text = format!("X = {value}\n");
        let reload = hmr.edit("m.py", |project| project.save_like_vim("m.py", &text));
        assert_eq!(reload.changed, ["m.py"], "{}", reload.log);
        reload.expect(&["m", "main"], &[&format!("V {value}")]);
    }
}

#[test]
fn d16_a_new_file_is_imported_by_an_edit_and_then_watched() {
    let project = running();
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    let reload = hmr.edit("main.py", |project| {
        project.save("n.py", "Y = 10\n");
        project.save(
            "main.py",
            "from m import X\nfrom n import Y\nprint('V', X, Y)\n",
        );
    });
    reload.expect(&["n", "main"], &["V 1 10"]);

    hmr.save("n.py", "Y = 20\n")
        .expect(&["n", "main"], &["V 1 20"]);
}
