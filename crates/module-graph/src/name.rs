//! The name of a module, checked once.
//!
//! A [`ModuleName`] is never empty and has no empty part, so code that takes one need not ask
//! again what `a..b` would mean. Cloning is cheap: the text is shared.

use std::{fmt, sync::Arc};

/// The dotted name under which a module stands in `sys.modules`, such as `services.mail`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModuleName(Arc<str>);

impl ModuleName {
    /// Checks `name` and keeps it.
    ///
    /// Any text without an empty part is accepted: Python lets `sys.modules` hold names that are
    /// no identifiers, such as `my-script`.
    ///
    /// # Errors
    ///
    /// [`InvalidModuleName`] if `name` is empty or a part between two dots is.
    ///
    /// # Examples
    ///
    /// ```
    /// use hmr_module_graph::ModuleName;
    ///
    /// let name = ModuleName::new("services.mail")?;
    /// assert_eq!(name.parent(), Some("services"));
    /// assert!(ModuleName::new("services..mail").is_err());
    /// # Ok::<(), hmr_module_graph::InvalidModuleName>(())
    /// ```
    pub fn new(name: &str) -> Result<Self, InvalidModuleName> {
        if name.split('.').any(str::is_empty) {
            return Err(InvalidModuleName { name: name.into() });
        }
        Ok(Self(name.into()))
    }

    /// The text of the name of the program's entry.
    pub const MAIN: &str = "__main__";

    /// The name of the program's entry, `__main__`.
    pub fn main() -> Self {
        Self(Self::MAIN.into())
    }

    /// Whether this is the name of the program's entry.
    pub fn is_main(&self) -> bool {
        self.as_str() == Self::MAIN
    }

    /// The text of the name that stands for reads outside of any module's load. No module has it.
    pub const OUTSIDE: &str = "(outside of loads)";

    /// What stands for reads outside of any module's load.
    pub fn outside() -> Self {
        Self(Self::OUTSIDE.into())
    }

    /// The whole dotted name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The package that holds this module, if the name has more than one part.
    pub fn parent(&self) -> Option<&str> {
        self.0.rsplit_once('.').map(|(parent, _)| parent)
    }

    /// The last part of the name.
    pub fn tail(&self) -> &str {
        self.0.rsplit_once('.').map_or(&self.0, |(_, tail)| tail)
    }
}

impl fmt::Display for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A module name that is empty or has an empty part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not a module name: a part of it is empty")]
pub struct InvalidModuleName {
    /// What was given.
    pub name: String,
}
