//! F: programs that do not end are reloaded while they run.

use hmr_tests::{Hmr, Project};

fn m(value: u32) -> String {
    format!("def f():\n    return {value}\n")
}

/// Prints `V n` once for each new `m.f()`.
const SHOW: &str = "import m\nlast = None\n\
    def show():\n    global last\n    now = m.f()\n    if now != last:\n        print('V', now, flush=True)\n    last = now\n";

/// The program `main` prints `V 1`; a save of `m` is patched while it runs, and it prints `V 2`.
fn check(main: &str) {
    let project = Project::new(&[("m.py", &m(1)), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    for value in 2..4 {
        let reload = hmr.save_until("m.py", &m(value), &format!("V {value}"));
        assert_eq!(reload.ran, [""; 0], "{}", reload.log);
    }
    assert!(!hmr.log().contains("restarts"), "{}", hmr.log());
    assert!(!hmr.log().contains("Traceback"), "{}", hmr.log());
    assert!(hmr.is_alive());
}

/// A loop is known as one when it has gone round a few times: it prints `settled` then.
fn settled(turn: &str) -> String {
    format!(
        "{SHOW}import time\nturns = 0\nwhile True:\n    {turn}\n    turns += 1\n    if turns == 60:\n        print('settled', flush=True)\n    time.sleep(0.01)\n"
    )
}

#[test]
fn f07_a_plain_loop_sees_the_new_function() {
    let project = Project::new(&[("m.py", &m(1)), ("main.py", &settled("show()"))]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("settled");
    for value in 2..4 {
        let reload = hmr.save_until("m.py", &m(value), &format!("V {value}"));
        assert!(!reload.log.contains("restarts"), "{}", reload.log);
    }
}

#[test]
fn f07_a_loop_sees_a_module_that_ran_again() {
    let main = settled("show()").replace("m.f()", "m.X");
    let project = Project::new(&[("m.py", "X = 1\n"), ("main.py", &main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("settled");
    let reload = hmr.save_until("m.py", "X = 2\n", "V 2");
    assert_eq!(reload.ran, ["m"], "{}", reload.log);
    assert!(!hmr.log().contains("restarts"), "{}", hmr.log());
}

/// A main coroutine that shows values, run by `run`.
fn coroutine(run: &str) -> String {
    format!(
        "{SHOW}import asyncio\n\
         async def main():\n    turns = 0\n    while True:\n        show()\n        turns += 1\n        \
         if turns == 60:\n            print('settled', flush=True)\n        await asyncio.sleep(0.01)\n{run}(main())\n"
    )
}

#[test]
fn f08_a_coroutine_sees_the_new_function_between_two_steps() {
    for run in ["asyncio.run", "import uvloop; uvloop.run"] {
        let project = Project::new(&[("m.py", &m(1)), ("main.py", &coroutine(run))]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("settled");
        for value in 2..4 {
            hmr.save_until("m.py", &m(value), &format!("V {value}"));
        }
        assert!(!hmr.log().contains("restarts"), "{}", hmr.log());
    }
}

#[test]
fn f08_a_coroutine_sees_a_module_that_ran_again() {
    for run in ["asyncio.run", "import uvloop; uvloop.run"] {
        let main = coroutine(run).replace("m.f()", "m.X");
        let project = Project::new(&[("m.py", "X = 1\n"), ("main.py", &main)]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("settled");
        let reload = hmr.save_until("m.py", "X = 2\n", "V 2");
        assert_eq!(reload.ran, ["m"], "{}", reload.log);
        assert!(!hmr.log().contains("restarts"), "{}", hmr.log());
    }
}

#[test]
fn f08_what_tasks_beside_the_main_one_read_is_not_the_entrys() {
    let main = format!(
        "{SHOW}import asyncio\n\
         async def work():\n    while True:\n        show()\n        await asyncio.sleep(0.01)\n\
         async def main():\n    task = asyncio.create_task(work())\n    await asyncio.Event().wait()\n\
         asyncio.run(main())\n"
    );
    check(&main);
    check(&main.replace("asyncio.run", "import uvloop; uvloop.run"));
}

/// A client in a thread asks `PORT` all the time and shows what is new. No request may be refused.
const CLIENT: &str = "import m, threading, urllib.request\n\
    def ask(port):\n    last = None\n    while True:\n        \
    now = urllib.request.urlopen(f'http://127.0.0.1:{port}').read().decode()\n        \
    if now != last:\n            print('V', now, flush=True)\n        last = now\n\
    def start(port):\n    threading.Thread(target=ask, args=(port,), daemon=True).start()\n\
    def answer():\n    body = str(m.f())\n    \
    return f'HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: {len(body)}\\r\\n\\r\\n{body}'.encode()\n";

#[test]
fn f09_a_server_answers_each_request_and_gives_the_new_body() {
    let main = format!(
        "{CLIENT}from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer\n\
         class Handler(BaseHTTPRequestHandler):\n    def do_GET(self):\n        self.wfile.write(answer())\n    \
         def log_message(self, *_):\n        pass\n\
         server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)\nstart(server.server_port)\nserver.serve_forever()\n"
    );
    check(&main);
    check(&main.replace("ThreadingHTTPServer", "HTTPServer"));
}

#[test]
fn f09_an_event_loop_answers_each_request_and_gives_the_new_body() {
    let main = format!(
        "{CLIENT}import asyncio\n\
         async def serve(reader, writer):\n    await reader.readuntil(b'\\r\\n\\r\\n')\n    \
         writer.write(answer())\n    await writer.drain()\n    writer.close()\n\
         async def main():\n    server = await asyncio.start_server(serve, '127.0.0.1', 0)\n    \
         start(server.sockets[0].getsockname()[1])\n    await server.serve_forever()\nasyncio.run(main())\n"
    );
    check(&main);
    check(&main.replace("asyncio.run", "import uvloop; uvloop.run"));
}

#[test]
fn f09_a_loop_that_accepts_answers_each_request_and_gives_the_new_body() {
    // Its answers are the entry's own: it counts as a loop once it has answered for a while.
    let main = format!(
        "{CLIENT}import socket, time\n\
         server = socket.create_server(('127.0.0.1', 0))\nstart(server.getsockname()[1])\nbegan = time.monotonic()\n\
         while True:\n    connection, _ = server.accept()\n    \
         with connection:\n        connection.recv(65536)\n        connection.sendall(answer())\n        \
         connection.shutdown(socket.SHUT_WR)\n        connection.recv(1)\n    \
         if began and time.monotonic() - began > 0.6:\n        began = None\n        print('settled', flush=True)\n"
    );
    let project = Project::new(&[("m.py", &m(1)), ("main.py", &main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("settled");
    for value in 2..4 {
        hmr.save_until("m.py", &m(value), &format!("V {value}"));
    }
    assert!(!hmr.log().contains("restarts"), "{}", hmr.log());
    assert!(!hmr.log().contains("Traceback"), "{}", hmr.log());
}

const IN_THREAD: &str = "import threading, time\n\
    def work():\n    while True:\n        show()\n        time.sleep(0.01)\n\
    thread = threading.Thread(target=work, daemon=True)\nthread.start()\n";

#[test]
fn f07_a_loop_in_a_thread_sees_the_new_function() {
    check(&format!("{SHOW}{IN_THREAD}thread.join()\n"));
}

#[test]
fn a_program_that_waits_for_a_queue_is_reloaded() {
    check(&format!(
        "{SHOW}{IN_THREAD}import queue\nqueue.Queue().get()\n"
    ));
}

#[test]
fn a_program_that_waits_for_another_one_is_reloaded() {
    check(&format!(
        "{SHOW}{IN_THREAD}import subprocess, sys\n\
         subprocess.run([sys.executable, '-c', 'import sys; sys.stdin.read()'], stdin=subprocess.PIPE)\n"
    ));
}

#[test]
fn f21_a_program_that_waits_for_a_line_is_reloaded_and_gets_the_line() {
    let main = "import m\nprint('ready', flush=True)\nwhile True:\n    line = input()\n    print(line, m.f(), flush=True)\n";
    let project = Project::new(&[("m.py", &m(1)), ("main.py", main)]);
    let mut hmr = Hmr::start_with_keyboard(&project, &["main.py"]);
    hmr.wait_stdout("ready");
    hmr.save("m.py", &m(2));
    hmr.type_line("r");
    hmr.wait_stdout("r 2");
    hmr.type_line("q");
    hmr.wait_stdout("q 2");
}

#[test]
fn a_program_that_has_settled_reads_plain_modules() {
    let turn = "show()\n    if turns % 10 == 0: print(type(m).__module__, flush=True)";
    let project = Project::new(&[("m.py", &m(1)), ("main.py", &settled(turn))]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(hmr.wait_stdout("builtins")[..2], ["V 1", "hmr"]);
    hmr.save_until("m.py", &m(2), "V 2");
    hmr.wait_stdout("builtins");
    // The module runs again, and later the entry: neither leaves anything tracked.
    let reload = hmr.save_until("m.py", &format!("import sys\n{}", m(3)), "V 3");
    assert_eq!(reload.ran, ["m"], "{}", reload.log);
    hmr.wait_stdout("builtins");
    let main = settled(&turn.replace("10 == 0", "10 == 1"));
    hmr.save_until("main.py", &main, "hmr");
    hmr.wait_stdout("builtins");
}

#[test]
fn a_program_that_ends_late_runs_again_for_what_it_read_unseen() {
    // The loop ends when nothing is tracked any more.
    let main = "import m, time\nwhile type(m).__module__ == 'hmr':\n    m.f()\n    time.sleep(0.01)\n\
        print('V', m.X, flush=True)\n";
    let m = |x, value| format!("X = {x}\n{}", m(value));
    let project = Project::new(&[("m.py", &m(1, 1)), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    project.save("m.py", &m(2, 1));
    hmr.wait_stdout("V 2");
    project.save("m.py", &m(2, 2));
    hmr.wait_stdout("V 2");
}

#[test]
fn what_the_entry_has_taken_for_good_restarts_it() {
    let main = "import m\nPORT = m.PORT\nprint('V', PORT, flush=True)\nimport threading\nthreading.Event().wait()\n";
    let project = Project::new(&[("m.py", "PORT = 1\n"), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    for value in 2..7 {
        let port = format!("PORT = {value}\n");
        let reload = hmr.save_until("m.py", &port, &format!("V {value}"));
        assert!(
            reload
                .log
                .contains("restarts main (it has taken m.PORT, which changed)"),
            "{}",
            reload.log
        );
    }
    assert!(!hmr.log().contains("Traceback"), "{}", hmr.log());
}

#[test]
fn what_a_main_function_has_taken_before_its_loop_restarts_the_entry() {
    let main = "import m, time\ndef main():\n    port = m.f()\n    print('V', port, flush=True)\n    turns = 0\n    \
         while True:\n        m.g()\n        turns += 1\n        \
         if turns == 60:\n            print('settled', flush=True)\n        time.sleep(0.01)\nmain()\n";
    let m = |value| format!("{}def g():\n    return 0\n", m(value));
    let project = Project::new(&[("m.py", &m(1)), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("settled");
    let reload = hmr.save_until("m.py", &m(2), "V 2");
    assert!(reload.log.contains("restarts main"), "{}", reload.log);
}

#[test]
fn what_a_main_coroutine_has_taken_before_its_loop_restarts_the_entry() {
    let main = format!(
        "{SHOW}import asyncio\n\
         async def main():\n    print('port', m.PORT, flush=True)\n    turns = 0\n    while True:\n        show()\n        \
         turns += 1\n        if turns == 60:\n            print('settled', flush=True)\n        \
         await asyncio.sleep(0.01)\nasyncio.run(main())\n"
    );
    let m = |port, value| format!("PORT = {port}\n{}", m(value));
    let project = Project::new(&[("m.py", &m(1, 1)), ("main.py", &main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("settled");
    hmr.save_until("m.py", &m(1, 2), "V 2");
    assert!(!hmr.log().contains("restarts"), "{}", hmr.log());
    let reload = hmr.save_until("m.py", &m(2, 2), "port 2");
    let why = "restarts main (it has taken m.PORT, which changed)";
    assert!(reload.log.contains(why), "{}", reload.log);
}

#[test]
fn a_statement_that_is_kept_is_no_edit_of_the_running_entry() {
    let main = |text: &str| {
        format!(
            "import m, time\nmade = print('made', flush=True)  # hmr: keep\nprint('V {text}', flush=True)\n\
             while True:\n    time.sleep(0.01)\n"
        )
    };
    let project = Project::new(&[("m.py", &m(1)), ("main.py", &main("1"))]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    let reload = hmr.save_until("main.py", &main("2"), "V 2");
    assert_eq!(reload.stdout, ["V 2"], "{}", reload.log);
    // The same program in other words.
    let reload = hmr.save("main.py", &format!("{}# the end\n", main("2")));
    let restarts = reload.log.matches("restarts main (edited)").count();
    assert_eq!(restarts, 1, "{}", reload.log);
    let reload = hmr.save_until("main.py", &main("3"), "V 3");
    assert_eq!(reload.stdout, ["V 3"], "{}", reload.log);
}

#[test]
fn an_edit_of_the_entry_restarts_it_after_its_hooks() {
    let main = |value: u32| {
        format!(
            "import hmr, m, time\nhmr.on_dispose(lambda: print('bye', {value}, flush=True))\n\
             print('V', {value}, flush=True)\nwhile True:\n    time.sleep(0.01)\n"
        )
    };
    let project = Project::new(&[("m.py", "print('m')\n"), ("main.py", &main(1))]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    assert_eq!(hmr.wait_stdout("V 1"), ["m"]);
    for value in 2..7 {
        let reload = hmr.save_until("main.py", &main(value), &format!("V {value}"));
        let restarts = reload.log.matches("main.py -> restarts main (edited)  ");
        assert_eq!(restarts.count(), value as usize - 1, "{}", reload.log);
        let bye = format!("bye {}", value - 1);
        assert_eq!(reload.stdout, [bye, format!("V {value}")], "{}", reload.log);
    }
}

#[test]
fn an_entry_that_does_not_compile_leaves_the_program_running() {
    let project = Project::new(&[("m.py", &m(1)), ("main.py", &settled("show()"))]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("settled");
    hmr.save("main.py", "import m\nwhile\n")
        .expect_failure("main", "SyntaxError");
    hmr.save_until("m.py", &m(2), "V 2");
    hmr.save("main.py", &settled("show()").replace("'V'", "'W'"));
    hmr.save_until("m.py", &m(3), "W 3");
}

#[test]
fn a_program_that_a_fix_lets_run_is_reloaded_too() {
    let project = Project::new(&[("m.py", "def f(:\n"), ("main.py", &settled("show()"))]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_failure("SyntaxError");
    project.save("m.py", &m(1));
    hmr.wait_stderr("that it runs", |line| {
        line.ends_with("m.py -> running main")
    });
    hmr.wait_stdout("settled");
    hmr.save_until("m.py", &m(2), "V 2");
}
