//! What `hmr` writes about itself: completions and the man page, without a program or a Python.

use hmr_tests::{Hmr, Project};

fn written(arguments: &[&str]) -> (Option<i32>, String) {
    let project = Project::new(&[]);
    let mut hmr = Hmr::start(&project, arguments);
    let (status, stdout) = hmr.exit();
    (status.code(), stdout.join("\n"))
}

#[test]
fn a_completion_script_knows_options_and_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (status, script) = written(&["completions", shell]);
        assert_eq!(status, Some(0), "{shell}");
        for word in ["granularity", "events", "graph", "format"] {
            assert!(script.contains(word), "{shell} lacks {word}:\n{script}");
        }
    }
}

#[test]
fn a_shell_that_is_not_known_is_an_error() {
    assert_eq!(written(&["completions", "tcsh"]).0, Some(2));
}

#[test]
fn the_man_page_is_one_and_names_the_options() {
    let (status, page) = written(&["man"]);
    assert_eq!(status, Some(0));
    assert!(page.contains(".TH hmr 1"), "{page}");
    assert!(page.contains("\\-\\-granularity"), "{page}");
}

#[cfg(unix)]
#[test]
fn bash_takes_the_script_and_completes_with_it() {
    let project = Project::new(&[]);
    project.save("hmr.bash", &written(&["completions", "bash"]).1);
    let script = "source hmr.bash\nCOMP_WORDS=(hmr --gran)\nCOMP_CWORD=1\n_hmr hmr --gran hmr\necho ${COMPREPLY[@]}";
    let output = std::process::Command::new("bash")
        .args(["--norc", "-c", script])
        .current_dir(project.root())
        .output();
    // Not every machine has a bash.
    let Ok(output) = output else { return };
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.trim(), "--granularity", "{output:?}");
}
