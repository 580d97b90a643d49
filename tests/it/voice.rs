//! What `hmr` says of a reload: each outcome in words of its own.

use hmr_tests::{Hmr, Project};

fn of_three() -> Project {
    Project::new(&[
        ("config.py", "HOST = 'a'\nPORT = 1\n"),
        (
            "mail.py",
            "import config\nSENDER = 'me@' + config.HOST\ndef send(): return SENDER\n",
        ),
        ("main.py", "import mail\nprint('V', mail.SENDER)\n"),
    ])
}

#[test]
fn a_rerun_says_which_names_changed() {
    let project = of_three();
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V me@a");

    let reload = hmr.save("config.py", "HOST = 'b'\nPORT = 1\n");
    assert_eq!(
        reload.line, "config.py -> reran config, mail, main  (HOST changed)",
        "{}",
        reload.log
    );
    let reload = hmr.save("config.py", "HOST = 'b'\nPORT = 2\n");
    assert_eq!(
        reload.line, "config.py -> reran config  (PORT changed)",
        "{}",
        reload.log
    );
    let reload = hmr.save("config.py", "HOST = 'b'\nPORT = int('2')\n");
    assert_eq!(
        reload.line, "config.py -> reran config  (nothing changed)",
        "{}",
        reload.log
    );
    let reload = hmr.save("main.py", "import mail\nprint('W', mail.SENDER)\n");
    assert_eq!(reload.line, "main.py -> reran main", "{}", reload.log);
}

#[test]
fn names_of_two_modules_are_told_apart() {
    let project = Project::new(&[
        ("a.py", "X = 1\n"),
        ("b.py", "X = 1\n"),
        ("main.py", "import a, b\nprint('V', a.X, b.X)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 1");

    let reload = hmr.edit("b.py", |project| {
        project.save("a.py", "X = 2\n");
        project.save("b.py", "X = 2\n");
    });
    // The two saves may come as two batches.
    if reload.ran.len() == 3 {
        assert!(
            reload.line.ends_with("  (a.X, b.X changed)"),
            "{}",
            reload.log
        );
    } else {
        assert!(reload.line.ends_with("  (X changed)"), "{}", reload.log);
    }
}

#[test]
fn a_patch_and_an_edit_of_layout_read_differently_from_a_rerun() {
    let project = of_three();
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V me@a");
    let mail =
        |body: &str| format!("import config\nSENDER = 'me@' + config.HOST\ndef send(): {body}\n");

    let reload = hmr.save("mail.py", &mail("return 2"));
    assert_eq!(
        reload.line, "mail.py -> patched mail.send",
        "{}",
        reload.log
    );
    let reload = hmr.save("mail.py", &mail("return  2  # two"));
    assert_eq!(reload.line, "mail.py -> unchanged", "{}", reload.log);
    let reload = hmr.edit("new.py", |project| project.save("new.py", "X = 1\n"));
    assert_eq!(reload.line, "new.py -> nothing to rerun", "{}", reload.log);
}

#[test]
fn a_function_that_was_executed_is_named_as_what_changed() {
    let project = Project::new(&[
        ("m.py", "def f(): return 1\nX = f()\n"),
        ("main.py", "import m\nprint('V', m.f())\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    let reload = hmr.save("m.py", "def f(): return 2\nX = 1\n");
    assert_eq!(
        reload.line, "m.py -> reran m, main  (f changed)",
        "{}",
        reload.log
    );
}

#[test]
fn a_failure_is_shown_once_then_waited_for_then_recovered_from_and_shown_anew() {
    let project = of_three();
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V me@a");
    let broken = "HOST = 'b'\nPORT = 1 / 0\n";

    let reload = hmr.save("config.py", broken);
    assert_eq!(
        reload.line, "config.py -> config failed (ZeroDivisionError); still on the last good state",
        "{}",
        reload.log
    );
    assert_eq!(
        reload.stderr.last().map(String::as_str),
        Some("ZeroDivisionError: division by zero"),
        "{}",
        reload.log
    );

    let reload = hmr.save(
        "main.py",
        "import mail\nfrom mail import SENDER\nprint('W', SENDER)\n",
    );
    assert_eq!(
        reload.line, "main.py -> reran main; waiting for a fix of config (ZeroDivisionError)",
        "{}",
        reload.log
    );
    assert!(reload.stderr.is_empty(), "shown twice: {}", reload.log);

    let reload = hmr.save("config.py", "HOST = 'b'\nPORT = 1 / 1\n");
    assert_eq!(
        reload.line,
        "config.py -> reran config, mail, main  (config recovered; HOST, PORT changed)",
        "{}",
        reload.log
    );
    let reload = hmr.save("config.py", broken);
    assert!(
        reload.line.starts_with("config.py -> config failed"),
        "{}",
        reload.log
    );
    assert!(
        !reload.stderr.is_empty(),
        "it was well in between, so this is news: {}",
        reload.log
    );
}
