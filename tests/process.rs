//! A running `hmr` and what a test may ask of it.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;

use crate::command::{environment, hmr_command};
use crate::log::{Line, Log, Source};
use crate::project::Project;
use crate::pump;
use crate::report::{Reload, Report};

/// An `hmr` process with its log; killed when it goes out of scope.
///
/// Each wait goes on where the last one ended, so a line is never found twice.
#[derive(Debug)]
pub struct Hmr<'p> {
    project: &'p Project,
    child: Child,
    log: Arc<Log>,
    next: usize,
}

impl<'p> Hmr<'p> {
    /// Starts `hmr` with `arguments` in the project's directory.
    pub fn start(project: &'p Project, arguments: &[&str]) -> Self {
        Self::start_in(project, &project.root(), arguments)
    }

    /// Starts `hmr` with `arguments` in `directory`.
    pub fn start_in(project: &'p Project, directory: &Path, arguments: &[&str]) -> Self {
        Self::start_with(project, directory, &[], arguments)
    }

    /// Starts `hmr` with `arguments` in `directory`, with `variables` in its environment.
    pub fn start_with(
        project: &'p Project,
        directory: &Path,
        variables: &[(&str, &str)],
        arguments: &[&str],
    ) -> Self {
        Self::spawn(project, directory, variables, arguments, Stdio::null())
    }

    /// Starts `hmr` with `arguments` in the project's directory, with a keyboard: see [`Hmr::type_line`].
    pub fn start_with_keyboard(project: &'p Project, arguments: &[&str]) -> Self {
        Self::spawn(project, &project.root(), &[], arguments, Stdio::piped())
    }

    fn spawn(
        project: &'p Project,
        directory: &Path,
        variables: &[(&str, &str)],
        arguments: &[&str],
        stdin: Stdio,
    ) -> Self {
        let (program, first) = hmr_command().split_first().expect("a command has a word");
        let mut command = Command::new(program);
        command
            .args(first)
            .args(arguments)
            .current_dir(directory)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = environment(&mut command)
            .envs(variables.iter().copied())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {program}: {error}"));
        let log = Arc::new(Log::new());
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let stderr = child.stderr.take().expect("stderr is a pipe");
        pump::start(stdout, stderr, Arc::clone(&log));
        Self {
            project,
            child,
            log,
            next: 0,
        }
    }

    /// Waits for the line `wanted` on stdout and returns what else came on stdout before it.
    #[track_caller]
    pub fn wait_stdout(&mut self, wanted: &str) -> Vec<String> {
        let from = self.next;
        let (index, ()) = self
            .log
            .wait(from, &format!("`{wanted}` on stdout"), |line| {
                (line.source == Source::Stdout && line.text == wanted).then_some(())
            });
        self.next = index + 1;
        self.log
            .since(from)
            .into_iter()
            .take(index - from)
            .filter(|line| line.source == Source::Stdout)
            .map(|line| line.text)
            .collect()
    }

    /// Waits for a line on stderr that `wanted` accepts, and returns it.
    #[track_caller]
    pub fn wait_stderr(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let (index, text) = self
            .log
            .wait(self.next, &format!("{what} on stderr"), |line| {
                (line.source == Source::Stderr && wanted(&line.text)).then(|| line.text.clone())
            });
        self.next = index + 1;
        text
    }

    /// Waits for a line that `wanted` accepts, wherever it comes from.
    #[track_caller]
    pub(crate) fn wait_any(&mut self, what: &str, wanted: impl Fn(&Line) -> bool) {
        let wanted = |line: &Line| wanted(line).then_some(());
        let (index, ()) = self.log.wait(self.next, what, wanted);
        self.next = index + 1;
    }

    /// Waits until `hmr` says that a run failed: the line after the traceback.
    #[track_caller]
    pub fn wait_failure(&mut self, exception: &str) {
        self.wait_stderr(&format!("a failure with {exception}"), |line| {
            line.starts_with("hmr  ") && line.contains("failed") && line.contains(exception)
        });
    }

    /// Saves `text` to `path` and waits for the report of it.
    #[track_caller]
    pub fn save(&mut self, path: &str, text: &str) -> Reload {
        self.edit(path, |project| project.save(path, text))
    }

    /// Saves `text` to `path` and waits for the report of it and for the line `wanted` on stdout,
    /// whichever comes first: the program goes on running.
    #[track_caller]
    pub fn save_until(&mut self, path: &str, text: &str, wanted: &str) -> Reload {
        let mut reload = self.save(path, text);
        if !reload.stdout.iter().any(|line| line == wanted) {
            reload.stdout.extend(self.wait_stdout(wanted));
            reload.stdout.push(wanted.to_owned());
        }
        reload.log = self.log();
        reload
    }

    /// Does `edit` and waits for the next report that names `path`.
    #[track_caller]
    pub fn edit(&mut self, path: &str, edit: impl FnOnce(&Project)) -> Reload {
        self.perform(&format!("edits {path}"), edit);
        self.wait_report(path)
    }

    /// Waits for the next report that names `path`; what came since the last wait belongs to it.
    #[track_caller]
    pub fn wait_report(&mut self, path: &str) -> Reload {
        let from = self.next;
        let what = format!("a report of {path}");
        let (index, report) = self.log.wait(from, &what, |line| {
            Report::parse(&line.text)
                .filter(|_| line.source == Source::Stderr)
                .filter(|report| report.changed.iter().any(|changed| changed == path))
        });
        self.next = index + 1;
        let mut lines = self.log.since(from);
        lines.truncate(index - from);
        Reload::new(report, &lines, self.log.dump())
    }

    /// Does `quiet`, which must cause nothing at all, then makes a real edit of `sentinel.py`, and
    /// returns every line that came before the report of the sentinel, that report included.
    ///
    /// Saves are handled in order, so whatever `quiet` causes comes before the sentinel's report:
    /// no time has to pass to be sure that it caused nothing. The project must import a module
    /// `sentinel`.
    #[track_caller]
    pub fn between(&mut self, quiet: impl FnOnce(&Project)) -> Vec<Line> {
        let from = self.next;
        self.perform("does what must cause nothing", quiet);
        self.save("sentinel.py", &format!("TICK = {from}\n"));
        let mut lines = self.log.since(from);
        lines.truncate(self.next - from);
        lines.retain(|line| line.source != Source::Test);
        lines
    }

    /// Fails the test unless `quiet` causes no line and no reload at all; see [`Hmr::between`].
    #[track_caller]
    pub fn expect_nothing(&mut self, quiet: impl FnOnce(&Project)) {
        let lines = self.between(quiet);
        let sentinel = match lines.as_slice() {
            [only] => Report::parse(&only.text),
            _ => None,
        };
        assert!(
            sentinel.is_some_and(
                |report| report.changed == ["sentinel.py"] && report.ran == ["sentinel"]
            ),
            "expected nothing before the report of sentinel.py; seen:\n{}",
            self.log.dump()
        );
    }

    /// Everything seen since the last wait, whole.
    pub fn unread(&self) -> Vec<Line> {
        self.log.since(self.next)
    }

    /// The whole log as text.
    pub fn log(&self) -> String {
        self.log.dump()
    }

    /// Writes a line to the program's stdin.
    pub fn type_line(&mut self, text: &str) {
        use std::io::Write as _;

        self.log.push(Source::Test, format!("types {text}"));
        let stdin = self.child.stdin.as_mut().expect("it has a keyboard");
        writeln!(stdin, "{text}").expect("the process reads");
    }

    /// Whether the process still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends what Ctrl-C sends.
    #[cfg(unix)]
    pub fn interrupt(&mut self) {
        self.send("SIGINT", rustix::process::Signal::INT);
    }

    /// Sends what `kill` sends.
    #[cfg(unix)]
    pub fn terminate(&mut self) {
        self.send("SIGTERM", rustix::process::Signal::TERM);
    }

    #[cfg(unix)]
    fn send(&mut self, name: &str, signal: rustix::process::Signal) {
        use rustix::process::{Pid, kill_process};

        self.log.push(Source::Test, format!("sends {name}"));
        kill_process(Pid::from_child(&self.child), signal).expect("the process is there");
    }

    /// The number of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How much of a processor's time the process has used.
    #[cfg(target_os = "linux")]
    pub fn processor_time(&self) -> std::time::Duration {
        let stat = format!("/proc/{}/stat", self.child.id());
        let stat = std::fs::read_to_string(stat).expect("the process is there");
        // Behind the command, which is in brackets, the third field and what follows.
        let (_, fields) = stat.rsplit_once(')').expect("the command is in brackets");
        let fields: Vec<_> = fields.split_whitespace().collect();
        let ticks = |at: usize| -> u64 { fields[at - 3].parse().expect("a number") };
        let a_second = rustix::param::clock_ticks_per_second();
        std::time::Duration::from_millis((ticks(14) + ticks(15)) * 1000 / a_second)
    }

    /// How many files and directories the process asks the kernel to watch.
    #[cfg(target_os = "linux")]
    pub fn inotify_watches(&self) -> usize {
        let infos = format!("/proc/{}/fdinfo", self.child.id());
        let infos = std::fs::read_dir(infos).expect("the process is there");
        infos
            .filter_map(|info| std::fs::read_to_string(info.ok()?.path()).ok())
            .flat_map(|info| info.lines().map(str::to_owned).collect::<Vec<_>>())
            .filter(|line| line.starts_with("inotify "))
            .count()
    }

    /// Waits until the process has ended by itself and returns how, with the rest of its stdout.
    #[track_caller]
    pub fn exit(&mut self) -> (ExitStatus, Vec<String>) {
        assert!(
            self.log.wait_end(),
            "waited for the end of the process, but it still runs; seen:\n{}",
            self.log.dump()
        );
        let status = self
            .child
            .wait()
            .expect("a started process can be waited for");
        let rest = self.unread();
        self.next += rest.len();
        let stdout = rest
            .into_iter()
            .filter(|line| line.source == Source::Stdout)
            .map(|line| line.text)
            .collect();
        (status, stdout)
    }

    fn perform(&mut self, what: &str, action: impl FnOnce(&Project)) {
        self.log.push(Source::Test, what);
        action(self.project);
    }
}

impl Drop for Hmr<'_> {
    fn drop(&mut self) {
        // Only this process, by its handle; it may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
