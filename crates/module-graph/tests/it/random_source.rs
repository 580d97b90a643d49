//! Random Python programs that can be written in many layouts, and with one token changed.
//!
//! A program is lines of tokens. Whoever renders one chooses spaces, comments, blank lines, quotes,
//! indentation, optional parentheses and line breaks; the meaning stays.

use proptest::prelude::*;

#[derive(Debug, Clone)]
pub(crate) enum Token {
    /// Stands as it is.
    Fixed(&'static str),
    Name(u8),
    Int(u8),
    Float(u8),
    Text(u8),
    Bytes(u8),
    Constant(u8),
    Operator(u8),
    /// A pair of parentheses that may be left out.
    Open,
    Close,
}

#[derive(Debug, Clone)]
pub(crate) struct Line {
    depth: usize,
    pub(crate) tokens: Vec<Token>,
    /// The definition whose body it is in, if that can be told: `f`, `C.m`.
    pub(crate) unit: Option<String>,
    pub(crate) is_doc: bool,
    is_simple: bool,
}

const CONSTANTS: [&str; 4] = ["True", "False", "None", "..."];
const OPERATORS: [&str; 8] = ["+", "-", "*", "//", "**", "<", "is", "and"];

impl Token {
    /// Another token that may stand in its place and means something else.
    pub(crate) fn mutated(&self) -> Option<Self> {
        Some(match self {
            Self::Name(n) => Self::Name(n + 100),
            Self::Int(n) => Self::Float(*n),
            Self::Float(n) => Self::Int(*n),
            Self::Text(n) if n % 2 == 0 => Self::Text(n + 100),
            Self::Text(n) => Self::Bytes(*n),
            Self::Bytes(n) => Self::Bytes(n + 100),
            Self::Constant(n) => Self::Constant((n + 1) % 4),
            Self::Operator(n) => Self::Operator((n + 1) % 8),
            Self::Fixed(_) | Self::Open | Self::Close => return None,
        })
    }
}

/// Choices of layout; all of them are 0 for the plain one.
pub(crate) struct Choices(u64);

impl Choices {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn below(&mut self, n: u64) -> u64 {
        if self.0 == 0 {
            return 0;
        }
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        let last = of.len() as u64;
        of[usize::try_from(self.below(last)).unwrap()]
    }

    fn token(&mut self, token: &Token) -> String {
        match token {
            Token::Fixed(text) => (*text).to_owned(),
            Token::Name(n) => format!("n{n}"),
            Token::Int(n) if self.below(3) == 1 => format!("{n:#x}"),
            Token::Int(n) => n.to_string(),
            Token::Float(n) => n.to_string() + self.pick(&[".0", ".", ".00", "e0"]),
            Token::Text(n) => self.text("", *n),
            Token::Bytes(n) => self.text("b", *n),
            Token::Constant(n) => CONSTANTS[usize::from(*n)].to_owned(),
            Token::Operator(n) => OPERATORS[usize::from(*n)].to_owned(),
            Token::Open | Token::Close => unreachable!("chosen by the line"),
        }
    }

    fn text(&mut self, prefix: &str, n: u8) -> String {
        let raw = self.pick(&["", "", "r"]);
        let quote = self.pick(&["'", "\"", "'''", "\"\"\""]);
        let split = self
            .pick(&["", "", &format!("{quote} {prefix}{quote}")])
            .to_owned();
        format!("{prefix}{raw}{quote}s{split}{n}{quote}")
    }

    /// One logical line without indentation.
    fn line(&mut self, line: &Line) -> String {
        let mut text = String::new();
        let (mut brackets, mut chosen) = (0_u32, Vec::new());
        for token in &line.tokens {
            let word = match token {
                Token::Open => {
                    chosen.push(self.below(3) == 1);
                    if !chosen.last().unwrap() {
                        continue;
                    }
                    "(".to_owned()
                }
                Token::Close => {
                    if !chosen.pop().unwrap() {
                        continue;
                    }
                    ")".to_owned()
                }
                token => self.token(token),
            };
            if !text.is_empty() {
                let inside = [" ", " ", "  ", "\n", " # note\n\n  ", "\t"];
                let outside = [" ", " ", "  ", " \\\n  "];
                text.push_str(self.pick(if brackets > 0 { &inside } else { &outside }));
            }
            brackets += u32::from(matches!(&*word, "(" | "[" | "{"));
            brackets -= u32::from(matches!(&*word, ")" | "]" | "}"));
            text.push_str(&word);
        }
        text
    }
}

/// Writes the program down.
pub(crate) fn render(lines: &[Line], choices: &mut Choices) -> String {
    let indent = choices.pick(&["    ", " ", "  ", "\t", "        "]);
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate() {
        let follows = index > 0
            && line.is_simple
            && lines[index - 1].is_simple
            && lines[index - 1].depth == line.depth;
        if follows && choices.below(5) == 1 {
            text.push_str("; ");
        } else {
            if index > 0 {
                text.push_str(choices.pick(&[
                    "\n",
                    "\n",
                    "  # hmr: keep\n",
                    "\n\n",
                    "\n # note\n",
                ]));
            } else {
                text.push_str(choices.pick(&["", "# top\n", "\n\n"]));
            }
            text.push_str(&indent.repeat(line.depth));
        }
        text.push_str(&choices.line(line));
    }
    text + choices.pick(&["\n", "", "\n# end", "\n\n"])
}

fn fixed(text: &'static str) -> Vec<Token> {
    vec![Token::Fixed(text)]
}

fn expression() -> impl Strategy<Value = Vec<Token>> {
    let leaf = prop_oneof![
        (0..9_u8).prop_map(|n| vec![Token::Name(n)]),
        (0..9_u8).prop_map(|n| vec![Token::Int(n)]),
        (0..9_u8).prop_map(|n| vec![Token::Float(n)]),
        (0..9_u8).prop_map(|n| vec![Token::Text(n)]),
        (0..9_u8).prop_map(|n| vec![Token::Bytes(n)]),
        (0..4_u8).prop_map(|n| vec![Token::Constant(n)]),
    ];
    let deeper = leaf.prop_recursive(3, 12, 2, |inner| {
        let two = (inner.clone(), inner.clone(), 0..8_u8);
        let wrap = |parts: Vec<Vec<Token>>| parts.concat();
        prop_oneof![
            two.clone().prop_map(move |(a, b, n)| wrap(vec![
                fixed("("),
                a,
                vec![Token::Operator(n)],
                b,
                fixed(")"),
            ])),
            two.clone().prop_map(move |(a, b, n)| wrap(vec![
                vec![Token::Name(n)],
                fixed("("),
                a,
                fixed(","),
                vec![Token::Name(20)],
                fixed("="),
                b,
                fixed(")"),
            ])),
            two.clone().prop_map(move |(a, b, _)| wrap(vec![
                fixed("["),
                a,
                fixed(","),
                b,
                fixed("]")
            ])),
            two.clone().prop_map(move |(a, b, _)| wrap(vec![
                fixed("{"),
                a,
                fixed(":"),
                b,
                fixed("}")
            ])),
            two.prop_map(move |(a, b, n)| wrap(vec![
                fixed("("),
                fixed("lambda"),
                vec![Token::Name(n)],
                fixed(":"),
                a,
                fixed("if"),
                b,
                fixed("else"),
                vec![Token::Name(n)],
                fixed(")"),
            ])),
        ]
    });
    deeper.prop_map(|tokens| [vec![Token::Open], tokens, vec![Token::Close]].concat())
}

#[derive(Debug, Clone)]
enum Statement {
    Simple(Vec<Token>),
    /// Its head, and whether it is a `def`, a `class` or neither.
    Compound(Vec<Token>, Option<(bool, u8)>, Option<u8>, Vec<Statement>),
}

fn statement() -> impl Strategy<Value = Statement> {
    let simple = (expression(), 0..9_u8, 0..5_u8).prop_map(|(value, n, shape)| {
        let name = vec![Token::Name(n)];
        Statement::Simple(match shape {
            0 => [name, fixed("="), value].concat(),
            1 => [name, fixed("+="), value].concat(),
            2 => [
                fixed("import"),
                name,
                fixed("as"),
                vec![Token::Name(n + 30)],
            ]
            .concat(),
            3 => [fixed("assert"), value].concat(),
            _ => [
                name,
                fixed(":"),
                vec![Token::Name(n + 40)],
                fixed("="),
                value,
            ]
            .concat(),
        })
    });
    simple.prop_recursive(3, 16, 4, |inner| {
        let body = prop::collection::vec(inner, 1..4);
        let doc = prop::option::of(0..9_u8);
        (body, doc, expression(), 0..9_u8, 0..6_u8).prop_map(|(body, doc, value, n, shape)| {
            let name = vec![Token::Name(n)];
            let (head, definition) = match shape {
                0 | 1 => {
                    let head = [fixed("def"), name, fixed("("), vec![Token::Name(50)]];
                    let rest = [fixed("="), value, fixed(")"), fixed(":")];
                    ([head.concat(), rest.concat()].concat(), Some((true, n)))
                }
                2 | 3 => {
                    let head = [
                        fixed("class"),
                        name,
                        fixed("("),
                        value,
                        fixed(")"),
                        fixed(":"),
                    ];
                    (head.concat(), Some((false, n)))
                }
                4 => ([fixed("if"), value, fixed(":")].concat(), None),
                _ => (
                    [fixed("with"), value, fixed("as"), name, fixed(":")].concat(),
                    None,
                ),
            };
            Statement::Compound(head, definition, doc, body)
        })
    })
}

/// A program of one to five statements.
pub(crate) fn program() -> impl Strategy<Value = Vec<Line>> {
    prop::collection::vec(statement(), 1..6).prop_map(|statements| {
        let mut lines = Vec::new();
        flatten(&statements, 0, Some(""), None, &mut lines);
        lines
    })
}

/// `namespace` is the dotted prefix where definitions are units, and `unit` the one that this is in.
fn flatten(
    statements: &[Statement],
    depth: usize,
    namespace: Option<&str>,
    unit: Option<&str>,
    lines: &mut Vec<Line>,
) {
    for statement in statements {
        let (Statement::Simple(tokens) | Statement::Compound(tokens, ..)) = statement;
        lines.push(Line {
            depth,
            tokens: tokens.clone(),
            unit: unit.map(str::to_owned),
            is_doc: false,
            is_simple: matches!(statement, Statement::Simple(_)),
        });
        let Statement::Compound(_, definition, doc, body) = statement else {
            continue;
        };
        let own = definition
            .zip(namespace)
            .map(|((is_function, n), prefix)| (is_function, format!("{prefix}n{n}")));
        let own_unit = match &own {
            Some((true, name)) => Some(name.as_str()),
            _ => unit,
        };
        if let (Some(doc), Some(_)) = (doc, definition) {
            lines.push(Line {
                depth: depth + 1,
                // Only an even one stays text when it is mutated.
                tokens: vec![Token::Text(doc * 2)],
                unit: own
                    .as_ref()
                    .map(|(_, name)| name.clone())
                    .or(unit.map(str::to_owned)),
                is_doc: own.is_some(),
                is_simple: true,
            });
        }
        let inner = match &own {
            Some((false, name)) => Some(format!("{name}.")),
            _ => None,
        };
        flatten(body, depth + 1, inner.as_deref(), own_unit, lines);
    }
}
