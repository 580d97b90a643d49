//! Where a page for the browser goes that a person asks for with a key.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::PathBuf,
};

/// Writes `page`, which is about the entry `label`, and returns its path. The folder is everybody's, so
/// that nothing is written through what another one has put there.
pub(crate) fn write(label: &str, page: &str) -> io::Result<PathBuf> {
    let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '_';
    let label: String = label.chars().filter(is_plain).collect();
    let name = format!("hmr-{label}-{}.html", std::process::id());
    let path = std::env::temp_dir().join(name);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)?;
    file.write_all(page.as_bytes())?;
    Ok(path)
}
