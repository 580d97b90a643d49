//! `[tool.hmr]` in `pyproject.toml`: mistakes are said with their place.

use hmr_tests::{Hmr, Project};

#[test]
fn a_setting_that_does_not_exist_is_said_with_its_place_and_what_may_be_meant() {
    let project = Project::new(&[
        ("main.py", "print('V')\n"),
        (
            "pyproject.toml",
            "[project]\nname = 'app'\n\n[tool.hmr]\ngranulatity = 'statement'\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    let path = project.path("pyproject.toml");
    let text = format!(
        "hmr: cannot use the settings in {}: line 5: tool.hmr has no setting named granulatity; \
         did you mean granularity?",
        path.display()
    );
    hmr.wait_stderr("the mistake", |line| line == text);
    let (status, stdout) = hmr.exit();
    assert_eq!(status.code(), Some(2), "{}", hmr.log());
    assert!(stdout.is_empty(), "the program has not run: {}", hmr.log());
}
