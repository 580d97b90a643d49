//! The line of one reload: what changed, what that did, how long it took, and why.
//!
//! ```text
//! config.py -> reran config, services.mail, main  4.1 ms  (SMTP_HOST changed)
//! m.py -> patched m.f  0.4 ms
//! m.py -> unchanged  0.3 ms
//! m.py -> m failed (SyntaxError); still on the last good state  1.2 ms
//! n.py -> reran n; waiting for a fix of m (SyntaxError)  0.9 ms
//! m.py -> reran m, main  1.4 ms  (m recovered; X changed)
//! m.py -> reran m; restarts main (it has taken m.PORT, which changed)  0.8 ms  (PORT changed)
//! ```

use std::time::Duration;

use hmr_module_graph::{Failure, ModuleName, Patched, Reason, Rerun, Update};

use super::{
    names::{Names, few},
    style::Style,
};

/// Makes the lines of one session.
pub(crate) struct Line<'a> {
    pub(crate) names: &'a Names,
    pub(crate) style: Style,
    /// Say what the time went into.
    pub(crate) timings: bool,
    /// What the program is at if something failed.
    pub(crate) state: &'a str,
}

impl Line<'_> {
    pub(crate) fn of(&self, update: &Update) -> String {
        let files = if update.files.is_empty() {
            "asked".to_owned()
        } else {
            self.names.files(&update.files)
        };
        let time = if self.timings {
            timings(update)
        } else {
            milliseconds(update.elapsed)
        };
        let time = self.style.dim(&time);
        let line = format!("{files} -> {}  {time}", self.effects(update));
        match self.because(update) {
            Some(because) => format!("{line}  {}", self.style.dim(&format!("({because})"))),
            None => line,
        }
    }

    fn effects(&self, update: &Update) -> String {
        let style = self.style;
        let mut effects = Vec::new();
        effects.extend(self.list("removed", update.removed.iter()));
        effects.extend(self.patched(update).map(|it| style.good(&it)));
        let ran = well(update).map(|rerun| &rerun.module);
        effects.extend(self.list("reran", ran).map(|it| style.good(&it)));
        effects.extend(kept(update));
        effects.extend(self.list("accepted by", update.accepted.iter()));
        let (pending, new): (Vec<_>, Vec<_>) = update.failures.iter().partition(|it| it.repeated);
        effects.extend(new.iter().map(|it| style.bad(&self.failed(it))));
        if !new.is_empty() {
            effects.push(self.state.into());
        }
        let pending: Vec<_> = pending.iter().map(|it| self.exception(it)).collect();
        if !pending.is_empty() {
            let pending = format!("waiting for a fix of {}", few(&pending));
            effects.push(style.bad(&pending));
        }
        if let Some(reason) = &update.restart {
            let restart = format!("restarts {} ({})", self.names.label, self.taken(reason));
            effects.push(style.warn(&restart));
        }
        match effects.as_slice() {
            [] if update.unchanged.is_empty() => "nothing to rerun".into(),
            [] => "unchanged".into(),
            _ => effects.join("; "),
        }
    }

    fn failed(&self, failure: &Failure) -> String {
        let module = self.names.module(&failure.module);
        format!("{module} failed ({})", failure.exception)
    }

    fn exception(&self, failure: &Failure) -> String {
        let module = self.names.module(&failure.module);
        format!("{module} ({})", failure.exception)
    }

    /// `patched m.f, m.C.m`, if anything was.
    fn patched(&self, update: &Update) -> Option<String> {
        let full = |patched: &Patched| {
            let names = patched.names().into_iter();
            let module = patched.module.clone();
            names.map(move |name| self.names.part(&module, &name))
        };
        let names: Vec<_> = update.patched.iter().flat_map(full).collect();
        (!names.is_empty()).then(|| format!("patched {}", few(&names)))
    }

    /// `verb a, b, c`, if there are any.
    fn list<'a>(&self, verb: &str, of: impl Iterator<Item = &'a ModuleName>) -> Option<String> {
        let names: Vec<_> = of.map(|module| self.names.module(module)).collect();
        (!names.is_empty()).then(|| format!("{verb} {}", names.join(", ")))
    }

    /// Why the entry has to run again, in a few words.
    fn taken(&self, reason: &Reason) -> String {
        let all: Vec<_> = match reason {
            Reason::Read(reads) => {
                let name = |(module, name): &(ModuleName, String)| self.names.part(module, name);
                reads.iter().map(name).collect()
            }
            Reason::Data(inputs) => {
                let files = inputs.iter().map(|input| self.names.file(input.path()));
                files.collect()
            }
            _ => return "edited".into(),
        };
        match all.as_slice() {
            [] => "edited".into(),
            [one] => format!("it has taken {one}, which changed"),
            [first, rest @ ..] => {
                format!(
                    "it has taken {first} and {} more, which changed",
                    rest.len()
                )
            }
        }
    }

    /// What the edit has changed for others, and what is well again.
    fn because(&self, update: &Update) -> Option<String> {
        let recovered: Vec<_> = update
            .recovered
            .iter()
            .map(|m| self.names.module(m))
            .collect();
        let mut parts = Vec::new();
        if !recovered.is_empty() {
            parts.push(format!("{} recovered", few(&recovered)));
        }
        let changed = self.changed(update);
        if !changed.is_empty() {
            parts.push(format!("{} changed", few(&changed)));
        } else if parts.is_empty() && is_in_vain(update) {
            parts.push("nothing changed".into());
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// The names that modules changed which ran for the edit itself, with their modules if these are
    /// several. Without any: what those who ran after them have noticed.
    fn changed(&self, update: &Update) -> Vec<String> {
        let of = |rerun: &Rerun| -> Vec<(ModuleName, String)> {
            let names = rerun.changed.iter();
            names
                .map(|name| (rerun.module.clone(), name.clone()))
                .collect()
        };
        let is_read = |it: &Rerun| matches!(it.reason, Reason::Read(_));
        let roots = well(update).filter(|it| !is_read(it) && !is_entry(it));
        let mut changed: Vec<_> = roots.flat_map(of).collect();
        if changed.is_empty() && update.patched.is_empty() {
            let reads = well(update).find_map(|it| match &it.reason {
                Reason::Read(reads) => Some(reads.clone()),
                _ => None,
            });
            changed = reads.unwrap_or_default();
        }
        changed.retain(|(_, name)| !name.is_empty() && name != "*");
        let is_of_one = changed.windows(2).all(|pair| pair[0].0 == pair[1].0);
        let shown = |(module, name): (ModuleName, String)| {
            let name = name.trim_end_matches("()");
            if is_of_one {
                name.to_owned()
            } else {
                self.names.part(&module, name)
            }
        };
        changed.into_iter().map(shown).collect()
    }
}

/// The runs that did not raise.
fn well(update: &Update) -> impl Iterator<Item = &Rerun> {
    let has_failed = |module: &ModuleName| update.failures.iter().any(|it| it.module == *module);
    update
        .reran
        .iter()
        .filter(move |it| !has_failed(&it.module))
}

/// Nobody reads its names: that they changed, or did not, is no news.
fn is_entry(rerun: &Rerun) -> bool {
    rerun.module == ModuleName::main()
}

/// Whether modules ran for an edit of their own, and that was nothing to anybody.
fn is_in_vain(update: &Update) -> bool {
    !update.reran.is_empty()
        && update.patched.is_empty()
        && update.failures.is_empty()
        && update.restart.is_none()
        && update
            .reran
            .iter()
            .all(|it| !is_entry(it) && it.reason == Reason::Edited)
}

/// `kept 3 statements`, if modules ran without them.
fn kept(update: &Update) -> Option<String> {
    match update.reran.iter().map(|rerun| rerun.kept).sum() {
        0 => None,
        1 => Some("kept 1 statement".into()),
        many => Some(format!("kept {many} statements")),
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

/// `0.412 ms (compile 0.250, compare 0.031, patch 0.044, run 0.000)`.
fn timings(update: &Update) -> String {
    let spent = &update.spent;
    let parts = [
        ("compile", spent.compile),
        ("compare", spent.compare),
        ("patch", spent.patch),
        ("run", spent.run),
    ];
    let number = |time: Duration| format!("{:.3}", time.as_secs_f64() * 1e3);
    let parts = parts.map(|(name, time)| format!("{name} {}", number(time)));
    format!("{} ms ({})", number(update.elapsed), parts.join(", "))
}
