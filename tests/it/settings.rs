//! Settings: `[tool.hmr]` in `pyproject.toml`, `HMR_*` and flags. Each does what it says, the stronger
//! place holds, and mistakes are said with their place.

use hmr_tests::{Hmr, Project};

/// A program of two modules whose `pyproject.toml` has these settings.
fn project(settings: &str) -> Project {
    let settings = format!("[tool.hmr]\n{settings}\n");
    Project::new(&[
        ("m.py", "X = 1\ndef f(): return X\n"),
        ("main.py", "import m\nprint('V', m.X)\n"),
        ("sentinel.py", "TICK = 0\n"),
        ("pyproject.toml", &settings),
    ])
}

fn start<'p>(project: &'p Project, arguments: &[&str]) -> Hmr<'p> {
    let mut hmr = Hmr::start(project, arguments);
    hmr.wait_stdout("V 1");
    hmr
}

/// What `hmr` says that does not start.
fn refusal(project: &Project, variables: &[(&str, &str)], arguments: &[&str]) -> String {
    let mut hmr = Hmr::start_with(project, &project.root(), variables, arguments);
    let (status, stdout) = hmr.exit();
    assert_eq!(status.code(), Some(2), "{}", hmr.log());
    assert!(stdout.is_empty(), "the program has not run: {}", hmr.log());
    hmr.log()
}

#[test]
fn a_setting_that_does_not_exist_is_said_with_its_place_and_what_may_be_meant() {
    let project = project("granulatity = 'statement'");
    let text = format!(
        "hmr: cannot use the settings in {}: line 2: tool.hmr has no setting named granulatity; \
         did you mean granularity?",
        project.path("pyproject.toml").display()
    );
    let log = refusal(&project, &[], &["main.py"]);
    assert!(log.contains(&text), "{log}");
}

#[test]
fn a_value_that_a_setting_cannot_have_is_said_wherever_it_stands() {
    let log = refusal(&project("\non-error = 'exti'"), &[], &["main.py"]);
    let text = "line 3: tool.hmr.on-error must be \"keep\" or \"exit\", not \"exti\"; did you mean \"exit\"?";
    assert!(log.contains(text), "{log}");

    let log = refusal(&project(""), &[("HMR_POLL", "often")], &["main.py"]);
    let text = "the environment variable HMR_POLL must be a number of milliseconds, at most 600000, not \"often\"";
    assert!(log.contains(text), "{log}");

    let log = refusal(&project(""), &[], &["--equality", "vlaue", "main.py"]);
    assert!(log.contains("'vlaue'") && log.contains("value"), "{log}");

    let log = refusal(&project(""), &[], &["--granularty", "statement", "main.py"]);
    let text = "unknown option --granularty: ";
    assert!(
        log.contains(text) && log.contains("; did you mean --granularity?"),
        "{log}"
    );
}

#[test]
fn a_variable_is_stronger_than_the_file_and_a_flag_than_both() {
    let project = project("quiet = true");
    for (variables, flags, says) in [
        (vec![("HMR_QUIET", "no")], vec![], true),
        (vec![("HMR_QUIET", "yes")], vec!["--no-quiet"], true),
        (vec![("HMR_QUIET", "no")], vec!["-q"], false),
    ] {
        project.save("m.py", "X = 1\n");
        let arguments: Vec<_> = flags.into_iter().chain(["main.py"]).collect();
        let mut hmr = Hmr::start_with(&project, &project.root(), &variables, &arguments);
        hmr.wait_stdout("V 1");
        project.save("m.py", "X = 2\n");
        hmr.wait_stdout("V 2");
        // The traceback comes in any case, behind whatever is said of the reload before.
        project.save("m.py", "1 / 0\n");
        hmr.wait_stderr("the exception", |line| line.contains("ZeroDivisionError"));
        let is_said = hmr.log().contains("m.py -> reran m, main");
        assert_eq!(is_said, says, "{}", hmr.log());
    }
}

#[test]
fn a_variable_that_looks_like_a_setting_is_warned_about() {
    let project = project("");
    let variables = [("HMR_PATCHNG", "0")];
    let mut hmr = Hmr::start_with(&project, &project.root(), &variables, &["main.py"]);
    hmr.wait_stdout("V 1");
    // Which of the two pipes is read first is open until both are at their end.
    hmr.interrupt();
    hmr.exit();
    let warning =
        "warning: the environment variable HMR_PATCHNG is no setting; did you mean HMR_PATCHING?";
    assert!(hmr.log().contains(warning), "{}", hmr.log());
}

#[test]
fn included_files_run_the_entry_again_though_nobody_is_seen_to_read_them() {
    let project = project("include = ['data/*.db']");
    project.save("data/a.db", "1");
    let mut hmr = start(&project, &["--why", "main.py"]);
    let reload = hmr.save("data/a.db", "2");
    assert_eq!(reload.line, "data/a.db -> reran main", "{}", reload.log);
    assert_eq!(reload.stdout, ["V 1"], "{}", reload.log);
    hmr.wait_stderr("why", |line| {
        line.contains("main: the settings include ") && line.ends_with("a.db")
    });
    let reload = hmr.save("data/new.db", "1");
    assert_eq!(reload.line, "data/new.db -> reran main", "{}", reload.log);
}

#[test]
fn included_files_are_found_at_the_folder_of_the_settings() {
    let project = Project::new(&[
        ("src/main.py", "print('V 1')\n"),
        ("config/a.toml", "x = 1\n"),
        (
            "pyproject.toml",
            "[tool.hmr]\ninclude = ['config/*.toml']\n",
        ),
    ]);
    let mut hmr = start(&project, &["src/main.py"]);
    let reload = hmr.save("config/a.toml", "x = 2\n");
    assert_eq!(reload.line, "config/a.toml -> reran main", "{}", reload.log);
}

#[cfg(unix)]
#[test]
fn an_included_file_restarts_a_program_that_does_not_end() {
    let project = project("include = ['*.db']");
    project.save("a.db", "1");
    project.save(
        "main.py",
        "import m, time\nprint('V', m.X, flush=True)\nwhile True: time.sleep(.05)\n",
    );
    let mut hmr = start(&project, &["main.py"]);
    // Which of the two pipes is read first is open.
    let reload = hmr.save_until("a.db", "2", "V 1");
    assert!(reload.line.contains("restarts main"), "{}", reload.log);
}

#[test]
fn excluded_code_and_data_are_left_alone() {
    let project = Project::new(&[
        ("gen/__init__.py", ""),
        ("gen/m.py", "X = 1\n"),
        ("data/a.txt", "1"),
        ("data/b.txt", "1"),
        ("sentinel.py", "TICK = 0\n"),
        (
            "main.py",
            "import gen.m, sentinel\nprint('V', gen.m.X)\nfor n in 'ab': open(f'data/{n}.txt').read()\n",
        ),
        (
            "pyproject.toml",
            "[tool.hmr]\nexclude = ['gen', './data/a.txt']\n",
        ),
    ]);
    let mut hmr = start(&project, &["main.py"]);
    hmr.expect_nothing(|project| project.save("gen/m.py", "X = 2\n"));
    hmr.expect_nothing(|project| project.save("data/a.txt", "2"));
    let reload = hmr.save("data/b.txt", "2");
    assert_eq!(reload.ran, ["main"], "{}", reload.log);
}

#[test]
fn ignore_files_count_where_that_is_asked_for() {
    let project = project("");
    project.save(".gitignore", "m.py\n");
    project.save("main.py", "import m, sentinel\nprint('V', m.X)\n");
    let mut hmr = start(&project, &["--gitignore", "main.py"]);
    hmr.expect_nothing(|project| project.save("m.py", "X = 2\n"));
    drop(hmr);
    project.save("m.py", "X = 1\n");
    let mut hmr = start(&project, &["main.py"]);
    let reload = hmr.save("m.py", "X = 2\n");
    assert_eq!(reload.stdout, ["V 2"], "{}", reload.log);
}

#[test]
fn without_patching_an_edit_in_a_function_reruns_its_module() {
    let project = project("patching = false");
    let mut hmr = start(&project, &["--why", "main.py"]);
    let reload = hmr.save("m.py", "X = 1\ndef f(): return 2\n");
    assert_eq!(
        reload.line, "m.py -> reran m  (nothing changed)",
        "{}",
        reload.log
    );
    hmr.wait_stderr("why", |line| {
        line.contains("m: it was edited (patching is turned off)")
    });
    drop(hmr);
    let mut hmr = start(&project, &["--patching", "main.py"]);
    let reload = hmr.save("m.py", "X = 1\ndef f(): return 3\n");
    assert_eq!(reload.line, "m.py -> patched m.f", "{}", reload.log);
}

#[test]
fn by_identity_whatever_ran_again_has_changed() {
    let text = |more: &str| format!("class C: pass\nX = [1]\nY = 'a'\n{more}");
    let reads = [("C", true), ("X", true), ("Y", false)];
    for (name, is_new) in reads {
        let project = project("equality = 'identity'");
        project.save("m.py", &text(""));
        project.save("main.py", &format!("from m import {name}\nprint('V 1')\n"));
        let mut hmr = start(&project, &["main.py"]);
        let reload = hmr.save("m.py", &text("Z = 1\n"));
        let ran: &[&str] = if is_new { &["m", "main"] } else { &["m"] };
        assert_eq!(reload.ran, ran, "{name}: {}", reload.log);
        drop(hmr);
        let mut hmr = start(&project, &["--equality", "value", "main.py"]);
        let reload = hmr.save("m.py", &text("Z = 2\n"));
        assert_eq!(reload.ran, ["m"], "{name}: {}", reload.log);
    }
}

#[test]
fn decorators_that_read_code_can_be_named_by_a_flag() {
    let text = |body: u32| format!("def mine(f): return f\n@mine\ndef f(): return {body}\n");
    let project = project("");
    project.save("m.py", &text(1));
    project.save("main.py", "import m\nprint('V 1')\n");
    let mut hmr = start(&project, &["--code-readers", "mine", "main.py"]);
    let reload = hmr.save("m.py", &text(2));
    assert_eq!(reload.ran, ["m"], "{}", reload.log);
}

#[test]
fn saves_are_found_by_looking_if_asked_for() {
    let project = project("poll = 20");
    let mut hmr = start(&project, &["main.py"]);
    #[cfg(target_os = "linux")]
    assert_eq!(hmr.inotify_watches(), 0, "nothing tells it");
    let reload = hmr.save("m.py", "X = 2\n");
    assert_eq!(reload.stdout, ["V 2"], "{}", reload.log);
}

#[test]
fn saves_that_follow_each_other_within_the_quiet_time_are_one_reload() {
    let project = project("debounce = 400");
    project.save("n.py", "Y = 1\n");
    project.save("main.py", "import m, n\nprint('V', m.X)\n");
    let mut hmr = start(&project, &["main.py"]);
    let reload = hmr.edit("m.py", |project| {
        project.save("m.py", "X = 2\n");
        // Much longer than without the setting, and much shorter than with it.
        std::thread::sleep(std::time::Duration::from_millis(100));
        project.save("n.py", "Y = 2\n");
    });
    assert_eq!(reload.ran, ["m", "n", "main"], "{}", reload.log);
}

#[test]
fn an_error_can_be_the_end() {
    let project = project("on-error = 'exit'");
    let mut hmr = start(&project, &["main.py"]);
    project.save("m.py", "X = 1 / 0\n");
    hmr.wait_stderr("the failure", |line| {
        line.contains("m.py -> m failed (ZeroDivisionError); ending")
    });
    assert_eq!(hmr.exit().0.code(), Some(1), "{}", hmr.log());

    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stderr("the failure", |line| {
        line.contains("failed (ZeroDivisionError); ending")
    });
    assert_eq!(hmr.exit().0.code(), Some(1), "{}", hmr.log());
}

#[cfg(unix)]
#[test]
fn an_error_can_be_the_end_of_a_program_that_does_not_end() {
    let project = project("on-error = 'exit'");
    project.save(
        "main.py",
        "import m, time\nprint('V', m.X, flush=True)\ntry:\n while True: time.sleep(.05)\nfinally: print('END', flush=True)\n",
    );
    let mut hmr = start(&project, &["main.py"]);
    project.save("m.py", "X = (\n");
    hmr.wait_stdout("END");
    let (status, _) = hmr.exit();
    assert_eq!(status.code(), Some(1), "{}", hmr.log());
    assert!(!hmr.log().contains("KeyboardInterrupt"), "{}", hmr.log());
}

#[test]
fn the_doctor_says_what_holds_and_who_said_so() {
    let project = project("granularity = 'statement'\nexclude = ['*.log']");
    let variables = [("HMR_DEBOUNCE", "20")];
    let arguments = ["doctor", "--no-patching", "main.py"];
    let mut hmr = Hmr::start_with(&project, &project.root(), &variables, &arguments);
    let (status, lines) = hmr.exit();
    assert_eq!(status.code(), Some(0), "{}", hmr.log());
    let file = project.path("pyproject.toml");
    let file = file.display();
    for line in [
        format!("setting   granularity = \"statement\"  ({file}, line 2)"),
        format!("setting   exclude = [\"*.log\"]  ({file}, line 3)"),
        "setting   debounce = 20  (HMR_DEBOUNCE)".to_owned(),
        "setting   patching = false  (command line)".to_owned(),
        "setting   equality = \"value\"".to_owned(),
    ] {
        assert!(lines.contains(&line), "no `{line}` in:\n{}", hmr.log());
    }
}
