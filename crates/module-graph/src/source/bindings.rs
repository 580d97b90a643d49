//! Which names a statement binds where it stands, and whether for certain.
//!
//! When in doubt a name is [`Certainty::Maybe`]: a `with` may swallow the exception that skipped
//! half of its body, a loop may not turn, and a handler starts after any part of its `try`.

use std::collections::BTreeSet;

use ruff_python_ast::{
    self as ast, ExceptHandler, Expr, Parameters, Pattern, Stmt,
    visitor::source_order::{self, SourceOrderVisitor},
};

use crate::outline::{Binding, Certainty};

/// What a statement does to the namespace that it stands in.
#[derive(Default)]
pub(super) struct Bindings {
    pub(super) binds: Vec<Binding>,
    pub(super) unbinds: Vec<String>,
}

impl Bindings {
    pub(super) fn of(statement: &Stmt) -> Self {
        let mut found = Self::default();
        found.visit_stmt(statement);
        for binding in &mut found.binds {
            if found.unbinds.contains(&binding.name) {
                binding.certainty = Certainty::Maybe;
            }
        }
        found
    }

    fn bind(&mut self, name: &str, certainty: Certainty) {
        match self.binds.iter_mut().find(|known| known.name == name) {
            Some(known) if certainty == Certainty::Definite => known.certainty = certainty,
            Some(_) => {}
            None => self.binds.push(Binding {
                name: name.to_owned(),
                certainty,
            }),
        }
    }

    fn definite(&mut self, name: &str) {
        self.bind(name, Certainty::Definite);
    }

    fn unbind(&mut self, name: &str) {
        if !self.unbinds.iter().any(|known| known == name) {
            self.unbinds.push(name.to_owned());
        }
    }

    /// The names in an assignment's target.
    fn target(&mut self, target: &Expr) {
        match target {
            Expr::Name(name) => self.definite(&name.id),
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(|target| self.target(target)),
            Expr::List(list) => list.elts.iter().for_each(|target| self.target(target)),
            Expr::Starred(starred) => self.target(&starred.value),
            // `x[i := 0] = 1`
            _ => self.visit_expr(target),
        }
    }

    /// One of `branches` runs. Names that each of them binds for certain are certain, if one runs
    /// for certain (`exhaustive`).
    fn one_of(&mut self, branches: Vec<Self>, exhaustive: bool) {
        let in_all = |name: &str| {
            branches.iter().all(|branch| {
                branch
                    .binds
                    .iter()
                    .any(|binding| binding.name == name && binding.certainty == Certainty::Definite)
            })
        };
        for binding in branches.iter().flat_map(|branch| &branch.binds) {
            let certain = exhaustive && in_all(&binding.name);
            let certainty = [Certainty::Maybe, Certainty::Definite][usize::from(certain)];
            self.bind(&binding.name, certainty);
        }
        for name in branches.iter().flat_map(|branch| &branch.unbinds) {
            self.unbind(name);
        }
    }

    fn branch(fill: impl FnOnce(&mut Self)) -> Self {
        let mut branch = Self::default();
        fill(&mut branch);
        branch
    }

    fn sometimes(&mut self, fill: impl FnOnce(&mut Self)) {
        self.one_of(vec![Self::branch(fill)], false);
    }

    fn if_statement(&mut self, statement: &ast::StmtIf) {
        self.visit_expr(&statement.test);
        let mut branches = vec![Self::branch(|b| b.visit_body(&statement.body))];
        let mut exhaustive = false;
        for clause in &statement.elif_else_clauses {
            exhaustive |= clause.test.is_none();
            if let Some(test) = &clause.test {
                self.sometimes(|b| b.visit_expr(test));
            }
            branches.push(Self::branch(|b| b.visit_body(&clause.body)));
        }
        self.one_of(branches, exhaustive);
    }

    fn try_statement(&mut self, statement: &ast::StmtTry) {
        let mut branches = vec![Self::branch(|b| {
            b.visit_body(&statement.body);
            b.visit_body(&statement.orelse);
        })];
        for ExceptHandler::ExceptHandler(handler) in &statement.handlers {
            let branch = Self::branch(|b| {
                if let Some(class) = &handler.type_ {
                    b.visit_expr(class);
                }
                if let Some(name) = &handler.name {
                    b.bind(name, Certainty::Maybe);
                    b.unbind(name);
                }
                b.visit_body(&handler.body);
            });
            if matches!(handler.body.last(), Some(Stmt::Raise(_))) {
                self.one_of(vec![branch], false);
            } else {
                branches.push(branch);
            }
        }
        self.one_of(branches, true);
        self.visit_body(&statement.finalbody);
    }

    /// What runs when a definition runs: its defaults, but not its body.
    fn parameters(&mut self, parameters: &Parameters) {
        self.visit_parameters(parameters);
    }
}

impl<'a> SourceOrderVisitor<'a> for Bindings {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => {
                self.definite(&function.name);
                let decorators = &function.decorator_list;
                decorators.iter().for_each(|d| self.visit_decorator(d));
                self.parameters(&function.parameters);
                function.returns.iter().for_each(|r| self.visit_expr(r));
            }
            Stmt::ClassDef(class) => {
                self.definite(&class.name);
                let decorators = &class.decorator_list;
                decorators.iter().for_each(|d| self.visit_decorator(d));
                class
                    .arguments
                    .iter()
                    .for_each(|bases| self.visit_arguments(bases));
            }
            Stmt::Assign(assign) => {
                self.visit_expr(&assign.value);
                assign.targets.iter().for_each(|target| self.target(target));
            }
            Stmt::AugAssign(assign) => {
                self.visit_expr(&assign.value);
                self.target(&assign.target);
            }
            Stmt::AnnAssign(assign) => {
                self.visit_expr(&assign.annotation);
                if let Some(value) = &assign.value {
                    self.visit_expr(value);
                    self.target(&assign.target);
                }
            }
            Stmt::TypeAlias(alias) => self.target(&alias.name),
            Stmt::Import(import) => {
                for alias in &import.names {
                    let first = alias.name.split('.').next().unwrap_or(&alias.name);
                    self.definite(alias.asname.as_ref().map_or(first, |name| name));
                }
            }
            Stmt::ImportFrom(import) => {
                for alias in import.names.iter().filter(|alias| &alias.name != "*") {
                    self.definite(alias.asname.as_ref().unwrap_or(&alias.name));
                }
            }
            Stmt::Delete(delete) => {
                for target in &delete.targets {
                    self.delete(target);
                }
            }
            Stmt::For(statement) => {
                self.visit_expr(&statement.iter);
                self.sometimes(|b| {
                    b.target(&statement.target);
                    b.visit_body(&statement.body);
                });
                self.sometimes(|b| b.visit_body(&statement.orelse));
            }
            Stmt::While(statement) => {
                self.visit_expr(&statement.test);
                self.sometimes(|b| b.visit_body(&statement.body));
                self.sometimes(|b| b.visit_body(&statement.orelse));
            }
            Stmt::With(statement) => {
                for (index, item) in statement.items.iter().enumerate() {
                    let fill = |b: &mut Self| {
                        b.visit_expr(&item.context_expr);
                        if let Some(target) = &item.optional_vars {
                            b.target(target);
                        }
                    };
                    // The first manager may swallow what the second raises.
                    if index == 0 && item.optional_vars.as_deref().is_none_or(Expr::is_name_expr) {
                        fill(self);
                    } else {
                        self.sometimes(fill);
                    }
                }
                self.sometimes(|b| b.visit_body(&statement.body));
            }
            Stmt::Match(statement) => {
                self.visit_expr(&statement.subject);
                for case in &statement.cases {
                    self.sometimes(|b| b.visit_match_case(case));
                }
            }
            Stmt::If(statement) => self.if_statement(statement),
            Stmt::Try(statement) => self.try_statement(statement),
            _ => source_order::walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            // Whether a walrus is reached depends on what stands around it.
            Expr::Named(named) => {
                if let Expr::Name(name) = &*named.target {
                    self.bind(&name.id, Certainty::Maybe);
                }
                self.visit_expr(&named.value);
            }
            Expr::Lambda(lambda) => {
                if let Some(parameters) = &lambda.parameters {
                    self.parameters(parameters);
                }
            }
            _ => source_order::walk_expr(self, expression),
        }
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        let name = match pattern {
            Pattern::MatchAs(pattern) => pattern.name.as_ref(),
            Pattern::MatchStar(pattern) => pattern.name.as_ref(),
            Pattern::MatchMapping(pattern) => pattern.rest.as_ref(),
            _ => None,
        };
        source_order::walk_pattern(self, pattern);
        if let Some(name) = name {
            self.bind(name, Certainty::Maybe);
        }
    }
}

impl Bindings {
    fn delete(&mut self, target: &Expr) {
        match target {
            Expr::Name(name) => self.unbind(&name.id),
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(|target| self.delete(target)),
            Expr::List(list) => list.elts.iter().for_each(|target| self.delete(target)),
            _ => self.visit_expr(target),
        }
    }
}

/// The names that any code below `statement` declares `global`, sorted.
pub(super) fn globals(statement: &Stmt) -> Vec<String> {
    let mut globals = Globals::default();
    globals.visit_stmt(statement);
    globals.0.into_iter().collect()
}

#[derive(Default)]
struct Globals(BTreeSet<String>);

impl<'a> SourceOrderVisitor<'a> for Globals {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if let Stmt::Global(global) = statement {
            self.0.extend(global.names.iter().map(ToString::to_string));
        }
        source_order::walk_stmt(self, statement);
    }

    /// No statement stands in an expression.
    fn visit_expr(&mut self, _expression: &'a Expr) {}
}
