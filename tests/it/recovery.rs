//! C: a batch that fails in part, programs that exit, and source that can hardly be read.

use std::fs;

use hmr_tests::{Hmr, Project};

const READS_M: &str = "from m import X\nprint('V', X)\n";

fn running() -> Project {
    Project::new(&[("m.py", "X = 1\n"), ("main.py", READS_M)])
}

#[test]
fn c10_a_good_file_of_a_batch_is_not_lost_when_another_fails() {
    let project = Project::new(&[
        ("a.py", "A = 1\n"),
        ("b.py", "B = 1\n"),
        (
            "main.py",
            "from a import A\nfrom b import B\nprint('V', A, B)\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 1");

    hmr.edit("b.py", |project| {
        project.save("a.py", "A = 2\n");
        project.save("b.py", "B = 2\nraise RuntimeError('b')\n");
    });
    let reload = hmr.save("b.py", "B = 2\n");
    assert_eq!(reload.failed, None, "{}", reload.log);
    assert_eq!(reload.stdout, ["V 2 2"], "{}", reload.log);
}

#[test]
fn c13_a_module_that_exits_in_a_reload_is_a_failure_and_the_program_goes_on() {
    let project = running();
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    let reload = hmr.save("m.py", "import sys\nsys.exit('bye')\n");
    assert_eq!(
        reload.failed,
        Some(("m".into(), "SystemExit".into())),
        "{}",
        reload.log
    );
    assert!(hmr.is_alive());
    hmr.save("m.py", "X = 2\n").expect(&["m", "main"], &["V 2"]);
}

#[test]
fn c16_a_file_that_is_emptied_and_filled_again_has_its_new_value() {
    let project = running();
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.save("m.py", "").expect_failure("main", "ImportError");
    hmr.save("m.py", "X = 3\n").expect(&["m", "main"], &["V 3"]);
}

#[test]
fn c17_a_latin_1_file_and_one_with_a_byte_order_mark_load_and_reload() {
    let latin = |word: &[u8]| [b"# -*- coding: latin-1 -*-\nX = '", word, b"'\n"].concat();
    let marked = |word: &str| format!("\u{feff}Y = '{word}'\n");
    let project = Project::new(&[
        ("marked.py", &marked("für")),
        (
            "main.py",
            "from m import X\nfrom marked import Y\nprint('V', ascii(X), ascii(Y))\n",
        ),
    ]);
    fs::write(project.path("m.py"), latin(b"caf\xe9")).expect("written");
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout(r"V 'caf\xe9' 'f\xfcr'");

    hmr.edit("m.py", |project| {
        fs::write(project.path("m.py"), latin(b"na\xefve")).expect("written");
    })
    .expect(&["m", "main"], &[r"V 'na\xefve' 'f\xfcr'"]);
    hmr.save("marked.py", &marked("über"))
        .expect(&["marked", "main"], &[r"V 'na\xefve' '\xfcber'"]);
}

#[test]
fn a_file_that_cannot_be_decoded_fails_once_and_the_next_save_counts() {
    expect_survival(b"X = '\xff'\n", &["SyntaxError"]);
}

#[test]
fn a_file_with_a_nul_fails_once_and_the_next_save_counts() {
    // Before 3.12 it is a `ValueError`.
    expect_survival(b"X = 2\n\0\n", &["SyntaxError", "ValueError"]);
}

#[test]
fn a_nul_is_said_with_its_file_and_line() {
    let project = running();
    fs::write(project.path("m.py"), b"X = 1\n\0\n").expect("written");
    let mut hmr = Hmr::start(&project, &["main.py"]);
    let place = |line: u32| {
        format!(
            "It is in \"{}\", line {line}.",
            project.path("m.py").display()
        )
    };
    hmr.wait_stderr("where the NUL is", |line| line == place(2));
    hmr.save("m.py", "X = 2\n").expect(&["m", "main"], &["V 2"]);

    let reload = hmr.edit("m.py", |project| {
        fs::write(project.path("m.py"), b"X = 2\n\nY = 1\0\n").expect("written");
    });
    assert_eq!(reload.stderr.last(), Some(&place(3)), "{}", reload.log);
}

#[test]
fn an_entry_that_is_deleted_is_named() {
    let project = running();
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    let reload = hmr.edit("main.py", |project| project.delete("main.py"));
    reload.expect_failure("main", "FileNotFoundError");
    let file = project.path("main.py").display().to_string();
    assert!(
        reload.stderr.iter().any(|line| line.contains(&file)),
        "{}",
        reload.log
    );
    hmr.save("main.py", READS_M).expect(&["main"], &["V 1"]);
}

#[test]
fn a_file_that_is_half_written_fails_once_and_the_next_save_counts() {
    expect_survival(b"X = [2,\n", &["SyntaxError"]);
}

/// Saves `bytes` to `m.py`: one failure with a traceback, the old value stays, the next save counts.
#[track_caller]
fn expect_survival(bytes: &[u8], exceptions: &[&str]) {
    let project = running();
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    let reload = hmr.edit("m.py", |project| {
        fs::write(project.path("m.py"), bytes).expect("written");
    });
    let (module, exception) = reload.failed.clone().expect("a failure");
    assert_eq!(module, "m", "{}", reload.log);
    assert!(exceptions.contains(&exception.as_str()), "{}", reload.log);
    assert!(
        reload.ran.is_empty() && reload.stdout.is_empty(),
        "{}",
        reload.log
    );

    let reload = hmr.save("main.py", "from m import X\nprint('W', X)\n");
    assert_eq!(
        reload.stdout,
        ["W 1"],
        "the last good value: {}",
        reload.log
    );
    hmr.save("m.py", "X = 3\n").expect(&["m", "main"], &["W 3"]);
}

#[test]
fn a_file_of_fifty_megabytes_is_taken_and_the_next_save_counts() {
    let project = running();
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    let comment = format!("# {}\n", "x".repeat(1 << 20));
    let huge = comment.repeat(50) + "X = 2\n";
    hmr.edit("m.py", |project| project.save_atomically("m.py", &huge))
        .expect(&["m", "main"], &["V 2"]);
    hmr.save("m.py", "X = 3\n").expect(&["m", "main"], &["V 3"]);
}

#[test]
fn a_folder_where_a_file_was_is_said_and_the_next_save_counts() {
    let project = running();
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    let reload = hmr.edit("m.py", |project| {
        project.delete("m.py");
        fs::create_dir(project.path("m.py")).expect("mkdir");
    });
    reload.expect_failure("main", "ModuleNotFoundError");
    assert!(hmr.is_alive());

    let reload = hmr.edit("m.py", |project| {
        fs::remove_dir(project.path("m.py")).expect("rmdir");
        project.save("m.py", "X = 2\n");
    });
    reload.expect(&["m", "main"], &["V 2"]);
}

#[test]
fn d29_an_entry_that_is_deleted_is_said_and_runs_again_when_it_is_back() {
    let project = running();
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    let reload = hmr.edit("main.py", |project| project.delete("main.py"));
    assert_eq!(
        reload.failed,
        Some(("main".into(), "FileNotFoundError".into())),
        "{}",
        reload.log
    );
    assert!(hmr.is_alive());
    let reload = hmr.save("main.py", "from m import X\nprint('W', X)\n");
    reload.expect(&["main"], &["W 1"]);
    hmr.save("m.py", "X = 2\n").expect(&["m", "main"], &["W 2"]);
}
