//! Why modules ran, a line each: `--why`.
//!
//! ```text
//! config: it was edited (changed HOST)
//! mail: it read config.HOST; config: it was edited (changed HOST)
//! app: it was edited (changed route); kept 2 statements: db, model
//! ```

use hmr_module_graph::{Rerun, Update};

use super::names::{Names, few};

/// The lines, without their ends.
pub(crate) fn lines(update: &Update, names: &Names) -> Vec<String> {
    let mut lines = Vec::new();
    for patched in &update.patched {
        let units = few(&patched.names());
        let module = names.module(&patched.module);
        lines.push(format!("{module}: live functions took new code ({units})"));
    }
    for module in &update.unchanged {
        let module = names.module(module);
        lines.push(format!("{module}: only layout and comments differ"));
    }
    let mut told = Vec::new();
    for rerun in &update.reran {
        // A second run in one update was for the same edit, in a circle of imports.
        if told.contains(&&rerun.module) {
            continue;
        }
        told.push(&rerun.module);
        let Some(chain) = update.why(&rerun.module) else {
            continue;
        };
        let step = |it: &&Rerun| format!("{}: {}", names.module(&it.module), it.because());
        let steps: Vec<_> = chain.steps().iter().map(step).collect();
        lines.push(steps.join("; ") + &statements(rerun));
    }
    lines
}

/// What became of the module's statements, if some were to be left out.
fn statements(rerun: &Rerun) -> String {
    match (&rerun.whole, rerun.kept) {
        (Some(whole), _) => format!("; it ran as a whole: {whole}"),
        (None, 0) => String::new(),
        (None, 1) => format!("; kept 1 statement: {}", few(&rerun.kept_names)),
        (None, many) => format!("; kept {many} statements: {}", few(&rerun.kept_names)),
    }
}
