//! What the places say, which is stronger, and what is said of mistakes.

use super::*;

/// Takes a `pyproject.toml` with this text.
fn taken(text: &str) -> Result<Resolved> {
    let mut resolved = Resolved::default();
    resolved.say_all(Path::new("/app/pyproject.toml"), project::parse(text)?)?;
    Ok(resolved)
}

fn settings(text: &str) -> Settings {
    taken(text).expect(text).settings
}

fn error(text: &str) -> String {
    format!("{:#}", taken(text).expect_err(text))
}

/// Where the table stands in `docs/settings.md`.
const MARKS: [&str; 2] = ["<!-- table -->\n", "<!-- end of table -->"];

#[test]
fn a_file_without_the_table_says_nothing() {
    for text in [
        "",
        "[tool.other]\nx = 1\n",
        "[project]\nname = 'a'\n",
        "[tool.hmr]\n",
    ] {
        assert_eq!(settings(text), Settings::default());
    }
}

#[test]
fn what_holds_by_default_is_what_the_table_says() {
    for setting in &ALL {
        let text = format!("[tool.hmr]\n{} = {}\n", setting.name, setting.default);
        assert_eq!(settings(&text), Settings::default(), "{text}");
    }
}

#[test]
fn every_setting_is_read() {
    let text = "
        [tool.hmr]
        include = ['*.db']
        exclude = ['*.log']
        gitignore = true
        patching = false
        granularity = 'statement'
        equality = 'identity'
        code-readers = ['trace', 'my.compile']
        seal = 'serve'
        poll = 250
        debounce = 0x10
        on-error = 'exit'
        keys = false
        color = 'never'
        quiet = true
        timings = true
        why = true
    ";
    let wanted = Settings {
        include: vec!["*.db".into()],
        exclude: vec!["*.log".into()],
        gitignore: true,
        patching: false,
        granularity: Granularity::Statement,
        equality: Equality::Identity,
        code_readers: vec!["trace".into(), "my.compile".into()],
        seal: Seal::Serve,
        poll: Some(Duration::from_millis(250)),
        debounce: Duration::from_millis(16),
        on_error: OnError::Exit,
        keys: false,
        color: Color::Never,
        quiet: true,
        timings: true,
        why: true,
    };
    assert_eq!(settings(text), wanted);
    let changed = ALL
        .iter()
        .filter(|it| text.contains(&format!(" {} = ", it.name)));
    assert_eq!(changed.count(), ALL.len(), "one is missing here");
}

#[test]
fn what_is_wrong_is_said() {
    for (text, wanted) in [
        (
            "[tool]\nhmr = 1\n",
            "line 2: tool.hmr is integer, not a table",
        ),
        (
            "[tool.hmr]\ncode_readers = []\n",
            "line 2: tool.hmr has no setting named code_readers; did you mean code-readers?",
        ),
        (
            "[tool.hmr]\ngranularity = 'module'\ngranulatiry = 'module'\n",
            "line 3: tool.hmr has no setting named granulatiry; did you mean granularity?",
        ),
        (
            "[tool.hmr]\ngranularity = 'statment'\n",
            "line 2: tool.hmr.granularity must be \"module\" or \"statement\", not \"statment\"; did you mean \"statement\"?",
        ),
        (
            "[tool.hmr]\nkeys = 'off'\n",
            "line 2: tool.hmr.keys must be true or false, not \"off\"",
        ),
        (
            "[tool.hmr]\ndebounce = -1\n",
            "line 2: tool.hmr.debounce must be a number of milliseconds, at most 600000, not -1",
        ),
        (
            "[tool.hmr]\npoll = 1.5\n",
            "line 2: tool.hmr.poll must be a number of milliseconds, at most 600000, not a float",
        ),
        (
            "[tool.hmr]\ncode-readers = 'jit'\n",
            "line 2: tool.hmr.code-readers must be a list of names, as in [\"jit\"], not \"jit\"",
        ),
        (
            "[tool.hmr]\ncode-readers = ['jit', 1]\n",
            "line 2: tool.hmr.code-readers must be a list of names, as in [\"jit\"], not a list of other things",
        ),
    ] {
        assert_eq!(error(text), wanted);
    }
    assert!(error("[tool.hmr\n").contains("line 1"));
    let unknown = error("[project]\n\n[tool.hmr]\nzzz = 1\ngranulatiry = 'module'\n");
    assert!(
        unknown.starts_with("line 4: tool.hmr has no setting named zzz; there are code-readers, "),
        "{unknown}"
    );
    let glob = error("[tool.hmr]\nexclude = ['../x']\n");
    assert!(
        glob.starts_with("line 2: tool.hmr.exclude has a glob that cannot be used"),
        "{glob}"
    );
}

#[test]
fn what_is_said_later_is_stronger_and_lists_are_replaced() {
    let mut resolved = taken("[tool.hmr]\nexclude = ['a', 'b']\nkeys = false\n").expect("valid");
    for (name, text, wanted) in [
        ("exclude", "c", "exclude = [\"c\"]  (HMR_EXCLUDE)"),
        ("keys", "yes", "keys = true  (HMR_KEYS)"),
        ("poll", "100", "poll = 100  (HMR_POLL)"),
    ] {
        let setting = ALL.iter().find(|it| it.name == name).expect(name);
        let place = Place::Variable(setting.variable());
        let said = resolved.say(setting, setting.read(text), place, None);
        assert_eq!(said, Ok(()));
        assert!(
            resolved.lines().iter().any(|line| line == wanted),
            "{wanted}"
        );
    }
    assert_eq!(resolved.settings.exclude, ["c"]);
    assert!(resolved.settings.keys);
}

#[test]
fn a_variable_that_is_a_slip_away_is_told_and_others_are_not() {
    let names = [
        "HMR_GRANULARTY",
        "HMR_KEYS",
        "HMR_PYTHON",
        "HMR_EVENTS",
        "HMR_PORT",
        "OTHER",
    ];
    let found = misspelt(names.into_iter().map(Into::into));
    assert_eq!(
        found,
        ["the environment variable HMR_GRANULARTY is no setting; did you mean HMR_GRANULARITY?"]
    );
}

#[test]
fn a_flag_that_is_a_slip_away_is_known() {
    for (flag, wanted) in [
        ("--granulariti=x", Some("--granularity")),
        ("--no-pathcing", Some("--no-patching")),
        ("--pyhton", Some("--python")),
        ("--zzz", None),
        ("-z", None),
    ] {
        assert_eq!(nearest_flag(flag).as_deref(), wanted, "{flag}");
    }
}

#[test]
fn the_documented_table_is_the_one_in_the_code() {
    let text = include_str!("../../../../docs/settings.md").replace('\r', "");
    let [begin, end] = MARKS.map(|mark| text.find(mark).expect(mark));
    let there = &text[begin + MARKS[0].len()..end];
    assert_eq!(
        there,
        documented(),
        "docs/settings.md should have:\n{}",
        documented()
    );
}

/// The table for people.
fn documented() -> String {
    let rows = ALL.iter().map(row);
    "| setting | takes | default | |\n|---|---|---|---|\n".to_owned() + &rows.collect::<String>()
}

fn row(setting: &Setting) -> String {
    let meanings: String = match &setting.kind {
        Kind::Choice(words, _) => {
            let words = words.iter();
            let words = words.map(|(word, help)| format!("<br>`{word}`: {help}."));
            words.collect()
        }
        _ => String::new(),
    };
    let Setting {
        name,
        default,
        help,
        ..
    } = setting;
    let flag = if setting.is_on_by_default() {
        format!("--no-{name}")
    } else {
        format!("--{name}")
    };
    let (variable, takes) = (setting.variable(), setting.takes());
    format!(
        "| `{name}`<br>`{variable}`<br>`{flag}` | {takes} | `{default}` | {help}.{meanings} |\n"
    )
}
