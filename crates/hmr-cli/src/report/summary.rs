//! What a session came to, in one line at its end.

use std::time::{Duration, Instant};

use hmr_module_graph::Update;

/// The reloads so far.
#[derive(Debug)]
pub(crate) struct Summary {
    began: Instant,
    times: Vec<Duration>,
    patched: usize,
    runs: usize,
    failures: usize,
    restarts: usize,
}

impl Summary {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            times: Vec::new(),
            patched: 0,
            runs: 0,
            failures: 0,
            restarts: 0,
        }
    }

    pub(crate) fn add(&mut self, update: &Update) {
        self.times.push(update.elapsed);
        self.patched += update
            .patched
            .iter()
            .map(|it| it.names().len())
            .sum::<usize>();
        self.runs += update.reran.len();
        self.failures += update.failures.iter().filter(|it| !it.repeated).count();
        self.restarts += usize::from(update.restart.is_some());
    }

    pub(crate) fn reloads(&self) -> usize {
        self.times.len()
    }

    /// `12 reloads in 5 min 20 s: 7 definitions patched, 31 module runs, 1 failure; median 4.1 ms`.
    /// Nothing if there was no reload.
    pub(crate) fn line(&self) -> Option<String> {
        let mut times = self.times.clone();
        times.sort_unstable();
        let median = times.get(times.len() / 2)?;
        let counts = [
            (self.patched, "definition patched", "definitions patched"),
            (self.runs, "module run", "module runs"),
            (self.restarts, "restart", "restarts"),
            (self.failures, "failure", "failures"),
        ];
        let counts: Vec<_> = counts
            .into_iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, one, many)| counted(count, one, many))
            .collect();
        let counts = if counts.is_empty() {
            "nothing to do".to_owned()
        } else {
            counts.join(", ")
        };
        Some(format!(
            "{} in {}: {counts}; median {:.1} ms",
            counted(times.len(), "reload", "reloads"),
            time(self.began.elapsed()),
            median.as_secs_f64() * 1e3,
        ))
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// `42 s`, `5 min 20 s`, `3 h 12 min`
fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_without_a_reload_has_nothing_to_say() {
        assert_eq!(Summary::new().line(), None);
    }

    #[test]
    fn times_are_told_in_two_units() {
        for (seconds, text) in [(42, "42 s"), (320, "5 min 20 s"), (11_520, "3 h 12 min")] {
            assert_eq!(time(Duration::from_secs(seconds)), text);
        }
    }
}
