//! Whatever the program does to its folder and its path, a save of a file of it is found.

use hmr_tests::{Hmr, Project};

#[test]
fn a_program_that_changes_its_folder_is_still_the_file_that_was_started() {
    let main = |value: u32| {
        format!("import os\nif os.path.isdir('sub'):\n    os.chdir('sub')\nprint('V', {value})\n")
    };
    let project = Project::new(&[
        ("main.py", &main(1)),
        ("sub/main.py", "print('the wrong one')\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.save("main.py", &main(2)).expect(&["main"], &["V 2"]);
    hmr.save("main.py", &main(3)).expect(&["main"], &["V 3"]);
}

#[test]
fn a_folder_that_changes_to_another_folder_is_still_found() {
    let main = |value: u32| format!("import os, m\nos.chdir('/')\nprint('V', {value}, m.X)\n");
    let project = Project::new(&[("app/__main__.py", &main(1)), ("app/m.py", "X = 1\n")]);
    let mut hmr = Hmr::start(&project, &["app"]);
    hmr.wait_stdout("V 1 1");

    hmr.save("app/__main__.py", &main(2))
        .expect(&["app"], &["V 2 1"]);
    hmr.save("app/m.py", "X = 2\n")
        .expect(&["m", "app"], &["V 2 2"]);
}

#[test]
fn a_folder_that_the_program_adds_to_its_path_is_watched() {
    let main = "import sys\nfrom os.path import dirname, join\n\
        sys.path.insert(0, join(dirname(__file__), '..', 'lib'))\n\
        import util\nprint('V', util.X)\n";
    let project = Project::new(&[("app/main.py", main), ("lib/util.py", "X = 1\n")]);
    let mut hmr = Hmr::start_in(&project, &project.path("app"), &["main.py"]);
    hmr.wait_stdout("V 1");
    let edited = main.replace("'V'", "'W'");
    hmr.edit("main.py", |project| project.save("app/main.py", &edited))
        .expect(&["main"], &["W 1"]);

    let shown = project.path("lib/util.py").display().to_string();
    for value in 2..4 {
        let text = format!("X = {value}\n");
        hmr.edit(&shown, |project| project.save("lib/util.py", &text))
            .expect(&["util", "main"], &[&format!("W {value}")]);
    }
}

#[test]
fn a_save_in_a_folder_of_the_path_during_the_first_run_arrives() {
    let project = Project::new(&[
        ("m.py", "X = 1\n"),
        (
            "scripts/main.py",
            "import os, time, m\nprint('V', m.X, flush=True)\n\
             while not os.path.exists('go'):\n    time.sleep(0.01)\n",
        ),
    ]);
    let variables = [("PYTHONPATH", ".")];
    let mut hmr = Hmr::start_with(&project, &project.root(), &variables, &["scripts/main.py"]);
    hmr.wait_stdout("V 1");

    project.save("m.py", "X = 22\n");
    project.save("go", "");
    hmr.wait_report("m.py").expect(&["m", "main"], &["V 22"]);
    hmr.save("m.py", "X = 333\n")
        .expect(&["m", "main"], &["V 333"]);
}

#[test]
fn a_script_without_an_ending_is_reloaded() {
    let project = Project::new(&[("m.py", "X = 1\n"), ("tool", "import m\nprint('V', m.X)\n")]);
    let mut hmr = Hmr::start(&project, &["tool"]);
    hmr.wait_stdout("V 1");

    hmr.save("tool", "import m\nprint('W', m.X)\n")
        .expect(&["tool"], &["W 1"]);
    hmr.save("m.py", "X = 2\n").expect(&["m", "tool"], &["W 2"]);
}

#[test]
fn a_folder_finds_its_neighbours_with_a_safe_path() {
    let project = Project::new(&[
        ("app/m.py", "X = 1\n"),
        ("app/__main__.py", "from m import X\nprint('V', X)\n"),
    ]);
    let variables = [("PYTHONSAFEPATH", "1")];
    let mut hmr = Hmr::start_with(&project, &project.root(), &variables, &["app"]);
    hmr.wait_stdout("V 1");

    hmr.save("app/m.py", "X = 2\n")
        .expect(&["m", "app"], &["V 2"]);
}
