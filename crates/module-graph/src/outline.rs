//! What a source file consists of, statement by statement: the common language of parser and diff.
//!
//! An [`Outline`] holds fingerprints in place of syntax trees. Two fingerprints are equal if and
//! (up to a hash collision of 64 bits) only if CPython would make the same code of both; comments,
//! layout, quotes and parentheses do not count. Where that cannot be known they differ.
//! Fingerprints hold for one build of this crate: keep them in memory only.

use std::{
    fmt,
    ops::{Range, RangeInclusive},
};

/// The meaning of a piece of source as a number, see the [module](self)'s head.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub(crate) u64);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A source file, as its top-level statements. Made by [`Outline::parse`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outline {
    /// The module's docstring, which is not among the statements.
    pub doc: Option<Fingerprint>,
    /// The top-level statements, in order.
    pub statements: Vec<Statement>,
    /// The names that the module's own code loads, sorted, with those after a dot; what stands in
    /// functions does not count.
    pub loads: Vec<String>,
    /// The names that import statements bind in the module, sorted.
    pub imports: Vec<String>,
    /// The names that decorators lead to, each with a dotted name that it may stand for, sorted; `*`
    /// with a module whose names are imported by a star.
    pub aliases: Vec<(String, String)>,
    /// Where each token of the code stands: equal if every line and column of every code object is.
    pub positions: Fingerprint,
}

/// One statement of a module or of a class body.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statement {
    /// What it is, and for a definition what it consists of.
    pub kind: Kind,
    /// Everything it means, docstrings included.
    pub print: Fingerprint,
    /// Where its tokens stand, see [`Outline::positions`].
    pub positions: Fingerprint,
    /// Its lines, counted from 1, beginning at the first decorator.
    pub lines: RangeInclusive<u32>,
    /// Its place in the text in bytes, beginning at the first decorator.
    pub bytes: Range<usize>,
    /// The names that it binds in the namespace that it stands in, in order of appearance. What a
    /// star import binds is not known, see [`Kind::Import`].
    pub binds: Vec<Binding>,
    /// The names that it unbinds: by `del`, or as the name of an exception handler.
    pub unbinds: Vec<String>,
    /// The names that code in it declares `global`, sorted. Running or calling it may bind them in
    /// the module.
    pub globals: Vec<String>,
    /// The `# hmr:` comment that stands at its end or on the line above it.
    pub directive: Option<Directive>,
}

/// What kind of statement a [`Statement`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// `def` or `async def`.
    Function(Definition),
    /// `class`.
    Class(Definition),
    /// `import` or `from ... import`.
    Import {
        /// The modules that it names, with the dots of relative ones: `os.path`, `..pkg`.
        modules: Vec<String>,
        /// It is `from ... import *`.
        star: bool,
    },
    /// Anything else, by the word that names it, such as `if` or `assignment`.
    Other(&'static str),
}

/// A function or a class.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Definition {
    /// Its name.
    pub name: String,
    /// Its decorators from top to bottom, as dotted names without arguments: `app.route`. One that
    /// is no dotted name stands as in the source.
    pub decorators: Vec<String>,
    /// What runs when the definition runs. Of a function: name, type parameters, parameters with
    /// their defaults and annotations, decorators, `async`, whether it is a generator, and whether
    /// it needs the class that holds it (`super()`). Of a class: name, type parameters, bases,
    /// keywords, decorators, and every statement of its body that is no definition.
    pub shell: Fingerprint,
    /// The shell without any of the body.
    pub(crate) head: Fingerprint,
    /// The body without its docstring: of a class, all statements.
    pub body: Fingerprint,
    /// The docstring.
    pub doc: Option<Fingerprint>,
    /// It reads `super` or `__class__`, and so needs the class that it was defined in.
    pub needs_class: bool,
    /// Functions, lambdas or classes are nested in it.
    pub has_nested: bool,
    /// The statements of a class body, without its docstring. Empty for a function.
    pub statements: Vec<Statement>,
}

/// A name that a statement binds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Binding {
    /// The name.
    pub name: String,
    /// Whether it is bound for certain.
    pub certainty: Certainty,
}

/// Whether a name is bound for certain once its statement has ended without raising.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// It is bound.
    Definite,
    /// It may be, as it depends on values.
    Maybe,
}

/// What a comment `# hmr: ...` asks for its statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Directive {
    /// `# hmr: rerun`: rather run the module again than patch this definition.
    Rerun,
    /// `# hmr: keep`: rather patch this definition, whatever its decorators may have seen. Any other
    /// statement is not run again while the names that it binds are there.
    Keep,
}

/// Source that is not Python.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
#[non_exhaustive]
pub struct SyntaxError {
    /// The line, counted from 1.
    pub line: u32,
    /// The column in characters, counted from 1.
    pub column: u32,
    /// What is wrong there.
    pub message: String,
}

impl Statement {
    /// The definition, if it is one.
    pub fn definition(&self) -> Option<&Definition> {
        match &self.kind {
            Kind::Function(definition) | Kind::Class(definition) => Some(definition),
            Kind::Import { .. } | Kind::Other(_) => None,
        }
    }
}
