//! What to do about an edited file, and why.
//!
//! Kept true: an [`Action`] other than [`Action::Rerun`] is chosen only if nothing that runs when
//! the module does could turn out otherwise. Who else is reached (readers of a changed name, those
//! that executed a patched function) is the graph's to say, once the action is done.

use std::{collections::BTreeSet, fmt};

use crate::{
    diff::{Definitions, Difference, Structure, Unit},
    outline::{Directive, Outline, Statement, SyntaxError},
    why::few,
};

/// What to do with an edited module.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Nothing: the code and its places are the same.
    Leave,
    /// Give these functions the places that their code has now.
    Refresh(Vec<Unit>),
    /// Give functions their new code and docstrings, and others their new places.
    Patch(Definitions),
    /// Run the module again.
    Rerun(Cause),
}

/// Why a module has to run again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// Statements differ that run with the module.
    Structure(Structure),
    /// The module's own run executed this function, whose body differs.
    Executed(String),
    /// A function is called in another way, or closes over something else.
    Shape(String),
    /// This function, whose body differs, writes the module's globals, and a load has called it.
    WritesGlobals(String),
    /// A comment in the source asks for it, at this definition.
    Asked(String),
    /// A decorator has seen the old docstring of this definition.
    DocSeen {
        /// The definition's dotted name.
        unit: String,
        /// The decorator.
        decorator: String,
    },
    /// Code that runs with the module names this definition, or `__doc__`, and may have read its
    /// docstring.
    DocRead(String),
    /// A decorator has read or compiled the old code of this definition.
    CodeSeen {
        /// The definition's dotted name.
        unit: String,
        /// The decorator.
        decorator: String,
    },
    /// The new source is not Python: running it shows the error.
    SyntaxError(SyntaxError),
    /// Patching is turned off.
    NoPatching,
    /// The source that ran is not known.
    Unknown,
}

/// Which decorators do more with a function than to hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Decorators that read a function's source or compile its code, by the end of their dotted
    /// name: `jit` is `numba.jit`, too.
    pub code_readers: Vec<String>,
}

impl Default for Rules {
    fn default() -> Self {
        let known = [
            "jit",
            "njit",
            "vectorize",
            "guvectorize",
            "cfunc",
            "stencil",
            "jitclass",
            "pmap",
            "torch.compile",
            "jit.script",
            "script_method",
            "ti.kernel",
            "ti.func",
            "taichi.kernel",
            "taichi.func",
            "inline",
            "cython.compile",
        ];
        Self {
            code_readers: known.map(str::to_owned).to_vec(),
        }
    }
}

impl Rules {
    /// These, and more decorators that read code.
    #[must_use]
    pub fn with_code_readers(mut self, more: impl IntoIterator<Item = String>) -> Self {
        self.code_readers.extend(more);
        self
    }

    /// Decides about a module whose `old` source ran and whose `new` source was saved.
    /// `ran_with_module` says which functions the module's own run executed.
    ///
    /// # Examples
    ///
    /// ```
    /// use hmr_module_graph::{outline::Outline, plan::{Action, Rules}};
    ///
    /// let old = Outline::parse("def f(): return 1").ok();
    /// let new = Outline::parse("def f(): return 2");
    /// let action = Rules::default().decide(old.as_ref(), new.as_ref(), |_| false);
    /// assert_eq!(action.to_string(), "patch f");
    /// let action = Rules::default().decide(old.as_ref(), new.as_ref(), |unit| unit == "f");
    /// assert_eq!(action.to_string(), "rerun: it called f, which differs");
    /// ```
    pub fn decide(
        &self,
        old: Option<&Outline>,
        new: Result<&Outline, &SyntaxError>,
        ran_with_module: impl Fn(&str) -> bool,
    ) -> Action {
        let (old, new) = match (old, new) {
            (_, Err(error)) => return Action::Rerun(Cause::SyntaxError(error.clone())),
            (None, _) => return Action::Rerun(Cause::Unknown),
            (Some(old), Ok(new)) => (old, new),
        };
        match Difference::between(old, new) {
            Difference::Nothing => Action::Leave,
            Difference::Layout { moved } => Action::Refresh(moved),
            Difference::Structure(structure) => Action::Rerun(Cause::Structure(structure)),
            Difference::Definitions(definitions) => {
                let names = |units: &[Unit]| -> Vec<String> {
                    units.iter().map(|unit| unit.qualname.clone()).collect()
                };
                let (bodies, docs) = (names(&definitions.bodies), names(&definitions.docs));
                let executed = bodies.iter().find(|unit| ran_with_module(unit));
                let cause = executed
                    .map(|unit| Cause::Executed(unit.clone()))
                    .or_else(|| {
                        self.against(&bodies, &docs, definitions.module_doc, new, |_| None)
                    });
                cause.map_or(Action::Patch(definitions), Action::Rerun)
            }
        }
    }

    /// What speaks against patching definitions whose bodies or docstrings differ, by their dotted
    /// names in `new`, the source that was saved. `module_doc`: so does the module's own docstring.
    /// `called` says what the object that a dotted name stands for is called where it was defined.
    pub fn against(
        &self,
        bodies: &[String],
        docs: &[String],
        module_doc: bool,
        new: &Outline,
        called: impl Fn(&str) -> Option<String> + Copy,
    ) -> Option<Cause> {
        let module = || {
            let is_read = module_doc && loads(new, "__doc__");
            is_read.then(|| Cause::DocRead("the module".to_owned()))
        };
        let body = bodies
            .iter()
            .find_map(|unit| self.body_cause(unit, new, called));
        body.or_else(|| docs.iter().find_map(|unit| doc_cause(unit, new)))
            .or_else(module)
    }

    fn body_cause(
        &self,
        unit: &str,
        outline: &Outline,
        called: impl Fn(&str) -> Option<String> + Copy,
    ) -> Option<Cause> {
        match asked_for(unit, outline) {
            Some(Directive::Rerun) => Some(Cause::Asked(unit.to_owned())),
            Some(Directive::Keep) => None,
            None => {
                let mut decorators = decorators_around(unit, outline);
                let decorator =
                    decorators.find(|name| self.may_read_code(name, outline, called))?;
                Some(Cause::CodeSeen {
                    unit: unit.to_owned(),
                    decorator: decorator.clone(),
                })
            }
        }
    }

    /// Whether the decorator is one of those, under this name, under another one by which the source
    /// knows it, or as its object is `called`.
    fn may_read_code(
        &self,
        decorator: &str,
        outline: &Outline,
        called: impl Fn(&str) -> Option<String>,
    ) -> bool {
        meanings(decorator, outline)
            .iter()
            .any(|it| self.reads_code(it) || called(it).is_some_and(|it| self.reads_code(&it)))
    }

    fn reads_code(&self, decorator: &str) -> bool {
        self.code_readers.iter().any(|reader| {
            let rest = decorator.strip_suffix(reader.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }
}

/// The dotted names by which the source knows what `decorator` stands for, itself among them.
fn meanings(decorator: &str, outline: &Outline) -> BTreeSet<String> {
    /// What is longer comes of names that stand for parts of themselves.
    const LONGEST: usize = 200;
    let mut found = BTreeSet::new();
    let mut pending = vec![decorator.to_owned()];
    while let Some(name) = pending.pop() {
        if name.len() > LONGEST || !found.insert(name.clone()) {
            continue;
        }
        let (head, rest) = name.split_at(name.find('.').unwrap_or(name.len()));
        for (alias, meant) in &outline.aliases {
            if alias == head {
                pending.push(format!("{meant}{rest}"));
            }
            // It is one of the module's, if the source does not bind it, and then no star leads on.
            if alias == "*" && name == decorator {
                found.insert(format!("{meant}.{name}"));
            }
        }
    }
    found
}

/// Frameworks show the docstrings of what they decorate, and a `property` copies its getter's.
fn doc_cause(name: &str, outline: &Outline) -> Option<Cause> {
    if asked_for(name, outline) == Some(Directive::Keep) {
        return None;
    }
    if let Some(decorator) = decorators_around(name, outline).next() {
        return Some(Cause::DocSeen {
            unit: name.to_owned(),
            decorator: decorator.clone(),
        });
    }
    let is_read = loads(outline, "__doc__") || name.split('.').any(|part| loads(outline, part));
    is_read.then(|| Cause::DocRead(name.to_owned()))
}

fn loads(outline: &Outline, name: &str) -> bool {
    let found = outline
        .loads
        .binary_search_by(|load| load.as_str().cmp(name));
    found.is_ok()
}

/// The definition called `qualname` and the classes around it; if there are several of one name,
/// all of them.
fn around<'a>(
    qualname: &'a str,
    statements: &'a [Statement],
) -> Box<dyn Iterator<Item = &'a Statement> + 'a> {
    let (name, rest) = qualname.split_once('.').unwrap_or((qualname, ""));
    let called = statements
        .iter()
        .filter_map(|statement| Some((statement, statement.definition()?)))
        .filter(move |(_, definition)| definition.name == name);
    Box::new(called.flat_map(move |(statement, definition)| {
        let inner: Box<dyn Iterator<Item = &Statement>> = if rest.is_empty() {
            Box::new(std::iter::empty())
        } else {
            around(rest, &definition.statements)
        };
        std::iter::once(statement).chain(inner)
    }))
}

/// What a comment asks for the definition, or for the nearest one around it.
fn asked_for(unit: &str, outline: &Outline) -> Option<Directive> {
    let asked = around(unit, &outline.statements).filter_map(|statement| statement.directive);
    asked.last()
}

fn decorators_around<'a>(unit: &'a str, outline: &'a Outline) -> impl Iterator<Item = &'a String> {
    around(unit, &outline.statements)
        .filter_map(Statement::definition)
        .flat_map(|definition| &definition.decorators)
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leave => f.write_str("leave"),
            Self::Refresh(units) => {
                let units: Vec<_> = units.iter().map(Unit::to_string).collect();
                write!(f, "refresh lines of {}", few(&units))
            }
            Self::Patch(definitions) => {
                let mut units: Vec<_> = definitions.bodies.iter().map(Unit::to_string).collect();
                let docs = definitions
                    .docs
                    .iter()
                    .map(|unit| format!("{unit}.__doc__"));
                units.extend(docs);
                units.extend(definitions.module_doc.then(|| "__doc__".to_owned()));
                write!(f, "patch {}", few(&units))
            }
            Self::Rerun(cause) => write!(f, "rerun: {cause}"),
        }
    }
}

/// Reads on after `reran m: `, as [`Reason`](crate::Reason) does.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Structure(structure) => write!(f, "{}", Difference::Structure(structure.clone())),
            Self::Executed(unit) => write!(f, "it called {unit}, which differs"),
            Self::Shape(unit) => write!(f, "{unit} is called in another way"),
            Self::WritesGlobals(unit) => write!(
                f,
                "{unit}, which differs, sets globals and has run in a load"
            ),
            Self::Asked(unit) => write!(f, "a comment at {unit} asks for it"),
            Self::DocSeen { unit, decorator } => {
                write!(f, "@{decorator} has seen the docstring of {unit}")
            }
            Self::DocRead(unit) => {
                write!(f, "its own code may have read the docstring of {unit}")
            }
            Self::CodeSeen { unit, decorator } => {
                write!(f, "@{decorator} has read the code of {unit}")
            }
            Self::SyntaxError(error) => write!(f, "{error}"),
            Self::NoPatching => f.write_str("patching is turned off"),
            Self::Unknown => f.write_str("what ran before is not known"),
        }
    }
}
