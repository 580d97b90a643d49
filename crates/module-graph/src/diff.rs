//! What became of a source file: the difference between two outlines.
//!
//! Kept true: [`Difference::Nothing`] and [`Difference::Layout`] mean that both files do the same,
//! and [`Difference::Definitions`] that they do the same until one of the named definitions is
//! called. Anything else, and anything in doubt, is [`Difference::Structure`].

use std::{collections::BTreeMap, fmt};

use crate::outline::{Definition, Fingerprint, Kind, Outline, Statement};

/// How a source file differs from what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// The same code in the same places: at most comments differ.
    Nothing,
    /// The same code, but lines or columns moved.
    Layout {
        /// The functions whose code stands elsewhere now.
        moved: Vec<Unit>,
    },
    /// Only insides of definitions differ.
    Definitions(Definitions),
    /// Statements differ that run when the module does.
    Structure(Structure),
}

/// Definitions that differ on the inside only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Definitions {
    /// Functions whose body differs.
    pub bodies: Vec<Unit>,
    /// Functions and classes whose docstring differs.
    pub docs: Vec<Unit>,
    /// The module's own docstring differs.
    pub module_doc: bool,
    /// Functions that are the same but stand elsewhere now.
    pub moved: Vec<Unit>,
}

/// Which statements differ. Names are dotted for members of a class, `C.m`; several names that one
/// statement binds stand together, `a, b`; one without a name stands as `if at line 3`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Structure {
    /// Only in the new file.
    pub added: Vec<String>,
    /// Only in the old file.
    pub removed: Vec<String>,
    /// In both, but not the same.
    pub changed: Vec<String>,
    /// Statements that are in both come in another order.
    pub reordered: bool,
    /// What else differs inside of definitions. Of several with one name, the first is held against
    /// the first, and so on, which is a guess here.
    pub definitions: Definitions,
}

/// A function or class in both files.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unit {
    /// Its dotted name, `f` or `C.m`: its `__qualname__`.
    pub qualname: String,
    /// Which one of those with this name in its namespace, counted from 0: the setter of a property
    /// is number 1. Those below an `if` and the like do not count.
    pub nth: usize,
    /// The line of its first decorator in the old file: the `co_firstlineno` of its code.
    pub old_line: u32,
    /// The same in the new file.
    pub new_line: u32,
}

impl Difference {
    /// Compares two versions of one file.
    ///
    /// # Examples
    ///
    /// ```
    /// use hmr_module_graph::{diff::Difference, outline::Outline};
    ///
    /// let old = Outline::parse("class C:\n    def m(self): return 1\n")?;
    /// let new = Outline::parse("class C:\n    def m(self): return 2\n")?;
    /// let Difference::Definitions(found) = Difference::between(&old, &new) else { panic!() };
    /// assert_eq!(found.bodies[0].qualname, "C.m");
    /// # Ok::<(), hmr_module_graph::outline::SyntaxError>(())
    /// ```
    pub fn between(old: &Outline, new: &Outline) -> Self {
        let mut found = Structure::default();
        found.definitions.module_doc = old.doc != new.doc;
        found.compare("", &old.statements, &new.statements);
        found.join_replaced();
        if found.is_structural() {
            return Self::Structure(found);
        }
        let definitions = found.definitions;
        if definitions.is_inside() {
            Self::Definitions(definitions)
        } else if old.positions == new.positions {
            Self::Nothing
        } else {
            Self::Layout {
                moved: definitions.moved,
            }
        }
    }
}

/// What a statement is held against: those with the same key, first with first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key<'a> {
    Function(&'a str),
    Class(&'a str),
    Names(String),
    Nameless(Fingerprint),
}

impl<'a> Key<'a> {
    fn of(statement: &'a Statement) -> Self {
        match &statement.kind {
            Kind::Function(definition) => Self::Function(&definition.name),
            Kind::Class(definition) => Self::Class(&definition.name),
            Kind::Import {
                modules,
                star: true,
            } => Self::Names(format!("from {} import *", modules.join(", "))),
            Kind::Import { .. } | Kind::Other(_) if statement.binds.is_empty() => {
                Self::Nameless(statement.print)
            }
            Kind::Import { .. } | Kind::Other(_) => {
                let names: Vec<_> = statement.binds.iter().map(|b| b.name.as_str()).collect();
                Self::Names(names.join(", "))
            }
        }
    }

    fn label(&self, prefix: &str, statement: &Statement) -> String {
        match self {
            Self::Function(name) | Self::Class(name) => format!("{prefix}{name}"),
            Self::Names(names) => format!("{prefix}{names}"),
            Self::Nameless(_) => {
                let word = match statement.kind {
                    Kind::Other(word) => word,
                    _ => "import",
                };
                format!("{word} at line {}", statement.lines.start())
            }
        }
    }
}

/// The statements of one namespace, and where each key stands among them.
struct Namespace<'a> {
    statements: Vec<(Key<'a>, &'a Statement)>,
    by_key: BTreeMap<Key<'a>, Vec<&'a Statement>>,
}

impl<'a> Namespace<'a> {
    fn of(statements: &'a [Statement]) -> Self {
        let statements: Vec<_> = statements.iter().map(|s| (Key::of(s), s)).collect();
        let mut by_key: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (key, statement) in &statements {
            by_key.entry(key.clone()).or_default().push(*statement);
        }
        Self { statements, by_key }
    }

    fn with(&self, key: &Key<'a>) -> &[&'a Statement] {
        self.by_key.get(key).map_or(&[], Vec::as_slice)
    }

    /// The labels of what has no counterpart in `other`, in order.
    fn missing_in(&self, other: &Self, prefix: &str) -> Vec<String> {
        let statements = self.statements.iter();
        let missing = statements.filter(|(key, _)| other.with(key).is_empty());
        missing.map(|(key, s)| key.label(prefix, s)).collect()
    }

    /// The keys that stand as often in `other` as here, in order.
    fn shared_with(&self, other: &Self) -> Vec<&Key<'a>> {
        let keys = self.statements.iter().map(|(key, _)| key);
        keys.filter(|key| self.with(key).len() == other.with(key).len())
            .collect()
    }
}

impl Structure {
    fn is_structural(&self) -> bool {
        let lists = [&self.added, &self.removed, &self.changed];
        self.reordered || lists.iter().any(|list| !list.is_empty())
    }

    /// What went and came under one name has changed.
    fn join_replaced(&mut self) {
        let (removed, added) = (&mut self.removed, &mut self.added);
        for name in std::mem::take(removed) {
            match added.iter().position(|other| *other == name) {
                Some(at) => self.changed.push(added.remove(at)),
                None => removed.push(name),
            }
        }
    }

    /// Compares the statements of one namespace.
    fn compare(&mut self, prefix: &str, old: &[Statement], new: &[Statement]) {
        let (old, new) = (Namespace::of(old), Namespace::of(new));
        self.added.extend(new.missing_in(&old, prefix));
        self.removed.extend(old.missing_in(&new, prefix));
        self.reordered |= old.shared_with(&new) != new.shared_with(&old);
        let mut seen: BTreeMap<&Key<'_>, usize> = BTreeMap::new();
        for (key, before) in &old.statements {
            let nth = seen.entry(key).or_default();
            let after = new.with(key);
            if after.len() == old.with(key).len() {
                self.compare_two(prefix, key, *nth, before, after[*nth]);
            } else if *nth == 0 && !after.is_empty() {
                self.changed.push(key.label(prefix, before));
            }
            *nth += 1;
        }
    }

    fn compare_two(
        &mut self,
        prefix: &str,
        key: &Key<'_>,
        nth: usize,
        old: &Statement,
        new: &Statement,
    ) {
        if old.print == new.print && old.positions == new.positions {
            return;
        }
        let (Some(before), Some(after)) = (old.definition(), new.definition()) else {
            if old.print != new.print {
                self.changed.push(key.label(prefix, new));
            }
            return;
        };
        if before.head != after.head {
            self.changed.push(key.label(prefix, new));
        }
        let unit = Unit {
            qualname: format!("{prefix}{}", before.name),
            nth,
            old_line: *old.lines.start(),
            new_line: *new.lines.start(),
        };
        match key {
            Key::Class(_) => {
                let prefix = format!("{}.", unit.qualname);
                self.compare(&prefix, &before.statements, &after.statements);
                self.definitions.insides(before, after, unit, false);
            }
            _ if before.head == after.head => {
                self.definitions.insides(before, after, unit, true);
            }
            _ => {}
        }
    }
}

impl Definitions {
    fn is_inside(&self) -> bool {
        self.module_doc || !self.bodies.is_empty() || !self.docs.is_empty()
    }

    /// Notes what differs between two definitions with one head, which are not equal.
    fn insides(&mut self, old: &Definition, new: &Definition, unit: Unit, is_function: bool) {
        let body = is_function && old.body != new.body;
        let doc = old.doc != new.doc;
        if is_function && !body && !doc {
            self.moved.push(unit.clone());
        }
        if body {
            self.bodies.push(unit.clone());
        }
        if doc {
            self.docs.push(unit);
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.qualname)?;
        if self.nth > 0 {
            write!(f, "#{}", self.nth)?;
        }
        Ok(())
    }
}

/// `bodies f, C.m; moved g`: the parts that there are.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = match self {
            Self::Nothing => vec!["nothing".to_owned()],
            Self::Layout { moved } => {
                let mut parts = vec!["layout".to_owned()];
                parts.extend(part("moved", moved));
                parts
            }
            Self::Definitions(definitions) => definitions.parts(),
            Self::Structure(structure) => structure.parts(),
        };
        f.write_str(&parts.join("; "))
    }
}

impl Structure {
    fn parts(&self) -> Vec<String> {
        let lists = [
            ("added", &self.added),
            ("removed", &self.removed),
            ("changed", &self.changed),
        ];
        let named = lists
            .into_iter()
            .filter_map(|(word, list)| part(word, list));
        let reordered = self.reordered.then(|| "reordered".to_owned());
        named
            .chain(reordered)
            .chain(self.definitions.parts())
            .collect()
    }
}

impl Definitions {
    fn parts(&self) -> Vec<String> {
        let mut parts = Vec::from_iter(part("bodies", &self.bodies));
        parts.extend(part("docs", &self.docs));
        parts.extend(self.module_doc.then(|| "module doc".to_owned()));
        parts.extend(part("moved", &self.moved));
        parts
    }
}

fn part(word: &str, items: &[impl ToString]) -> Option<String> {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    (!items.is_empty()).then(|| format!("{word} {}", items.join(", ")))
}
