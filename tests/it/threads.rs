//! Threads that compute for a load count as the load; those that outlive it do not.

use hmr_tests::{Hmr, Project};

/// Runs `main` beside an `m` whose `f` gives 1, and edits its body.
fn check(main: &str, ran: &[&str], stdout: &[&str]) {
    let m = |n: u32| format!("def f(x=0):\n    return {n}\n");
    let project = Project::new(&[("m.py", &m(1)), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.save("m.py", &m(2)).expect(ran, stdout);
}

#[test]
fn what_a_pool_of_threads_computes_for_a_load_follows_the_edit() {
    let main = "import m\nfrom concurrent.futures import ThreadPoolExecutor\n\
        with ThreadPoolExecutor(3) as pool:\n    values = list(pool.map(m.f, range(5)))\n\
        print('V', values[0])\n";
    check(main, &["main"], &["V 2"]);
}

#[test]
fn what_a_joined_thread_computes_for_a_load_follows_the_edit() {
    let main = "import m, threading\nfound = []\n\
        def work():\n    inner = threading.Thread(target=lambda: found.append(m.f()))\n    \
        inner.start()\n    inner.join()\n\
        t = threading.Thread(target=work)\nt.start()\nt.join()\nprint('V', found[0])\n";
    check(main, &["main"], &["V 2"]);
}

#[test]
fn what_a_joined_thread_reads_follows_the_edit() {
    let main = "import m, threading\nfound = []\n\
        t = threading.Thread(target=lambda: found.append(m.X))\nt.start()\nt.join()\n\
        print('V', found[0])\n";
    let project = Project::new(&[("m.py", "X = 1\n"), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.save("m.py", "X = 2\n").expect(&["m", "main"], &["V 2"]);
}

#[test]
fn a_function_that_a_load_inside_executed_first_is_the_threads_as_well() {
    let main = "import m, threading, gate\nfound = []\n\
        def work():\n    gate.ran.wait()\n    found.append(m.f())\n    gate.done.set()\n\
        t = threading.Thread(target=work)\nt.start()\nimport b\nt.join()\nprint('V', found[0])\n";
    let m = |n: u32| format!("def f():\n    return {n}\n");
    let gate = "import threading\nran, done = threading.Event(), threading.Event()\n";
    let b = "import m, gate\nW = m.f()\ngate.ran.set()\ngate.done.wait()\n";
    let project = Project::new(&[
        ("m.py", &m(1)),
        ("gate.py", gate),
        ("b.py", b),
        ("main.py", main),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.save("m.py", &m(2)).expect(&["b", "main"], &["V 2"]);
}

#[test]
fn a_worker_that_outlives_the_load_gives_it_nothing_and_sees_the_new_body() {
    let main = "import m, threading, time\n\
        called, go = threading.Event(), threading.Event()\n\
        def work():\n    last = m.f()\n    called.set()\n    go.wait()\n    print('W', last, flush=True)\n    \
        while True:\n        if m.f() != last:\n            last = m.f()\n            \
        print('W', last, flush=True)\n        time.sleep(0.001)\n\
        threading.Thread(target=work, daemon=True).start()\ncalled.wait()\n\
        print('V 1', flush=True)\ngo.set()\n";
    let m = |n: u32| format!("def f():\n    return {n}\n");
    let project = Project::new(&[("m.py", &m(1)), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.wait_stdout("W 1");
    project.save("m.py", &m(2));
    hmr.wait_stdout("W 2");
    assert!(!hmr.log().contains("reran"), "{}", hmr.log());
}

#[test]
fn a_thread_of_a_load_is_as_under_python() {
    let main = "import threading, traceback, _thread\n\
        seen = []\n\
        def work(a, *, b):\n    t = threading.current_thread()\n    \
        seen.append((t.name, t.daemon, a, b, threading.get_ident() == t.ident, len(traceback.extract_stack())))\n\
        t = threading.Thread(target=work, args=(1,), kwargs={'b': 2}, name='worker')\nt.start()\nt.join()\n\
        lock = _thread.allocate_lock()\nlock.acquire()\n\
        _thread.start_new_thread(lambda x: (seen.append(x), lock.release()), ('raw',))\nlock.acquire()\n\
        def fails():\n    1 / 0\n\
        threading.excepthook = lambda args: seen.append((args.exc_type.__name__, len(traceback.extract_tb(args.exc_traceback))))\n\
        t = threading.Thread(target=fails)\nt.start()\nt.join()\n\
        try:\n    threading.Thread(target=None, args=3).start()\nexcept TypeError as error:\n    seen.append(str(error))\n\
        try:\n    _thread.start_new_thread(3, ())\nexcept TypeError as error:\n    seen.append(str(error))\n\
        print('V', seen)\n";
    let project = Project::new(&[("main.py", main)]);
    let (plain, _) = project.python(&["main.py"]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout(&plain[0]);
}

#[test]
fn daemon_threads_do_not_keep_the_program_from_ending() {
    // CPython ends them in the middle of what they do: where they wait for its lock.
    for work in ["m.f()", "os.stat('.')", "os.path.exists('nowhere')"] {
        let main = format!(
            "import m, os, threading, time\n\
             def work():\n    while True:\n        {work}\n        time.sleep(0.0001)\n\
             for _ in range(4):\n    threading.Thread(target=work, daemon=True).start()\nprint('V')\n"
        );
        let project = Project::new(&[("m.py", "def f():\n    return 1\n"), ("main.py", &main)]);
        for _ in 0..3 {
            let mut hmr = Hmr::start(&project, &["main.py"]);
            hmr.wait_stdout("V");
            hmr.interrupt();
            let (status, _) = hmr.exit();
            assert_eq!(status.code(), Some(0), "{work}: {status}\n{}", hmr.log());
        }
    }
}
