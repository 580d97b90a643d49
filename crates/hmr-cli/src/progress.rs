//! A line that says what takes long, on a terminal, and is gone when that has ended.
//!
//! Kept true: it stands there only while nothing of the program runs, for what that writes would end up
//! behind it on the same line. So a reload has none: its modules may print.

use std::{
    io::{IsTerminal as _, Write},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use crate::report::Style;

/// What ends sooner is not worth a word.
const LONG: Duration = Duration::from_millis(300);

/// Puts the cursor at the beginning of its line, which is empty then.
const ERASE: &str = "\r\x1b[K";

/// Does `work`; says `text` meanwhile if that takes long and stderr is a terminal.
pub(crate) fn during<R>(text: &str, work: impl FnOnce() -> R) -> R {
    let stderr = std::io::stderr();
    if !stderr.is_terminal() || !knows_codes() {
        return work();
    }
    show(stderr, LONG, text, work)
}

/// Whether what looks like a terminal can erase a line.
fn knows_codes() -> bool {
    if cfg!(windows) {
        return Style::of_stderr() == Style::Colored;
    }
    std::env::var_os("TERM").is_some_and(|name| name != "dumb")
}

fn show<R>(mut to: impl Write + Send, after: Duration, text: &str, work: impl FnOnce() -> R) -> R {
    let (work_goes_on, has_ended) = channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            if has_ended.recv_timeout(after) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            // Nobody is helped by an error about a line that is to vanish.
            let _ = write!(to, "{ERASE}{text}").and_then(|()| to.flush());
            let _ = has_ended.recv();
            let _ = write!(to, "{ERASE}").and_then(|()| to.flush());
        });
        let result = work();
        drop(work_goes_on);
        result
    })
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::mpsc::{Receiver, Sender},
    };

    use super::*;

    /// Passes on what is written.
    struct Pipe(Sender<String>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.send(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn pipe() -> (Pipe, Receiver<String>) {
        let (sender, receiver) = channel();
        (Pipe(sender), receiver)
    }

    #[test]
    fn what_takes_long_is_said_and_leaves_nothing_behind() {
        let (pipe, shown) = pipe();
        let mut before = String::new();
        show(pipe, Duration::ZERO, "looking", || {
            while !before.contains("looking") {
                before += &shown.recv().expect("it is said");
            }
        });
        let after: String = shown.iter().collect();
        assert_eq!(before + &after, "\r\x1b[Klooking\r\x1b[K");
    }

    #[test]
    fn what_is_quick_is_not_worth_a_word() {
        let (pipe, shown) = pipe();
        assert_eq!(show(pipe, Duration::from_mins(1), "looking", || 7), 7);
        assert_eq!(shown.iter().count(), 0);
    }
}
