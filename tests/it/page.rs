//! The page of `hmr graph --format html`, as a real browser shows it.
//!
//! Without a browser the test says so and passes; on Linux, where `CI` is set, it has to have one.

use std::process::{Command, Stdio};

use hmr_tests::{Hmr, Project};

/// What browsers that can be asked for the page they show are called.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// Does what a person would, and notes after each step what is to be seen.
const PERSON: &str = "<script>
const seen = [];
const text = (selector) => [...document.querySelectorAll(selector)]
  .filter((it) => it.checkVisibility()).map((it) => it.innerText.trim()).join(',');
const note = (step) => seen.push(step + ': ' + text('ul#modules button') + ' | ' + text('main h1'));
const turn = () => new Promise((done) => addEventListener('hashchange', () => setTimeout(done), { once: true }));
(async () => {
  note('begin');
  const input = document.querySelector('input');
  input.value = 'HOST';
  input.dispatchEvent(new Event('input'));
  note('search');
  const turned = turn();
  [...document.querySelectorAll('ul#modules button')].find((it) => it.innerText.trim() === 'config').click();
  await turned;
  note('click');
  seen.push('reads: ' + text('main').replaceAll('\\n', ' '));
  const notes = document.createElement('pre');
  notes.id = 'seen';
  notes.textContent = seen.join('\\n');
  document.body.replaceChildren(notes);
})();
</script>";

#[expect(clippy::print_stderr, reason = "a test that is left out has to say so")]
fn browser() -> Option<&'static str> {
    let found = BROWSERS.into_iter().find(|name| {
        let mut asked = Command::new(name);
        asked
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        asked.status().is_ok_and(|status| status.success())
    });
    assert!(
        found.is_some() || std::env::var_os("CI").is_none() || !cfg!(target_os = "linux"),
        "there must be one of {BROWSERS:?} here"
    );
    if found.is_none() {
        eprintln!("SKIPPED: none of {BROWSERS:?} is installed");
    }
    found
}

#[test]
fn a_browser_shows_the_page_searches_it_and_follows_a_click() {
    let Some(browser) = browser() else { return };
    let project = Project::new(&[
        ("config.py", "HOST = 'a'\n"),
        ("mail.py", "from config import HOST\n"),
        ("other.py", "X = 1\n"),
        ("main.py", "import mail, other\nprint('V', mail.HOST)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["graph", "-o", "graph.html", "main.py"]);
    assert!(hmr.exit().0.success(), "{}", hmr.log());
    project.save("driven.html", &(project.read("graph.html") + PERSON));

    let profile = project.path("profile");
    let output = Command::new(browser)
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
        ])
        .args(["--virtual-time-budget=5000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}", project.path("driven.html").display()))
        .output()
        .expect("the browser starts");
    let page = String::from_utf8_lossy(&output.stdout);
    let seen = page
        .split_once("<pre id=\"seen\">")
        .and_then(|(_, rest)| rest.split_once("</pre>"));
    let Some((seen, _)) = seen else {
        let errors = String::from_utf8_lossy(&output.stderr);
        panic!("the page did not do what it should: {page}\n{errors}");
    };
    let lines: Vec<_> = seen.lines().collect();
    assert!(
        lines[0].starts_with("begin: ") && lines[0].contains("other"),
        "{seen}"
    );
    assert!(
        lines[1].starts_with("search: ")
            && lines[1].contains("config")
            && !lines[1].contains("other"),
        "{seen}"
    );
    assert!(
        lines[2].starts_with("click: ") && lines[2].ends_with("| config"),
        "{seen}"
    );
    assert!(
        lines[3].contains("mail") && lines[3].contains("HOST"),
        "{seen}"
    );
}
