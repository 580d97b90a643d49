//! Source text to [`Outline`]. Only this module, with the files below it, names ruff.
//!
//! Ruff's parser changes its interface at any release, so its version is pinned and nothing of it
//! shows outside of here. Whatever the text holds, the answer is an outline or a [`SyntaxError`].

use std::ops::Range;

use ruff_python_ast::{
    self as ast, Expr, PySourceType, Stmt,
    token::{TokenKind, Tokens},
};
use ruff_python_parser::{Parsed, parse_unchecked_source};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::{
    outline::{Definition, Fingerprint, Kind, Outline, Statement, SyntaxError},
    statements::Script,
};

mod aliases;
mod bindings;
mod depth;
mod directives;
mod fingerprint;
mod imports;
mod loads;
mod mentions;

use self::{
    bindings::Bindings,
    directives::Directives,
    fingerprint::{Needs, Prints},
};

impl Outline {
    /// Reads `text`, the decoded source of a module.
    ///
    /// # Errors
    ///
    /// [`SyntaxError`] if `text` is not Python. What only CPython's compiler refuses, such as a
    /// `return` outside of a function, passes.
    ///
    /// # Examples
    ///
    /// ```
    /// use hmr_module_graph::outline::Outline;
    ///
    /// let one = Outline::parse("def f(x): return (x)")?;
    /// let two = Outline::parse("def f(x):\n    return x  # the same")?;
    /// assert_eq!(one.statements[0].print, two.statements[0].print);
    /// assert_ne!(one.positions, two.positions);
    /// # Ok::<(), hmr_module_graph::outline::SyntaxError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        parse(text, outline)
    }
}

impl Script {
    /// Reads `text`, the decoded source of a module.
    ///
    /// # Errors
    ///
    /// [`SyntaxError`] if `text` is not Python, see [`Outline::parse`].
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        parse(text, |text, parsed| {
            let (_, body) = split_docstring(parsed.suite());
            Ok(Self {
                outline: outline(text, parsed)?,
                mentions: body.iter().map(mentions::of).collect(),
            })
        })
    }
}

fn parse<R: Send>(
    text: &str,
    read: impl FnOnce(&str, &Parsed<ast::ModModule>) -> Result<R, SyntaxError> + Send,
) -> Result<R, SyntaxError> {
    if u32::try_from(text.len()).is_err() {
        return Err(refused(1, 1, "the file is larger than 4 GiB"));
    }
    let parsed = parse_unchecked_source(text, PySourceType::Python);
    let depth = depth::depth_of(parsed.suite());
    depth::with_room(parsed, depth, |parsed| read(text, &parsed))
        .unwrap_or_else(|| Err(refused(1, 1, "an expression is nested too deeply")))
}

fn refused(line: u32, column: u32, message: impl ToString) -> SyntaxError {
    SyntaxError {
        line,
        column,
        message: message.to_string(),
    }
}

fn outline(text: &str, parsed: &Parsed<ast::ModModule>) -> Result<Outline, SyntaxError> {
    let lines = Lines::of(text);
    if let Some(error) = parsed.errors().first() {
        let (line, column) = lines.place(text, error.location.start());
        return Err(refused(line, column, &error.error));
    }
    let tokens = parsed.tokens();
    let reader = Reader {
        text,
        directives: directives(text, tokens, &lines),
        lines,
        tokens,
        future: future(parsed.suite()),
    };
    let (doc, body) = split_docstring(parsed.suite());
    let statements: Vec<_> = body.iter().map(|s| reader.statement(s)).collect();
    let mut positions = Prints::new(text);
    positions.value(doc.map(|doc| reader.positions(doc.range())));
    for statement in &statements {
        positions.value(statement.positions);
    }
    Ok(Outline {
        doc: doc.map(|doc| reader.expression(doc)),
        positions: positions.finish(),
        loads: loads::of(body),
        imports: imports::of(body),
        aliases: aliases::of(body),
        statements,
    })
}

/// The docstring as CPython sees it, and the statements after it.
fn split_docstring(body: &[Stmt]) -> (Option<&Expr>, &[Stmt]) {
    if let Some((Stmt::Expr(first), rest)) = body.split_first()
        && first.value.is_string_literal_expr()
    {
        return (Some(&first.value), rest);
    }
    (None, body)
}

/// One source file while its outline is made.
struct Reader<'a> {
    text: &'a str,
    lines: Lines,
    tokens: &'a Tokens,
    directives: Directives,
    /// The `__future__` features, which change what all other code means.
    future: Vec<&'a str>,
}

impl Reader<'_> {
    fn print(&self) -> Prints<'_> {
        let mut print = Prints::new(self.text);
        print.value(&self.future);
        print
    }

    fn statement(&self, statement: &Stmt) -> Statement {
        let kind = match statement {
            Stmt::FunctionDef(function) => Kind::Function(self.function(function)),
            Stmt::ClassDef(class) => Kind::Class(self.class(class)),
            Stmt::Import(import) => Kind::Import {
                modules: import.names.iter().map(|a| a.name.to_string()).collect(),
                star: false,
            },
            Stmt::ImportFrom(import) => Kind::Import {
                modules: vec![
                    ".".repeat(import.level as usize) + import.module.as_deref().unwrap_or(""),
                ],
                star: import.names.iter().any(|alias| &alias.name == "*"),
            },
            other => Kind::Other(word(other)),
        };
        let mut print = self.print();
        match &kind {
            Kind::Function(of) => print.value(("def", of.shell, of.body, of.doc)),
            Kind::Class(of) => print.value(("class", of.shell, of.body, of.doc)),
            Kind::Import { .. } | Kind::Other(_) => print.statement(statement),
        };
        let Bindings { binds, unbinds } = Bindings::of(statement);
        let range = statement.range();
        let (first, last) = (self.lines.line(range.start()), self.lines.last_line(range));
        let column = range.start() - self.lines.start_of(first);
        Statement {
            kind,
            print: print.finish(),
            positions: self.positions(range),
            lines: first..=last,
            bytes: range.to_std_range(),
            binds,
            unbinds,
            globals: bindings::globals(statement),
            directive: self.directives.of(
                (first, column.to_u32()),
                first..=self.end_of_head(statement, first, last),
            ),
        }
    }

    fn function(&self, function: &ast::StmtFunctionDef) -> Definition {
        let (doc, body) = split_docstring(&function.body);
        let needs = Needs::of(body);
        let mut shell = self.print();
        shell
            .function(function)
            .value((needs.class, needs.generator));
        Definition {
            name: function.name.to_string(),
            decorators: self.decorators(&function.decorator_list),
            shell: shell.finish(),
            head: shell.finish(),
            body: self.print().statements(body).finish(),
            doc: doc.map(|doc| self.expression(doc)),
            needs_class: needs.class,
            has_nested: needs.nested,
            statements: Vec::new(),
        }
    }

    fn class(&self, class: &ast::StmtClassDef) -> Definition {
        let (doc, body) = split_docstring(&class.body);
        let statements: Vec<_> = body.iter().map(|s| self.statement(s)).collect();
        let mut shell = self.print();
        let head = shell.class(class).finish();
        let mut whole = self.print();
        for statement in &statements {
            whole.value(statement.print);
            if statement.definition().is_none() {
                shell.value(statement.print);
            }
        }
        let definitions = statements.iter().filter_map(Statement::definition);
        Definition {
            name: class.name.to_string(),
            decorators: self.decorators(&class.decorator_list),
            shell: shell.finish(),
            head,
            body: whole.finish(),
            doc: doc.map(|doc| self.expression(doc)),
            needs_class: false,
            has_nested: definitions.count() > 0,
            statements,
        }
    }

    fn expression(&self, expression: &Expr) -> Fingerprint {
        self.print().expression(expression).finish()
    }

    fn decorators(&self, decorators: &[ast::Decorator]) -> Vec<String> {
        let name = |decorator: &ast::Decorator| {
            let mut called = &decorator.expression;
            while let Expr::Call(call) = called {
                let is_partial = dotted(&call.func).is_some_and(|it| it.ends_with("partial"));
                called = match call.arguments.args.first() {
                    Some(first) if is_partial => first,
                    _ => &call.func,
                };
            }
            dotted(called).unwrap_or_else(|| {
                self.text[decorator.expression.range().to_std_range()].to_owned()
            })
        };
        decorators.iter().map(name).collect()
    }

    /// The last line on which a comment speaks of the statement and not of one inside of it.
    fn end_of_head(&self, statement: &Stmt, first: u32, last: u32) -> u32 {
        let body = match statement {
            Stmt::FunctionDef(function) => &function.body,
            Stmt::ClassDef(class) => &class.body,
            _ if is_compound(statement) => return first,
            _ => return last,
        };
        let body = body.first().map_or(last, |s| self.lines.line(s.start()));
        let name = self.lines.line(match statement {
            Stmt::FunctionDef(function) => function.name.start(),
            Stmt::ClassDef(class) => class.name.start(),
            _ => statement.start(),
        });
        body.saturating_sub(1).max(name)
    }

    /// Where the tokens of code in `range` stand.
    fn positions(&self, range: TextRange) -> Fingerprint {
        let mut print = Prints::new(self.text);
        let mut line = self.lines.line(range.start());
        for token in self.tokens.in_range(range) {
            if is_layout(token.kind()) {
                continue;
            }
            while self.lines.start_of(line + 1) <= token.start() {
                line += 1;
            }
            let column = token.start() - self.lines.start_of(line);
            print.value((line, column.to_u32(), token.range().len().to_u32()));
        }
        print.finish()
    }
}

/// Tokens that stand in no code object.
fn is_layout(kind: TokenKind) -> bool {
    kind.is_trivia()
        || matches!(
            kind,
            TokenKind::Newline | TokenKind::Indent | TokenKind::Dedent | TokenKind::EndOfFile
        )
}

fn directives(text: &str, tokens: &Tokens, lines: &Lines) -> Directives {
    let mut found = Directives::default();
    for token in tokens.iter().filter(|token| token.kind().is_comment()) {
        let line = lines.line(token.start());
        let before = &text[lines.start_of(line).to_usize()..token.start().to_usize()];
        let is_alone = before.trim().is_empty();
        let column = token.start() - lines.start_of(line);
        found.add(
            (line, column.to_u32()),
            &text[token.range().to_std_range()],
            is_alone,
        );
    }
    found
}

/// The features that the file imports from `__future__`, in order.
fn future(body: &[Stmt]) -> Vec<&str> {
    let imports = body.iter().filter_map(Stmt::as_import_from_stmt);
    imports
        .filter(|import| import.level == 0 && import.module.as_deref() == Some("__future__"))
        .flat_map(|import| import.names.iter().map(|alias| alias.name.as_str()))
        .collect()
}

/// `a.b.c`, if that is what the expression is.
fn dotted(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Name(name) => Some(name.id.to_string()),
        Expr::Attribute(attribute) => {
            Some(dotted(&attribute.value)? + "." + attribute.attr.as_str())
        }
        _ => None,
    }
}

fn is_compound(statement: &Stmt) -> bool {
    matches!(
        statement,
        Stmt::For(_) | Stmt::While(_) | Stmt::If(_) | Stmt::With(_) | Stmt::Match(_) | Stmt::Try(_)
    )
}

fn word(statement: &Stmt) -> &'static str {
    match statement {
        Stmt::FunctionDef(_) => "def",
        Stmt::ClassDef(_) => "class",
        Stmt::Return(_) => "return",
        Stmt::Delete(_) => "del",
        Stmt::TypeAlias(_) => "type",
        Stmt::Assign(_) | Stmt::AugAssign(_) | Stmt::AnnAssign(_) => "assignment",
        Stmt::For(_) => "for",
        Stmt::While(_) => "while",
        Stmt::If(_) => "if",
        Stmt::With(_) => "with",
        Stmt::Match(_) => "match",
        Stmt::Raise(_) => "raise",
        Stmt::Try(_) => "try",
        Stmt::Assert(_) => "assert",
        Stmt::Import(_) | Stmt::ImportFrom(_) => "import",
        Stmt::Global(_) => "global",
        Stmt::Nonlocal(_) => "nonlocal",
        Stmt::Expr(_) | Stmt::IpyEscapeCommand(_) => "expression",
        Stmt::Pass(_) => "pass",
        Stmt::Break(_) => "break",
        Stmt::Continue(_) => "continue",
    }
}

/// Where each line of a text begins. `\n`, `\r\n` and `\r` end a line, as they do for CPython.
struct Lines {
    starts: Vec<TextSize>,
}

impl Lines {
    fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let ends = (0..bytes.len()).filter(|&at| {
            bytes[at] == b'\n' || bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n')
        });
        let starts = ends.map(|end| TextSize::try_from(end + 1).expect("at most 4 GiB"));
        Self {
            starts: std::iter::once(TextSize::new(0)).chain(starts).collect(),
        }
    }

    /// The line of a place, counted from 1.
    fn line(&self, at: TextSize) -> u32 {
        let line = self.starts.partition_point(|&start| start <= at);
        u32::try_from(line).expect("at most as many lines as bytes")
    }

    fn last_line(&self, range: TextRange) -> u32 {
        self.line(range.end().max(range.start()))
    }

    /// Where `line` begins; behind every text if there is no such line.
    fn start_of(&self, line: u32) -> TextSize {
        let start = self.starts.get(line as usize - 1);
        start.copied().unwrap_or(TextSize::new(u32::MAX))
    }

    fn place(&self, text: &str, at: TextSize) -> (u32, u32) {
        let line = self.line(at);
        let before: Range<usize> = self.start_of(line).to_usize()..at.to_usize();
        let column = text.get(before).map_or(0, |before| before.chars().count());
        (line, u32::try_from(column).unwrap_or(u32::MAX - 1) + 1)
    }
}
