//! `ferrovia init`: what it writes is a project that runs.

use crate::support::Project;

#[test]
fn a_new_project_is_sound_and_runs() {
    let project = Project::new(&[]);
    let made = project.ferrovia(&["init", "orders"]);
    assert_eq!(made.code(), 0, "{made:?}");
    assert_eq!(made.stdout.lines().count(), 4, "{made:?}");
    let flow = "orders/workflows/hello.yaml";
    let checked = project.ferrovia(&["check", flow]);
    assert_eq!((checked.code(), &*checked.stderr), (0, ""), "{checked:?}");
    for (input, said) in [
        ("{\"name\": \"Ada\"}", "Hello, Ada!"),
        ("{}", "What is your name?"),
    ] {
        let ran = project.ferrovia(&["run", flow, "--input", input]);
        assert!(ran.stdout.contains(said), "{ran:?}");
    }
    let settings = project.ferrovia(&["config", "show", "--config", "orders/ferrovia.toml"]);
    assert_eq!(settings.code(), 0, "{settings:?}");
}

#[test]
fn nothing_is_overwritten_and_nothing_half_written() {
    let project = Project::new(&[("README.md", "mine")]);
    let refused = project.ferrovia(&["init"]);
    assert_eq!(refused.code(), 2, "{refused:?}");
    assert!(refused.stderr.contains("README.md"), "{refused:?}");
    assert!(!project.path("ferrovia.toml").exists());
    let kept = std::fs::read_to_string(project.path("README.md"));
    assert_eq!(kept.expect("it is there"), "mine");
}
