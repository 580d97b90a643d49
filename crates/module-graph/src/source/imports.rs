//! Which names a module's import statements bind.
//!
//! CPython's compiler makes other bytecode of `name.method()` if the module imports `name`: whoever
//! compiles a part of a file has to know them.

use std::collections::BTreeSet;

use ruff_python_ast::{
    Expr, Stmt,
    visitor::source_order::{self, SourceOrderVisitor},
};

/// The names, sorted. What a star import binds is not known, neither here nor to the compiler.
pub(super) fn of(statements: &[Stmt]) -> Vec<String> {
    let mut imports = Imports::default();
    imports.visit_body(statements);
    imports.0.into_iter().map(str::to_owned).collect()
}

#[derive(Default)]
struct Imports<'a>(BTreeSet<&'a str>);

impl<'a> SourceOrderVisitor<'a> for Imports<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        let names = match statement {
            Stmt::Import(import) => &import.names,
            Stmt::ImportFrom(import) => &import.names,
            // Scopes of their own.
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => return,
            _ => return source_order::walk_stmt(self, statement),
        };
        for alias in names {
            let bound = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
            let bound = bound.split('.').next().unwrap_or(bound);
            if bound != "*" {
                self.0.insert(bound);
            }
        }
    }

    /// No statement stands in an expression.
    fn visit_expr(&mut self, _expression: &'a Expr) {}
}
