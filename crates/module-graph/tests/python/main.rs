//! The engine in a real interpreter, with batches of saves pushed by hand.
//!
//! One engine lives in a process, so this is one program whose edits follow each other.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{fs, path::PathBuf};

use hmr_module_graph::{
    Input, ModuleName, Reason, Update,
    python::{Engine, Entry, Roots},
};
use pyo3::{prelude::*, types::PyList};

struct Project {
    folder: PathBuf,
    engine: &'static Engine,
}

impl Project {
    fn save(&self, py: Python<'_>, file: &str, text: &str) -> Update {
        fs::write(self.folder.join(file), text).unwrap();
        self.engine.update(py, vec![self.folder.join(file)])
    }
}

fn ran(update: &Update) -> Vec<&str> {
    update
        .reran
        .iter()
        .map(|rerun| rerun.module.as_str())
        .collect()
}

/// What the program has appended to `log.LINES` since the last call.
fn lines(py: Python<'_>) -> Vec<String> {
    let log = py
        .import("log")
        .unwrap()
        .getattr("LINES")
        .unwrap()
        .cast_into::<PyList>()
        .unwrap();
    let lines = log.extract().unwrap();
    log.call_method0("clear").unwrap();
    lines
}

#[test]
fn a_program_is_kept_as_a_cold_start_would_make_it() {
    Python::initialize();
    Python::attach(|py| {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let write = |file: &str, text: &str| fs::write(root.join(file), text).unwrap();
        write("log.py", "LINES = []\n");
        write(
            "config.py",
            "HOST = 'a'\nPORT = 1\ndef port():\n    return PORT\ndef host():\n    return HOST\n",
        );
        write(
            "mail.py",
            "import log\nfrom config import HOST, host\nlog.LINES.append('mail ' + host())\n",
        );
        write(
            "main.py",
            "import log, config, mail\nlog.LINES.append(f'main {config.port()}')\n",
        );
        let engine = Engine::install(py, Roots::new(py, vec![root.clone()]).unwrap()).unwrap();
        let entry = Entry::at(&root.join("main.py")).unwrap();
        let first = engine.run_entry(py, entry, &[]).unwrap();
        assert!(first.failures.is_empty(), "{:?}", first.failures);
        assert_eq!(ran(&first), ["log", "config", "mail", "__main__"]);
        assert_eq!(lines(py), ["mail a", "main 1"]);
        let project = Project {
            folder: root,
            engine,
        };

        readers_of_a_changed_name_rerun(&project, py);
        a_failing_module_keeps_its_last_good_state(&project, py);
        a_name_that_the_source_drops_goes(&project, py);
        a_saved_file_is_read_whatever_its_time_says(&project, py);
        a_path_may_be_relative(&project, py);
        modules_are_plain_at_rest(py);
        tracking_leaves_the_counts_of_types_alone(&project, py);
        modules_are_plain_at_rest(py);
        two_thousand_edits_leave_one_input(&project, py);
    });
}

fn readers_of_a_changed_name_rerun(project: &Project, py: Python<'_>) {
    let config = |host, port| {
        format!(
            "HOST = {host}\nPORT = {port}\ndef port():\n    return PORT\ndef host():\n    return HOST\n"
        )
    };
    // `port` has the same code and loads another value: who called it must run again.
    let update = project.save(py, "config.py", &config("'a'", "2"));
    assert_eq!(ran(&update), ["config", "__main__"]);
    assert_eq!(update.reran[0].reason, Reason::Edited);
    assert_eq!(update.reran[0].changed, ["PORT"]);
    let called = (ModuleName::new("config").unwrap(), "port()".to_owned());
    assert_eq!(update.reran[1].reason, Reason::Read(vec![called]));
    assert_eq!(lines(py), ["main 2"]);

    let update = project.save(py, "config.py", &config("'b'", "2"));
    assert_eq!(ran(&update), ["config", "mail"]);
    assert_eq!(lines(py), ["mail b"]);

    let update = project.save(
        py,
        "config.py",
        &config("'a' + ''.join(['b'])[:0] * 2 or 'b'", "3 - 1"),
    );
    assert_eq!(
        ran(&update),
        ["config", "mail"],
        "'a' is another value again"
    );
    lines(py);
    let update = project.save(py, "config.py", &config("'a'", "2"));
    assert_eq!(ran(&update), ["config"], "equal values reach nobody");
}

/// What has not been saved runs from the code of its last run, and time and size tell.
fn a_saved_file_is_read_whatever_its_time_says(project: &Project, py: Python<'_>) {
    let mail = |text| format!("import log\nfrom config import HOST\nlog.LINES.append('{text}')\n");
    let update = project.save(py, "config.py", "HOST = 'x'\ndef port():\n    return 2\n");
    assert_eq!(
        update.failures.len(),
        1,
        "mail reads what is gone: {:?}",
        ran(&update)
    );
    project.save(py, "mail.py", &mail("one"));
    lines(py);

    let file = project.folder.join("mail.py");
    let time = file.metadata().unwrap().modified().unwrap();
    fs::write(&file, mail("two")).unwrap();
    let set_time = |time| {
        fs::File::options()
            .append(true)
            .open(&file)
            .unwrap()
            .set_modified(time)
    };
    set_time(time).unwrap();
    let update = project.engine.update(py, vec![file.clone()]);
    assert_eq!(ran(&update), ["mail"]);
    assert_eq!(lines(py), ["two"]);

    let update = project.save(py, "config.py", "HOST = 'y'\ndef port():\n    return 2\n");
    assert_eq!(ran(&update), ["config", "mail"]);
    assert_eq!(lines(py), ["two"]);

    // Saved, but the batch does not say so yet.
    fs::write(&file, mail("three")).unwrap();
    let update = project.save(py, "config.py", "HOST = 'z'\ndef port():\n    return 2\n");
    assert_eq!(ran(&update), ["config", "mail"]);
    assert_eq!(lines(py), ["three"]);
}

fn a_failing_module_keeps_its_last_good_state(project: &Project, py: Python<'_>) {
    let update = project.save(py, "config.py", "HOST = 'z'\n1 / 0\n");
    assert_eq!(ran(&update), ["config"]);
    assert_eq!(update.failures.len(), 1);
    assert_eq!(update.failures[0].exception, "ZeroDivisionError");
    let traceback = &update.failures[0].traceback;
    assert!(
        traceback.starts_with("Traceback (most recent call last):\n  File"),
        "{traceback}"
    );
    assert!(
        traceback.contains("config.py\", line 2, in <module>"),
        "{traceback}"
    );
    assert_eq!(
        traceback.matches("File").count(),
        1,
        "only the user's frames: {traceback}"
    );
    assert_eq!(
        project.engine.pending(),
        [ModuleName::new("config").unwrap()]
    );
    let host: String = py
        .import("config")
        .unwrap()
        .getattr("HOST")
        .unwrap()
        .extract()
        .unwrap();
    assert_eq!(host, "a");

    let again = project.save(py, "config.py", "HOST = 'z'\n1 / 0\n");
    assert!(again.failures[0].repeated);

    let fixed = project.save(
        py,
        "config.py",
        "HOST = 'z'\nPORT = 2\ndef port():\n    return PORT\ndef host():\n    return HOST\n",
    );
    assert_eq!(ran(&fixed), ["config", "mail"]);
    assert_eq!(lines(py), ["mail z"]);
    assert!(project.engine.pending().is_empty());
}

fn a_name_that_the_source_drops_goes(project: &Project, py: Python<'_>) {
    let update = project.save(
        py,
        "config.py",
        "HOST = 'z'\ndef port():\n    return 4\ndef host():\n    return HOST\n",
    );
    assert_eq!(ran(&update), ["config", "__main__"]);
    assert_eq!(lines(py), ["main 4"]);
    assert!(!py.import("config").unwrap().hasattr("PORT").unwrap());
}

/// Each edit reads another file, writes one of its own and drops it.
fn two_thousand_edits_leave_one_input(project: &Project, py: Python<'_>) {
    for n in 0..2_000 {
        let data = project.folder.join(format!("data{}.txt", n % 7));
        fs::write(&data, n.to_string()).unwrap();
        let text = format!(
            "import os\nHOST = 'z'\nOTHER = int(open({data:?}).read())\n\
             def port():\n    return 4\ndef host():\n    return HOST\n\
             open('{data}.{n}', 'w').close()\nos.remove('{data}.{n}')\n",
            data = data.display()
        );
        let update = project.save(py, "config.py", &text);
        assert!(update.failures.is_empty(), "{:?}", update.failures);
        assert_eq!(project.engine.inputs(), [Input::File(data)]);
    }
    let data = project.folder.join("data5.txt");
    fs::write(&data, "-1").unwrap();
    let update = project.engine.update(py, vec![data]);
    assert!(update.files.is_empty(), "nobody reads it any more");
}

fn a_path_may_be_relative(project: &Project, py: Python<'_>) {
    let before = std::env::current_dir().unwrap();
    std::env::set_current_dir(&project.folder).unwrap();
    fs::create_dir("inner").unwrap();
    for (file, text) in [("mail.py", "relative"), ("inner/../mail.py", "dots")] {
        let source = format!("import log\nlog.LINES.append('{text}')\n");
        fs::write(file, source).unwrap();
        let update = project.engine.update(py, vec![file.into()]);
        assert_eq!(ran(&update), ["mail"]);
        assert_eq!(update.files, [project.folder.join("mail.py")]);
        assert_eq!(lines(py), [text]);
    }
    std::env::set_current_dir(before).unwrap();
}

fn modules_are_plain_at_rest(py: Python<'_>) {
    for name in ["config", "mail", "log", "__main__"] {
        let module = py.import(name).unwrap();
        assert!(
            module.get_type().is(py.get_type::<PyModule>()),
            "{name} is {}",
            module.get_type()
        );
    }
}

/// The types of modules are swapped without CPython's help: each swap must count as an assignment.
fn tracking_leaves_the_counts_of_types_alone(project: &Project, py: Python<'_>) {
    let mut seen = Vec::new();
    for round in 0..4 {
        let update = project.save(
            py,
            "main.py",
            &format!(
                "import sys, config\nROUND = {round}\n\
                 KIND = type(config)\nCOUNTS = sys.getrefcount(KIND), sys.getrefcount(type(sys))\n"
            ),
        );
        assert_eq!(ran(&update), ["__main__"], "{:?}", update.failures);
        let main = py.import("__main__").unwrap();
        let kind = main.getattr("KIND").unwrap();
        assert!(!kind.is(py.get_type::<PyModule>()), "reads were tracked");
        seen.push(
            main.getattr("COUNTS")
                .unwrap()
                .extract::<(isize, isize)>()
                .unwrap(),
        );
    }
    assert_eq!(seen[1], seen[3], "{seen:?}");
}
