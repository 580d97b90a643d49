//! When a value that a run has bound counts as the one from before.

/// See the module.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Equality {
    /// If nobody can tell the two apart. The old object stays, and who has read it need not run again.
    #[default]
    Value,
    /// If it is the same object. Each run then makes new functions, classes and values, and whoever has
    /// read one runs again.
    Identity,
}
