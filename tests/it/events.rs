//! `--events`: what editors and other programs are told.

use std::process::{Command, Stdio};

use hmr_tests::{Hmr, Project, environment, hmr_command};

fn project() -> Project {
    Project::new(&[
        ("m.py", "X = 1\ndef f(): return 1\n"),
        ("main.py", "import m\nprint('V', m.X)\n"),
    ])
}

/// The objects so far, as text.
fn events(project: &Project) -> Vec<String> {
    let text = project.read("events.jsonl");
    text.lines().map(str::to_owned).collect()
}

/// The last one; `"time"` and times are taken out.
fn last(project: &Project) -> String {
    without_times(&events(project).pop().expect("an event"))
}

fn without_times(event: &str) -> String {
    let object = event.trim_start_matches('{').trim_end_matches('}');
    let mut text = object.to_owned();
    for key in ["milliseconds", "compile", "compare", "patch", "run"] {
        let key = format!("\"{key}\":");
        if let Some(at) = text.find(&key) {
            let from = at + key.len();
            let digits = text[from..].find([',', '}']).unwrap_or(text.len() - from);
            text.replace_range(from..from + digits, "_");
        }
    }
    if let Some(at) = text.find("\"time\":\"") {
        let end = text[at + 8..].find('"').expect("it ends") + at + 9;
        text.replace_range(at..end, "\"time\":_");
    }
    text
}

/// On stderr, whose lines a test can wait for; `--quiet` leaves it to the events.
#[cfg(unix)]
#[test]
fn a_session_is_told_from_its_start_to_its_end() {
    let project = project();
    let mut hmr = Hmr::start(&project, &["--events", "2", "--quiet", "main.py"]);
    let event = |hmr: &mut Hmr<'_>, kind: &str| {
        let kind = format!("\"event\":\"{kind}\"");
        hmr.wait_stderr("an event", |line| line.contains(&kind))
    };
    let start = event(&mut hmr, "start");
    assert!(
        start.contains("\"program\":\"main.py\",\"schema\":1,"),
        "{start}"
    );
    event(&mut hmr, "run");
    project.save("m.py", "X = 2\ndef f(): return 1\n");
    event(&mut hmr, "reload");
    hmr.interrupt();
    let end = event(&mut hmr, "end");
    assert!(end.contains("\"reloads\":1"), "{end}");
    hmr.exit();
    assert!(!hmr.log().contains("hmr  "), "{}", hmr.log());
}

#[test]
fn a_reload_is_told_with_who_ran_and_why() {
    let project = project();
    let mut hmr = Hmr::start(&project, &["--events", "events.jsonl", "main.py"]);
    hmr.wait_stdout("V 1");
    let m = project.path("m.py");
    let m = m.to_str().expect("a path of letters");

    hmr.save("m.py", "X = 2\ndef f(): return 1\n");
    let reran = |module: &str, because: &str, changed: &str, reason: &str| {
        format!(
            "{{\"because\":\"{because}\",\"changed\":[{changed}],\"kept\":[],\"kept_statements\":0,\
             \"module\":\"{module}\",\"reason\":{reason},\"whole\":null}}"
        )
    };
    let edited = reran("m", "it was edited", "\"X\"", "{\"kind\":\"edited\"}");
    let reader = reran(
        "__main__",
        "it read m.X",
        "",
        "{\"kind\":\"read\",\"reads\":[{\"module\":\"m\",\"name\":\"X\"}]}",
    );
    assert_eq!(
        last(&project),
        format!(
            "\"event\":\"reload\",\"exit\":null,\"failures\":[],\"files\":[\"{m}\"],\
             \"milliseconds\":_,\"patched\":[],\"recovered\":[],\"removed\":[],\
             \"reran\":[{edited},{reader}],\"restart\":null,\
             \"spent\":{{\"compare\":_,\"compile\":_,\"patch\":_,\"run\":_}},\"time\":_,\
             \"unchanged\":[]"
        )
    );

    hmr.save("m.py", "X = 2\ndef f(): return 2\n");
    let event = last(&project);
    assert!(
        event.contains("\"patched\":[{\"definitions\":[\"f\"],\"module\":\"m\"}]"),
        "{event}"
    );
    hmr.save("m.py", "X = 1 / 0\ndef f(): return 2\n");
    let event = last(&project);
    assert!(
        event.contains("\"exception\":\"ZeroDivisionError\",\"interrupted\":false,\"module\":\"m\",\"repeated\":false,\"traceback\":\"Traceback (most recent call last):\\n"),
        "{event}"
    );
    hmr.save("m.py", "X = 3\ndef f(): return 2\n");
    let event = last(&project);
    assert!(event.contains("\"recovered\":[\"m\"]"), "{event}");
}

#[cfg(unix)]
#[test]
fn events_go_to_an_open_file_descriptor() {
    let project = project();
    let (program, first) = hmr_command().split_first().expect("a command has a word");
    let words: Vec<_> = std::iter::once(program).chain(first).cloned().collect();
    let script = format!("exec {} --events 3 main.py 3>events.jsonl", words.join(" "));
    let mut command = Command::new("sh");
    command.args(["-c", &script]).current_dir(project.root());
    let mut child = environment(&mut command)
        .stdout(Stdio::piped())
        .spawn()
        .expect("sh is there");
    let stdout = child.stdout.take().expect("a pipe");
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).expect("a line");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    assert_eq!(line, "V 1\n");
    assert!(events(&project)[0].contains("\"event\":\"start\""));
}

#[test]
fn events_that_can_go_nowhere_are_an_error() {
    let project = project();
    let mut hmr = Hmr::start(&project, &["--events", "no/such/folder", "main.py"]);
    hmr.wait_stderr("what is wrong", |line| {
        line.starts_with("hmr: cannot write events to no/such/folder: ")
    });
    assert_eq!(hmr.exit().0.code(), Some(2), "{}", hmr.log());
}
