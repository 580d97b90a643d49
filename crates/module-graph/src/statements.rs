//! Which top-level statements of an edited module need not run again.
//!
//! A statement is kept if it is as it was, if nothing that it uses has changed, and if no statement that
//! runs again, or is gone, can have changed an object that it made. Names stand for objects: whoever
//! acts (calls, stores, loops; see [`Mentions::acts`]) may change all that it reaches, by the names in
//! it and by those in the functions and classes that it mentions. A statement that binds such a name
//! runs again, and what else it mentions may be another name of the same object.
//!
//! Kept true: what is not understood is run. [`plan`] finds nothing to keep where code reaches for
//! namespaces or frames, and the definitions and imports of a module always run: they take no time, and
//! what they define is told apart from before by comparing it.

use std::{collections::BTreeSet, fmt, ops::Range};

use crate::outline::{Directive, Kind, Outline, Statement};

mod align;
mod index;

use self::index::{Effect, Index};

/// What one top-level statement mentions.
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not depend on each other"
)]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mentions {
    /// The names in what runs with it.
    pub uses: BTreeSet<String>,
    /// The names in the bodies of its functions.
    pub inner: BTreeSet<String>,
    /// What its imports name, wherever they stand, taken apart at the dots; `.` for a package itself.
    pub imports: BTreeSet<String>,
    /// The names in parts of whose objects something is stored, bodies included.
    pub stores: BTreeSet<String>,
    /// The names of whose objects it reads an attribute, functions' bodies apart.
    pub looks: BTreeSet<String>,
    /// Running it may change the objects that it reaches.
    pub acts: bool,
    /// A definition that gives the same each time that it runs.
    pub is_plain: bool,
    /// What both of these take for granted to be what it is called in Python and in its standard
    /// library, as dotted names.
    pub trusts: BTreeSet<String>,
    /// Code of its own is in it, such as a lambda's, which has line numbers.
    pub has_code: bool,
    /// Where the annotation of an assignment stands in the text.
    pub annotation: Option<Range<usize>>,
    /// It may do anything.
    pub is_opaque: bool,
}

/// How much of a module runs again when it must.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Granularity {
    /// All of it.
    #[default]
    Module,
    /// The statements that an edit of its file reaches, where that can be told: see [`plan`].
    Statement,
}

/// A module's text, as the plan needs it. Made by [`Script::parse`].
#[derive(Debug, Clone)]
pub struct Script {
    pub(crate) outline: Outline,
    pub(crate) mentions: Vec<Mentions>,
}

/// What is known of a module besides its text.
#[derive(Debug, Default)]
pub struct Around {
    /// The names whose values nobody can change, such as numbers.
    pub immutable: BTreeSet<String>,
    /// The names that are bound now, to what the module's last run has bound them to.
    pub bound: BTreeSet<String>,
    /// The names that imports of the user's own modules bind.
    pub own_imports: BTreeSet<String>,
    /// The names whose values are objects that hold something: no modules, functions or classes.
    pub instances: BTreeSet<String>,
    /// For each module that may run again for it: the names that it has read, and those of the functions
    /// that it has executed.
    pub readers: Vec<BTreeSet<String>>,
    /// What modules that will run again in any case have read in the same way.
    pub touched: BTreeSet<String>,
    /// The names of the module that code of other modules has read while it ran: any statement that
    /// acts may have come to them.
    pub looked_into: BTreeSet<String>,
    /// The top-level names of the functions of its own that its last run has executed.
    pub executed: BTreeSet<String>,
}

/// Why all of a module has to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Whole {
    /// The text that ran last is not known, or what it has made is not there any more.
    Unknown,
    /// What it has read has changed, too.
    ReadChanges,
    /// Hooks, or `atexit` handlers, end what it has begun.
    Hooks,
    /// It is part of an import circle.
    Circle,
    /// Its code reaches for namespaces, frames or line numbers.
    Opaque,
    /// Code of other modules has looked at all of its names while it ran.
    LookedInto,
    /// An import of a module of the user's has gone.
    ImportGone,
    /// The edit reaches all statements, or may.
    AllReached,
    /// What was kept at first turned out to be used.
    Unforeseen,
}

/// Reads on after `it ran as a whole: `.
impl fmt::Display for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "its last run was another one's, or failed",
            Self::ReadChanges => "what it has read has changed, too",
            Self::Hooks => "it has hooks or atexit handlers",
            Self::Circle => "it is part of an import circle",
            Self::Opaque => "its code may reach all of its names, lines or frames",
            Self::LookedInto => "other modules have looked at all of its names while it ran",
            Self::ImportGone => "an import has gone",
            Self::AllReached => "the edit may reach all of its statements",
            Self::Unforeseen => "what was left out turned out to be used",
        })
    }
}

/// The statements that are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Their places in the new outline.
    pub kept: Vec<usize>,
    /// The names that they bind.
    pub names: BTreeSet<String>,
    /// All names that they have used, by way of functions too.
    pub used: BTreeSet<String>,
}

impl Script {
    /// The outline of the text.
    pub fn outline(&self) -> &Outline {
        &self.outline
    }

    /// Where the annotation of the assignment at this place stands, if it is one with an annotation.
    pub fn annotation(&self, statement: usize) -> Option<Range<usize>> {
        self.mentions[statement].annotation.clone()
    }

    fn parts(&self) -> impl Iterator<Item = (&Statement, &Mentions)> {
        self.outline.statements.iter().zip(&self.mentions)
    }

    fn is_opaque(&self) -> bool {
        self.mentions.iter().any(|it| it.is_opaque)
            || self.outline.statements.iter().any(|statement| {
                !statement.globals.is_empty()
                    || matches!(statement.kind, Kind::Import { star: true, .. })
            })
    }
}

/// Which statements of `new` need not run after those of `old` have.
///
/// # Errors
///
/// All of them must: why.
pub fn plan(old: &Script, new: &Script, around: &Around) -> Result<Plan, Whole> {
    if old.is_opaque() || new.is_opaque() {
        return Err(Whole::Opaque);
    }
    if gives_up_import(old, new, around) {
        return Err(Whole::ImportGone);
    }
    let mut search = Search::new(old, new, around);
    search.settle();
    search.plan().ok_or(Whole::AllReached)
}

/// Whether an import of a module of the user's has gone. What the statements that are kept have read is
/// not told apart from what that import has, and who imports whom must be known exactly.
fn gives_up_import(old: &Script, new: &Script, around: &Around) -> bool {
    let named = |script: &Script| {
        let mut found = BTreeSet::new();
        for statement in &script.outline.statements {
            let Kind::Import { modules, .. } = &statement.kind else {
                continue;
            };
            let names = statement.binds.iter().map(|it| &it.name);
            let of_own: Vec<_> = names
                .filter(|&it| around.own_imports.contains(it))
                .collect();
            if !of_own.is_empty() {
                found.extend(modules.iter().cloned());
                found.extend(of_own.into_iter().cloned());
            }
        }
        found
    };
    !named(old).is_subset(&named(new))
}

/// The search for what must run.
struct Search<'a> {
    old: Index<'a>,
    new: Index<'a>,
    around: &'a Around,
    /// The statements of the new text that run.
    runs: Vec<bool>,
    /// The statement of the old text that each is.
    was: Vec<Option<usize>>,
    /// The statements of the old text that are gone.
    gone: Vec<usize>,
    reach: Vec<BTreeSet<&'a str>>,
    /// The names that stand for another object, or for one that does something else.
    changed: BTreeSet<&'a str>,
    /// The names whose objects may be changed by what runs, or have been by what is gone.
    touched: BTreeSet<&'a str>,
    /// The packages whose state may be.
    packages: BTreeSet<&'a str>,
}

impl<'a> Search<'a> {
    fn new(old: &'a Script, new: &'a Script, around: &'a Around) -> Self {
        let (old, new) = (Index::of(old, around), Index::of(new, around));
        let was = align::align(
            &old.script.outline.statements,
            &new.script.outline.statements,
        );
        let matched: BTreeSet<_> = was.iter().flatten().copied().collect();
        let gone: Vec<_> = (0..old.script.mentions.len())
            .filter(|at| !matched.contains(at))
            .collect();
        let reach = (0..was.len()).map(|at| new.reach(at)).collect();
        let mut search = Self {
            runs: vec![false; was.len()],
            old,
            new,
            around,
            was,
            gone,
            reach,
            changed: BTreeSet::new(),
            touched: BTreeSet::new(),
            packages: BTreeSet::new(),
        };
        search.runs = (0..search.was.len())
            .map(|at| search.must_run(at))
            .collect();
        search.start();
        search
    }

    /// Whether the statement runs whatever the others do.
    fn must_run(&self, at: usize) -> bool {
        let (statement, mentions) = (self.new.statement(at), self.new.mentions(at));
        let is_alone = |name: &str| {
            self.new.binders(name).len() == 1
                && self.old.binders(name).len() == 1
                && !unbinds(self.new.script, name)
                && !unbinds(self.old.script, name)
                && !is_special(name)
        };
        let is_bound = |binding: &crate::outline::Binding| {
            binding.certainty == crate::outline::Certainty::Maybe
                || self.around.bound.contains(&binding.name)
        };
        self.was[at].is_none()
            || !matches!(statement.kind, Kind::Other(_))
            || mentions.has_code
            || statement.directive == Some(Directive::Rerun)
            || self.is_released(at)
            || !statement.unbinds.is_empty()
            || !statement
                .binds
                .iter()
                .all(|it| is_alone(&it.name) && is_bound(it))
    }

    /// Whether its comment that asked for keeping it has gone: what it has bound may be outdated.
    fn is_released(&self, at: usize) -> bool {
        let asked = |statement: &Statement| statement.directive == Some(Directive::Keep);
        self.was[at].is_some_and(|was| asked(self.old.statement(was)))
            && !asked(self.new.statement(at))
    }

    /// What the edit itself means.
    fn start(&mut self) {
        for at in self.gone.clone() {
            let names = self.old.statement(at).binds.iter();
            self.changed.extend(names.map(|it| it.name.as_str()));
            self.changed
                .extend(self.old.statement(at).unbinds.iter().map(String::as_str));
            if self.old.acts(at) {
                let reach = self.old.reach(at);
                self.touch(reach, self.old.effect(at));
            }
        }
        let acted_on = self.reach_of(&self.around.touched);
        self.touch(acted_on, Effect::Packages);
        // What is stored in a function or a class is there until it is defined again.
        for index in [self.old.script, self.new.script] {
            for mentions in &index.mentions {
                let stores = mentions.stores.iter().map(String::as_str);
                self.changed
                    .extend(stores.filter(|name| self.new.is_definition(name)));
            }
        }
    }

    /// Follows what runs until nothing more has to.
    fn settle(&mut self) {
        loop {
            let before = self.size();
            for at in 0..self.runs.len() {
                if self.runs[at] {
                    self.follow(at);
                }
            }
            self.follow_names();
            self.follow_readers();
            for at in 0..self.runs.len() {
                self.runs[at] = self.runs[at] || self.is_reached(at);
            }
            if self.size() == before {
                return;
            }
        }
    }

    fn size(&self) -> (usize, usize, usize, usize) {
        let runs = self.runs.iter().filter(|&&runs| runs).count();
        (
            runs,
            self.changed.len(),
            self.touched.len(),
            self.packages.len(),
        )
    }

    /// What it means that the statement runs.
    fn follow(&mut self, at: usize) {
        let (statement, mentions) = (self.new.statement(at), self.new.mentions(at));
        if !self.is_stable(at) {
            let names = statement.binds.iter().map(|it| it.name.as_str());
            self.changed.extend(names);
        }
        // A definition that is as it was does to others what it has done to them before.
        let is_repeated = statement.definition().is_some()
            && self.was[at].is_some()
            && !self.is_reached(at)
            && !self.works_otherwise(at);
        if is_repeated && self.new.acts(at) {
            self.touch(self.reach[at].clone(), Effect::Repeated);
        } else if self.new.acts(at) {
            self.touch(self.reach[at].clone(), self.new.effect(at));
        }
        // An object that it looks into must be as it was when the statement ran in its place.
        let looks = mentions.looks.iter().map(String::as_str);
        let looks = looks.filter(|name| !self.new.is_import(name) && !self.new.is_definition(name));
        self.touch(looks.collect(), Effect::Repeated);
        // In a fresh start it would not find what is bound further down.
        for name in &self.reach[at] {
            for &binder in self.new.binders(name) {
                if binder > at {
                    self.runs[binder] = true;
                }
            }
        }
    }

    /// Whether the statement has given somebody a function that has been called meanwhile, and that does
    /// something else now.
    fn works_otherwise(&self, at: usize) -> bool {
        let names = &self.new.statement(at).binds;
        names.iter().any(|it| {
            self.around.executed.contains(&it.name) && {
                let inner = self.new.reach_from(vec![&it.name]);
                inner.iter().any(|name| self.changes_value(name, at))
            }
        })
    }

    /// Whether the name stands for something else, its own statement apart.
    fn changes_value(&self, name: &str, at: usize) -> bool {
        let is_own = self
            .new
            .statement(at)
            .binds
            .iter()
            .any(|it| it.name == name);
        !is_own && self.changed.contains(name)
    }

    /// Whether running the statement once more binds its names to what they are bound to.
    fn is_stable(&self, at: usize) -> bool {
        let is_same = self.was[at].is_some();
        let mentions = self.new.mentions(at);
        let binds_once = |name: &str| self.new.binders(name).len() == 1;
        let names = &self.new.statement(at).binds;
        is_same
            && names.iter().all(|it| binds_once(&it.name))
            && match self.new.statement(at).kind {
                Kind::Import { .. } => true,
                Kind::Function(_) | Kind::Class(_) => {
                    self.new.is_plain(at)
                        && !mentions
                            .uses
                            .iter()
                            .any(|it| self.changed.contains(it.as_str()))
                }
                Kind::Other(_) => false,
            }
    }

    /// Whoever acts has reached these names.
    fn touch(&mut self, names: BTreeSet<&'a str>, effect: Effect) {
        for name in names {
            if self.is_immutable(name) {
                continue;
            }
            if self.old.is_import(name) || self.new.is_import(name) {
                self.touch_import(name, effect);
            }
            self.touched.insert(name);
        }
    }

    fn touch_import(&mut self, name: &'a str, effect: Effect) {
        if effect == Effect::Repeated {
            return;
        }
        let is_own = self.around.own_imports.contains(name);
        if self.around.instances.contains(name) {
            self.changed.insert(name);
        }
        for index in [&self.old, &self.new] {
            if effect == Effect::Packages || is_own {
                self.packages.extend(index.packages(name));
            }
            // Modules of the user's may reach each other.
            for own in self.around.own_imports.iter().filter(|_| is_own) {
                self.packages.extend(index.packages(own));
            }
        }
    }

    /// Whether the name's value was, and is, one that nobody can change.
    fn is_immutable(&self, name: &str) -> bool {
        self.around.immutable.contains(name) && !self.changed.contains(name)
    }

    /// A statement that binds a touched name has made its object, or has it from another name.
    fn follow_names(&mut self) {
        let mut reached = Vec::new();
        for (is_new, index) in [(false, &self.old), (true, &self.new)] {
            let mut found = BTreeSet::new();
            for (at, (statement, mentions)) in index.script.parts().enumerate() {
                let binds = &statement.binds;
                if !binds
                    .iter()
                    .any(|it| self.touched.contains(it.name.as_str()))
                {
                    continue;
                }
                if is_new && matches!(statement.kind, Kind::Other(_)) {
                    self.runs[at] = true;
                }
                found.extend(mentions.uses.iter().map(String::as_str));
            }
            reached.push(found);
        }
        for names in reached {
            self.touch(names, Effect::OwnModules);
        }
    }

    /// A module that runs again because a name has changed acts on all that it has read.
    fn follow_readers(&mut self) {
        for reader in &self.around.readers {
            let names = self.reach_of(reader);
            if names.iter().any(|name| self.changed.contains(name)) {
                self.touch(names, Effect::Packages);
            }
        }
    }

    fn reach_of(&self, names: &'a BTreeSet<String>) -> BTreeSet<&'a str> {
        let names = || names.iter().map(String::as_str).collect();
        let mut found = self.old.reach_from(names());
        found.extend(self.new.reach_from(names()));
        found
    }

    fn is_reached(&self, at: usize) -> bool {
        self.reach[at].iter().any(|&name| {
            self.changed.contains(name)
                || self.new.packages(name).any(|it| self.packages.contains(it))
        })
    }

    fn plan(self) -> Option<Plan> {
        let kept: Vec<_> = (0..self.runs.len()).filter(|&at| !self.runs[at]).collect();
        if kept.is_empty() {
            return None;
        }
        let binds = |at: usize| self.new.statement(at).binds.iter();
        let names = kept.iter().flat_map(|&at| binds(at));
        let used = kept.iter().flat_map(|&at| &self.reach[at]);
        Some(Plan {
            names: names.map(|it| it.name.clone()).collect(),
            used: used.map(|&name| name.to_owned()).collect(),
            kept,
        })
    }
}

fn unbinds(script: &Script, name: &str) -> bool {
    let mut unbound = script.outline.statements.iter().flat_map(|it| &it.unbinds);
    unbound.any(|unbound| unbound == name)
}

fn is_special(name: &str) -> bool {
    name.starts_with("__") && name.ends_with("__")
}
