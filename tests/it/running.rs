//! B: side effects of runs, and what goes on beside them: threads, handlers, sockets.

use hmr_tests::{Hmr, Project};

#[test]
fn b01_a_write_into_another_modules_table_is_made_again() {
    let routes = |text: &str| format!("import app\napp.ROUTES['/a'] = '{text}'\nprint('routes')\n");
    let project = Project::new(&[
        ("app.py", "ROUTES = {}\n"),
        ("routes.py", &routes("A1")),
        ("main.py", "import app, routes\nprint('V', app.ROUTES)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V {'/a': 'A1'}");

    let reload = hmr.save("routes.py", &routes("A2"));
    assert_eq!(reload.stdout[0], "routes", "{}", reload.log);
    hmr.save("main.py", "import app, routes\nprint('W', app.ROUTES)\n")
        .expect(&["main"], &["W {'/a': 'A2'}"]);
}

#[test]
fn b03_a_module_that_is_imported_for_its_effects_runs_at_each_edit() {
    let leaf = |value: u32| format!("print('RAN', {value})\n");
    let project = Project::new(&[
        ("leaf.py", &leaf(1)),
        ("main.py", "import leaf\nprint('V')\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(hmr.wait_stdout("V"), ["RAN 1"]);

    for value in 2..4 {
        hmr.save("leaf.py", &leaf(value))
            .expect(&["leaf"], &[&format!("RAN {value}")]);
    }
}

#[test]
fn b15_a_module_that_holds_a_socket_can_be_edited_twice() {
    let m = |value: u32| {
        format!(
            "import socket, port\nserver = socket.socket()\n\
             server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n\
             server.bind(('127.0.0.1', port.FREE))\nX = {value}\n"
        )
    };
    let port = "import socket\nwith socket.socket() as probe:\n    probe.bind(('127.0.0.1', 0))\n    \
        FREE = probe.getsockname()[1]\n";
    let project = Project::new(&[
        ("port.py", port),
        ("m.py", &m(1)),
        ("main.py", "import m\nprint('V', m.X)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    for value in 2..4 {
        hmr.save("m.py", &m(value))
            .expect(&["m", "main"], &[&format!("V {value}")]);
    }
}

#[cfg(unix)]
#[test]
fn b17_a_signal_handler_that_an_edit_replaced_is_in_force() {
    let main = |value: u32| {
        format!(
            "import signal\nsignal.signal(signal.SIGTERM, lambda *_: exit({value}))\nprint('V', {value})\n"
        )
    };
    let project = Project::new(&[("main.py", &main(1))]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.save("main.py", &main(9)).expect(&["main"], &["V 9"]);
    hmr.terminate();

    assert_eq!(hmr.exit().0.code(), Some(9), "{}", hmr.log());
}

#[test]
fn b19_a_read_by_another_thread_is_not_the_loading_modules() {
    // The thread reads while `slow` loads, and goes on after that.
    let main = "import threading, time, other, state\n\
        def work():\n    while True:\n        other.X\n        state.reads += 1\n        time.sleep(0.001)\n\
        threading.Thread(target=work, daemon=True).start()\nimport slow\nprint('V')\n";
    let slow = "import state, time\nbegan = state.reads\n\
        while state.reads < began + 3:\n    time.sleep(0.001)\n";
    let project = Project::new(&[
        ("other.py", "X = 1\n"),
        ("state.py", "reads = 0\n"),
        ("slow.py", slow),
        ("main.py", main),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V");

    hmr.save("other.py", "X = 2\n").expect(&["other"], &[]);
}

#[test]
fn b20_a_handler_in_a_thread_calls_the_new_function() {
    let main = "import os, threading, time, m\n\
        def serve():\n    last = None\n    while True:\n        now = m.f()\n        \
        if now != last:\n            print('T', now, flush=True)\n        last = now\n        time.sleep(0.01)\n\
        threading.Thread(target=serve, daemon=True).start()\nprint('V', flush=True)\n";
    let project = Project::new(&[("m.py", "def f():\n    return 1\n"), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("T 1");
    project.save("m.py", "def f():\n    return 2\n");
    hmr.wait_stdout("T 2");
}

#[test]
fn b21_a_global_that_a_function_writes_is_read_right_after_a_reload() {
    let m = |step: u32| format!("X = 0\ndef inc():\n    global X\n    X += {step}\n");
    let project = Project::new(&[
        ("m.py", &m(1)),
        ("main.py", "import m\nm.inc()\nprint('V', m.X)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    // A load has let the function write: it must find the global as a fresh start has it.
    hmr.save("m.py", &m(5)).expect(&["m", "main"], &["V 5"]);
}
