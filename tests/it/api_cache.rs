//! `hmr.cache`: which results survive, and which are made again.

use hmr_tests::{Hmr, Project, run_plain};

/// An `m` whose cached function does `body`, with `before` before it, and that uses it at once.
fn cached(before: &str, body: &str, rest: &str) -> String {
    format!(
        "import hmr\n{before}\n@hmr.cache\ndef f():\n    print('makes', flush=True)\n    return {body}\n\
         X = f()\nprint('X', X, X is f())\n{rest}"
    )
}

const MAIN: &str = "import m\nprint('V', m.X)\n";

#[test]
fn a_result_survives_edits_that_do_not_concern_it() {
    let project = Project::new(&[("m.py", &cached("", "[1]", "")), ("main.py", MAIN)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(hmr.wait_stdout("V [1]"), ["makes", "X [1] True"]);
    hmr.save("m.py", &cached("UNRELATED = 1", "[1]", "print('edited')\n"))
        .expect(&["m"], &["X [1] True", "edited"]);
    hmr.save("m.py", &cached("UNRELATED = 2", "[1]", "print('again')\n"))
        .expect(&["m"], &["X [1] True", "again"]);
}

#[test]
fn a_result_is_made_again_when_its_source_changes() {
    let project = Project::new(&[("m.py", &cached("", "[1]", "")), ("main.py", MAIN)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V [1]");
    hmr.save("m.py", &cached("", "[2]", ""))
        .expect(&["m", "main"], &["makes", "X [2] True", "V [2]"]);
    // And the new one survives.
    hmr.save("m.py", &cached("", "[2]", "Y = 1\n"))
        .expect(&["m"], &["X [2] True"]);
}

#[test]
fn a_result_is_made_again_when_a_global_that_it_used_changes() {
    let helper = |n: u32| format!("N = {n}\ndef g():\n    return N\n");
    let m = |n: u32, rest: &str| cached(&helper(n), "[g()]", rest);
    let project = Project::new(&[("m.py", &m(1, "")), ("main.py", MAIN)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V [1]");
    hmr.save("m.py", &m(1, "Y = 1\n"))
        .expect(&["m"], &["X [1] True"]);
    hmr.save("m.py", &m(2, "Y = 1\n"))
        .expect(&["m", "main"], &["makes", "X [2] True", "V [2]"]);
    hmr.save("m.py", &m(2, "Y = 2\n"))
        .expect(&["m"], &["X [2] True"]);
}

#[test]
fn a_result_is_made_again_when_a_helper_in_its_module_changes() {
    let m = |n: u32, rest: &str| cached(&format!("def g():\n    return {n}\n"), "[g()]", rest);
    let project = Project::new(&[("m.py", &m(1, "")), ("main.py", MAIN)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V [1]");
    hmr.save("m.py", &m(1, "Y = 1\n"))
        .expect(&["m"], &["X [1] True"]);
    hmr.save("m.py", &m(2, "Y = 1\n"))
        .expect(&["m", "main"], &["makes", "X [2] True", "V [2]"]);
}

#[test]
fn a_result_is_made_again_when_another_module_or_a_file_that_it_read_changes() {
    let m = cached(
        "import config, pathlib",
        "[config.N, pathlib.Path('data.txt').read_text()]",
        "",
    );
    let project = Project::new(&[
        ("data.txt", "one"),
        ("config.py", "N = 1\nOTHER = 1\n"),
        ("m.py", &m),
        ("main.py", MAIN),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V [1, 'one']");
    hmr.save("config.py", "N = 1\nOTHER = 2\n")
        .expect(&["config"], &[]);
    // The edit of the module alone keeps it, and with it what it depends on.
    hmr.save("m.py", &format!("{m}Y = 1\n"))
        .expect(&["m"], &["X [1, 'one'] True"]);
    hmr.save("config.py", "N = 2\nOTHER = 2\n").expect(
        &["config", "m", "main"],
        &["makes", "X [2, 'one'] True", "V [2, 'one']"],
    );
    hmr.save("m.py", &format!("{m}Y = 2\n"))
        .expect(&["m"], &["X [2, 'one'] True"]);
    hmr.save("data.txt", "two").expect(
        &["m", "main"],
        &["makes", "X [2, 'two'] True", "V [2, 'two']"],
    );
}

#[test]
fn a_value_imported_by_name_counts() {
    let m = cached("from config import N", "[N]", "");
    let project = Project::new(&[("config.py", "N = 1\n"), ("m.py", &m), ("main.py", MAIN)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V [1]");
    hmr.save("config.py", "N = 2\n")
        .expect(&["config", "m", "main"], &["makes", "X [2] True", "V [2]"]);
}

#[test]
fn whoever_was_given_a_result_runs_again_when_it_is_outdated() {
    let m = |n: u32| {
        format!(
            "import hmr\n@hmr.cache\ndef f():\n    print('makes', flush=True)\n    return {n}\n"
        )
    };
    let project = Project::new(&[
        ("m.py", &m(1)),
        ("a.py", "from m import f\nA = f()\nprint('a', A)\n"),
        ("b.py", "from m import f\nB = f()\nprint('b', B)\n"),
        ("idle.py", "from m import f\nprint('idle')\n"),
        ("main.py", "import a, b, idle\nprint('V', a.A, b.B)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(hmr.wait_stdout("V 1 1"), ["makes", "a 1", "b 1", "idle"]);
    // Nobody's load but those two have executed it: the function is patched.
    hmr.save("m.py", &m(2))
        .expect(&["a", "b", "main"], &["makes", "a 2", "b 2", "V 2 2"]);
    hmr.save("m.py", &format!("{}Y = 1\n", m(2)))
        .expect(&["m"], &[]);
    // A reader that runs again for another reason is given the same, and goes on to depend on it.
    hmr.save("b.py", "from m import f\nB = f() + 10\nprint('b', B)\n")
        .expect(&["b", "main"], &["b 12", "V 2 12"]);
    hmr.save("m.py", &m(3)).expect(
        &["m", "a", "b", "main"],
        &["makes", "a 3", "b 13", "V 3 13"],
    );
}

#[test]
fn cached_functions_that_use_each_other_are_made_again_from_the_inside() {
    let m = |n: u32, rest: &str| {
        format!(
            "import hmr\n@hmr.cache\ndef g():\n    print('g', flush=True)\n    return {n}\n\
             @hmr.cache\ndef f():\n    print('f', flush=True)\n    return [g()]\n\
             print('X', f(), g())\n{rest}"
        )
    };
    let project = Project::new(&[("m.py", &m(1, "")), ("main.py", "import m\nprint('V')\n")]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(hmr.wait_stdout("V"), ["f", "g", "X [1] 1"]);
    hmr.save("m.py", &m(1, "Y = 1\n"))
        .expect(&["m"], &["X [1] 1"]);
    hmr.save("m.py", &m(2, "Y = 1\n"))
        .expect(&["m"], &["f", "g", "X [2] 2"]);
    // Called before the one that uses it.
    let other = m(3, "Y = 1\n").replace("print('X', f(), g())", "print('X', g(), f())");
    hmr.save("m.py", &other)
        .expect(&["m"], &["g", "f", "X 3 [3]"]);
}

#[test]
fn a_run_that_raises_takes_its_results_with_it() {
    let m = |n: u32, rest: &str| cached(&format!("N = {n}"), "[N]", rest);
    let project = Project::new(&[("m.py", &m(1, "")), ("main.py", MAIN)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V [1]");
    let reload = hmr.save("m.py", &m(2, "1 / 0\n"));
    assert_eq!(reload.stdout, ["makes", "X [2] True"], "{}", reload.log);
    hmr.save("m.py", &m(1, "Y = 1\n"))
        .expect(&["m", "main"], &["makes", "X [1] True", "V [1]"]);
    // One that only used what was there leaves it.
    let reload = hmr.save("m.py", &m(1, "1 / 0\n"));
    assert_eq!(reload.stdout, ["X [1] True"], "{}", reload.log);
    hmr.save("m.py", &m(1, "Y = 2\n"))
        .expect(&["m"], &["X [1] True"]);
}

#[test]
fn what_it_raises_is_not_kept_and_is_tried_again() {
    let m = "import hmr, config\n@hmr.cache\ndef f():\n    return 1 // config.N\nX = f()\n";
    let project = Project::new(&[("config.py", "N = 1\n"), ("m.py", m), ("main.py", MAIN)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    let reload = hmr.save("config.py", "N = 0\n");
    assert_eq!(
        reload.failed,
        Some(("m".into(), "ZeroDivisionError".into())),
        "{}",
        reload.log
    );
    hmr.save("config.py", "N = -1\n")
        .expect(&["config", "m", "main"], &["V -1"]);
}

#[test]
fn a_class_of_its_own_module_is_never_taken_for_the_same() {
    let m = |rest: &str| {
        cached(
            "class C:\n    def __repr__(self):\n        return 'C'\n",
            "C()",
            &format!("print(isinstance(X, C))\n{rest}"),
        )
    };
    let project = Project::new(&[("m.py", &m("")), ("main.py", MAIN)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V C");
    let reload = hmr.save("m.py", &m("Y = 1\n"));
    assert_eq!(
        reload.stdout[..3],
        ["makes", "X C True", "True"],
        "{}",
        reload.log
    );
}

/// A program that calls a cached function again and again, each time that `tick` lets it.
const SERVER: &str = "import hmr, config, time, pathlib\n\
    @hmr.cache\ndef settings():\n    print('makes', config.N, flush=True)\n    \
    return (config.N, pathlib.Path('data.txt').read_text())\n\
    def serve():\n    last = None\n    while True:\n        if settings() != last:\n            \
    last = settings()\n            print('V', *last, flush=True)\n        time.sleep(0.01)\n";

#[test]
fn a_result_that_a_running_program_asks_for_is_made_again() {
    let project = Project::new(&[
        ("data.txt", "one"),
        ("config.py", "N = 1\nOTHER = 1\n"),
        ("server.py", SERVER),
        (
            "main.py",
            "import server, threading\nthreading.Thread(target=server.serve, daemon=True).start()\nimport time\nprint('up', flush=True)\nwhile True: time.sleep(0.05)\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 one");
    hmr.save_until("config.py", "N = 2\nOTHER = 1\n", "V 2 one");
    let reload = hmr.save_until("data.txt", "two", "V 2 two");
    assert!(
        !reload.stdout.contains(&"makes 1".to_owned()),
        "{}",
        reload.log
    );
    let reload = hmr.save("config.py", "N = 2\nOTHER = 2\n");
    assert!(reload.stdout.is_empty(), "{}", reload.log);
}

#[test]
fn a_file_that_only_calls_between_saves_have_read_counts() {
    // The entry has ended; a thread of it calls when a file tells it to.
    let main = "import hmr, pathlib, sys, threading\n\
        @hmr.cache\ndef f():\n    return pathlib.Path('data.txt').read_text()\n\
        def serve():\n    for line in sys.stdin:\n        print(line.strip(), f(), flush=True)\n\
        threading.Thread(target=serve, daemon=True).start()\nprint('V', flush=True)\n";
    let project = Project::new(&[("data.txt", "one"), ("main.py", main)]);
    let mut hmr = Hmr::start_with_keyboard(&project, &["main.py"]);
    hmr.wait_stdout("V");
    hmr.type_line("ask");
    hmr.wait_stdout("ask one");
    hmr.save("data.txt", "two").expect(&[], &[]);
    hmr.type_line("ask");
    hmr.wait_stdout("ask two");
}

#[test]
fn two_functions_of_one_name_and_nested_ones_are_kept_apart() {
    let m = |rest: &str| {
        format!(
            "import hmr\ndef make(n):\n    @hmr.cache\n    def f():\n        print('makes', n, flush=True)\n        return n\n    return f\n\
             a, b = make(1), make(2)\nc, d = hmr.cache(lambda: 3), hmr.cache(lambda: 4)\n\
             @hmr.cache\ndef e(): return 5\nfirst = e\n@hmr.cache\ndef e(): return 6\n\
             print('X', a(), b(), a(), c(), d(), first(), e())\n{rest}"
        )
    };
    let project = Project::new(&[("m.py", &m("")), ("main.py", "import m\nprint('V')\n")]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(
        hmr.wait_stdout("V"),
        ["makes 1", "makes 2", "X 1 2 1 3 4 5 6"]
    );
    hmr.save("m.py", &m("Y = 1\n"))
        .expect(&["m"], &["makes 1", "makes 2", "X 1 2 1 3 4 5 6"]);
}

const PLAIN: &str = "import hmr\ncount = []\n@hmr.cache\ndef f():\n    count.append(1)\n    return object()\n\
    print(f() is f(), len(count), f.__name__, f.__wrapped__.__name__)\nf.cache_clear()\nf()\nprint(len(count))\n\
    async def wrong(): pass\n\
    for it in (3, wrong):\n    try:\n        hmr.cache(it)\n    except TypeError as error:\n        print(error)\n\
    print('V')\n";

#[test]
fn what_can_be_done_with_a_cached_function_is_the_same_without_hmr() {
    let printed = [
        "True 1 f f",
        "2",
        "cache needs a function without arguments, not int",
        "cache needs a function whose result can be used twice: a coroutine or generator cannot",
    ];
    let project = Project::new(&[("main.py", PLAIN)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(hmr.wait_stdout("V"), printed);
    let output = run_plain(&project.root(), PLAIN);
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<_> = stdout.lines().collect();
    assert_eq!(lines, [&printed[..], &["V"]].concat(), "{output:?}");
}
