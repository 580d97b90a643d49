//! Globs of settings, tied to the folder of the place that says them.
//!
//! The watcher takes relative globs as below whatever it watches; people mean the folder of their
//! `pyproject.toml`.

use std::path::Path;

use hmr_watcher::Globs;

/// The globs, whole where they name more than a file or a folder of any depth.
///
/// # Errors
///
/// If one is none or can match nothing, in words that follow the setting's name.
pub(super) fn anchored(folder: &Path, globs: &[String]) -> Result<Vec<String>, String> {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let mut anchored = Vec::new();
    for glob in globs {
        if let Err(error) = Globs::including(std::slice::from_ref(glob)) {
            return Err(format!("has a glob that cannot be used: {error}"));
        }
        anchored.extend(anchor(&folder, glob));
    }
    Ok(anchored)
}

fn anchor(folder: &Path, glob: &str) -> Vec<String> {
    let named = glob.trim_start_matches("./");
    let has_place = glob.trim_end_matches('/').contains('/');
    let folder = escape(&folder.to_string_lossy());
    if !has_place || named.starts_with("**/") {
        return vec![named.to_owned()];
    }
    match named.strip_prefix('/') {
        // At the folder, as in a `.gitignore`, or from the very top.
        Some(named) => vec![format!("{folder}/{named}"), format!("/{named}")],
        None if Path::new(named).is_absolute() => vec![named.to_owned()],
        None => vec![format!("{folder}/{named}")],
    }
}

/// Text that a glob is to match literally.
pub(crate) fn escape(text: &str) -> String {
    let mut glob = String::new();
    for letter in text.chars() {
        match letter {
            '\\' if cfg!(windows) => glob.push('/'),
            letter => {
                if "*?[]{}!\\".contains(letter) {
                    glob.push('\\');
                }
                glob.push(letter);
            }
        }
    }
    glob
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_glob_with_a_slash_is_below_its_folder() {
        let folder = Path::new("/a[b]/app");
        for (glob, anchored) in [
            ("*.log", vec!["*.log"]),
            ("build/", vec!["build/"]),
            ("**/x/*.py", vec!["**/x/*.py"]),
            ("./data/**", vec!["/a\\[b\\]/app/data/**"]),
            ("src/gen/*.py", vec!["/a\\[b\\]/app/src/gen/*.py"]),
            ("/top.py", vec!["/a\\[b\\]/app/top.py", "/top.py"]),
        ] {
            assert_eq!(anchor(folder, glob), anchored, "{glob}");
        }
    }

    #[test]
    fn what_can_match_nothing_is_refused() {
        let error = anchored(Path::new("/app"), &["../x".into()]);
        let error = error.expect_err("no glob");
        assert!(
            error.starts_with("has a glob that cannot be used"),
            "{error}"
        );
    }
}
