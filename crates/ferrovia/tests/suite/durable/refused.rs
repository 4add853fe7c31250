//! What a server refuses to start with.

use super::Server;
use crate::support::{Project, definition};

fn check(project: &Project, args: &[&str], told: &str) {
    let args = [&["serve", "--listen", "127.0.0.1:0"], args].concat();
    let ran = project.ferrovia(&args);
    assert_eq!(ran.code(), 2, "{args:?} {ran:?}");
    assert!(ran.stderr.contains(told), "{args:?} {ran:?}");
}

const WAIT: &str = "do:\n  - wait: { wait: PT1H }";

#[test]
fn what_cannot_run_is_not_served() {
    let project = Project::new(&[
        ("good.yaml", &definition("good", WAIT)),
        ("bad.yaml", &definition("bad", "do:\n  - a: { cal: http }")),
        ("data.json", "{\"neither\": \"definition nor function\"}"),
        ("torn.yml", "document: { dsl: '1.0.3'\ndo: ["),
        ("secrets.txt", "[]"),
    ]);
    check(&project, &[], "FV0202");
    check(&project, &["torn.yml"], "torn.yml");
    check(&project, &["missing.yaml"], "missing.yaml");
    check(&project, &["data.json"], "data.json");
    check(
        &project,
        &["good.yaml", "--secrets", "secrets.txt"],
        "secrets",
    );
    check(&project, &["good.yaml", "--secrets-in-data"], "journal");
    let empty = Project::new(&[]);
    check(&empty, &[], "no workflow definition");
}

#[test]
fn the_network_is_not_listened_to_by_accident() {
    let project = Project::new(&[("wait.yaml", &definition("wait", WAIT))]);
    let ran = project.ferrovia(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(ran.code(), 2, "{ran:?}");
    assert!(ran.stderr.contains("--insecure-listen"), "{ran:?}");
    assert!(!project.path(".ferrovia").exists());
}

#[test]
fn a_data_directory_has_one_server_and_others_are_told_which() {
    let project = Project::new(&[("wait.yaml", &definition("wait", WAIT))]);
    let server = Server::start(&project);
    check(&project, &[], &server.url());
    let ran = project.ferrovia(&["run", "wait.yaml", "--durable"]);
    assert_eq!(ran.code(), 2, "{ran:?}");
    assert!(ran.stderr.contains(&server.url()), "{ran:?}");
    let (code, rest) = server.terminate();
    assert_eq!((code, rest.as_str()), (Some(0), ""));
    assert!(!project.path(".ferrovia/server.json").exists());
}

#[test]
fn a_version_keeps_its_content() {
    let project = Project::new(&[("wait.yaml", &definition("wait", WAIT))]);
    Server::start(&project).kill();
    let changed = definition("wait", "do:\n  - wait: { wait: PT2H }");
    project.write("wait.yaml", changed.as_bytes());
    check(&project, &[], "give the changed definition another version");
    project.write("wait.yaml", changed.replace("1.0.0", "1.1.0").as_bytes());
    let server = Server::start(&project);
    let known = server.get("/api/v1/definitions");
    let known = known["definitions"].as_array().map(Vec::len);
    assert_eq!(known, Some(2));
}
