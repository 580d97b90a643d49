//! The demo of the README runs, and its edits show what its README says.

use std::path::Path;

use hmr_tests::{Hmr, Project};

#[test]
fn demo_runs_and_survives_an_edit_of_its_entry() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/demo");
    let project = Project::copy_of(&folder);
    let main = project.read("main.py");
    project.save("main.py", &format!("{main}\nprint('first run is over')\n"));
    let mut hmr = Hmr::start(&project, &["main.py"]);
    let first = hmr.wait_stdout("first run is over");
    assert!(
        !first.is_empty(),
        "the demo prints something; seen:\n{}",
        hmr.log()
    );

    // Nothing that the entry reads has changed, so it says the same again and only it runs.
    let reload = hmr.save("main.py", &format!("{main}\nprint('second run is over')\n"));
    assert_eq!(reload.ran, ["main"], "{}", reload.log);
    assert_eq!(
        reload.stdout.last().map(String::as_str),
        Some("second run is over")
    );
}
