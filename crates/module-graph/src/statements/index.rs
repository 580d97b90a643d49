//! The names of a module's text: which statements bind them, and what running one of these reaches.

use std::collections::{BTreeMap, BTreeSet};

use super::{Around, Mentions, Script};
use crate::outline::{Kind, Statement};

/// Decorators that are built in and keep to what they get.
const BUILT_IN: [&str; 3] = ["classmethod", "property", "staticmethod"];

/// The modules whose decorators are trusted, see [`Mentions::trusts`].
const STANDARD: [&str; 3] = ["abc", "dataclasses", "typing"];

/// The names of one script.
pub(super) struct Index<'a> {
    pub(super) script: &'a Script,
    binders: BTreeMap<&'a str, Vec<usize>>,
    around: &'a Around,
}

impl<'a> Index<'a> {
    pub(super) fn of(script: &'a Script, around: &'a Around) -> Self {
        let mut binders: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, statement) in script.outline.statements.iter().enumerate() {
            for binding in &statement.binds {
                binders.entry(&binding.name).or_default().push(at);
            }
        }
        Self {
            script,
            binders,
            around,
        }
    }

    pub(super) fn statement(&self, at: usize) -> &'a Statement {
        &self.script.outline.statements[at]
    }

    pub(super) fn mentions(&self, at: usize) -> &'a Mentions {
        &self.script.mentions[at]
    }

    /// Whether running the statement may change the objects that it reaches.
    pub(super) fn acts(&self, at: usize) -> bool {
        let mentions = self.mentions(at);
        mentions.acts || !mentions.trusts.iter().all(|name| self.is_standard(name))
    }

    /// Whether the statement is a definition that gives the same each time that it runs.
    pub(super) fn is_plain(&self, at: usize) -> bool {
        let mentions = self.mentions(at);
        mentions.is_plain && mentions.trusts.iter().all(|name| self.is_standard(name))
    }

    /// Whether the dotted name is one that is built in or imported from the standard library.
    fn is_standard(&self, name: &str) -> bool {
        let (head, rest) = name.split_once('.').unwrap_or((name, ""));
        let binders = self.binders(head);
        if binders.is_empty() {
            return rest.is_empty() && BUILT_IN.contains(&head);
        }
        !BUILT_IN.contains(&head)
            && !self.around.own_imports.contains(head)
            && binders.iter().all(|&at| match &self.statement(at).kind {
                Kind::Import { modules, .. } => {
                    modules.iter().all(|it| STANDARD.contains(&it.as_str()))
                }
                _ => false,
            })
    }

    pub(super) fn binders(&self, name: &str) -> &[usize] {
        self.binders.get(name).map_or(&[], Vec::as_slice)
    }

    /// The names that running the statement reaches: those in it, and those in what these stand for, if
    /// they stand for functions, for classes, or for other names.
    pub(super) fn reach(&self, at: usize) -> BTreeSet<&'a str> {
        let mentions = self.mentions(at);
        let mut names: Vec<_> = mentions.uses.iter().map(String::as_str).collect();
        if self.acts(at) {
            names.extend(self.around.looked_into.iter().map(String::as_str));
        }
        self.reach_from(names)
    }

    pub(super) fn reach_from(&self, mut pending: Vec<&'a str>) -> BTreeSet<&'a str> {
        let mut found = BTreeSet::new();
        while let Some(name) = pending.pop() {
            if !found.insert(name) {
                continue;
            }
            for &binder in self.binders(name) {
                let mentions = self.mentions(binder);
                if self.statement(binder).definition().is_some() || !self.acts(binder) {
                    pending.extend(mentions.uses.iter().map(String::as_str));
                }
                pending.extend(mentions.inner.iter().map(String::as_str));
            }
        }
        found
    }

    /// The packages that imports get the name from.
    pub(super) fn packages(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let imports = self
            .binders(name)
            .iter()
            .filter_map(|&at| match &self.statement(at).kind {
                Kind::Import { modules, .. } => Some(modules),
                _ => None,
            });
        let modules: Vec<_> = imports.flatten().collect();
        modules
            .into_iter()
            .map(|module| module.split('.').next().unwrap_or(module))
    }

    pub(super) fn is_import(&self, name: &str) -> bool {
        self.binders(name)
            .iter()
            .any(|&at| matches!(self.statement(at).kind, Kind::Import { .. }))
    }

    pub(super) fn is_definition(&self, name: &str) -> bool {
        let mut binders = self.binders(name).iter();
        binders.any(|&at| self.statement(at).definition().is_some())
    }

    /// What running the statement for the first time, or in another way than before, may change.
    pub(super) fn effect(&self, at: usize) -> Effect {
        let statement = self.statement(at);
        let gives_definition = || {
            let uses = &self.mentions(at).uses;
            uses.iter().any(|it| self.is_definition(it))
        };
        if statement.binds.is_empty() || statement.definition().is_some() || gives_definition() {
            Effect::Packages
        } else {
            Effect::OwnModules
        }
    }
}

/// What a statement that acts may change besides the objects of its module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing that it had not changed before.
    Repeated,
    /// What the user's own modules hold.
    OwnModules,
    /// What the packages hold whose names it mentions: all that it is there for may be that, or it gives
    /// them a function or a class.
    Packages,
}
