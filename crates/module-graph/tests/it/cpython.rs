//! Outlines against CPython's own parser: real statements, edited at random by a few characters.
//! Where CPython sees another syntax tree, there must be a difference.

use std::{collections::BTreeMap, process::Command};

use hmr_module_graph::{diff::Difference, outline::Outline};

/// Prints edits of statements of the standard library: old text, new text, whether both have the
/// same syntax tree, and whether at most docstrings differ.
const EDITS: &str = r##"
import ast, json, os, random, sys, warnings
warnings.simplefilter("ignore")
random.seed(7)
folder = os.path.dirname(os.__file__)
SMALL = list(" \n()[]{}.,:;=+-*/%@<>!&|~#'\"\\_0123456789aeifnorst") + [
    "''", "b''", "f''", "not ", "0", "0x", "1_0", "1.0", "1j", "None", "  # x\n", "\\\n", "\t",
    "async ", "await ", "yield ", "lambda: ", "*", "**", "r'", "u'", "t'{x+1}'", "\\ud800", "\\N{BULLET}", "{x!r}",
]

def tree(text, without_docs=False):
    try:
        found = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if without_docs:
        for node in ast.walk(found):
            if isinstance(node, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                first = node.body[0] if node.body else None
                if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) \
                        and isinstance(first.value.value, str):
                    del node.body[0]
    return ast.dump(found)

statements = []
for name in sorted(os.listdir(folder)):
    if name.endswith(".py") and os.path.isfile(os.path.join(folder, name)):
        text = open(os.path.join(folder, name), encoding="utf-8").read()
        lines = text.splitlines()
        for node in ast.parse(text).body:
            part = "\n".join(lines[node.lineno - 1:node.end_lineno])
            if len(part) < 600 and tree(part) is not None:
                statements.append(part)
random.shuffle(statements)

edits = []
for old in statements:
    for _ in range(20):
        at = random.randrange(len(old) + 1)
        cut = random.choice([0, 0, 0, 1, 1, 2])
        piece = random.choice(["", random.choice(SMALL), old[at:at + 1] * 2])
        new = old[:at] + piece + old[at + cut:]
        found = tree(new)
        if new == old or found is None:
            continue
        edits.append([old, new, found == tree(old), tree(new, True) == tree(old, True)])
        break
    if len(edits) == 2000:
        break
json.dump(edits, sys.stdout)
"##;

#[test]
#[expect(clippy::print_stdout, reason = "how much was compared is worth a line")]
fn what_cpython_tells_apart_is_told_apart() {
    let python = std::env::var("PYO3_PYTHON").unwrap_or_else(|_| "python3".into());
    let output = Command::new(python).args(["-c", EDITS]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let edits: Vec<(String, String, bool, bool)> = serde_json::from_slice(&output.stdout).unwrap();
    let mut counts = BTreeMap::new();
    for (old, new, same, same_but_docs) in &edits {
        let before = Outline::parse(old).unwrap_or_else(|error| panic!("{error}\n{old}"));
        let Ok(after) = Outline::parse(new) else {
            *counts.entry("refused by ours only").or_insert(0) += 1;
            continue;
        };
        let difference = Difference::between(&before, &after);
        let kind = match &difference {
            Difference::Nothing | Difference::Layout { .. } => {
                assert!(same, "{difference}\n{old}\n-->\n{new}");
                "the same"
            }
            Difference::Definitions(definitions) if definitions.bodies.is_empty() => {
                assert!(same_but_docs, "{difference}\n{old}\n-->\n{new}");
                "docstrings"
            }
            Difference::Definitions(_) => "bodies",
            _ => "structure",
        };
        *counts.entry(kind).or_insert(0) += 1;
        if *same && kind != "the same" {
            *counts.entry("told apart without need").or_insert(0) += 1;
        }
    }
    println!("{} edits: {counts:?}", edits.len());
    for kind in ["the same", "docstrings", "bodies", "structure"] {
        assert!(
            counts.get(kind).is_some_and(|count| *count > 20),
            "{counts:?}"
        );
    }
}
