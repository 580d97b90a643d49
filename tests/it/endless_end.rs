//! F: how a program that does not end is ended: Ctrl-C, SIGTERM, and a reload that is stopped.

use hmr_tests::{Hmr, Project};

const LOOP: &str = "import atexit, hmr, m, time\natexit.register(print, 'exit')\n\
    hmr.on_dispose(lambda: print('dispose', flush=True))\nprint('V', m.X, flush=True)\n\
    while True:\n    time.sleep(0.01)\n";

const ASYNC: &str = "import asyncio, m\n\
    async def main():\n    print('V', m.X, flush=True)\n    await asyncio.Event().wait()\nasyncio.run(main())\n";

const SERVER: &str = "import m\nfrom http.server import BaseHTTPRequestHandler, HTTPServer\n\
    server = HTTPServer(('127.0.0.1', 0), BaseHTTPRequestHandler)\nprint('V', m.X, flush=True)\n\
    server.serve_forever()\n";

const THREAD: &str = "import m, threading, time\n\
    def work():\n    while True:\n        time.sleep(0.01)\n\
    thread = threading.Thread(target=work, daemon=True)\nX = m.X\nthread.start()\n\
    print('V', X, flush=True)\nthread.join()\n";

/// A program of each kind: it shows `m.X`, which it takes for good.
fn kinds() -> [String; 5] {
    let uvloop = ASYNC.replace("asyncio.run", "import uvloop; uvloop.run");
    [LOOP, ASYNC, &uvloop, SERVER, THREAD].map(str::to_owned)
}

#[test]
fn f10_one_ctrl_c_ends_the_program() {
    for main in &kinds() {
        let project = Project::new(&[("m.py", "X = 1\n"), ("main.py", main)]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("V 1");
        hmr.interrupt();
        let (status, _) = hmr.exit();
        assert!(
            matches!(status.code(), Some(0 | 130)),
            "{status}\n{}",
            hmr.log()
        );
        assert!(!hmr.log().contains("hmr/"), "{}", hmr.log());
    }
}

#[test]
fn f10_one_ctrl_c_ends_the_program_after_reloads_and_restarts() {
    for main in &kinds() {
        let project = Project::new(&[("m.py", "X = 1\nY = 1\n"), ("main.py", main)]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("V 1");
        hmr.save("m.py", "X = 1\nY = 2\n").expect(&["m"], &[]);
        hmr.save_until("m.py", "X = 2\nY = 2\n", "V 2");
        hmr.interrupt();
        let (status, _) = hmr.exit();
        assert!(
            matches!(status.code(), Some(0 | 130)),
            "{status}\n{}",
            hmr.log()
        );
    }
}

/// Programs that handle Ctrl-C themselves, and the status with which they end by it. They show a value
/// late: it takes up to half a second to see that they do.
const HANDLERS: [(&str, i32); 3] = [
    (
        "import m, time\ntry:\n    time.sleep(1.2)\n    print('V', m.X, flush=True)\n    while True:\n        time.sleep(0.01)\n\
         except KeyboardInterrupt:\n    print('bye', flush=True)\n",
        0,
    ),
    (
        "import m, signal, sys, time\nsignal.signal(signal.SIGINT, lambda *_: sys.exit(3))\n\
         time.sleep(1.2)\nprint('V', m.X, flush=True)\nwhile True:\n    time.sleep(0.01)\n",
        3,
    ),
    (
        "import asyncio, m, signal\nasync def main():\n    end = asyncio.Event()\n    \
         asyncio.get_running_loop().add_signal_handler(signal.SIGINT, end.set)\n    \
         await asyncio.sleep(1.2)\n    print('V', m.X, flush=True)\n    await end.wait()\nasyncio.run(main())\n",
        0,
    ),
];

#[test]
fn f10_ctrl_c_ends_hmr_too_when_the_program_handles_it() {
    for (main, wanted) in HANDLERS {
        for restarts in [false, true] {
            let project = Project::new(&[("m.py", "X = 1\n"), ("main.py", main)]);
            let mut hmr = Hmr::start(&project, &["main.py"]);
            hmr.wait_stdout("V 1");
            if restarts {
                hmr.save_until("m.py", "X = 2\n", "V 2");
            }
            hmr.interrupt();
            let (status, _) = hmr.exit();
            assert_eq!(status.code(), Some(wanted), "{main}\n{}", hmr.log());
            assert!(!hmr.log().contains("watching"), "{}", hmr.log());
        }
    }
}

#[test]
fn f10_ctrl_c_ends_hmr_too_when_the_program_makes_another_error_of_it() {
    let main = "import time\ntry:\n    print('V', flush=True)\n    while True: time.sleep(0.01)\n\
        except KeyboardInterrupt:\n    raise ValueError('instead')\n";
    let project = Project::new(&[("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V");
    hmr.interrupt();
    let (status, _) = hmr.exit();
    let log = hmr.log();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(
        log.contains("ValueError: instead") && !log.contains("waiting"),
        "{log}"
    );
}

#[test]
fn f10_a_second_ctrl_c_ends_a_program_that_takes_long_to_end() {
    let main = "import time\ntry:\n    print('V', flush=True)\n    while True: time.sleep(0.01)\nfinally:\n    print('ending', flush=True)\n    \
        while True: time.sleep(0.01)\n";
    let project = Project::new(&[("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V");
    hmr.interrupt();
    hmr.wait_stdout("ending");
    hmr.interrupt();
    assert_eq!(hmr.exit().0.code(), Some(130), "{}", hmr.log());
}

#[test]
fn f12_ctrl_c_stops_a_slow_reload_and_not_the_program() {
    for main in kinds() {
        let main = main.replace("m.X", "1");
        let project = Project::new(&[("m.py", "X = 1\n"), ("main.py", &main)]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("V 1");
        let slow =
            "import time\nprint('slow', flush=True)\nfor _ in range(3000):\n    time.sleep(0.01)\n";
        project.save("m.py", slow);
        hmr.wait_stdout("slow");
        hmr.interrupt();
        hmr.wait_report("m.py")
            .expect_failure("m", "KeyboardInterrupt");
        hmr.save("m.py", "X = 3\nprint('m', X, flush=True)\n")
            .expect(&["m"], &["m 3"]);
        assert!(hmr.is_alive());
    }
}

#[test]
fn f12_a_reload_that_waits_for_a_lock_of_the_program_is_told_and_can_be_stopped() {
    let main = "import locks, m, time\nprint('V', 1, flush=True)\nwith locks.LOCK:\n    \
        while not time.sleep(0.01):\n        pass\n";
    let m = |asks: &str| format!("import locks\nprint('m', flush=True)\n{asks}\n");
    let project = Project::new(&[
        ("locks.py", "import threading\nLOCK = threading.Lock()\n"),
        ("m.py", &m("")),
        ("main.py", main),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    project.save("m.py", &m("with locks.LOCK:\n    pass"));
    hmr.wait_stdout("m");
    hmr.wait_stderr("that it waits", |line| {
        line.contains("if it waits for a lock that the program holds, Ctrl-C stops it")
    });
    hmr.interrupt();
    hmr.wait_report("m.py")
        .expect_failure("m", "KeyboardInterrupt");
    hmr.save("m.py", &m("X = 1")).expect(&["m"], &["m"]);
    assert!(hmr.is_alive());
}

#[test]
fn f13_sigterm_ends_the_program_after_its_hooks() {
    use std::os::unix::process::ExitStatusExt as _;

    let project = Project::new(&[("m.py", "X = 1\n"), ("main.py", LOOP)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.terminate();
    let (status, stdout) = hmr.exit();
    assert_eq!(status.signal(), Some(15), "{}", hmr.log());
    assert_eq!(stdout, ["exit", "dispose"], "{}", hmr.log());
    assert!(!hmr.log().contains("Traceback"), "{}", hmr.log());
}

#[test]
fn f13_sigterm_while_hmr_waits_does_the_same() {
    use std::os::unix::process::ExitStatusExt as _;

    let main = LOOP
        .split("while")
        .next()
        .expect("the part before the loop");
    let project = Project::new(&[("m.py", "X = 1\n"), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.save_until("m.py", "X = 2\n", "V 2");
    hmr.terminate();
    let (status, stdout) = hmr.exit();
    assert_eq!(status.signal(), Some(15), "{}", hmr.log());
    assert_eq!(stdout, ["exit", "dispose"], "{}", hmr.log());
}

#[test]
fn a_child_that_the_program_forks_ends_by_sigterm_as_under_python() {
    let main = "import os, signal, time\nchild = os.fork()\nif not child:\n    time.sleep(60)\n    os._exit(3)\n\
        time.sleep(0.05)\nos.kill(child, signal.SIGTERM)\nprint('V', os.waitpid(child, 0)[1], flush=True)\n";
    let project = Project::new(&[("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 15");
}

#[test]
fn a_restart_that_takes_long_is_told_and_awaited() {
    let main = |value: u32| {
        format!(
            "import os, time\nprint('V', {value}, flush=True)\ntry:\n    while True: time.sleep(0.01)\n\
             finally:\n    while not os.path.exists('go'): time.sleep(0.01)\n"
        )
    };
    let project = Project::new(&[("main.py", &main(1))]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.save("main.py", &main(2));
    hmr.save("main.py", &main(3));
    hmr.wait_stderr("that it waits", |line| {
        line.contains("main has not ended yet")
    });
    project.save("go", "");
    hmr.wait_stdout("V 3");
    assert!(!hmr.log().contains("V 2"), "{}", hmr.log());
}

#[test]
fn a_server_that_restarts_finds_its_port_free() {
    let main = "import m, os\nfrom http.server import BaseHTTPRequestHandler, HTTPServer\n\
        server = HTTPServer(('127.0.0.1', int(os.environ.get('PORT', 0))), BaseHTTPRequestHandler)\n\
        os.environ['PORT'] = str(server.server_port)\nprint('V', m.X, flush=True)\n\
        server.serve_forever()\n";
    let project = Project::new(&[("m.py", "X = 1\n"), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    for value in 2..7 {
        hmr.save_until("m.py", &format!("X = {value}\n"), &format!("V {value}"));
    }
}
