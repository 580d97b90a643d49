//! The globs of a filter, as a person writes them.
//!
//! They may be spelt like a line of a `.gitignore` (`*.py`, `/top.py`), like what a shell completes
//! (`./top.py`, `docs/`), or as a whole path. A glob that can match nothing in any of these ways is an
//! error, since a watcher that never says anything looks just like one that has nothing to say.

use crate::error::{Error, ErrorKind};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::path::Path;

/// What globs are for. A directory (`docs/`) that is included stands for what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Include,
    Exclude,
}

/// Globs as those of a [`Filter`](crate::Filter), for consumers that have paths of their own to judge.
///
/// # Examples
///
/// ```
/// use hmr_watcher::Globs;
///
/// let globs = Globs::excluding(&["*.log".into(), "/app/build/**".into()])?;
/// assert!(globs.match_path("/app/run/today.log".as_ref()));
/// assert!(globs.match_path("/app/build/x.py".as_ref()));
/// assert!(!globs.match_path("/app/main.py".as_ref()));
/// # Ok::<(), hmr_watcher::Error>(())
/// ```
#[derive(Debug)]
pub struct Globs {
    relative: GlobSet,
    whole: GlobSet,
}

impl Globs {
    /// As those given to [`Filter::include`](crate::Filter::include).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BadGlob`] if one does not parse or can match nothing.
    pub fn including(globs: &[String]) -> Result<Self, Error> {
        Self::new(globs, Use::Include)
    }

    /// As those given to [`Filter::exclude`](crate::Filter::exclude).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BadGlob`] if one does not parse or can match nothing.
    pub fn excluding(globs: &[String]) -> Result<Self, Error> {
        Self::new(globs, Use::Exclude)
    }

    /// Whether one matches `path`, which is absolute: by its name, or as a whole. What is below a
    /// directory that matches does not match by that.
    pub fn match_path(&self, path: &Path) -> bool {
        self.match_either(path, path)
    }

    /// # Errors
    ///
    /// [`ErrorKind::BadGlob`] if one does not parse or can match nothing.
    pub(crate) fn new(globs: &[String], purpose: Use) -> Result<Self, Error> {
        let (mut relative, mut whole) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for glob in globs {
            let bad = |why: String| {
                Error::from(ErrorKind::BadGlob {
                    glob: glob.clone(),
                    why,
                })
            };
            let build = |pattern: &str| {
                let glob = GlobBuilder::new(pattern).literal_separator(true).build();
                glob.map_err(|error| bad(error.kind().to_string()))
            };
            let pattern = pattern(glob, purpose).map_err(|why| bad(why.to_owned()))?;
            match pattern.strip_prefix('/') {
                // Below the root, or from the very top: nobody means one and gets the other.
                Some(anchored) => {
                    relative.add(build(anchored)?);
                    whole.add(build(&pattern)?);
                }
                None if Path::new(&pattern).is_absolute() => drop(whole.add(build(&pattern)?)),
                None => drop(relative.add(build(&pattern)?)),
            }
        }
        let build = |set: GlobSetBuilder| {
            set.build().map_err(|error| {
                let (glob, why) = (globs.join(", "), error.kind().to_string());
                Error::from(ErrorKind::BadGlob { glob, why })
            })
        };
        Ok(Self {
            relative: build(relative)?,
            whole: build(whole)?,
        })
    }

    /// Whether one matches `relative`, the path below the root, or `whole`, all of it.
    pub(crate) fn match_either(&self, relative: &Path, whole: &Path) -> bool {
        self.relative.is_match(relative) || (!self.whole.is_empty() && self.whole.is_match(whole))
    }
}

/// `glob` without what means nothing; one without a slash matches at any depth.
fn pattern(glob: &str, purpose: Use) -> Result<String, &'static str> {
    let parts: Vec<_> = glob
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    if parts.is_empty() {
        return Err("it names nothing");
    }
    if parts.contains(&"..") {
        return Err("it leaves the watched path");
    }
    let named = parts.join("/");
    let below = match purpose {
        Use::Include if glob.ends_with('/') => "/**",
        _ => "",
    };
    let is_anchored = glob.trim_end_matches('/').contains('/');
    Ok(if glob.starts_with('/') {
        format!("/{named}{below}")
    } else if is_anchored {
        format!("{named}{below}")
    } else {
        format!("**/{named}{below}")
    })
}
