//! Who executed a definition runs again when it does something else, wherever the function was
//! found; who did not, does not.

use hmr_tests::{Hmr, Project};

/// A registry that other modules fill: reading it says nothing about who put what there.
const REGISTRY: &str = "TABLE = {}\n";

/// Runs `main` after `plugin` has put something into the registry, edits `plugin`, and expects `ran`
/// to run again and to print `after`.
fn check(plugin: &str, edited: &str, use_it: &str, ran: &[&str], after: &str) {
    let main = format!("import plugin, registry\nprint('V', {use_it})\n");
    let project = Project::new(&[
        ("registry.py", REGISTRY),
        ("plugin.py", plugin),
        ("main.py", &main),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.save("plugin.py", edited).expect(ran, &[after]);
}

#[test]
fn a_method_found_in_a_registry_counts_as_executed() {
    let plugin = |value| {
        format!(
            "from registry import TABLE\nclass P:\n    def x(self):\n        return {value}\nTABLE['x'] = P()\n"
        )
    };
    check(
        &plugin(1),
        &plugin(2),
        "registry.TABLE['x'].x()",
        &["main"],
        "V 2",
    );
}

#[test]
fn a_global_that_an_executed_function_loads_counts_too() {
    let plugin = |value| {
        format!(
            "from registry import TABLE\nLIMIT = {value}\ndef f():\n    return LIMIT\nTABLE['f'] = f\n"
        )
    };
    check(
        &plugin(1),
        &plugin(2),
        "registry.TABLE['f']()",
        &["plugin", "main"],
        "V 2",
    );
}

#[test]
fn closures_generators_properties_keys_and_operators_count_as_executed() {
    let plugin = |value| {
        format!(
            "
from registry import TABLE
def outer():
    def inner():
        return {value}
    return inner
TABLE['closure'] = outer()
def generator():
    while True:
        yield {value}
TABLE['generator'] = generator()
class P:
    @property
    def p(self):
        return {value}
    def __add__(self, other):
        return {value}
    def __init__(self):
        self.init = {value}
TABLE['class'] = P
TABLE['key'] = lambda x: x * {value}
"
        )
    };
    for use_it in [
        "registry.TABLE['closure']()",
        "next(registry.TABLE['generator'])",
        "registry.TABLE['class']().p",
        "registry.TABLE['class']() + 1",
        "registry.TABLE['class']().init",
        "max([0, 1], key=registry.TABLE['key']) * registry.TABLE['key'](1)",
    ] {
        check(&plugin(1), &plugin(2), use_it, &["plugin", "main"], "V 2");
    }
}

#[test]
fn what_a_nested_load_executes_is_charged_to_both_loads_that_execute_it() {
    let project = Project::new(&[
        ("registry.py", REGISTRY),
        (
            "plugin.py",
            "from registry import TABLE\ndef f():\n    return 1\nTABLE['f'] = f\n",
        ),
        (
            "inner.py",
            "import registry\nprint('inner', registry.TABLE['f']())\n",
        ),
        (
            "main.py",
            "import plugin, registry\nregistry.TABLE['f']()\nimport inner\nprint('V', registry.TABLE['f']())\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.save(
        "plugin.py",
        "from registry import TABLE\ndef f():\n    return 2\nTABLE['f'] = f\n",
    )
    .expect(&["inner", "main"], &["inner 2", "V 2"]);
}

#[test]
fn a_module_that_only_imports_does_not_run_for_what_others_execute() {
    let plugin = |value| {
        format!("from registry import TABLE\ndef f():\n    return {value}\nTABLE['f'] = f\n")
    };
    let project = Project::new(&[
        ("registry.py", REGISTRY),
        ("plugin.py", &plugin(1)),
        ("idle.py", "import plugin, registry\nprint('idle')\n"),
        (
            "main.py",
            "import idle, registry\nprint('V', registry.TABLE['f']())\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.save("plugin.py", &plugin(2))
        .expect(&["main"], &["V 2"]);
}

/// Runs a `main` that prints `use_it`, edits the body of `m.f`, and expects `ran` to run again and to
/// print `after`.
fn check_body_edit(use_it: &str, before: &str, ran: &[&str], after: &[&str]) {
    let m = |n: u32| format!("def f(a, b=2):\n    return {n}\n");
    let main = format!("import inspect, m\nprint('V', {use_it})\n");
    let project = Project::new(&[("m.py", &m(1)), ("main.py", &main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout(before);
    hmr.save("m.py", &m(222)).expect(ran, after);
}

#[test]
fn who_looks_at_the_code_of_a_function_runs_again_when_that_changes() {
    let use_it = "222 in m.f.__code__.co_consts";
    check_body_edit(use_it, "V False", &["main"], &["V True"]);
}

#[test]
fn who_asks_for_a_signature_does_not_run_again_for_a_body() {
    let use_it = "str(inspect.signature(m.f)), inspect.iscoroutinefunction(m.f)";
    check_body_edit(use_it, "V (a, b=2) False", &[], &[]);
}
