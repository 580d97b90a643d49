//! The book's commands as a script: blocks of `docs/src/*.md` that a test plays.
//!
//! A comment before a block says what becomes of it:
//!
//! ```text
//! <!-- test: project -->            no block: a new folder; what ran before ends
//! <!-- test: needs flask -->        no block: the project is left out if these are not installed
//! <!-- test: file main.py -->       the block is saved as this file
//! <!-- test: edit main.py -->       the block is a diff: its lines with - become those with +
//! <!-- test: run -->                $ hmr ..., which stays; the lines below it are waited for
//! <!-- test: expect -->             lines to wait for, in order; of hmr's own the times do not count
//! <!-- test: shell -->              $ hmr ..., which ends well; ... stands for any lines
//! <!-- test: get -->                $ curl URL and the answer that comes in the end
//! <!-- test: elsewhere WHAT -->     WHAT runs it
//! ```
//!
//! The port 8000 stands for one that is free.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

use crate::{Hmr, Project, limit, log::Source};

/// A piece of a page: what is to be done, and the block for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// `file main.py`
    pub what: String,
    /// The text of the block, without its fences.
    pub block: String,
    /// Where it stands, for messages.
    pub line: usize,
}

/// The steps of a page.
///
/// # Errors
///
/// A block of commands or a marker that nothing belongs to; the text says where.
pub fn steps(page: &str) -> Result<Vec<Step>, String> {
    let mut steps: Vec<Step> = Vec::new();
    let mut marker: Option<(String, usize)> = None;
    let mut lines = page.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let line_number = number + 1;
        let text = line.strip_prefix("<!-- test: ");
        if let Some(what) = text.and_then(|text| text.strip_suffix(" -->")) {
            if let Some((what, line)) = marker.take() {
                return Err(format!("line {line}: no block follows `{what}`"));
            }
            let what = what.to_owned();
            if what == "project" || what.starts_with("needs ") {
                let block = String::new();
                let line = line_number;
                steps.push(Step { what, block, line });
            } else {
                marker = Some((what, line_number));
            }
        } else if let Some(language) = line.strip_prefix("```") {
            let block: Vec<_> = lines
                .by_ref()
                .map(|(_, line)| line)
                .take_while(|line| *line != "```")
                .collect();
            match marker.take() {
                Some((what, line)) => steps.push(Step {
                    what,
                    block: block.join("\n") + "\n",
                    line,
                }),
                None if language == "console" => {
                    return Err(format!("line {line_number}: no test runs this block"));
                }
                None => {}
            }
        }
    }
    Ok(steps)
}

/// Does what the steps of one project say, the first of which is `project`.
///
/// `is_installed` knows the packages of the interpreter.
pub fn play(steps: &[Step], is_installed: impl Fn(&str) -> bool) {
    let lacks = |step: &Step| {
        let needs = step.what.strip_prefix("needs ");
        needs.is_some_and(|names| !names.split(' ').all(&is_installed))
    };
    if steps.iter().any(lacks) {
        return;
    }
    let project = Project::new(&[]);
    let mut player = Player {
        project: &project,
        hmr: None,
        port: free_port(),
    };
    for step in steps {
        player.step(step);
    }
}

struct Player<'p> {
    project: &'p Project,
    hmr: Option<Hmr<'p>>,
    port: String,
}

impl Player<'_> {
    fn step(&mut self, step: &Step) {
        let Step { what, block, line } = step;
        let block = block.replace("8000", &self.port);
        let (verb, name) = what.split_once(' ').unwrap_or((what, ""));
        match verb {
            "project" | "needs" | "elsewhere" => {}
            "file" => self.project.save(name, &block),
            "edit" => self.edit(name, &block, *line),
            "run" => {
                let (arguments, expected) = command(&block, "$ hmr ", *line);
                let arguments: Vec<_> = arguments.split(' ').collect();
                self.hmr = Some(Hmr::start(self.project, &arguments));
                self.expect(expected, *line);
            }
            "expect" => self.expect(&block, *line),
            "shell" => self.shell(&block, *line),
            "get" => self.get(&block, *line),
            _ => panic!("line {line}: there is no `{what}`"),
        }
    }

    fn edit(&self, name: &str, diff: &str, line: usize) {
        let part = |sign: char| {
            let lines: Vec<_> = diff
                .lines()
                .filter_map(|it| it.strip_prefix(sign))
                .collect();
            lines.join("\n") + "\n"
        };
        let (text, old) = (self.project.read(name), part('-'));
        assert!(text.contains(&old), "line {line}: {name} has no\n{old}");
        self.project.save(name, &text.replacen(&old, &part('+'), 1));
    }

    fn expect(&mut self, lines: &str, line: usize) {
        let hmr = self.hmr.as_mut().expect("a program runs");
        for wanted in lines.lines() {
            if wanted.starts_with("hmr  ") {
                hmr.wait_stderr(&format!("(line {line}) `{wanted}`"), |text| {
                    without_times(text) == without_times(wanted)
                });
            } else {
                hmr.wait_line(&format!("(line {line}) `{wanted}`"), wanted);
            }
        }
    }

    fn shell(&self, block: &str, line: usize) {
        let (arguments, expected) = command(block, "$ hmr ", line);
        let arguments: Vec<_> = arguments.split(' ').collect();
        let mut hmr = Hmr::start(self.project, &arguments);
        let (status, stdout) = hmr.exit();
        assert!(status.success(), "line {line}: {status}\n{}", hmr.log());
        let mut written = stdout.iter();
        for wanted in expected.lines().filter(|line| *line != "...") {
            let found = written.any(|text| text == wanted);
            assert!(found, "line {line}: no `{wanted}` in\n{}", hmr.log());
        }
    }

    /// The server may be about to start, or to start again.
    fn get(&self, block: &str, line: usize) {
        let (url, wanted) = command(block, "$ curl http://", line);
        let (address, path) = url.split_once('/').expect("a path");
        let began = Instant::now();
        loop {
            let answer = answer(address, path);
            if answer.as_deref().ok() == Some(wanted.trim_end()) {
                return;
            }
            assert!(
                began.elapsed() < limit(),
                "line {line}: {answer:?}\n{}",
                self.hmr.as_ref().map(Hmr::log).unwrap_or_default()
            );
            // There is no event to wait for: nobody tells when a server begins to listen.
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The rest of the first line behind `prompt`, and the lines below.
fn command<'a>(block: &'a str, prompt: &str, line: usize) -> (&'a str, &'a str) {
    let (first, rest) = block.split_once('\n').unwrap_or((block, ""));
    let command = first.strip_prefix(prompt);
    let command = command.unwrap_or_else(|| panic!("line {line}: not a `{prompt}`: {first}"));
    (command, rest)
}

/// A line of `hmr` without the time of the day and the milliseconds.
fn without_times(line: &str) -> String {
    let mut words: Vec<_> = line.split(' ').filter(|word| !word.is_empty()).collect();
    while let Some(unit) = words.iter().position(|word| *word == "ms") {
        words.drain(unit - 1..=unit);
    }
    if words.len() > 1 {
        words.remove(1);
    }
    words.join(" ")
}

fn answer(address: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(limit()))?;
    write!(stream, "GET /{path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
    Ok(body.unwrap_or_default().to_owned())
}

fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    address.port().to_string()
}

impl Hmr<'_> {
    /// Waits for the line on either stream.
    #[track_caller]
    fn wait_line(&mut self, what: &str, wanted: &str) {
        self.wait_any(what, |line| {
            line.source != Source::Test && line.text == wanted
        });
    }
}
