//! The line that `hmr` writes for a reload, as data.
//!
//! ```text
//! hmr  12:04:31  config.py -> reran config, services.mail, main  4.1 ms  (HOST changed)
//! hmr  12:04:31  notes.py -> nothing to rerun  0.3 ms
//! hmr  12:04:31  m.py -> m failed (SyntaxError); still on the last good state  3.1 ms
//! hmr  12:04:31  n.py -> reran n; waiting for a fix of m (SyntaxError)  3.1 ms
//! ```

use crate::log::Line;

/// What one report line says.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The files that changed, relative to the project.
    pub changed: Vec<String>,
    /// The modules that ran to their end, in the order in which they ran.
    pub ran: Vec<String>,
    /// The module that failed and its exception's class.
    pub failed: Option<(String, String)>,
    /// The module that still fails as it did before, and its exception's class.
    pub pending: Option<(String, String)>,
    /// How long it took.
    pub milliseconds: f64,
    /// Everything between the arrow and the time.
    pub outcome: String,
    /// What stands in brackets behind the time.
    pub why: Option<String>,
}

impl Report {
    /// Reads a report from `line`; `None` if it is no report of a reload.
    pub fn parse(line: &str) -> Option<Self> {
        let rest = line.strip_prefix("hmr  ")?;
        let (clock, rest) = rest.split_once("  ")?;
        if clock.len() != 8 || clock.split(':').count() != 3 {
            return None;
        }
        let (changed, rest) = rest.split_once(" -> ")?;
        let (rest, why) = match rest.rsplit_once("  (") {
            Some((rest, why)) => (rest, Some(why.strip_suffix(')')?.to_owned())),
            None => (rest, None),
        };
        let (outcome, time) = rest.rsplit_once("  ")?;
        let milliseconds = time.strip_suffix(" ms")?.parse().ok()?;
        Some(Self {
            changed: list(without_count(changed)),
            ran: ran(outcome),
            failed: failed(outcome),
            pending: pending(outcome),
            milliseconds,
            outcome: outcome.to_owned(),
            why,
        })
    }
}

impl Report {
    fn line(&self) -> String {
        let why = self.why.as_ref().map(|why| format!("  ({why})"));
        let files = self.changed.join(", ");
        format!("{files} -> {}{}", self.outcome, why.unwrap_or_default())
    }
}

/// Many files are named in part: `a.py, b.py, c.py and 497 more`.
fn without_count(changed: &str) -> &str {
    match changed.rsplit_once(" and ") {
        Some((named, rest)) if rest.ends_with(" more") => named,
        _ => changed,
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(", ").map(str::to_owned).collect()
}

fn ran(outcome: &str) -> Vec<String> {
    outcome
        .split("; ")
        .find_map(|part| part.strip_prefix("reran "))
        .map_or_else(Vec::new, list)
}

fn failed(outcome: &str) -> Option<(String, String)> {
    outcome.split("; ").find_map(|part| {
        let (module, exception) = part.split_once(" failed (")?;
        Some((module.to_owned(), exception.strip_suffix(')')?.to_owned()))
    })
}

fn pending(outcome: &str) -> Option<(String, String)> {
    outcome.split("; ").find_map(|part| {
        let pending = part.strip_prefix("waiting for a fix of ")?;
        let (module, exception) = pending.split_once(" (")?;
        Some((module.to_owned(), exception.strip_suffix(')')?.to_owned()))
    })
}

/// What one save caused: everything between the save and `hmr`'s report of it.
#[derive(Debug, Clone)]
pub struct Reload {
    /// The files that changed, as reported.
    pub changed: Vec<String>,
    /// The modules that ran to their end, in the order in which they ran.
    pub ran: Vec<String>,
    /// The module that failed and its exception's class.
    pub failed: Option<(String, String)>,
    /// The module that still fails as it did before, and its exception's class.
    pub pending: Option<(String, String)>,
    /// The report without its beginning and its time: `m.py -> reran m  (X changed)`.
    pub line: String,
    /// What the program wrote to stdout.
    pub stdout: Vec<String>,
    /// What stood on stderr before the report: tracebacks and the program's own lines.
    pub stderr: Vec<String>,
    /// The whole log of the test, for a message that explains a failure.
    pub log: String,
}

impl Reload {
    pub(crate) fn new(report: Report, lines: &[Line], log: String) -> Self {
        use crate::log::Source;

        let of = |source| {
            lines
                .iter()
                .filter(|line| line.source == source)
                .map(|line| line.text.clone())
                .collect()
        };
        Self {
            line: report.line(),
            changed: report.changed,
            ran: report.ran,
            failed: report.failed,
            pending: report.pending,
            stdout: of(Source::Stdout),
            stderr: of(Source::Stderr),
            log,
        }
    }

    /// Fails the test unless exactly `modules` ran, in this order, and stdout gained exactly
    /// `stdout`.
    #[track_caller]
    pub fn expect(&self, modules: &[&str], stdout: &[&str]) {
        assert!(
            self.ran == modules && self.stdout == stdout && self.failed.is_none(),
            "expected that {modules:?} run and print {stdout:?}, but {:?} ran (failed: {:?}) and \
             printed {:?}; seen:\n{}",
            self.ran,
            self.failed,
            self.stdout,
            self.log
        );
    }

    /// Fails the test unless `module` failed with `exception`, nothing was printed on stdout, and
    /// the traceback says so in its last line.
    #[track_caller]
    pub fn expect_failure(&self, module: &str, exception: &str) {
        let failed = self.failed.as_ref().map(|(m, e)| (m.as_str(), e.as_str()));
        let last = self.stderr.last().map_or("", String::as_str);
        assert!(
            failed == Some((module, exception))
                && self.stdout.is_empty()
                && last.starts_with(exception),
            "expected a traceback of {exception} in {module} and no output, but {:?} failed and \
             printed {:?}; seen:\n{}",
            self.failed,
            self.stdout,
            self.log
        );
    }

    /// The files that the traceback on stderr names, in its order.
    pub fn traceback_files(&self) -> Vec<String> {
        self.stderr
            .iter()
            .filter_map(|line| line.trim_start().strip_prefix("File \""))
            .filter_map(|rest| rest.split_once('"'))
            .map(|(file, _)| file.to_owned())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Report;

    #[test]
    fn report_lists_files_and_modules_in_order() {
        let report = Report::parse(
            "hmr  12:04:31  a.py, pkg/b.py -> reran pkg.b, a, main  4.1 ms  (X changed)",
        )
        .unwrap();

        assert_eq!(report.changed, ["a.py", "pkg/b.py"]);
        assert_eq!(report.ran, ["pkg.b", "a", "main"]);
        assert_eq!(report.why.as_deref(), Some("X changed"));
        assert_eq!(report.failed, None);
    }

    #[test]
    fn report_of_a_failure_names_module_and_exception() {
        let report = Report::parse(
            "hmr  12:04:31  m.py -> m failed (SyntaxError); still on the last good state  3.1 ms",
        )
        .unwrap();

        assert_eq!(report.failed, Some(("m".into(), "SyntaxError".into())));
        assert!(report.ran.is_empty());
    }

    #[test]
    fn report_of_many_files_names_the_first_ones() {
        let report =
            Report::parse("hmr  12:04:31  a.py, b.py and 497 more -> reran a  4.1 ms").unwrap();

        assert_eq!(report.changed, ["a.py", "b.py"]);
    }

    #[test]
    fn other_lines_are_no_reports() {
        for line in [
            "Traceback (most recent call last):",
            "hmr  12:04:31  main.py exited with status 3; watching for changes",
            "a -> b  1 ms",
        ] {
            assert_eq!(Report::parse(line), None, "{line}");
        }
    }
}
