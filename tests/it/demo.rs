//! The demo of the README: each edit that its `main.py` suggests shows what it says there.

use std::path::Path;

use hmr_tests::{Hmr, Project, Reload};

const LAST_LINE: &str = "(edit config.py, report.py or this file; Ctrl-C ends it)";

#[test]
fn demo_each_suggested_edit_reruns_what_the_demo_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/demo");
    let project = Project::copy_of(&folder);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    let first = hmr.wait_stdout(LAST_LINE);
    assert_eq!(
        first[..2],
        [
            "loading the model, this takes three seconds ...",
            "Good morning! Today's words:"
        ]
    );
    let words = first.len() - 2;

    let reload = replace(
        &mut hmr,
        &project,
        "config.py",
        "Good morning!",
        "Good evening!",
    );
    assert_eq!(reload.ran, ["config", "main"], "{}", reload.log);
    assert_eq!(reload.stdout[0], "Good evening! Today's words:");

    let limit = format!("LIMIT = {words}");
    let one_more = format!("LIMIT = {}", words + 1);
    let reload = replace(&mut hmr, &project, "config.py", &limit, &one_more);
    assert_eq!(reload.ran, ["config", "report", "main"], "{}", reload.log);
    assert_eq!(reload.stdout.len(), words + 3, "{}", reload.log);

    let reload = replace(
        &mut hmr,
        &project,
        "report.py",
        "{word:<10}",
        "{word.upper():<10}",
    );
    assert_eq!(reload.ran, ["main"], "{}", reload.log);
    assert!(reload.stdout[1].starts_with("  "), "{}", reload.log);
    assert_eq!(reload.stdout[1], reload.stdout[1].to_uppercase());

    let reload = replace(
        &mut hmr,
        &project,
        "model.py",
        "\"\"\"A stand-in",
        "\"\"\"A model. A stand-in",
    );
    reload.expect(&[], &[]);

    // The model says so when it loads, and it has said so once.
    assert_eq!(
        hmr.log().matches("loading the model").count(),
        1,
        "{}",
        hmr.log()
    );

    let reload = hmr.save("words.txt", "zzz\n");
    assert_eq!(
        reload.stdout[0],
        "loading the model, this takes three seconds ..."
    );
    assert!(reload.stdout[2].contains("ZZZ"), "{}", reload.log);
    assert_eq!(reload.ran, ["model", "report", "main"], "{}", reload.log);
}

/// Replaces `old` by `new` in `path`, where it must stand, and returns what that caused.
#[track_caller]
fn replace(hmr: &mut Hmr<'_>, project: &Project, path: &str, old: &str, new: &str) -> Reload {
    let text = project.read(path);
    assert!(text.contains(old), "{path} holds no {old:?} any more");
    hmr.save(path, &text.replacen(old, new, 1))
}
