//! Definitions and usage that are refused before anything runs: exit code 2 and a reason.

use crate::support::{Project, definition};

const SOUND: &str = "do: [ { a: { set: { x: 1 } } } ]";

#[test]
fn a_definition_that_cannot_be_read_is_refused() {
    let project = Project::flow(SOUND);
    project.write("latin.yaml", b"document:\n  title: \xfc\n");
    project.write(
        "large.yaml",
        format!("# {}\n", "x".repeat(1 << 20)).as_bytes(),
    );
    project.write("huge.yaml", "#".repeat(17 << 20).as_bytes());
    project.write("empty.yaml", b"");
    project.write("broken.yaml", b"do: [\n");
    project.write("list.json", b"[]");
    for (file, message) in [
        ("missing.yaml", "missing.yaml: there is no such file"),
        (".", ".: this is a directory"),
        (
            "latin.yaml",
            "latin.yaml: not UTF-8 text: the bytes in line 2",
        ),
        ("large.yaml", "1048576 is the limit"),
        ("huge.yaml", "huge.yaml: longer than 16777216 bytes"),
        ("empty.yaml", "empty.yaml"),
        ("broken.yaml", "broken.yaml:"),
        ("list.json", "list.json:1:1"),
    ] {
        for command in ["run", "check"] {
            let ran = project.ferrovia(&[command, file]);
            assert_eq!((ran.code(), &*ran.stdout), (2, ""), "{file}: {ran:#?}");
            assert!(ran.stderr.contains(message), "{file}: {ran:#?}");
        }
    }
}

#[test]
#[cfg(unix)]
fn a_file_that_may_not_be_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let project = Project::flow(SOUND);
    let path = project.path("flow.yaml");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000))
        .expect("the file belongs to this user");
    if std::fs::File::open(&path).is_ok() {
        return; // The superuser may read everything.
    }
    let ran = project.ferrovia(&["run", "flow.yaml"]);
    assert_eq!(ran.code(), 2, "{ran:#?}");
    assert!(ran.stderr.contains("may not be read"), "{ran:#?}");
}

#[test]
fn usage_that_is_wrong_is_refused_with_help() {
    let project = Project::flow(SOUND);
    for (args, message) in [
        (&[][..], "Usage: ferrovia <COMMAND>"),
        (&["run"], "<FILE>"),
        (&["check"], "<FILE>"),
        (&["runn", "flow.yaml"], "'run'"),
        (&["rnu", "flow.yaml"], "did you mean `ferrovia run`?"),
        (&["flow.yaml"], "did you mean `ferrovia run flow.yaml`?"),
        (&["run", "flow.yaml", "--ouput", "json"], "'--output'"),
        (
            &["run", "flow.yaml", "--output", "yaml"],
            "possible values: text, json",
        ),
        (&["run", "flow.yaml", "--seed", "x"], "--seed"),
        (&["run", "flow.yaml", "--allow-net", "///"], "--allow-net"),
        (
            &["run", "flow.yaml", "--ca-cert", "missing.pem"],
            "missing.pem",
        ),
    ] {
        let ran = project.ferrovia(args);
        assert_eq!((ran.code(), &*ran.stdout), (2, ""), "{args:?}: {ran:#?}");
        assert!(ran.stderr.contains(message), "{args:?}: {ran:#?}");
    }
    let ran = project.ferrovia(&["unlikely"]);
    assert!(!ran.stderr.contains("did you mean"), "{ran:#?}");
}

const START_CHILD: &str =
    "do: [ { start: { run: { workflow: { namespace: test, name: child, version: '1.0.0' } } } } ]";

#[test]
fn a_child_that_is_defined_twice_is_refused_with_both_files() {
    let child = definition("child", SOUND);
    let project = Project::new(&[
        ("flow.yaml", &definition("flow", START_CHILD)),
        ("first.yaml", &child),
        ("second.json.yaml", &child),
    ]);
    let ran = project.run(&[]);
    assert_eq!(ran.code(), 2, "{ran:#?}");
    for part in ["test/child:1.0.0", "first.yaml", "second.json.yaml"] {
        assert!(ran.stderr.contains(part), "{ran:#?}");
    }
    // Copies of what was named on the command line, and of what nobody starts, are nobody's business.
    project.write("second.json.yaml", definition("flow", SOUND).as_bytes());
    project.write("third.yaml", definition("other", SOUND).as_bytes());
    project.write("fourth.yaml", definition("other", SOUND).as_bytes());
    project.write("noise.yaml", b"{{{");
    assert_eq!(project.run(&[]).completed()["output"]["x"], 1);
}

#[test]
fn a_child_with_findings_is_refused_with_its_place() {
    let project = Project::new(&[
        ("flow.yaml", &definition("flow", START_CHILD)),
        (
            "child.yaml",
            &definition("child", "do: [ { a: { sit: 1 } } ]"),
        ),
    ]);
    let ran = project.run(&[]);
    assert_eq!(ran.code(), 2, "{ran:#?}");
    assert!(ran.stderr.contains("child.yaml:2:14"), "{ran:#?}");
}

#[test]
fn versions_of_a_child_live_side_by_side() {
    let child = |version: &str| {
        definition(
            "child",
            &format!("do: [ {{ a: {{ set: {{ v: '{version}' }} }} }} ]"),
        )
        .replace("1.0.0", version)
    };
    for (wanted, expected) in [("1.0.0", "1.0.0"), ("1.2.0", "1.2.0"), ("latest", "1.10.0")] {
        let project = Project::new(&[
            (
                "flow.yaml",
                &definition("flow", &START_CHILD.replace("1.0.0", wanted)),
            ),
            ("a.yaml", &child("1.10.0")),
            ("b.yaml", &child("1.2.0")),
            ("c.json.yml", &child("1.0.0")),
        ]);
        assert_eq!(project.run(&[]).completed()["output"]["v"], expected);
    }
    let project = Project::flow(&START_CHILD.replace("1.0.0", "9.0.0"));
    let ran = project.run(&[]);
    assert_eq!(
        ran.code(),
        3,
        "reaching it is an error of the run: {ran:#?}"
    );
    assert!(ran.stdout.contains("test/child:9.0.0"), "{ran:#?}");
}
