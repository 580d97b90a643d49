//! Which names the code that runs with a module loads.
//!
//! Bodies of functions and lambdas do not run with it, however they may be called; class bodies,
//! defaults, decorators and annotations do.

use std::collections::BTreeSet;

use ruff_python_ast::{
    Expr, ExprContext, Stmt,
    visitor::source_order::{self, SourceOrderVisitor},
};

/// The names and attributes, sorted: `a.b` counts as `a` and as `b`.
pub(super) fn of(statements: &[Stmt]) -> Vec<String> {
    let mut loads = Loads::default();
    loads.visit_body(statements);
    loads.0.into_iter().map(str::to_owned).collect()
}

#[derive(Default)]
struct Loads<'a>(BTreeSet<&'a str>);

impl<'a> SourceOrderVisitor<'a> for Loads<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        let Stmt::FunctionDef(function) = statement else {
            return source_order::walk_stmt(self, statement);
        };
        let decorators = function.decorator_list.iter();
        decorators.for_each(|decorator| self.visit_decorator(decorator));
        self.visit_parameters(&function.parameters);
        function.returns.iter().for_each(|r| self.visit_expr(r));
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) if name.ctx == ExprContext::Load => {
                self.0.insert(&name.id);
            }
            Expr::Attribute(attribute) => {
                self.0.insert(&attribute.attr);
            }
            Expr::Lambda(lambda) => {
                let parameters = lambda.parameters.iter();
                return parameters.for_each(|parameters| self.visit_parameters(parameters));
            }
            _ => {}
        }
        source_order::walk_expr(self, expression);
    }
}
