//! Outlines: what they hold, that layout does not count and everything else does, and that no text
//! is too strange.

use std::{fmt::Write as _, process::Command};

use expect_test::expect;
use hmr_module_graph::{
    diff::Difference,
    outline::{Certainty, Kind, Outline, Statement},
};
use proptest::prelude::*;

use crate::random_source::{Choices, program, render};

fn outline(text: &str) -> Outline {
    Outline::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// An outline as text: a line for each statement.
fn show(text: &str) -> String {
    let mut shown = String::new();
    statements(&outline(text).statements, 0, &mut shown);
    shown
}

fn statements(of: &[Statement], depth: usize, shown: &mut String) {
    for statement in of {
        let word = match &statement.kind {
            Kind::Function(_) => "def",
            Kind::Class(_) => "class",
            Kind::Import { star: true, .. } => "star import",
            Kind::Import { .. } => "import",
            Kind::Other(word) => word,
            _ => unreachable!(),
        };
        let (first, last) = statement.lines.clone().into_inner();
        write!(shown, "{}{first}-{last} {word}", "    ".repeat(depth)).unwrap();
        for binding in &statement.binds {
            let sure = ["?", ""][usize::from(binding.certainty == Certainty::Definite)];
            write!(shown, " {}{sure}", binding.name).unwrap();
        }
        for name in &statement.unbinds {
            write!(shown, " -{name}").unwrap();
        }
        for name in &statement.globals {
            write!(shown, " global {name}").unwrap();
        }
        if let Kind::Import { modules, .. } = &statement.kind {
            write!(shown, " of {}", modules.join(" ")).unwrap();
        }
        if let Some(directive) = statement.directive {
            write!(shown, " {directive:?}").unwrap();
        }
        if let Some(definition) = statement.definition() {
            for decorator in &definition.decorators {
                write!(shown, " @{decorator}").unwrap();
            }
            let flags = [
                (definition.doc.is_some(), " doc"),
                (definition.needs_class, " needs class"),
                (definition.has_nested, " nested"),
            ];
            flags
                .iter()
                .filter(|f| f.0)
                .for_each(|f| shown.push_str(f.1));
        }
        shown.push('\n');
        if let Some(definition) = statement.definition() {
            statements(&definition.statements, depth + 1, shown);
        }
    }
}

#[test]
fn definitions_begin_at_their_first_decorator() {
    let text = "\
'doc'

# a note
@app.route('/')
@(lambda f: f)
def f():
    'doc'
    return super().f()

@a.b.c
class C(B):
    'doc'
    x = 1
    @property
    def p(self): return [lambda: 1]
    class D: pass
";
    expect![[r#"
        4-8 def f @app.route @lambda f: f doc needs class
        10-16 class C @a.b.c doc nested
            13-13 assignment x
            14-15 def p @property nested
            16-16 class D
                16-16 pass
    "#]]
    .assert_eq(&show(text));
    let second = &outline(text).statements[1];
    assert!(text[second.bytes.clone()].starts_with("@a.b.c\nclass C"));
}

#[test]
fn bindings_are_definite_or_maybe() {
    expect![[r#"
        1-1 assignment a b c d
        2-2 assignment
        3-3 assignment a
        4-4 import os x e f of os.path sys e.f g
        5-5 import g h of ..m
        6-6 star import of m
        7-10 if a b? c?
        11-12 if a?
        13-15 for i? j? k?
        16-16 while a?
        17-21 try a b? e? -e
        22-23 try a
        24-24 with f a?
        25-25 with f g? a?
        26-28 match a? b? c? d? e?
        29-29 expression w?
        30-30 def f d?
        31-31 type T
        32-32 del -a -b
        33-34 def f global y global z
        35-37 class C global y
            36-36 global global y
            37-37 assignment y
        38-40 try a? -a
    "#]]
    .assert_eq(&show(
        "\
a, [b, *c] = d = 1
x: int
a += 1
import os.path, sys as x, e.f, g as f
from ..m import g, a as h
from m import *
if q: a = 1; b = 1
elif r: a = 2
else:
    a = 3; c = 1
if q:
    a = 1
for i, j in q:
    k = 1
else: pass
while q: a = 1
try: a = 1; b = 1
except E as e: a = 2
except F:
    c.d = 1
    raise
try: pass
finally: a = 1
with q as f: a = 1
with q as f, r as g: a = 1
match q:
    case [a, *b] | {'k': c, **d}: pass
    case E(x=e): pass
print(lambda: (v := 1), [(w := 1) for u in q])
def f(x=(d := 1)): y = 1
type T = int
del a, b
def f():
    global y, z
class C:
    global y
    y = 1
try: a = 1
finally:
    del a
",
    ));
}

#[test]
fn directives_stand_behind_or_above() {
    expect![[r#"
        1-1 assignment a Keep
        3-3 assignment b Rerun
        4-4 assignment c
        5-6 def f Keep
        7-8 class C
            8-8 assignment x Keep
        10-12 def g Rerun @d
        13-16 assignment d Keep
        17-17 assignment e
    "#]]
    .assert_eq(&show(
        "\
a = 1  # hmr: keep
# hmr: rerun
b = 1
c = 1  # hmr: keep-this
def f():  #hmr:keep # because
    return 1  # hmr: rerun
class C:
    x = 1  # hmr: keep
# hmr: rerun
@d
def g(
    ): pass
d = [
    1,
    2,
]  # hmr: keep
e = '# hmr: keep'
",
    ));
}

#[test]
fn a_syntax_error_has_its_place() {
    for (text, place) in [
        ("x = 1\nif x\n", (2, 5)),
        ("x = 1\nä = ]", (2, 5)),
        ("def f():\nreturn", (2, 1)),
        ("x = 'a\n", (1, 5)),
        ("a\0b", (1, 2)),
    ] {
        let error = Outline::parse(text).unwrap_err();
        assert_eq!((error.line, error.column), place, "{error}");
    }
}

#[test]
fn strange_texts_are_read() {
    for text in [
        "",
        "\n",
        "\u{feff}x = 1",
        "\r\r\r",
        "x = 1\\\n",
        "\u{c}x = 1",
        "#",
        "\t",
        "\\",
    ] {
        // An error is fine, too.
        let _ = Outline::parse(text);
    }
    assert_eq!(outline("x = 1\ry = 2\r\nz = 3").statements[2].lines, 3..=3);
    assert_eq!(outline("\u{feff}x = 1").statements.len(), 1);
}

/// On a thread with as little stack as a thread of Rust gets.
#[test]
fn deep_nesting_is_an_answer_and_no_crash() {
    let shapes: [fn(usize) -> String; 6] = [
        |n| format!("x = {}1{}", "(".repeat(n), ")".repeat(n)),
        |n| format!("x = {}1{}", "[".repeat(n), "]".repeat(n)),
        |n| format!("x = {}", vec!["1"; n].join(" + ")),
        |n| format!("x = a{}", ".b".repeat(n)),
        |n| format!("x = {}1", "-".repeat(n)),
        |n| format!("x = {}", "[".repeat(n)),
    ];
    for shape in shapes {
        for depth in [10, 100, 5_000, 50_000] {
            let text = shape(depth);
            std::thread::Builder::new()
                .stack_size(2 * 1024 * 1024)
                .spawn(move || {
                    let Ok(old) = Outline::parse(&text) else {
                        return;
                    };
                    let new = Outline::parse(&text.replace('1', "2").replace('a', "c")).unwrap();
                    let difference = Difference::between(&old, &new).to_string();
                    assert_eq!(difference, "changed x");
                })
                .unwrap()
                .join()
                .unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn layout_does_not_count(program in program(), one in 1..u64::MAX, two in 0..u64::MAX) {
        let (one, two) = (render(&program, &mut Choices::new(one)), render(&program, &mut Choices::new(two)));
        let difference = Difference::between(&outline(&one), &outline(&two));
        prop_assert!(
            matches!(difference, Difference::Nothing | Difference::Layout { .. }),
            "{difference}\n{one}\n-->\n{two}"
        );
    }

    /// And if it is inside of a function, it is that function's.
    #[test]
    fn every_token_counts(program in program(), layouts in any::<(u64, u64)>(), at in any::<prop::sample::Index>()) {
        let places: Vec<_> = program
            .iter()
            .enumerate()
            .flat_map(|(line, of)| (0..of.tokens.len()).map(move |token| (line, token)))
            .filter(|&(line, token)| program[line].tokens[token].mutated().is_some())
            .collect();
        let &(line, token) = at.get(&places);
        let mut changed = program.clone();
        changed[line].tokens[token] = program[line].tokens[token].mutated().unwrap();

        let one = render(&program, &mut Choices::new(layouts.0));
        let two = render(&changed, &mut Choices::new(layouts.1));
        let difference = Difference::between(&outline(&one), &outline(&two));
        let expected = match &program[line] {
            changed if changed.is_doc => format!("docs {}", changed.unit.as_ref().unwrap()),
            changed => match &changed.unit {
                Some(unit) => format!("bodies {unit}"),
                None => "structure".to_owned(),
            },
        };
        let shown = match &difference {
            Difference::Structure(_) => "structure".to_owned(),
            other => other.to_string().split(['#', ';']).next().unwrap().to_owned(),
        };
        prop_assert_eq!(shown, expected, "{}\n{}\n-->\n{}", difference, one, two);
    }

    #[test]
    fn no_text_is_too_strange(text in "([a-z0-9 \\n\\t\\r\\\\'\"#:=(){}\\[\\].,@*]|def |class |f'|t\"|\\{|é|\0){0,60}") {
        if let Ok(outline) = Outline::parse(&text) {
            let difference = Difference::between(&outline, &outline);
            prop_assert_eq!(difference, Difference::Nothing);
        }
    }
}

/// Lists every file of the standard library: path, whether CPython can parse it, and the decoded
/// text where it is not plain UTF-8.
const LISTING: &str = r#"
import ast, json, os, sys, tokenize, warnings
warnings.simplefilter("ignore")
found = []
for folder, below, names in os.walk(os.path.dirname(os.__file__)):
    below[:] = set(below) - {"site-packages", "dist-packages", "__pycache__"}
    for name in names:
        if name.endswith(".py") and os.path.isfile(os.path.join(folder, name)):
            path = os.path.join(folder, name)
            data = open(path, "rb").read()
            text = None
            try:
                ast.parse(data)
                parses = True
            except (SyntaxError, ValueError):
                parses = False
            try:
                data.decode()
            except UnicodeDecodeError:
                try:
                    text = tokenize.open(path).read()
                except (SyntaxError, UnicodeDecodeError):
                    text = ""
            found.append([path, parses, text])
json.dump(found, sys.stdout)
"#;

#[test]
#[expect(clippy::print_stdout, reason = "how much was read is worth a line")]
fn the_standard_library_is_read() {
    let python = std::env::var("PYO3_PYTHON").unwrap_or_else(|_| "python3".into());
    let output = Command::new(python).args(["-c", LISTING]).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let files: Vec<(String, bool, Option<String>)> =
        serde_json::from_slice(&output.stdout).unwrap();
    let (mut read, mut refused_by_both, mut bytes) = (0, 0, 0);
    for (index, (path, parses, text)) in files.iter().enumerate() {
        let text = text
            .clone()
            .unwrap_or_else(|| std::fs::read_to_string(path).unwrap());
        bytes += text.len();
        match (Outline::parse(&text), parses) {
            (Ok(outline), _) => {
                // A second look at each file would double the time.
                if index % 20 == 0 {
                    let commented = self::outline(&format!("{text}\n# the end"));
                    let difference = Difference::between(&outline, &commented);
                    assert_eq!(difference, Difference::Nothing, "{path}");
                }
                read += 1;
            }
            (Err(_), false) => refused_by_both += 1,
            (Err(error), true) => panic!("{path}: {error}"),
        }
    }
    println!(
        "{read} of {} files read, {bytes} bytes; CPython refuses the other {refused_by_both}, too",
        files.len()
    );
    assert!(read > 500, "only {read} files read");
}

#[test]
fn directives_may_say_why_and_stand_beside_other_comments() {
    for (comment, directive) in [
        ("#hmr:keep", " Keep"),
        ("# hmr: keep because slow", " Keep"),
        ("# hmr: keep, slow", " Keep"),
        ("# noqa: E501  # hmr: rerun", " Rerun"),
        ("# hmr: keeper", ""),
        ("# hmr keep", ""),
    ] {
        let shown = show(&format!("a = 1  {comment}"));
        assert_eq!(shown, format!("1-1 assignment a{directive}\n"));
    }
    // At the end of a block it is about nothing.
    let shown = show("if a:\n    b\n    # hmr: keep\nc = 1\n");
    assert!(shown.ends_with(" c\n"), "{shown}");
}
