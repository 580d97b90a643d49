//! What a program may ask of `hmr`: functions called around reloads, and the package under plain Python.

use hmr_tests::{Hmr, Project, run_plain};

/// A module that has three functions called around reloads, and prints when it runs.
fn watching(n: u32) -> String {
    format!(
        "import hmr\n\
         @hmr.pre_reload\ndef before():\n    print('before', {n}, flush=True)\n\
         @hmr.post_reload\ndef after():\n    print('after', {n}, flush=True)\n\
         hmr.on('after-reload', lambda update: print(update.ran, update.patched, [f.name for f in update.files]))\n\
         hmr.on('error', lambda update: print('error in', [name for name, _ in update.failed], flush=True))\n\
         print('hooks', {n}, before.__name__ if hasattr(before, '__name__') else before.__wrapped__.__name__)\n"
    )
}

const MAIN: &str = "import hooks, m\nprint('V', m.f())\n";

fn m(n: u32) -> String {
    format!("print('m', {n})\nN = {n}\ndef f():\n    return N\n")
}

#[test]
fn hooks_are_called_around_a_reload_and_not_for_one_that_changes_nothing() {
    let project = Project::new(&[
        ("hooks.py", &watching(1)),
        ("m.py", &m(1)),
        ("main.py", MAIN),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    let first = hmr.wait_stdout("V 1");
    assert_eq!(first, ["hooks 1 before", "m 1"], "not for the first run");
    hmr.save("m.py", &m(2)).expect(
        &["m", "main"],
        &[
            "before 1",
            "m 2",
            "V 2",
            "after 1",
            "['m', '__main__'] [] ['m.py']",
        ],
    );
    hmr.save("m.py", &format!("# a comment\n{}", m(2)))
        .expect(&[], &[]);
}

#[test]
fn hooks_are_called_around_a_patch() {
    let project = Project::new(&[
        ("hooks.py", &watching(1)),
        ("m.py", "def f():\n    return 1\n"),
        ("main.py", "import hooks, m\nprint('V', callable(m.f))\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V True");
    hmr.save("m.py", "def f():\n    return 2\n")
        .expect(&[], &["before 1", "after 1", "[] ['m.f'] ['m.py']"]);
}

#[test]
fn hooks_of_a_module_that_runs_again_are_replaced_and_stay_if_it_fails() {
    let project = Project::new(&[
        ("hooks.py", &watching(1)),
        ("m.py", &m(1)),
        ("main.py", MAIN),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    let reload = hmr.save("hooks.py", &format!("{}1 / 0\n", watching(2)));
    assert_eq!(
        reload.stdout,
        [
            "before 1",
            "hooks 2 before",
            "after 1",
            "['hooks'] [] ['hooks.py']",
            "error in ['hooks']",
        ],
        "{}",
        reload.log
    );
    let reload = hmr.save("hooks.py", &watching(3));
    assert_eq!(
        reload.stdout,
        [
            "before 1",
            "hooks 3 before",
            "after 3",
            "['hooks'] [] ['hooks.py']",
        ],
        "{}",
        reload.log
    );
}

#[test]
fn a_file_that_does_not_compile_is_an_error_and_no_reload() {
    let project = Project::new(&[
        ("hooks.py", &watching(1)),
        ("m.py", &m(1)),
        ("main.py", MAIN),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    let reload = hmr.save("m.py", "N = = 2\n");
    assert_eq!(reload.stdout, ["error in ['m']"], "{}", reload.log);
}

#[test]
fn a_hook_that_raises_is_reported_and_stops_nothing() {
    let hooks = "import hmr\n@hmr.pre_reload\ndef breaks():\n    raise OSError('broken hook')\n\
        hmr.pre_reload(lambda: print('next', flush=True))\n";
    let project = Project::new(&[("hooks.py", hooks), ("m.py", &m(1)), ("main.py", MAIN)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.save("m.py", &m(2))
        .expect(&["m", "main"], &["next", "m 2", "V 2"]);
    assert!(hmr.log().contains("OSError: broken hook"), "{}", hmr.log());
}

#[test]
fn a_hook_in_a_with_block_ends_with_it() {
    let main = "import hmr, m, time\nended = []\n\
        with hmr.pre_reload(lambda: ended.append(print('inside', flush=True))):\n    \
        print('V', flush=True)\n    while not ended:\n        time.sleep(0.01)\n\
        print('outside', flush=True)\n";
    let project = Project::new(&[("m.py", "N = 1\n"), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V");
    let reload = hmr.save_until("m.py", "N = 2\n", "outside");
    assert_eq!(reload.stdout, ["inside", "outside"], "{}", reload.log);
    hmr.save("m.py", "N = 3\n").expect(&["m"], &[]);
}

#[test]
fn an_event_that_there_is_not_is_refused_with_those_that_there_are() {
    let main = "import hmr\nfor wrong in (lambda: hmr.on('reload', print), lambda: hmr.on('error', 3), lambda: hmr.pre_reload(None)):\n    \
        try:\n        wrong()\n    except (TypeError, ValueError) as error:\n        print(error)\nprint('V', hmr.is_hot())\n";
    let project = Project::new(&[("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(
        hmr.wait_stdout("V True"),
        [
            "there is no event \"reload\": the events are \"before-reload\", \"after-reload\", \"error\"",
            "on needs something to call, not int",
            "pre_reload needs something to call, not NoneType",
        ]
    );
}

/// A module that keeps a list and adds to it in each run, made by a factory that reads `config`.
fn keeper(n: u32) -> String {
    format!(
        "import hmr, config\ndef make():\n    print('makes', config.N, flush=True)\n    return [config.N]\n\
         seen = hmr.data('seen', make)\nseen.append({n} * 10)\nprint('m', seen)\n"
    )
}

#[test]
fn data_survives_reruns_whatever_has_changed() {
    let project = Project::new(&[
        ("config.py", "N = 1\n"),
        ("m.py", &keeper(1)),
        (
            "main.py",
            "import m\nprint('V', len(m.seen), m.seen is m.seen)\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(hmr.wait_stdout("V 2 True"), ["makes 1", "m [1, 10]"]);
    let reload = hmr.save("m.py", &keeper(2));
    assert_eq!(reload.stdout[0], "m [1, 10, 20]", "{}", reload.log);
    // Whatever the factory has read: it is not asked again.
    let reload = hmr.save("m.py", &format!("{}1 / 0\n", keeper(3)));
    assert_eq!(reload.stdout, ["m [1, 10, 20, 30]"], "{}", reload.log);
    let reload = hmr.save("m.py", &keeper(4));
    assert_eq!(reload.stdout[0], "m [1, 10, 20, 30, 40]", "{}", reload.log);
}

#[test]
fn data_goes_with_the_file_of_its_module() {
    let main =
        "try:\n    import m\n    print('V', m.seen)\nexcept ImportError:\n    print('V without')\n";
    let project = Project::new(&[
        ("config.py", "N = 1\n"),
        ("m.py", &keeper(1)),
        ("main.py", main),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V [1, 10]");
    let remove =
        |project: &Project| std::fs::remove_file(project.path("m.py")).expect("it is there");
    hmr.edit("m.py", remove).expect(&["main"], &["V without"]);
    hmr.save("m.py", &keeper(2))
        .expect(&["m", "main"], &["makes 1", "m [1, 20]", "V [1, 20]"]);
}

#[test]
fn data_is_the_module_s_whose_code_asks_and_kept_by_name() {
    let store = "import hmr\ndef shared():\n    return hmr.data('list', list)\n";
    let user = "import hmr, store\nstore.shared().append('{}')\nown = hmr.data('list', list)\n\
        other = hmr.data('other', list)\nprint(store.shared(), own is other, own is hmr.data('list', list))\n";
    let project = Project::new(&[
        ("store.py", store),
        ("a.py", &user.replace("{}", "a")),
        (
            "main.py",
            &format!("import a\n{}print('V')\n", user.replace("{}", "main")),
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(
        hmr.wait_stdout("V"),
        ["['a'] False True", "['a', 'main'] False True"]
    );
    hmr.save("a.py", &user.replace("{}", "a2"))
        .expect(&["a"], &["['a', 'main', 'a2'] False True"]);
}

#[test]
fn data_that_cannot_be_made_is_not_kept() {
    let main = "import hmr\ndef breaks():\n    raise OSError('no data')\n\
        for factory in (breaks, 3, lambda: 5, breaks):\n    try:\n        print(hmr.data('x', factory))\n    \
        except (OSError, TypeError) as error:\n        print(error)\nprint('V')\n";
    let project = Project::new(&[("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    let printed = [
        "no data",
        "data needs something to call for the first value, not int",
        "5",
        "5",
    ];
    assert_eq!(hmr.wait_stdout("V"), printed);
    assert_eq!(plain(main), [&printed[..], &["V"]].concat());
}

/// A module that says when it runs, is disposed of and pruned.
fn pruned(n: u32) -> String {
    format!(
        "import hmr\nhmr.on_dispose(lambda: print('disposed', {n}, flush=True))\n\
         @hmr.prune\ndef gone():\n    print('pruned', {n}, flush=True)\nprint('m', {n})\n"
    )
}

#[test]
fn a_module_is_pruned_when_nothing_alive_imports_it_and_loaded_anew_after_that() {
    let project = Project::new(&[
        ("m.py", &pruned(1)),
        ("between.py", "import m\nprint('between')\n"),
        ("main.py", "import between\nprint('V 1')\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.save("m.py", &pruned(2))
        .expect(&["m"], &["disposed 1", "m 2"]);
    // Its importer is imported no more: it is not edited itself.
    hmr.save("main.py", "print('V 2')\n")
        .expect(&["main"], &["V 2", "disposed 2", "pruned 2"]);
    hmr.save("main.py", "print('V 3')\n")
        .expect(&["main"], &["V 3"]);
    let reload = hmr.save("main.py", "import between\nprint('V 4')\n");
    assert_eq!(reload.stdout, ["m 2", "between", "V 4"], "{}", reload.log);
    hmr.interrupt();
    assert_eq!(hmr.exit().1, ["disposed 2"]);
}

#[test]
fn a_module_is_pruned_when_its_file_goes_and_not_when_a_run_raises() {
    let main =
        "try:\n    import m\n    print('V with')\nexcept ImportError:\n    print('V without')\n";
    let project = Project::new(&[("m.py", &pruned(1)), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V with");
    hmr.save("main.py", "1 / 0\n")
        .expect_failure("main", "ZeroDivisionError");
    hmr.save("main.py", main).expect(&["main"], &["V with"]);
    let remove =
        |project: &Project| std::fs::remove_file(project.path("m.py")).expect("it is there");
    hmr.edit("m.py", remove)
        .expect(&["main"], &["disposed 1", "pruned 1", "V without"]);
}

/// Runs `program` under plain Python and says what it printed.
#[track_caller]
fn plain(program: &str) -> Vec<String> {
    let project = Project::new(&[]);
    let output = run_plain(&project.root(), program);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "plain Python says {}: {}",
        output.status,
        text(&output.stderr)
    );
    text(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn without_hmr_nothing_is_ever_called() {
    let program = "import hmr\nprint(hmr.is_hot())\n\
        @hmr.pre_reload\ndef before():\n    print('before')\n    return 5\n\
        with hmr.post_reload(lambda: print('after')) as hook:\n    pass\n\
        hook.remove()\nhmr.sealed()\nhmr.captured(hmr, 'on')\nhmr.on('error', print)\nhmr.prune(before)\nhmr.on_dispose(lambda: print('at exit'))\n\
        print(before())\n";
    assert_eq!(plain(program), ["False", "before", "5", "at exit"]);
}

/// Compares what the compiled module has with what the stubs beside it say: names, what kind of thing
/// each is, the names and kinds of parameters, and the text of its documentation.
const COMPARE_STUBS: &str = include_str!("../python/stubs.py");

#[test]
fn the_stubs_say_what_the_compiled_module_has() {
    assert_eq!(plain(COMPARE_STUBS), ["the same"]);
}
