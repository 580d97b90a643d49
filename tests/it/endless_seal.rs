//! F: what a program that does not end says of its own start-up: `hmr.sealed`, `hmr.captured`, `seal`.

use hmr_tests::{Hmr, Project};

/// Reads `m.X` again and again, slowly, while it starts, and takes the last value; then shows `m.Y`.
fn slow_start(then: &str) -> String {
    format!(
        "import hmr, m, threading, time\n\
         def start():\n    for _ in range(3):\n        x = m.X\n        time.sleep(0.3)\n    return x\n\
         x = start()\n{then}\nprint('X', x, flush=True)\nlast = None\n\
         while True:\n    if m.Y != last:\n        last = m.Y\n        print('Y', last, flush=True)\n    time.sleep(0.01)\n"
    )
}

fn m(x: u32, y: u32) -> String {
    format!("X = {x}\nY = {y}\n")
}

/// `X` is taken for good, and `Y` is read again by itself, at once.
#[track_caller]
fn expect_sealed(main: &str) {
    let project = Project::new(&[("m.py", &m(1, 1)), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("X 1");
    let reload = hmr.save_until("m.py", &m(1, 2), "Y 2");
    assert_eq!(reload.ran, ["m"], "{}", reload.log);
    assert!(!hmr.log().contains("restarts"), "{}", hmr.log());
    for x in 2..4 {
        let reload = hmr.save_until("m.py", &m(x, 2), &format!("X {x}"));
        let why = "restarts main (it has taken m.X, which changed)";
        assert!(reload.log.contains(why), "{}", reload.log);
    }
    assert!(!hmr.log().contains("Traceback"), "{}", hmr.log());
}

#[test]
fn what_was_read_before_a_program_is_sealed_is_taken_and_the_rest_is_not() {
    expect_sealed(&slow_start("hmr.sealed()"));
    // Once more says nothing new.
    expect_sealed(&slow_start("hmr.sealed()\nhmr.sealed()"));
}

#[test]
fn a_program_may_be_sealed_by_another_thread() {
    expect_sealed(&slow_start(
        "thread = threading.Thread(target=hmr.sealed)\nthread.start()\nthread.join()",
    ));
}

#[test]
fn a_program_may_be_sealed_by_a_module_that_it_imports() {
    let main = slow_start("import over");
    let project = Project::new(&[
        ("m.py", &m(1, 1)),
        ("over.py", "import hmr\nhmr.sealed()\n"),
        ("main.py", &main),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("X 1");
    hmr.save_until("m.py", &m(1, 2), "Y 2");
    assert!(!hmr.log().contains("restarts"), "{}", hmr.log());
    hmr.save_until("m.py", &m(2, 2), "X 2");
}

#[test]
fn a_coroutine_may_seal_its_program() {
    let main = "import asyncio, hmr, m\n\
        async def main():\n    print('X', m.X, flush=True)\n    hmr.sealed()\n    last = None\n    \
        while True:\n        if m.Y != last:\n            last = m.Y\n            print('Y', last, flush=True)\n        \
        await asyncio.sleep(0.01)\nasyncio.run(main())\n";
    expect_sealed(main);
    expect_sealed(&main.replace("asyncio.run", "import uvloop; uvloop.run"));
}

/// A loop that says when it counts as one, and reads all the time what it has told at its begin.
fn captures(how: &str) -> String {
    format!(
        "import hmr, m, time\nprint('X', m.X, flush=True)\n{how}\nturns = 0\n\
         while True:\n    m.X, m.f()\n    turns += 1\n    if turns == 60:\n        print('settled', flush=True)\n    time.sleep(0.01)\n"
    )
}

#[test]
fn what_a_program_says_to_have_captured_restarts_it() {
    let m = |x: u32, f: u32| format!("X = {x}\ndef f():\n    return {f}\n");
    for (how, edited) in [
        ("hmr.captured(m, 'f')", m(1, 2)),
        ("hmr.captured('m', 'f')", m(1, 2)),
        ("hmr.sealed()\nhmr.captured('m', 'f')", m(1, 2)),
        (
            "time.sleep(0.3)\nprint('X', m.X)\nhmr.captured(m, 'X')",
            m(2, 1),
        ),
    ] {
        let project = Project::new(&[("m.py", &m(1, 1)), ("main.py", &captures(how))]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("settled");
        let reload = hmr.save_until("m.py", &edited, "settled");
        assert!(
            reload.log.contains("restarts main (it has taken m."),
            "{}",
            reload.log
        );
    }
}

#[test]
fn what_is_no_module_cannot_be_captured() {
    let main = "import hmr, json, types\n\
        hmr.captured(json, 'dumps')\nhmr.captured('no.such.module', 'X')\nhmr.captured(types.ModuleType('new'), 'X')\n\
        for wrong in 1, '.m':\n    try:\n        hmr.captured(wrong, 'X')\n    \
        except (TypeError, ValueError) as error:\n        print(type(error).__name__, error, flush=True)\nprint('V')\n";
    let project = Project::new(&[("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(
        hmr.wait_stdout("V"),
        [
            "TypeError captured needs a module or its name, not int",
            "ValueError captured knows no package for the relative name \".m\": give the full name",
        ]
    );
}

fn with_setting(seal: &str, main: &str) -> Project {
    let setting = format!("[tool.hmr]\nseal = '{seal}'\n");
    Project::new(&[
        ("m.py", &m(1, 1)),
        ("main.py", main),
        ("pyproject.toml", &setting),
    ])
}

#[test]
fn with_seal_serve_all_is_taken_that_was_read_before_a_server_serves() {
    let main = "import m, threading, time, urllib.request\nfrom http.server import BaseHTTPRequestHandler, HTTPServer\n\
        class Handler(BaseHTTPRequestHandler):\n    def do_GET(self):\n        \
        self.wfile.write(f'HTTP/1.1 200 OK\\r\\n\\r\\n{m.Y}'.encode())\n    def log_message(self, *_):\n        pass\n\
        def start():\n    for _ in range(3):\n        x = m.X\n        time.sleep(0.3)\n    return x\n\
        server = HTTPServer(('127.0.0.1', 0), Handler)\nprint('X', start(), flush=True)\n\
        def ask():\n    last = None\n    while True:\n        \
        now = urllib.request.urlopen(f'http://127.0.0.1:{server.server_port}').read().decode()\n        \
        if now != last:\n            last = now\n            print('Y', now, flush=True)\n\
        threading.Thread(target=ask, daemon=True).start()\nserver.serve_forever()\n";
    let project = with_setting("serve", main);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("Y 1");
    hmr.save_until("m.py", &m(1, 2), "Y 2");
    assert!(!hmr.log().contains("restarts"), "{}", hmr.log());
    hmr.save_until("m.py", &m(2, 2), "X 2");
}

/// Shows once in its loop, long after it has settled, that it reads `m.X`.
const LATE: &str = "import m, time\nbegan = time.monotonic()\n\
    while True:\n    m.Y\n    if began and time.monotonic() - began > 3:\n        began = None\n        \
    print('X', m.X, type(m).__module__, flush=True)\n    time.sleep(0.01)\n";

#[test]
fn with_seal_never_what_is_read_late_is_seen() {
    let project = with_setting("never", LATE);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("X 1 hmr");
    let reload = hmr.save_until("m.py", &m(2, 1), "X 2 hmr");
    let why = "restarts main (it has taken m.X, which changed)";
    assert!(reload.log.contains(why), "{}", reload.log);
}
