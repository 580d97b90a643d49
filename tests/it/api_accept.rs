//! `hmr.accept` and `hmr.invalidate`: modules at which a change stops.

use hmr_tests::{Hmr, Project, run_plain};

fn config(host: u32, other: u32) -> String {
    format!("HOST = {host}\nOTHER = {other}\nprint('config')\n")
}

/// A module that has read `config.HOST` and accepts its changes; `body` is what the callback does.
fn accepting(body: &str) -> String {
    format!(
        "import hmr, config\nfrom config import HOST\nprint('m', HOST)\n\
         @(lambda f: hmr.accept('config', f))\ndef changed(module):\n    global HOST\n    \
         print('changed', module is config, module.HOST, flush=True)\n    {body}\n"
    )
}

const READER: &str = "from m import HOST\nprint('V', HOST)\n";
const USER: &str = "import m\nprint('V')\n";

#[test]
fn a_change_stops_where_it_is_accepted() {
    let project = Project::new(&[
        ("config.py", &config(1, 1)),
        ("m.py", &accepting("pass")),
        ("main.py", USER),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(hmr.wait_stdout("V"), ["config", "m 1"]);
    for n in 2..4 {
        let changed = format!("changed True {n}");
        hmr.save("config.py", &config(n, 1))
            .expect(&["config"], &["config", &changed]);
    }
    let log = hmr.log();
    assert!(log.contains("reran config; accepted by m"), "{log}");
    // Nothing has changed; then the module itself.
    hmr.save("config.py", &format!("{}\n# the same\n", config(3, 1)))
        .expect(&[], &[]);
    hmr.save("m.py", &format!("{}Y = 1\n", accepting("pass")))
        .expect(&["m"], &["m 3"]);
    hmr.save("config.py", &config(5, 1))
        .expect(&["config"], &["config", "changed True 5"]);
}

#[test]
fn what_the_callback_binds_is_told_to_who_reads_it() {
    let project = Project::new(&[
        ("config.py", &config(1, 1)),
        ("m.py", &accepting("HOST = module.HOST")),
        ("main.py", READER),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.save("config.py", &config(2, 1))
        .expect(&["config", "main"], &["config", "changed True 2", "V 2"]);
}

#[test]
fn a_callback_is_called_for_what_only_functions_read() {
    let m = "import hmr, config\ndef host():\n    return config.HOST\n\
        hmr.accept(config, lambda module: print('changed', host(), flush=True))\nprint('m')\n";
    let project = Project::new(&[("config.py", &config(1, 1)), ("m.py", m), ("main.py", USER)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V");
    hmr.save("config.py", &config(2, 1))
        .expect(&["config"], &["config", "changed 2"]);
}

#[test]
fn invalidate_passes_a_change_on_and_so_does_an_error() {
    let project = Project::new(&[
        ("config.py", &config(1, 1)),
        (
            "m.py",
            &accepting(
                "if module.HOST == 2: hmr.invalidate()\n    if module.HOST == 3: raise OSError('not this')",
            ),
        ),
        ("main.py", READER),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    for n in 2..4 {
        let [changed, m, v] = [
            format!("changed True {n}"),
            format!("m {n}"),
            format!("V {n}"),
        ];
        hmr.save("config.py", &config(n, 1))
            .expect(&["config", "m", "main"], &["config", &changed, &m, &v]);
    }
    assert!(hmr.log().contains("OSError: not this"), "{}", hmr.log());
    hmr.save("config.py", &config(4, 1))
        .expect(&["config"], &["config", "changed True 4"]);
}

#[test]
fn a_change_that_comes_by_another_way_as_well_makes_the_module_run() {
    let m = "import hmr, config, other\nprint('m', config.HOST, other.X)\n\
        hmr.accept('config', lambda module: print('changed', flush=True))\n";
    let project = Project::new(&[
        ("config.py", &config(1, 1)),
        ("other.py", "import config\nX = config.HOST * 10\n"),
        ("m.py", m),
        ("main.py", USER),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(hmr.wait_stdout("V"), ["config", "m 1 10"]);
    hmr.save("config.py", &config(2, 1))
        .expect(&["config", "other", "m"], &["config", "m 2 20"]);
}

#[test]
fn several_modules_come_as_a_list_and_names_may_be_relative() {
    let m = "import hmr\nfrom . import a, b\nhmr.accept(['.a', 'pkg.b'], \
        lambda both: print('changed', [it and it.N for it in both], flush=True))\nprint('m', a.N, b.N)\n";
    let project = Project::new(&[
        ("pkg/__init__.py", ""),
        ("pkg/a.py", "N = 1\n"),
        ("pkg/b.py", "N = 1\n"),
        ("pkg/m.py", m),
        ("main.py", "import pkg.m\nprint('V')\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(hmr.wait_stdout("V"), ["m 1 1"]);
    hmr.save("pkg/b.py", "N = 2\n")
        .expect(&["pkg.b"], &["changed [None, 2]"]);
    hmr.save("pkg/a.py", "N = 3\n")
        .expect(&["pkg.a"], &["changed [3, None]"]);
}

#[test]
fn a_module_that_fails_calls_nobody() {
    let project = Project::new(&[
        ("config.py", &config(1, 1)),
        ("m.py", &accepting("pass")),
        ("main.py", USER),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V");
    let reload = hmr.save("config.py", &format!("{}1 / 0\n", config(2, 1)));
    assert_eq!(reload.stdout, ["config"], "{}", reload.log);
    hmr.save("config.py", &config(3, 1))
        .expect(&["config"], &["config", "changed True 3"]);
}

#[cfg(unix)]
#[test]
fn a_program_that_does_not_end_accepts_what_it_holds_and_is_not_restarted() {
    let main = "import hmr, config, time\nHOST = config.HOST\n\
        def changed(module):\n    global HOST\n    HOST = module.HOST\n    if HOST == 3: hmr.invalidate()\n\
        hmr.accept('config', changed)\nprint('starts', HOST, flush=True)\nshown = None\n\
        while True:\n    if HOST != shown:\n        shown = HOST\n        print('V', HOST, flush=True)\n    time.sleep(0.01)\n";
    let project = Project::new(&[("config.py", "HOST = 1\n"), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    let reload = hmr.save_until("config.py", "HOST = 2\n", "V 2");
    assert_eq!(reload.stdout, ["V 2"], "{}", reload.log);
    let reload = hmr.save_until("config.py", "HOST = 3\n", "V 3");
    assert!(
        reload.stdout.contains(&"starts 3".to_owned()),
        "{}",
        reload.log
    );
}

#[cfg(unix)]
#[test]
fn a_program_that_does_not_end_may_ask_to_be_restarted() {
    let main = "import hmr, config, time\nhmr.accept('config', lambda module: hmr.invalidate())\n\
        print('starts', flush=True)\nwhile True: time.sleep(0.01)\n";
    let project = Project::new(&[("config.py", "HOST = 1\n"), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("starts");
    hmr.save_until("config.py", "HOST = 2\n", "starts");
    let log = hmr.log();
    assert!(
        log.contains("restarts main (it has taken config, which changed)"),
        "{log}"
    );
}

const WRONG: &str = "import hmr, sys\n\
    for call in (lambda: hmr.accept('config', 3), lambda: hmr.accept(3, print), lambda: hmr.accept(['a', 3], print),\n        \
    lambda: hmr.accept([], print), lambda: hmr.accept('.a', print), lambda: hmr.accept('sys', print), hmr.invalidate):\n    \
    try:\n        print(call())\n    except (TypeError, ValueError, RuntimeError) as error:\n        print(error)\nprint('V')\n";

#[test]
fn what_cannot_be_accepted_is_refused() {
    let mut printed = vec![
        "accept needs something to call with what changed, not int",
        "accept needs modules or their names, not int",
        "accept needs modules or their names, not int",
        "accept needs a module to accept",
        "accept knows no package for the relative name \".a\": give the full name",
        "None",
        "invalidate() passes on what a callback of accept() was called for: call it there",
    ];
    let project = Project::new(&[("main.py", WRONG)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(hmr.wait_stdout("V"), printed);
    printed[6] = "None";
    let output = run_plain(&project.root(), WRONG);
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<_> = stdout.lines().collect();
    assert_eq!(lines, [&printed[..], &["V"]].concat(), "{output:?}");
}
