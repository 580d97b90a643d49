//! B, F: how a module ends what it has begun: `hmr.on_dispose`, and `atexit` handlers of modules that
//! run again.

use hmr_tests::{Hmr, Project};

/// An `m` with two hooks that print, and what else is put at its end.
fn with_hooks(n: u32, rest: &str) -> String {
    format!(
        "import hmr\nN = {n}\n@hmr.on_dispose\ndef first():\n    print('first of', {n}, flush=True)\n\
         hmr.on_dispose(lambda: print('second of', {n}, flush=True))\nprint('m', N)\n{rest}"
    )
}

const MAIN: &str = "import m\nprint('V', m.N, callable(m.first))\n";

#[test]
fn b13_hooks_run_before_the_rerun_newest_first_and_not_on_a_syntax_error() {
    let project = Project::new(&[("m.py", &with_hooks(1, "")), ("main.py", MAIN)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 True");
    hmr.save("m.py", "N = = 2\n")
        .expect_failure("m", "SyntaxError");
    let ended = |n: u32| [format!("second of {n}"), format!("first of {n}")];
    let [second, first] = ended(1);
    hmr.save("m.py", &with_hooks(2, ""))
        .expect(&["m", "main"], &[&second, &first, "m 2", "V 2 True"]);
    // A run that raises has begun something as well.
    let reload = hmr.save("m.py", &with_hooks(3, "1 / 0\n"));
    assert_eq!(
        reload.stdout,
        [ended(2).to_vec(), vec!["m 3".to_owned()]].concat(),
        "{}",
        reload.log
    );
    let [second, first] = ended(3);
    hmr.save("m.py", &with_hooks(4, ""))
        .expect(&["m", "main"], &[&second, &first, "m 4", "V 4 True"]);
}

#[test]
fn b14_hooks_run_at_exit_once_and_the_newest_modules_first() {
    let project = Project::new(&[
        ("m.py", &with_hooks(1, "")),
        (
            "main.py",
            "import hmr, m\nhmr.on_dispose(lambda: print('main ends', flush=True))\nprint('V', m.N)\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.interrupt();
    let (_, rest) = hmr.exit();
    assert_eq!(rest, ["second of 1", "first of 1", "main ends"]);
}

#[test]
fn b14_hooks_run_at_exit_after_any_number_of_reruns() {
    let project = Project::new(&[("m.py", &with_hooks(1, "")), ("main.py", MAIN)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 True");
    for n in 2..4 {
        hmr.save("m.py", &with_hooks(n, ""));
    }
    hmr.interrupt();
    assert_eq!(hmr.exit().1, ["second of 3", "first of 3"]);
}

#[test]
fn hooks_of_a_module_whose_file_goes_run_and_one_that_raises_keeps_no_other_from_it() {
    let m = "import hmr\nhmr.on_dispose(lambda: print('ended', flush=True))\n\
        @hmr.on_dispose\ndef breaks():\n    raise OSError('broken hook')\n";
    let main =
        "try:\n    import m\n    print('V with')\nexcept ImportError:\n    print('V without')\n";
    let project = Project::new(&[("m.py", m), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V with");
    let reload = hmr.edit("m.py", |project| {
        std::fs::remove_file(project.path("m.py")).expect("it is there");
    });
    reload.expect(&["main"], &["ended", "V without"]);
    assert!(hmr.log().contains("OSError: broken hook"), "{}", hmr.log());
}

#[test]
fn what_cannot_be_called_is_no_hook() {
    let main = "import hmr\ntry:\n    hmr.on_dispose(3)\nexcept TypeError as error:\n    print(error)\nprint('V')\n";
    let project = Project::new(&[("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    let before = hmr.wait_stdout("V");
    assert_eq!(before, ["on_dispose needs something to call, not int"]);
}

#[test]
fn a_hook_registered_by_a_helper_module_belongs_to_the_module_that_loads() {
    let helper = "import hmr\ndef ends(name):\n    hmr.on_dispose(lambda: print('ended', name, flush=True))\n";
    let m = |n: u32| format!("import helper\nhelper.ends('m{n}')\nN = {n}\n");
    let project = Project::new(&[
        ("helper.py", helper),
        ("m.py", &m(1)),
        ("main.py", "import m\nprint('V', m.N)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.save("m.py", &m(2))
        .expect(&["m", "main"], &["ended m1", "V 2"]);
}

/// A thread that counts until it is told to stop.
fn worker(n: u32, hook: &str) -> String {
    format!(
        "import hmr, threading\nstop = threading.Event()\n\
         def work(stop=stop):\n    stop.wait()\n    print('stopped', {n}, flush=True)\n\
         thread = threading.Thread(target=work, name='worker {n}', daemon=True)\nthread.start()\n{hook}\
         print('V', sorted(t.name for t in threading.enumerate() if t.name.startswith('worker')))\n"
    )
}

#[test]
fn b12_with_a_hook_the_thread_of_the_old_version_stops() {
    let hook =
        "@hmr.on_dispose\ndef end(stop=stop, thread=thread):\n    stop.set()\n    thread.join()\n";
    let project = Project::new(&[("m.py", &worker(1, hook)), ("main.py", "import m\n")]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V ['worker 1']");
    hmr.save("m.py", &worker(2, hook))
        .expect(&["m"], &["stopped 1", "V ['worker 2']"]);
}

#[test]
fn b12_without_a_hook_the_thread_of_the_old_version_goes_on() {
    let project = Project::new(&[("m.py", &worker(1, "")), ("main.py", "import m\n")]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V ['worker 1']");
    hmr.save("m.py", &worker(2, ""))
        .expect(&["m"], &["V ['worker 1', 'worker 2']"]);
}

/// A module that holds a listening socket, on a port that the test's first run has chosen.
fn listener(n: u32) -> String {
    format!(
        "import hmr, pathlib, socket\nsock = socket.socket()\n\
         sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n\
         port = pathlib.Path('port')\nold = int(port.read_text()) if port.exists() else 0\n\
         sock.bind(('127.0.0.1', old))\nsock.listen()\nport.write_text(str(sock.getsockname()[1]))\n\
         hmr.on_dispose(sock.close)\nprint('listens', {n}, old in (0, sock.getsockname()[1]))\n"
    )
}

#[test]
fn b15_a_module_that_holds_a_socket_binds_it_again_at_each_edit() {
    let project = Project::new(&[
        ("m.py", &listener(1)),
        ("main.py", "import m\nprint('V', m.sock.fileno() >= 0)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V True");
    for n in 2..4 {
        let listens = format!("listens {n} True");
        hmr.save("m.py", &listener(n))
            .expect(&["m", "main"], &[&listens, "V True"]);
    }
}

#[test]
fn b18_atexit_handlers_of_replaced_versions_do_not_run() {
    let m = |n: u32| {
        format!(
            "import atexit, logging\natexit.register(print, 'exit of', {n}, flush=True)\n\
             @atexit.register\ndef last():\n    print('last of', {n}, flush=True)\nN = {n}\n"
        )
    };
    let main =
        "import atexit, m\natexit.register(print, 'exit of main', flush=True)\nprint('V', m.N)\n";
    let project = Project::new(&[("m.py", &m(1)), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.save("m.py", &m(2)).expect(&["m", "main"], &["V 2"]);
    hmr.save("m.py", &format!("{}1 / 0\n", m(3)))
        .expect_failure("m", "ZeroDivisionError");
    hmr.interrupt();
    let (_, rest) = hmr.exit();
    assert_eq!(rest, ["exit of main", "last of 2", "exit of 2"]);
}

#[test]
fn b18_a_handler_can_be_unregistered_by_its_function() {
    let main = "import atexit\ndef gone():\n    print('gone')\natexit.register(gone)\n\
        atexit.register(print, 'stays', flush=True)\natexit.unregister(gone)\nprint('V', atexit.register.__name__)\n";
    let project = Project::new(&[("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V register");
    hmr.interrupt();
    assert_eq!(hmr.exit().1, ["stays"]);
}

const ROUTES: &str = "from registry import R, route\n";

#[test]
fn b02_a_hook_empties_the_registry_before_it_is_filled_again() {
    let registry = "import hmr\nR = {}\ndef route(path):\n    def add(f):\n        R[path] = f()\n        \
        hmr.on_dispose(lambda: R.pop(path))\n        return f\n    return add\n";
    let a = |n: u32| format!("@route('/a')\ndef a():\n    return {n}\n");
    let b = "@route('/b')\ndef b():\n    return 0\n";
    let project = Project::new(&[
        ("registry.py", registry),
        ("routes.py", &format!("{ROUTES}{}{b}", a(1))),
        ("tick.py", "N = 1\n"),
        (
            "main.py",
            "import registry, routes, tick\nprint('V', tick.N, registry.R)\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 {'/a': 1, '/b': 0}");
    hmr.save("routes.py", &format!("{ROUTES}{}", a(2)))
        .expect(&["routes"], &[]);
    hmr.save("tick.py", "N = 2\n")
        .expect(&["tick", "main"], &["V 2 {'/a': 2}"]);
}
