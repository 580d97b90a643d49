//! From syntax trees to fingerprints.
//!
//! Ruff's comparable tree says which nodes are equal. It is exact but for three things, which
//! [`Exact`] adds: the source text that a t-string keeps of its expressions, lone surrogates (Rust
//! strings cannot hold them, so that all of them look alike), and the `u` of `u""`, which an
//! annotation that is kept as text shows.

use std::hash::{DefaultHasher, Hash, Hasher};

use ruff_python_ast::{
    self as ast, Expr, InterpolatedStringElement, Stmt, StringLiteral, TString,
    comparable::{
        ComparableArguments, ComparableDecorator, ComparableExpr, ComparableParameters,
        ComparableStmt, ComparableTypeParams,
    },
    visitor::source_order::{self, SourceOrderVisitor},
};
use ruff_text_size::Ranged;

use crate::outline::Fingerprint;

/// Collects parts of one source file into a fingerprint.
pub(super) struct Prints<'a> {
    text: &'a str,
    hasher: DefaultHasher,
}

impl<'a> Prints<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let hasher = DefaultHasher::new();
        Self { text, hasher }
    }

    pub(super) fn finish(&self) -> Fingerprint {
        Fingerprint(self.hasher.finish())
    }

    pub(super) fn value(&mut self, value: impl Hash) -> &mut Self {
        value.hash(&mut self.hasher);
        self
    }

    pub(super) fn expression(&mut self, expression: &Expr) -> &mut Self {
        ComparableExpr::from(expression).hash(&mut self.hasher);
        self.exact(|exact| exact.visit_expr(expression))
    }

    pub(super) fn statement(&mut self, statement: &Stmt) -> &mut Self {
        ComparableStmt::from(statement).hash(&mut self.hasher);
        self.exact(|exact| exact.visit_stmt(statement))
    }

    pub(super) fn statements(&mut self, statements: &[Stmt]) -> &mut Self {
        statements.len().hash(&mut self.hasher);
        for statement in statements {
            self.statement(statement);
        }
        self
    }

    /// What a function is before its body.
    pub(super) fn function(&mut self, function: &ast::StmtFunctionDef) -> &mut Self {
        self.value((function.name.as_str(), function.is_async))
            .decorators(&function.decorator_list)
            .type_parameters(function.type_params.as_deref());
        ComparableParameters::from(&*function.parameters).hash(&mut self.hasher);
        self.exact(|exact| exact.visit_parameters(&function.parameters));
        self.value(function.returns.is_some());
        if let Some(returns) = &function.returns {
            self.expression(returns);
        }
        self
    }

    /// What a class is before its body.
    pub(super) fn class(&mut self, class: &ast::StmtClassDef) -> &mut Self {
        self.value(class.name.as_str())
            .decorators(&class.decorator_list)
            .type_parameters(class.type_params.as_deref());
        // `class C:` and `class C():` are the same.
        let arguments = class.arguments.as_deref();
        arguments
            .map(ComparableArguments::from)
            .unwrap_or_default()
            .hash(&mut self.hasher);
        if let Some(arguments) = arguments {
            self.exact(|exact| exact.visit_arguments(arguments));
        }
        self
    }

    fn decorators(&mut self, decorators: &[ast::Decorator]) -> &mut Self {
        self.value(decorators.len());
        for decorator in decorators {
            ComparableDecorator::from(decorator).hash(&mut self.hasher);
            self.exact(|exact| exact.visit_decorator(decorator));
        }
        self
    }

    fn type_parameters(&mut self, parameters: Option<&ast::TypeParams>) -> &mut Self {
        self.value(parameters.is_some());
        if let Some(parameters) = parameters {
            ComparableTypeParams::from(parameters).hash(&mut self.hasher);
            self.exact(|exact| exact.visit_type_params(parameters));
        }
        self
    }

    fn exact(&mut self, visit: impl FnOnce(&mut Exact<'_>)) -> &mut Self {
        visit(&mut Exact {
            text: self.text,
            hasher: &mut self.hasher,
        });
        self
    }
}

/// Adds what the comparable tree leaves out. Most code has none of it.
struct Exact<'h> {
    text: &'h str,
    hasher: &'h mut DefaultHasher,
}

impl Exact<'_> {
    fn as_written(&mut self, node: &impl Ranged) {
        self.text[node.range().to_std_range()].hash(self.hasher);
    }
}

impl SourceOrderVisitor<'_> for Exact<'_> {
    fn visit_string_literal(&mut self, literal: &StringLiteral) {
        if literal.flags.prefix().is_unicode() {
            "u".hash(self.hasher);
        }
        if literal.value.contains(char::REPLACEMENT_CHARACTER) {
            self.as_written(literal);
        }
    }

    fn visit_interpolated_string_element(&mut self, element: &InterpolatedStringElement) {
        if let InterpolatedStringElement::Literal(literal) = element
            && literal.value.contains(char::REPLACEMENT_CHARACTER)
        {
            self.as_written(literal);
        }
        source_order::walk_interpolated_string_element(self, element);
    }

    fn visit_t_string(&mut self, string: &TString) {
        for element in string.elements.interpolations() {
            self.as_written(element);
        }
        source_order::walk_t_string(self, string);
    }
}

/// What the code of a function needs from where it is defined.
#[derive(Default)]
pub(super) struct Needs {
    pub(super) class: bool,
    pub(super) generator: bool,
    pub(super) nested: bool,
    /// How many functions or lambdas the visited node is nested in: their `yield` is theirs.
    depth: usize,
}

impl Needs {
    pub(super) fn of(body: &[Stmt]) -> Self {
        let mut needs = Self::default();
        needs.visit_body(body);
        needs
    }

    fn inside(&mut self, visit: impl FnOnce(&mut Self)) {
        self.nested = true;
        self.depth += 1;
        visit(self);
        self.depth -= 1;
    }
}

impl<'a> SourceOrderVisitor<'a> for Needs {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(_) => self.inside(|s| source_order::walk_stmt(s, statement)),
            // A class body has a class of its own; what stands around it has not.
            Stmt::ClassDef(class) => {
                self.nested = true;
                for decorator in &class.decorator_list {
                    self.visit_decorator(decorator);
                }
                if let Some(arguments) = &class.arguments {
                    self.visit_arguments(arguments);
                }
            }
            _ => source_order::walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) => self.class |= matches!(name.id.as_str(), "super" | "__class__"),
            Expr::Yield(_) | Expr::YieldFrom(_) => self.generator |= self.depth == 0,
            _ => {}
        }
        if expression.is_lambda_expr() {
            self.inside(|s| source_order::walk_expr(s, expression));
        } else {
            source_order::walk_expr(self, expression);
        }
    }
}
