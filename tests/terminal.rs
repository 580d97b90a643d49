//! A process on a terminal of its own, as a person has it: what it writes, and what is typed.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::command::{environment, hmr_command};
use crate::log::limit;
use crate::project::Project;

/// A process that leads a session of its own on a pseudo terminal; killed when this goes out of scope.
#[derive(Debug)]
pub struct Terminal {
    master: File,
    child: Child,
    screen: Arc<Screen>,
    /// What has been waited for already.
    seen: usize,
}

#[derive(Debug, Default)]
struct Screen {
    state: Mutex<(Vec<u8>, bool)>,
    changed: Condvar,
}

impl Screen {
    fn lock(&self) -> MutexGuard<'_, (Vec<u8>, bool)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Terminal {
    /// Starts `hmr` with `arguments` in the project's directory.
    pub fn hmr(project: &Project, arguments: &[&str]) -> Self {
        let (program, first) = hmr_command().split_first().expect("a command has a word");
        let mut command = Command::new(program);
        command.args(first).args(arguments);
        Self::start(&project.root(), command)
    }

    /// Starts `command` in `directory`.
    pub fn start(directory: &Path, mut command: Command) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("there are terminals");
        grantpt(&master).expect("it is ours");
        unlockpt(&master).expect("it is ours");
        let name = ptsname(&master, Vec::new()).expect("it has a name");
        let flags = OFlags::RDWR | OFlags::NOCTTY;
        let slave = rustix::fs::open(&*name, flags, Mode::empty()).expect("it can be opened");
        let size = Winsize {
            ws_row: 40,
            ws_col: 100,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&slave, size).expect("it has a size");
        let end = || Stdio::from(slave.try_clone().expect("a descriptor more"));
        command
            .current_dir(directory)
            .stdin(end())
            .stdout(end())
            .stderr(end());
        environment(&mut command)
            .env("TERM", "xterm")
            .env_remove("NO_COLOR");
        lead_session(&mut command);
        let child = command.spawn().expect("the process starts");
        // What is left of it in `command` and here would keep the terminal open.
        drop((command, slave));
        let screen = Arc::new(Screen::default());
        let reader = File::from(master);
        let master = reader.try_clone().expect("a descriptor more");
        let shown = Arc::clone(&screen);
        thread::spawn(move || show(reader, &shown));
        Self {
            master,
            child,
            screen,
            seen: 0,
        }
    }

    /// Types `text`; `\x03` is Ctrl-C, `\x1a` Ctrl-Z.
    pub fn type_text(&mut self, text: &str) {
        self.master
            .write_all(text.as_bytes())
            .expect("the terminal is there");
    }

    /// Waits until `text` is shown, after what was waited for before, and returns what came before it.
    #[track_caller]
    pub fn wait(&mut self, text: &str) -> String {
        let from = self.seen;
        let found = self.until(|bytes, _| {
            let rest = String::from_utf8_lossy(&bytes[from..]).into_owned();
            rest.find(text).map(|at| (rest[..at].to_owned(), at))
        });
        let Some((before, at)) = found else {
            panic!("waited for {text:?}; shown was:\n{}", self.screen());
        };
        self.seen = from + at + text.len();
        before
    }

    /// Waits until the process has ended, and returns how.
    #[track_caller]
    pub fn exit(&mut self) -> ExitStatus {
        let deadline = Instant::now() + limit();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is a child") {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "it does not end; shown was:\n{}",
                self.screen()
            );
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Everything that was shown.
    pub fn screen(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().0).into_owned()
    }

    /// Whether the terminal collects lines and shows what is typed, as it does for a shell's programs.
    pub fn is_plain(&self) -> bool {
        let modes = tcgetattr(&self.master).expect("the terminal is there");
        modes
            .local_modes
            .contains(LocalModes::ICANON | LocalModes::ECHO)
    }

    /// Waits until the terminal is in that mode, or in the one of single keys.
    #[track_caller]
    pub fn wait_plain(&self, is_plain: bool) {
        let deadline = Instant::now() + limit();
        while self.is_plain() != is_plain {
            assert!(
                Instant::now() < deadline,
                "the terminal's mode stays as it is; shown was:\n{}",
                self.screen()
            );
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn until<T>(&self, mut look: impl FnMut(&[u8], bool) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + limit();
        let mut state = self.screen.lock();
        loop {
            if let Some(found) = look(&state.0, state.1) {
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.1 {
                return None;
            }
            let waited = self.screen.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Shows what comes until nobody has the terminal any more.
fn show(mut reader: File, screen: &Screen) {
    let mut bytes = [0; 4096];
    loop {
        match reader.read(&mut bytes) {
            Ok(count) if count > 0 => screen.lock().0.extend_from_slice(&bytes[..count]),
            _ => {
                screen.lock().1 = true;
                screen.changed.notify_all();
                return;
            }
        }
        screen.changed.notify_all();
    }
}

/// Makes the process the leader of a session whose terminal is its stdin.
#[expect(unsafe_code, reason = "only the child itself can do so")]
fn lead_session(command: &mut Command) {
    let lead = || {
        rustix::process::setsid()?;
        rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
        Ok(())
    };
    // SAFETY: between fork and exec these two system calls are made, and nothing else.
    unsafe { command.pre_exec(lead) };
}
