//! What the names in decorators may stand for, as the file itself says: by imports, by assignments and
//! by functions that pass on what they get.
//!
//! More than is true may come out: every name that an assigned value or a function's body mentions
//! counts, wherever the statement stands.

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::{
    Expr, Stmt,
    visitor::source_order::{self, SourceOrderVisitor},
};

use super::dotted;

/// The names, each with a dotted name that it may stand for, sorted; of all those only that decorators
/// lead to. `*` stands for any name that a star import may bind.
pub(super) fn of(statements: &[Stmt]) -> Vec<(String, String)> {
    let mut search = Search::default();
    search.visit_body(statements);
    search.followed()
}

#[derive(Default)]
struct Search<'a> {
    /// The first parts of the names in decorators.
    pending: Vec<&'a str>,
    imports: BTreeMap<&'a str, Vec<String>>,
    stars: Vec<String>,
    makers: BTreeMap<&'a str, Vec<Maker<'a>>>,
}

/// What makes the object that a name stands for.
#[derive(Clone, Copy)]
enum Maker<'a> {
    Value(&'a Expr),
    Body(&'a [Stmt]),
}

impl Search<'_> {
    fn followed(mut self) -> Vec<(String, String)> {
        let mut found = BTreeSet::new();
        let mut seen = BTreeSet::new();
        while let Some(name) = self.pending.pop() {
            if !seen.insert(name) {
                continue;
            }
            let imports = self.imports.get(name).into_iter().flatten();
            found.extend(imports.map(|meant| (name.to_owned(), meant.clone())));
            for maker in self.makers.get(name).into_iter().flatten() {
                let mut names = Names::default();
                match maker {
                    Maker::Value(value) => names.visit_expr(value),
                    Maker::Body(body) => names.visit_body(body),
                }
                found.extend(names.dotted.into_iter().map(|it| (name.to_owned(), it)));
                self.pending.extend(names.heads);
            }
        }
        if !seen.is_empty() {
            found.extend(self.stars.into_iter().map(|star| ("*".to_owned(), star)));
        }
        found.into_iter().collect()
    }
}

impl<'a> SourceOrderVisitor<'a> for Search<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Import(import) => {
                for alias in &import.names {
                    if let Some(name) = &alias.asname {
                        let meant = self.imports.entry(name.as_str()).or_default();
                        meant.push(alias.name.to_string());
                    }
                }
            }
            Stmt::ImportFrom(import) => {
                let module = import.module.as_deref().unwrap_or_default();
                for alias in &import.names {
                    if &alias.name == "*" {
                        self.stars.push(module.to_owned());
                        continue;
                    }
                    let name = alias.asname.as_ref().unwrap_or(&alias.name);
                    let meant = format!("{module}.{}", alias.name);
                    self.imports.entry(name.as_str()).or_default().push(meant);
                }
            }
            Stmt::FunctionDef(function) => {
                let made = self.makers.entry(function.name.as_str()).or_default();
                made.push(Maker::Body(&function.body));
            }
            Stmt::ClassDef(class) => {
                let made = self.makers.entry(class.name.as_str()).or_default();
                made.push(Maker::Body(&class.body));
            }
            Stmt::Assign(assign) => {
                for name in assign.targets.iter().filter_map(Expr::as_name_expr) {
                    let made = self.makers.entry(name.id.as_str()).or_default();
                    made.push(Maker::Value(&assign.value));
                }
            }
            Stmt::AnnAssign(assign) => {
                if let (Expr::Name(name), Some(value)) = (&*assign.target, &assign.value) {
                    let made = self.makers.entry(name.id.as_str()).or_default();
                    made.push(Maker::Value(value));
                }
            }
            _ => {}
        }
        let decorators = match statement {
            Stmt::FunctionDef(function) => &*function.decorator_list,
            Stmt::ClassDef(class) => &*class.decorator_list,
            _ => &[],
        };
        for decorator in decorators {
            let mut names = Names::default();
            names.visit_expr(&decorator.expression);
            self.pending.extend(names.heads);
        }
        source_order::walk_stmt(self, statement);
    }

    /// No statement stands in an expression.
    fn visit_expr(&mut self, _expression: &'a Expr) {}
}

/// The dotted names in a piece of code.
#[derive(Default)]
struct Names<'a> {
    dotted: Vec<String>,
    heads: Vec<&'a str>,
}

impl<'a> SourceOrderVisitor<'a> for Names<'a> {
    fn visit_expr(&mut self, expression: &'a Expr) {
        match dotted(expression) {
            Some(whole) => {
                self.dotted.push(whole);
                let mut part = expression;
                while let Expr::Attribute(attribute) = part {
                    part = &attribute.value;
                }
                if let Expr::Name(name) = part {
                    self.heads.push(&name.id);
                }
            }
            None => source_order::walk_expr(self, expression),
        }
    }
}
