//! D: files that come, go, move and turn into packages, and folders that are reached by links.

use std::fs;

use hmr_tests::{Hmr, Project};

const READS_M: &str = "from m import X\nprint('V', X)\n";

fn running() -> Project {
    Project::new(&[("m.py", "X = 1\n"), ("main.py", READS_M)])
}

#[test]
fn d10_d11_a_module_that_was_deleted_is_missing_until_it_is_restored() {
    let project = running();
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.edit("m.py", |project| project.delete("m.py"))
        .expect_failure("main", "ModuleNotFoundError");
    // The same traceback is not shown twice.
    let reload = hmr.save("main.py", "from m import X\nprint('W', X)\n");
    assert_eq!(
        reload.pending,
        Some(("main".into(), "ModuleNotFoundError".into())),
        "{}",
        reload.log
    );
    hmr.save("m.py", "X = 2\n").expect(&["m", "main"], &["W 2"]);
}

#[test]
fn d12_a_module_that_was_renamed_is_watched_under_its_new_name() {
    let project = running();
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.edit("main.py", |project| {
        project.rename("m.py", "m2.py");
        project.save("main.py", "from m2 import X\nprint('W', X)\n");
    });
    let reload = hmr.save("m2.py", "X = 9\n");
    reload.expect(&["m2", "main"], &["W 9"]);
}

#[test]
fn d13_a_package_that_was_renamed_is_watched_under_its_new_name() {
    let project = Project::new(&[
        ("old/__init__.py", ""),
        ("old/m.py", "X = 1\n"),
        ("main.py", "from old.m import X\nprint('V', X)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.edit("old/__init__.py", |project| {
        project.rename("old", "new");
        project.save("main.py", "from new.m import X\nprint('W', X)\n");
    });
    hmr.save("new/m.py", "X = 9\n")
        .expect(&["new.m", "main"], &["W 9"]);
}

#[test]
fn d14_a_module_that_becomes_a_package_needs_no_touch() {
    let project = running();
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    project.save("m/__init__.py", "X = 2\n");
    project.delete("m.py");
    hmr.wait_stdout("V 2");
    hmr.wait_report("m/__init__.py");
    hmr.save("m/__init__.py", "X = 3\n")
        .expect(&["m", "main"], &["V 3"]);
}

#[test]
fn d15_a_new_package_is_imported_by_an_edit_and_then_watched() {
    let project = running();
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.edit("main.py", |project| {
        project.save("pkg/__init__.py", "");
        project.save("pkg/n.py", "Y = 1\n");
        project.save("main.py", "from pkg.n import Y\nprint('W', Y)\n");
    });
    hmr.save("pkg/n.py", "Y = 2\n")
        .expect(&["pkg.n", "main"], &["W 2"]);
    hmr.save("pkg/__init__.py", "Z = 1\n").expect(&["pkg"], &[]);
}

#[cfg(unix)]
#[test]
fn d17_a_module_below_a_linked_folder_is_reloaded_by_either_path() {
    let project = Project::new(&[
        ("real/sub/m.py", "X = 1\n"),
        ("app/main.py", "from sub.m import X\nprint('V', X)\n"),
    ]);
    std::os::unix::fs::symlink("../real/sub", project.path("app/sub")).expect("linked");
    let mut hmr = Hmr::start_in(&project, &project.path("app"), &["main.py"]);
    hmr.wait_stdout("V 1");

    project.save("app/sub/m.py", "X = 2\n");
    hmr.wait_stdout("V 2");
    project.save("real/sub/m.py", "X = 33\n");
    hmr.wait_stdout("V 33");
}

#[cfg(unix)]
#[test]
fn d18_a_working_directory_that_is_a_link_is_watched() {
    let project = Project::new(&[("real/m.py", "X = 1\n"), ("real/main.py", READS_M)]);
    std::os::unix::fs::symlink("real", project.path("link")).expect("linked");
    // What a shell does with `cd link`.
    let link = project.path("link").display().to_string();
    let variables = [("PWD", link.as_str())];
    let mut hmr = Hmr::start_with(&project, &project.path("link"), &variables, &["main.py"]);
    hmr.wait_stdout("V 1");

    project.save("link/m.py", "X = 2\n");
    hmr.wait_stdout("V 2");
    project.save("real/m.py", "X = 33\n");
    hmr.wait_stdout("V 33");
}

#[test]
fn d20_a_program_beside_the_working_directory_is_reloaded() {
    let project = Project::new(&[
        ("app/m.py", "X = 1\n"),
        ("app/main.py", READS_M),
        ("other/notes.txt", ""),
    ]);
    let mut hmr = Hmr::start_in(&project, &project.path("other"), &["../app/main.py"]);
    hmr.wait_stdout("V 1");

    project.save("app/m.py", "X = 2\n");
    hmr.wait_stdout("V 2");
}

#[test]
fn d21_a_program_below_the_working_directory_is_reloaded() {
    let project = Project::new(&[("app/m.py", "X = 1\n"), ("app/main.py", READS_M)]);
    let mut hmr = Hmr::start(&project, &["app/main.py"]);
    hmr.wait_stdout("V 1");

    hmr.edit("app/m.py", |project| project.save("app/m.py", "X = 2\n"))
        .expect(&["m", "main"], &["V 2"]);
    hmr.edit("app/main.py", |project| {
        project.save("app/main.py", "print('W')\n");
    })
    .expect(&["main"], &["W"]);
}

#[test]
fn d22_a_module_of_a_namespace_package_is_reloaded() {
    let project = Project::new(&[
        ("ns/m.py", "X = 1\n"),
        ("main.py", "from ns.m import X\nprint('V', X)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.save("ns/m.py", "X = 2\n")
        .expect(&["ns.m", "main"], &["V 2"]);
    hmr.edit("main.py", |project| {
        project.save("ns/n.py", "Y = 1\n");
        project.save("main.py", "import ns.m, ns.n\nprint('W', ns.m.X, ns.n.Y)\n");
    })
    .expect(&["ns.n", "main"], &["W 2 1"]);
}

#[test]
fn d23_both_portions_of_a_namespace_package_are_reloaded() {
    let project = Project::new(&[
        ("one/ns/a.py", "X = 1\n"),
        ("two/ns/b.py", "X = 1\n"),
        (
            "main.py",
            "import sys\nsys.path[1:1] = ['one', 'two']\nimport ns.a, ns.b\nprint('V', ns.a.X, ns.b.X)\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 1");

    hmr.save("one/ns/a.py", "X = 2\n")
        .expect(&["ns.a", "main"], &["V 2 1"]);
    hmr.save("two/ns/b.py", "X = 2\n")
        .expect(&["ns.b", "main"], &["V 2 2"]);
}

#[test]
fn d24_a_virtual_environment_in_the_project_is_left_to_python() {
    let site = ".venv/lib/python3.13/site-packages";
    let main = format!(
        "import sys\nsys.path.append('{site}')\nimport dep, m\n\
         print('V', type(dep).__name__, type(dep.__loader__).__module__, dep.X, m.X)\n"
    );
    let project = Project::new(&[("m.py", "X = 1\n"), ("main.py", &main)]);
    project.save(&format!("{site}/dep.py"), "X = 1\n");
    project.save(".venv/pyvenv.cfg", "home = /usr/bin\n");
    let variables = [("VIRTUAL_ENV", "")];
    let mut hmr = Hmr::start_with(&project, &project.root(), &variables, &["main.py"]);
    hmr.wait_stdout("V module _frozen_importlib_external 1 1");

    project.save(&format!("{site}/dep.py"), "X = 2\n");
    hmr.save("m.py", "X = 2\n")
        .expect(&["m", "main"], &["V module _frozen_importlib_external 1 2"]);
    assert!(fs::metadata(project.path(site)).is_ok());
}
