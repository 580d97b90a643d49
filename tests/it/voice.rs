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

/// The lines below the report of an edit of `path`, from `--why`.
fn why(hmr: &mut Hmr<'_>, path: &str, text: &str, modules: usize) -> Vec<String> {
    hmr.save(path, text);
    let line = |hmr: &mut Hmr<'_>| hmr.wait_stderr("why", |line| line.starts_with("     "));
    let lines: Vec<_> = (0..modules).map(|_| line(hmr)).collect();
    lines.iter().map(|it| it.trim_start().to_owned()).collect()
}

#[test]
fn why_is_told_back_to_the_edit() {
    let project = of_three();
    let mut hmr = Hmr::start(&project, &["--why", "main.py"]);
    hmr.wait_stdout("V me@a");

    assert_eq!(
        why(&mut hmr, "config.py", "HOST = 'b'\nPORT = 1\n", 3),
        [
            "config: it was edited (changed HOST)",
            "mail: it read config.HOST; config: it was edited (changed HOST)",
            "main: it read mail.SENDER; mail: it read config.HOST; config: it was edited (changed HOST)",
        ],
    );
}

#[test]
fn why_says_what_speaks_against_a_patch() {
    let m = |body: u32, parameters: &str, decorator: &str| {
        format!("{decorator}def f({parameters}): return {body}\nX = f()\ndef g(): return {body}\n")
    };
    let project = Project::new(&[
        ("m.py", &m(1, "", "")),
        ("main.py", "import m\nprint('V', m.X)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["--why", "main.py"]);
    hmr.wait_stdout("V 1");

    let lines = why(&mut hmr, "m.py", &m(2, "", ""), 2);
    assert_eq!(lines[0], "m: it was edited (it called f, which differs)");
    let lines = why(&mut hmr, "m.py", &m(2, "a=1", ""), 1);
    assert!(
        lines[0].starts_with("m: it was edited (") && lines[0].contains('f'),
        "{lines:?}"
    );
    let jit = "def jit(f): return f\n@jit\n";
    why(&mut hmr, "m.py", &m(2, "a=1", jit), 1);
    let text = m(2, "a=1", jit).replace("def g(): return 2", "@jit\ndef g(): return 2");
    why(&mut hmr, "m.py", &text, 1);
    let text = text.replace("def g(): return 2", "def g(): return 3");
    let lines = why(&mut hmr, "m.py", &text, 1);
    assert_eq!(lines, ["m: it was edited (@jit has read the code of g)"]);
}

#[test]
fn why_tells_which_statements_were_kept_or_why_none_was() {
    let m = |route: u32| format!("model = [1]\ndb = object()\nroute = {route}\n");
    let project = Project::new(&[
        ("m.py", &m(1)),
        ("main.py", "import m\nprint('V', m.route)\n"),
    ]);
    let arguments = ["--why", "--granularity", "statement", "main.py"];
    let mut hmr = Hmr::start(&project, &arguments);
    hmr.wait_stdout("V 1");

    assert_eq!(
        why(&mut hmr, "m.py", &m(2), 1),
        ["m: it was edited (changed route); kept 2 statements: db, model"],
    );
    let opaque = m(3) + "exec('')\n";
    assert_eq!(
        why(&mut hmr, "m.py", &opaque, 1),
        [
            "m: it was edited (added expression at line 4; changed route); it ran as a whole: its code may reach all of its names, lines or frames"
        ],
    );
}

#[test]
fn why_says_what_a_patch_and_an_edit_of_layout_were() {
    let project = of_three();
    let mut hmr = Hmr::start(&project, &["--why", "main.py"]);
    hmr.wait_stdout("V me@a");
    let mail =
        |body: &str| format!("import config\nSENDER = 'me@' + config.HOST\ndef send(): {body}\n");

    assert_eq!(
        why(&mut hmr, "mail.py", &mail("return 2"), 1),
        ["mail: live functions took new code (send)"],
    );
    assert_eq!(
        why(&mut hmr, "mail.py", &mail("return  2  # two"), 1),
        ["mail: only layout and comments differ"],
    );
}

#[cfg(unix)]
#[test]
fn a_session_with_reloads_is_summed_up_at_its_end() {
    let project = of_three();
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V me@a");
    hmr.save("config.py", "HOST = 'b'\nPORT = 1\n");
    hmr.save("config.py", "HOST = 'b'\nPORT = 1 / 0\n");
    hmr.interrupt();
    hmr.exit();
    let log = hmr.log();
    let line = log.lines().last().expect("a line");
    assert!(
        line.contains("  2 reloads in ")
            && line.contains(" s: 4 module runs, 1 failure; median ")
            && line.ends_with(" ms"),
        "{log}"
    );
}

#[cfg(unix)]
#[test]
fn a_session_without_a_reload_ends_without_a_word() {
    let project = of_three();
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V me@a");
    hmr.interrupt();
    hmr.exit();
    assert!(!hmr.log().contains("hmr  "), "{}", hmr.log());
}
