//! Keys on a terminal: what each does, when there are none, and that the terminal is always given back.

use std::process::Command;

use hmr_tests::{Project, Terminal, hmr_command};

const HINT: &str = "h lists the keys";

fn project() -> Project {
    Project::new(&[
        ("m.py", "X = 1\n"),
        ("main.py", "import m\nprint('V', m.X)\n"),
    ])
}

/// `hmr main.py`, waiting for a key.
fn waiting(project: &Project) -> Terminal {
    let mut terminal = Terminal::hmr(project, &["main.py"]);
    terminal.wait("V 1");
    terminal.wait(HINT);
    terminal.wait_plain(false);
    terminal
}

#[test]
fn r_runs_the_entry_again_and_nothing_else() {
    let project = project();
    project.save("m.py", "print('M')\nX = 1\n");
    let mut terminal = waiting(&project);
    for _ in 0..2 {
        terminal.type_text("r");
        let before = terminal.wait("asked -> ");
        assert!(before.contains("V 1") && !before.contains('M'), "{before}");
        terminal.wait("reran main");
    }
}

#[test]
fn a_key_typed_while_the_program_runs_counts_when_it_has_ended() {
    let project = project();
    project.save(
        "main.py",
        "import time\nprint('BEGIN', flush=True)\ntime.sleep(.3)\nprint('V 1')\n",
    );
    let mut terminal = waiting(&project);
    terminal.type_text("r");
    terminal.wait("BEGIN");
    terminal.type_text("q");
    terminal.wait("reran main");
    assert_eq!(terminal.exit().code(), Some(0), "{}", terminal.screen());
}

#[test]
fn capital_r_starts_the_process_anew_as_it_was_begun() {
    let project = project();
    project.save("sub/there", "");
    project.save(
        "main.py",
        "import atexit, os\nprint('PID', os.getpid(), 'END', os.environ.get('MINE'), os.path.basename(os.getcwd()) == 'sub')\n\
         os.environ['MINE'] = 'set'\nos.chdir('sub')\natexit.register(print, 'BYE')\n",
    );
    let mut terminal = Terminal::hmr(&project, &["main.py"]);
    terminal.wait("PID");
    terminal.wait("END None False");
    terminal.wait(HINT);
    terminal.type_text("R");
    terminal.wait("BYE");
    terminal.wait("PID");
    terminal.wait("END None False");
    terminal.wait(HINT);
    terminal.type_text("q");
    terminal.wait("BYE");
    assert_eq!(terminal.exit().code(), Some(0));
}

#[test]
fn w_says_why_and_h_lists_the_keys_and_c_clears() {
    let project = project();
    let mut terminal = waiting(&project);
    terminal.type_text("w");
    terminal.wait("nothing has been reloaded yet");
    project.save("m.py", "X = 2\n");
    terminal.wait("reran m, main");
    terminal.type_text("w");
    terminal.wait("m.py -> ");
    terminal.wait("main: it read m.X; m: it was edited (changed X)");
    terminal.type_text("h");
    for key in [
        "r  rerun",
        "R  restart",
        "c  clear",
        "w  say why",
        "g  write",
        "h  list",
        "q  quit",
    ] {
        terminal.wait(key);
    }
    terminal.type_text("c");
    terminal.wait("\x1b[2J");
}

#[test]
fn g_writes_a_page_and_says_where() {
    let project = project();
    let mut terminal = waiting(&project);
    terminal.type_text("g");
    terminal.wait("the graph is in ");
    let path = terminal.wait("\r\n");
    let page = std::fs::read_to_string(&path).expect("it is there");
    assert!(
        page.contains("<html") && page.contains("m.X") || page.contains("\"X\""),
        "{path}"
    );
    std::fs::remove_file(path).expect("it is ours");
}

#[test]
fn what_is_no_key_does_nothing() {
    let project = project();
    let mut terminal = waiting(&project);
    // The last one is what a terminal answers to a question, with an `R` in it.
    terminal.type_text("xyz\x1b[A\x04\x1b[12;5R");
    project.save("m.py", "X = 2\n");
    let before = terminal.wait("m.py -> ");
    assert!(!before.contains("V 1"), "{before}");
    terminal.wait("reran m, main");
    terminal.type_text("h");
    terminal.wait("R  restart");
}

#[test]
fn f21_a_program_that_asks_for_lines_gets_all_that_is_typed() {
    let project = project();
    project.save(
        "main.py",
        "import m\nfor n in range(3): print('GOT', repr(input('> ')))\nprint('V 1')\n",
    );
    let mut terminal = Terminal::hmr(&project, &["main.py"]);
    terminal.wait("> ");
    terminal.type_text("q\nR\n");
    terminal.wait("GOT 'q'");
    terminal.wait("GOT 'R'");
    assert!(terminal.is_plain());
    terminal.type_text("h\n");
    terminal.wait("GOT 'h'");
    terminal.wait(HINT);
    terminal.wait_plain(false);
    // It asks again: the keyboard is its own for that time.
    terminal.type_text("r");
    terminal.wait("> ");
    terminal.wait_plain(true);
    terminal.type_text("r\nq\nc\n");
    for line in ["r", "q", "c"] {
        terminal.wait(&format!("GOT '{line}'"));
    }
    terminal.wait("reran main");
}

#[test]
fn a_line_that_the_program_has_not_read_is_left_to_it() {
    let project = project();
    let text =
        |reads: &str| format!("import time\nprint('BEGIN', flush=True)\ntime.sleep(.3)\n{reads}");
    project.save("main.py", &text("print('V 1')\n"));
    let mut terminal = Terminal::hmr(&project, &["main.py"]);
    terminal.wait("BEGIN");
    terminal.type_text("quit\n");
    terminal.wait("there are no keys until it has");
    assert!(terminal.is_plain());
    project.save("main.py", &text("print('GOT', repr(input()))\n"));
    terminal.wait("GOT 'quit'");
    terminal.wait(HINT);
    terminal.wait_plain(false);
}

#[test]
fn a_program_that_runs_on_has_the_keyboard_for_itself() {
    let project = project();
    project.save(
        "main.py",
        "import m, time\nprint('V 1', flush=True)\nwhile not input().startswith('end'): print('GOT', flush=True)\n",
    );
    let mut terminal = Terminal::hmr(&project, &["main.py"]);
    terminal.wait("V 1");
    project.save("m.py", "Y = 1\nX = 1\n");
    terminal.wait("m.py -> ");
    assert!(terminal.is_plain(), "{}", terminal.screen());
    terminal.type_text("q\n");
    terminal.wait("GOT");
    terminal.type_text("end\n");
    terminal.wait(HINT);
}

#[test]
fn threads_and_children_of_the_program_keep_the_keyboard() {
    for reader in [
        "import threading, sys\nthreading.Thread(target=lambda: print('GOT', repr(sys.stdin.readline()), flush=True), daemon=True).start()\n",
        "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'print(\"GOT\", repr(input()), flush=True)'])\n",
    ] {
        let project = project();
        project.save("main.py", &format!("import m\n{reader}print('V 1')\n"));
        let mut terminal = Terminal::hmr(&project, &["main.py"]);
        terminal.wait("V 1");
        project.save("m.py", "Y = 1\nX = 1\n");
        terminal.wait("m.py -> ");
        assert!(terminal.is_plain(), "{}", terminal.screen());
        terminal.type_text("q\n");
        terminal.wait("GOT 'q");
    }
}

#[test]
fn there_are_none_where_they_are_turned_off_or_where_somebody_else_reads() {
    let shell = |project: &Project, line: &str| {
        let hmr = hmr_command().join(" ");
        let mut command = Command::new("sh");
        command.args(["-c", &line.replace("hmr", &hmr)]);
        Terminal::start(&project.root(), command)
    };
    for line in [
        "hmr --no-keys main.py",
        "HMR_KEYS=0 exec hmr main.py",
        "hmr main.py | cat",
        "hmr main.py < /dev/null",
        "hmr main.py 2>&1 | cat",
    ] {
        let project = project();
        let mut terminal = shell(&project, line);
        terminal.wait("V 1");
        project.save("m.py", "X = 2\n");
        terminal.wait("m.py -> ");
        project.save("m.py", "X = 3\n");
        terminal.wait("m.py -> ");
        assert!(terminal.is_plain(), "{line}: {}", terminal.screen());
        assert!(!terminal.screen().contains(HINT), "{line}");
        terminal.type_text("\x03");
        terminal.exit();
    }
}

#[test]
fn the_terminal_is_given_back_at_every_end() {
    for (end, signal) in [
        ("q", None),
        ("\x03", None),
        // Ctrl-\ ends without a word to anybody.
        ("\x1c", None),
        ("", Some(rustix::process::Signal::TERM)),
        ("", Some(rustix::process::Signal::ABORT)),
        ("", Some(rustix::process::Signal::HUP)),
        ("", Some(rustix::process::Signal::ILL)),
    ] {
        if signal == Some(rustix::process::Signal::HUP) && ignores_hangup() {
            continue;
        }
        let project = project();
        let mut terminal = waiting(&project);
        match signal {
            None => terminal.type_text(end),
            Some(signal) => send(&terminal, signal),
        }
        let status = terminal.exit();
        assert!(terminal.is_plain(), "{end:?} {signal:?} {status}");
    }
}

/// Whether the tests run by `nohup` or the like: then `hmr` has to ignore that signal, too.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 == 1)
}

fn send(terminal: &Terminal, signal: rustix::process::Signal) {
    let id = i32::try_from(terminal.id()).ok();
    let id = id
        .and_then(rustix::process::Pid::from_raw)
        .expect("it has a number");
    rustix::process::kill_process(id, signal).expect("it is there");
}

#[test]
fn ctrl_z_gives_the_terminal_back_and_fg_takes_it_again() {
    let project = project();
    let mut shell = Command::new("bash");
    shell
        .args(["--norc", "--noprofile", "-i"])
        .env("PS1", "PROMPT> ");
    let mut terminal = Terminal::start(&project.root(), shell);
    terminal.wait("PROMPT> ");
    terminal.type_text(&format!("{} main.py\n", hmr_command().join(" ")));
    terminal.wait("V 1");
    terminal.wait(HINT);
    for _ in 0..2 {
        terminal.type_text("\x1a");
        terminal.wait("Stopped");
        terminal.wait("PROMPT> ");
        // The shell has modes of its own while it reads; a program that it starts sees those of the
        // terminal.
        terminal.type_text("stty -a; echo DO''NE\n");
        let modes = terminal.wait("DONE");
        assert!(
            modes.contains(" icanon") && modes.contains(" echo "),
            "{modes}"
        );
        terminal.wait("PROMPT> ");
        terminal.type_text("fg\n");
        terminal.wait("main.py");
        terminal.wait_plain(false);
        terminal.type_text("r");
        terminal.wait("reran main");
    }
    terminal.type_text("\x1a");
    terminal.wait("PROMPT> ");
    // In the background it works and leaves the terminal alone.
    terminal.type_text("bg\n");
    terminal.wait("PROMPT> ");
    project.save("m.py", "X = 2\n");
    terminal.wait("V 2");
    terminal.type_text("stty -a; echo DO''NE\n");
    let modes = terminal.wait("DONE");
    assert!(
        modes.contains(" icanon") && modes.contains(" echo "),
        "{modes}"
    );
    terminal.type_text("fg\n");
    terminal.wait("main.py");
    project.save("m.py", "X = 3\n");
    terminal.wait("V 3");
    terminal.wait_plain(false);
    terminal.type_text("q");
    terminal.wait("PROMPT> ");
}
