//! Moves what the process writes into the log.
//!
//! One thread reads both pipes, and stdout is emptied before a piece of stderr is logged. So the log
//! keeps one half of the real order, the half that the tests need: what the program printed before
//! `hmr` reported a reload stands before the report. Two threads would let the report overtake it.

use std::process::{ChildStderr, ChildStdout};
use std::sync::Arc;
use std::thread;

use crate::log::{Log, Source};

/// Starts the thread; it ends with the two streams.
pub(crate) fn start(stdout: ChildStdout, stderr: ChildStderr, log: Arc<Log>) {
    thread::spawn(move || pump(stdout, stderr, &log));
}

#[cfg(unix)]
fn pump(stdout: ChildStdout, stderr: ChildStderr, log: &Log) {
    let mut out = Stream::new(stdout, Source::Stdout);
    let mut err = Stream::new(stderr, Source::Stderr);
    while out.open || err.open {
        wait_for_either(&out, &err);
        // The piece of stderr is taken first and logged last: all that was on stdout when it was
        // written is read in between.
        let piece = err.is_ready().then(|| err.read());
        while out.is_ready() {
            let piece = out.read();
            out.log(&piece, log);
        }
        if let Some(piece) = piece {
            err.log(&piece, log);
        }
    }
    log.end();
}

#[cfg(not(unix))]
fn pump(stdout: ChildStdout, stderr: ChildStderr, log: &Log) {
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut out = Stream::new(stdout, Source::Stdout);
            while out.open {
                let piece = out.read();
                out.log(&piece, log);
            }
        });
        let mut err = Stream::new(stderr, Source::Stderr);
        while err.open {
            let piece = err.read();
            err.log(&piece, log);
        }
    });
    log.end();
}

/// Blocks until one of the open streams has something to read or has ended.
#[cfg(unix)]
fn wait_for_either(out: &Stream<ChildStdout>, err: &Stream<ChildStderr>) {
    use rustix::event::{PollFd, PollFlags, poll};

    let mut waiting = Vec::new();
    if out.open {
        waiting.push(PollFd::new(&out.pipe, PollFlags::IN));
    }
    if err.open {
        waiting.push(PollFd::new(&err.pipe, PollFlags::IN));
    }
    // An interruption is no reason to stop: the loop comes back here.
    let _ = poll(&mut waiting, None);
}

/// One pipe, with the beginning of the line that is not yet complete.
struct Stream<P> {
    pipe: P,
    source: Source,
    partial: Vec<u8>,
    open: bool,
}

impl<P: std::io::Read> Stream<P> {
    fn new(pipe: P, source: Source) -> Self {
        Self {
            pipe,
            source,
            partial: Vec::new(),
            open: true,
        }
    }

    /// Reads what is there, at least a byte; an empty piece is the end.
    fn read(&mut self) -> Vec<u8> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match self.pipe.read(&mut buffer) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Ok(size) => {
                    buffer.truncate(size);
                    return buffer;
                }
                Err(_) => return Vec::new(),
            }
        }
    }

    fn log(&mut self, piece: &[u8], log: &Log) {
        self.open = !piece.is_empty();
        self.partial.extend_from_slice(piece);
        while let Some(end) = self.partial.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            log.push(self.source, String::from_utf8_lossy(&line).trim_end());
        }
        if !self.open && !self.partial.is_empty() {
            let line = std::mem::take(&mut self.partial);
            log.push(self.source, String::from_utf8_lossy(&line).trim_end());
        }
    }
}

#[cfg(unix)]
impl<P: std::os::fd::AsFd> Stream<P> {
    /// Whether a read returns at once, with bytes or with the end of the stream.
    fn is_ready(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};

        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        self.open
            && poll(&mut [PollFd::new(&self.pipe, PollFlags::IN)], Some(&now))
                .is_ok_and(|ready| ready > 0)
    }
}
