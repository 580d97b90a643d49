//! What a top-level statement mentions, and whether running it can change what it mentions.
//!
//! A statement is passive if all that it does is to bind names to constants, names, attributes and
//! displays of these. Any other one acts: a call, an operator or a loop may change every object that it
//! reaches. What stands in the bodies of functions is kept apart, for it runs only when they do.

use ruff_python_ast::{
    self as ast, Expr, Stmt, UnaryOp,
    visitor::source_order::{self, SourceOrderVisitor},
};

use ruff_text_size::Ranged;

use super::dotted;
use crate::statements::Mentions;

/// The same of functions that are built in: by these names alone, for `builtins` itself is opaque.
const OPAQUE_BUILTINS: [&str; 7] = [
    "exec",
    "compile",
    "dir",
    "setattr",
    "delattr",
    "breakpoint",
    "__import__",
];

/// Names by which code gets hold of a namespace, of code, frames or lines, or hides what it changes,
/// also behind a dot.
const OPAQUE: [&str; 37] = [
    "builtins",
    "eval",
    "globals",
    "locals",
    "vars",
    "__getattr__",
    "__dict__",
    "__doc__",
    "__annotations__",
    "__globals__",
    "__builtins__",
    "__class__",
    "__subclasses__",
    "__set_name__",
    "_getframe",
    "currentframe",
    "getmodule",
    "modules",
    "stack",
    "gc",
    "get_objects",
    "get_referrers",
    "reload",
    "import_module",
    "__code__",
    "co_firstlineno",
    "__firstlineno__",
    "f_lineno",
    "f_globals",
    "tb_frame",
    "getsource",
    "getsourcelines",
    "findsource",
    "getmembers",
    "extract_stack",
    "format_stack",
    "walk_stack",
];

/// Decorators that keep nothing of what they get anywhere else, and whose results are told apart by what
/// is in them.
const TRUSTED: [&str; 8] = [
    "abstractmethod",
    "classmethod",
    "dataclass",
    "final",
    "override",
    "property",
    "runtime_checkable",
    "staticmethod",
];

/// What `statement`, which stands at the top level, mentions.
pub(super) fn of(statement: &Stmt) -> Mentions {
    let mut found = Visitor::default();
    found.visit_stmt(statement);
    found.mentions.acts |= acts(statement, None);
    found.mentions.is_plain = is_plain(statement, None);
    trusted_in(statement, None, &mut found.mentions.trusts);
    found.mentions
}

#[derive(Default)]
struct Visitor {
    mentions: Mentions,
    /// How many functions are around.
    depth: usize,
}

impl Visitor {
    fn mention(&mut self, name: &str) {
        self.mentions.is_opaque |= OPAQUE.contains(&name) || OPAQUE_BUILTINS.contains(&name);
        let names = if self.depth == 0 {
            &mut self.mentions.uses
        } else {
            &mut self.mentions.inner
        };
        if !names.contains(name) {
            names.insert(name.to_owned());
        }
    }

    fn import(&mut self, names: &[ast::Alias]) {
        for part in names.iter().flat_map(|alias| alias.name.split('.')) {
            self.mentions.is_opaque |= OPAQUE.contains(&part);
            self.mentions.imports.insert(part.to_owned());
        }
    }

    fn inside(&mut self, visit: impl FnOnce(&mut Self)) {
        self.mentions.has_code = true;
        self.depth += 1;
        visit(self);
        self.depth -= 1;
    }

    /// Something is stored in, or taken out of, what `target` is a part of.
    fn store(&mut self, target: &Expr) {
        let part = match target {
            Expr::Attribute(attribute) => &attribute.value,
            Expr::Subscript(subscript) => &subscript.value,
            Expr::Starred(starred) => &starred.value,
            Expr::Tuple(tuple) => return tuple.elts.iter().for_each(|t| self.store(t)),
            Expr::List(list) => return list.elts.iter().for_each(|t| self.store(t)),
            _ => return,
        };
        if let Expr::Name(name) = root(part) {
            self.mentions.stores.insert(name.id.to_string());
        }
    }
}

impl<'a> SourceOrderVisitor<'a> for Visitor {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => {
                self.mentions.is_opaque |= function.name.as_str() == "__getattr__";
                let decorators = function.decorator_list.iter();
                decorators.for_each(|decorator| self.visit_decorator(decorator));
                self.visit_parameters(&function.parameters);
                function.returns.iter().for_each(|r| self.visit_expr(r));
                return self.inside(|it| it.visit_body(&function.body));
            }
            Stmt::ClassDef(_) | Stmt::TypeAlias(_) => self.mentions.has_code = true,
            Stmt::Assign(assign) => assign.targets.iter().for_each(|t| self.store(t)),
            Stmt::AnnAssign(assign) => {
                self.store(&assign.target);
                if self.depth == 0 && assign.value.is_some() && is_harmless(&assign.annotation) {
                    self.mentions.annotation = Some(assign.annotation.range().to_std_range());
                } else {
                    // To run it again is simpler than to annotate again.
                    self.mentions.has_code = true;
                }
            }
            Stmt::AugAssign(assign) => {
                self.store(&assign.target);
                // In place, if it can be: what the name holds is changed.
                if let Expr::Name(name) = &*assign.target {
                    self.mentions.stores.insert(name.id.to_string());
                }
            }
            Stmt::Delete(delete) => delete.targets.iter().for_each(|t| self.store(t)),
            Stmt::For(statement) => self.store(&statement.target),
            Stmt::Global(_) => self.mentions.is_opaque = true,
            Stmt::Import(import) => self.import(&import.names),
            Stmt::ImportFrom(import) => {
                let from = import.module.as_ref().map_or(".", |module| module.as_str());
                let parts = from.split('.').filter(|part| !part.is_empty());
                self.mentions.is_opaque |= parts.clone().any(|part| OPAQUE.contains(&part));
                self.mentions.imports.extend(parts.map(str::to_owned));
                if import.module.is_none() {
                    self.mentions.imports.insert(".".to_owned());
                }
                self.import(&import.names);
            }
            _ => {}
        }
        source_order::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) => self.mention(&name.id),
            Expr::Attribute(attribute) => {
                self.mentions.is_opaque |= OPAQUE.contains(&attribute.attr.as_str());
                if let (0, Expr::Name(name)) = (self.depth, root(&attribute.value)) {
                    self.mentions.looks.insert(name.id.to_string());
                }
            }
            // It may bind a name of the module wherever it stands.
            Expr::Named(_) if self.depth == 0 => self.mentions.is_opaque = true,
            Expr::Generator(_) | Expr::Yield(_) | Expr::YieldFrom(_) => {
                self.mentions.has_code = true;
            }
            Expr::Lambda(lambda) => {
                let parameters = lambda.parameters.iter();
                parameters.for_each(|parameters| self.visit_parameters(parameters));
                return self.inside(|it| it.visit_expr(&lambda.body));
            }
            _ => {}
        }
        source_order::walk_expr(self, expression);
    }
}

/// The expression of whose parts `expression` is one: `a` of `a.b[c]`.
fn root(expression: &Expr) -> &Expr {
    match expression {
        Expr::Attribute(attribute) => root(&attribute.value),
        Expr::Subscript(subscript) => root(&subscript.value),
        Expr::Call(call) => root(&call.func),
        _ => expression,
    }
}

/// Whether the statement, its functions' bodies apart, may change objects.
fn acts(statement: &Stmt, class: Option<&ast::StmtClassDef>) -> bool {
    match statement {
        Stmt::FunctionDef(function) => {
            let parameters = function.parameters.iter_non_variadic_params();
            decorated_by_others(&function.decorator_list, class)
                || parameters
                    .filter_map(|parameter| parameter.default.as_deref())
                    .any(|default| !is_passive(default))
                || annotations(function).any(|annotation| !is_harmless(annotation))
        }
        // A base class hears of its subclasses.
        Stmt::ClassDef(class) => {
            decorated_by_others(&class.decorator_list, None)
                || class.arguments.as_ref().is_some_and(|it| !it.is_empty())
                || class.body.iter().any(|it| acts(it, Some(class)))
        }
        Stmt::Assign(assign) => {
            !assign.targets.iter().all(Expr::is_name_expr) || !is_passive(&assign.value)
        }
        Stmt::AnnAssign(assign) => {
            !assign.target.is_name_expr()
                || !is_harmless(&assign.annotation)
                || assign.value.iter().any(|value| !is_passive(value))
        }
        Stmt::Expr(expression) => !is_passive(&expression.value),
        Stmt::Import(_) | Stmt::ImportFrom(_) | Stmt::Pass(_) => false,
        _ => true,
    }
}

/// Whether there is a decorator of which it is not known that it gives the same for the same, and changes
/// nothing else.
fn decorated_by_others(decorators: &[ast::Decorator], class: Option<&ast::StmtClassDef>) -> bool {
    let mut decorators = decorators.iter();
    decorators.any(|it| trusted(&it.expression, class).is_none())
}

/// What the decorator is called, if it can be trusted to be what that means. What belongs to a property
/// of the class around it is one itself.
fn trusted(decorator: &Expr, class: Option<&ast::StmtClassDef>) -> Option<String> {
    if let Expr::Attribute(part) = decorator
        && matches!(part.attr.as_str(), "setter" | "getter" | "deleter")
        && let (Expr::Name(name), Some(class)) = (&*part.value, class)
    {
        return is_property(&name.id, class).then(|| "property".to_owned());
    }
    let called = match decorator {
        Expr::Call(call) => {
            let mut keywords = call.arguments.keywords.iter();
            let has_constants = call.arguments.args.is_empty()
                && keywords.all(|it| it.arg.is_some() && is_constant(&it.value));
            has_constants.then_some(&*call.func)?
        }
        other => other,
    };
    let name = dotted(called)?;
    let last = name.rsplit('.').next()?;
    TRUSTED.contains(&last).then_some(name)
}

/// Whether all that the class's own body binds the name to are properties.
fn is_property(name: &str, class: &ast::StmtClassDef) -> bool {
    let methods = class.body.iter().filter_map(Stmt::as_function_def_stmt);
    let mut of_name = methods.filter(|it| it.name.as_str() == name).peekable();
    let is_one =
        |it: &ast::Decorator| matches!(&it.expression, Expr::Name(name) if name.id == "property");
    of_name
        .peek()
        .is_some_and(|first| first.decorator_list.iter().any(is_one))
}

/// The names that [`acts`] and [`is_plain`] trust in the statement.
fn trusted_in(
    statement: &Stmt,
    class: Option<&ast::StmtClassDef>,
    found: &mut std::collections::BTreeSet<String>,
) {
    let decorators = match statement {
        Stmt::FunctionDef(function) => &function.decorator_list,
        Stmt::ClassDef(class) => &class.decorator_list,
        _ => return,
    };
    let names = decorators
        .iter()
        .filter_map(|it| trusted(&it.expression, class));
    found.extend(names);
    if let Stmt::ClassDef(class) = statement {
        let body = class.body.iter();
        body.for_each(|it| trusted_in(it, Some(class), found));
    }
}

fn annotations(function: &ast::StmtFunctionDef) -> impl Iterator<Item = &Expr> {
    let parameters = function.parameters.iter();
    let annotations = parameters.filter_map(ast::AnyParameterRef::annotation);
    annotations.chain(function.returns.as_deref())
}

/// Whether an annotation is made of names, and so changes nothing.
fn is_harmless(annotation: &Expr) -> bool {
    match annotation {
        Expr::Subscript(subscript) => {
            is_harmless(&subscript.value) && is_harmless(&subscript.slice)
        }
        Expr::BinOp(operation) => is_harmless(&operation.left) && is_harmless(&operation.right),
        Expr::Tuple(tuple) => tuple.elts.iter().all(is_harmless),
        other => is_passive(other),
    }
}

fn is_passive(expression: &Expr) -> bool {
    match expression {
        Expr::Attribute(attribute) => is_passive(&attribute.value),
        Expr::Tuple(tuple) => tuple.elts.iter().all(is_passive),
        Expr::List(list) => list.elts.iter().all(is_passive),
        Expr::Dict(dict) => dict
            .items
            .iter()
            .all(|item| item.key.as_ref().is_some_and(is_constant) && is_passive(&item.value)),
        Expr::UnaryOp(operation) => is_constant(&operation.operand) && operation.op != UnaryOp::Not,
        Expr::Lambda(lambda) => lambda.parameters.iter().all(|it| {
            let mut parameters = it.iter_non_variadic_params();
            parameters.all(|parameter| parameter.default.as_deref().is_none_or(is_passive))
        }),
        Expr::Name(_) => true,
        other => is_constant(other),
    }
}

fn is_constant(expression: &Expr) -> bool {
    match expression {
        Expr::BinOp(operation) => is_constant(&operation.left) && is_constant(&operation.right),
        Expr::UnaryOp(operation) => is_constant(&operation.operand),
        other => other.is_literal_expr(),
    }
}

/// Whether a definition gives the same thing each time that it runs with the same names, and has
/// nothing in it that changes while it is used.
fn is_plain(statement: &Stmt, class: Option<&ast::StmtClassDef>) -> bool {
    match statement {
        Stmt::FunctionDef(function) => {
            let mut parameters = function.parameters.iter_non_variadic_params();
            !acts(statement, class)
                && parameters.all(|it| it.default.as_deref().is_none_or(is_immutable))
        }
        Stmt::ClassDef(class) => {
            !decorated_by_others(&class.decorator_list, None)
                && class
                    .arguments
                    .as_ref()
                    .is_none_or(|it| it.keywords.is_empty() && it.args.iter().all(is_immutable))
                && class.body.iter().all(|it| is_plain(it, Some(class)))
                && !stores_in_class(class)
        }
        Stmt::Assign(assign) => !acts(statement, class) && is_immutable(&assign.value),
        Stmt::AnnAssign(assign) => {
            !acts(statement, class) && assign.value.as_deref().is_none_or(is_immutable)
        }
        Stmt::Expr(expression) => is_constant(&expression.value),
        Stmt::Pass(_) => true,
        _ => false,
    }
}

fn is_immutable(expression: &Expr) -> bool {
    match expression {
        Expr::Name(_) => true,
        Expr::Attribute(attribute) => is_immutable(&attribute.value),
        Expr::Tuple(tuple) => tuple.elts.iter().all(is_immutable),
        other => is_constant(other),
    }
}

fn stores_in_class(class: &ast::StmtClassDef) -> bool {
    let mut visitor = Visitor::default();
    visitor.visit_body(&class.body);
    let stores = &visitor.mentions.stores;
    stores.contains("cls") || stores.contains("type") || stores.contains(class.name.as_str())
}
