//! Prints what changes below a directory: `cargo run -p hmr-watcher --example watch -- src '*.py'`.

use hmr_watcher::{Change, Filter, Watcher};
use std::io::{self, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let path = args.next().unwrap_or_else(|| ".".to_owned());
    let filter = args.fold(Filter::new().gitignore(true), Filter::include);
    let watcher = Watcher::builder().path(path).filter(filter).build()?;

    let mut out = io::stdout();
    for batch in &watcher {
        for change in &batch {
            match change {
                Change::Added(path) => writeln!(out, "+ {}", path.display())?,
                Change::Modified(path) => writeln!(out, "~ {}", path.display())?,
                Change::Removed(path) => writeln!(out, "- {}", path.display())?,
                Change::Renamed { from, to } => {
                    writeln!(out, "> {} -> {}", from.display(), to.display())?;
                }
                other => writeln!(out, "? {other:?}")?,
            }
        }
        writeln!(out, "batch {}", batch.seq())?;
        for warning in watcher.warnings() {
            writeln!(io::stderr(), "warning: {warning}")?;
        }
    }
    Ok(())
}
