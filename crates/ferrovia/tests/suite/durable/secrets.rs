//! `ferrovia secrets`: a secret reaches the effects of its namespace, and nothing else.

use std::path::Path;

use super::Server;
use crate::support::{Project, Ran};

const OWN: &str = "own-s3cr3t";
const ALL: &str = "s3cr3t-of-all";
const BESIDE: &str = "s3cr3t-of-the-file";

/// Says how long its secret is.
fn workflow(namespace: &str) -> String {
    format!(
        "document: {{ dsl: '1.0.3', namespace: {namespace}, name: use, version: '1.0.0' }}
use: {{ secrets: [ token ] }}
do:
  - use:
      run:
        shell:
          command: 'echo ${{#TOKEN}}'
          environment: {{ TOKEN: '${{ $secrets.token }}' }}
"
    )
}

/// Sends its secret where nobody listens.
const FAILS: &str = "document: { dsl: '1.0.3', namespace: shop, name: fail, version: '1.0.0' }
use: { secrets: [ token ] }
do:
  - send:
      call: http
      with:
        method: get
        endpoint: '${ \"http://127.0.0.1:1/?key=\" + $secrets.token }'
        headers: { x-key: '${ $secrets.token }' }
";

fn project() -> Project {
    let (shop, bank) = (workflow("shop"), workflow("bank"));
    let beside = format!(r#"{{"token": "{BESIDE}"}}"#);
    Project::new(&[
        ("shop.yaml", &shop),
        ("bank.yaml", &bank),
        ("fail.yaml", FAILS),
        ("secrets.json", &beside),
    ])
}

fn set(project: &Project, name: &str, value: &str) {
    let ran = project.ferrovia_reading(value.as_bytes(), &["secrets", "set", name]);
    assert_eq!(
        (ran.code(), &*ran.stdout),
        (0, &*format!("set {name}\n")),
        "{ran:?}"
    );
}

/// What a run of a namespace makes of its secret.
fn used(server: &Server, namespace: &str) -> String {
    let run = server.begin(&format!("{namespace}/use"));
    let ended = server.ended(&run);
    ended["output"]
        .as_str()
        .map_or_else(|| ended.to_string(), |text| text.trim().to_owned())
}

fn length(secret: &str) -> String {
    secret.len().to_string()
}

/// No file below a directory has one of the secrets.
fn nowhere(directory: &Path) {
    for entry in std::fs::read_dir(directory).expect("it is a directory") {
        let path = entry.expect("it is readable").path();
        let bytes = std::fs::read(&path).expect("it is a file");
        let text = String::from_utf8_lossy(&bytes);
        for secret in [OWN, ALL, BESIDE] {
            assert!(!text.contains(secret), "{}", path.display());
        }
    }
}

fn silent(ran: &Ran) {
    for secret in [OWN, ALL, BESIDE] {
        assert!(
            !ran.stdout.contains(secret) && !ran.stderr.contains(secret),
            "{ran:?}"
        );
    }
}

#[test]
fn the_secret_of_the_namespace_goes_before_that_of_all_and_the_file_comes_last() {
    let project = project();
    let server = Server::with(&project, &["--secrets", "secrets.json"]);
    assert_eq!(used(&server, "shop"), length(BESIDE));
    set(&project, "*/token", ALL);
    set(&project, "shop/token", &format!("{OWN}\n"));
    assert_eq!(used(&server, "shop"), length(OWN));
    assert_eq!(used(&server, "bank"), length(ALL));
    let listed = project.ferrovia(&["secrets", "list"]);
    assert_eq!(
        listed.stdout,
        "NAMESPACE  NAME\n*          token\nshop       token\n"
    );
    server.kill();

    // They are there again, and go one by one.
    let server = Server::with(&project, &["--secrets", "secrets.json"]);
    assert_eq!(used(&server, "shop"), length(OWN));
    for (name, then) in [("shop/token", ALL), ("*/token", BESIDE)] {
        assert_eq!(project.ferrovia(&["secrets", "remove", name]).code(), 0);
        assert_eq!(used(&server, "shop"), length(then));
    }
    let gone = project.ferrovia(&["secrets", "remove", "shop/token"]);
    assert_eq!(gone.code(), 2, "{gone:?}");
}

#[test]
fn a_secret_is_in_no_answer_and_no_file() {
    let project = project();
    let server = Server::start(&project);
    set(&project, "shop/token", OWN);
    let order = "{\"workflow\": \"shop/fail\"}";
    let (_, body) = server.ask("POST", "/api/v1/runs?wait=300s", order);
    assert_eq!(body["status"], "faulted", "{body}");
    assert!(!body.to_string().contains(OWN), "{body}");
    let run = body["id"].as_str().expect("an id is text");
    for command in [
        ["runs", "show", run],
        ["runs", "trace", run],
        ["secrets", "list", "--output=json"],
    ] {
        silent(&project.ferrovia(&command));
    }
    let (status, body) = server.ask("GET", "/api/v1/secrets/shop/token", "");
    assert_eq!(status, 405, "{body}");
    let metrics = server.ask("GET", "/metrics", "").1.to_string();
    assert!(!metrics.contains(OWN));
    nowhere(&project.path(".ferrovia"));
    drop(server);
    nowhere(&project.path(".ferrovia"));
    let copy = project.ferrovia(&["backup", "copy.db"]);
    assert_eq!(copy.code(), 0, "{copy:?}");
    let copy = std::fs::read(project.path("copy.db")).expect("it was made");
    assert!(!String::from_utf8_lossy(&copy).contains(OWN));
}

#[test]
fn the_key_is_changed_and_without_it_nothing_starts() {
    let project = project();
    let server = Server::start(&project);
    set(&project, "shop/token", OWN);
    let key = project.path(".ferrovia/secrets.key");
    let before = std::fs::read(&key).expect("it was made with the first secret");
    let rotated = project.ferrovia(&["secrets", "rotate-key"]);
    assert!(
        rotated.stdout.starts_with("sealed 1 under the key "),
        "{rotated:?}"
    );
    assert_ne!(std::fs::read(&key).expect("it is there"), before);
    assert_eq!(used(&server, "shop"), length(OWN));
    server.kill();
    let server = Server::start(&project);
    assert_eq!(used(&server, "shop"), length(OWN));
    server.kill();

    std::fs::remove_file(&key).expect("it is there");
    let refused = project.ferrovia(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(refused.code(), 2, "{refused:?}");
    assert!(
        refused.stderr.contains("do not open without it"),
        "{refused:?}"
    );
}

#[test]
fn what_is_no_secret_is_refused_without_showing_it() {
    let project = project();
    let _server = Server::start(&project);
    for (name, more, text) in [
        ("token", &[][..], OWN),
        ("shop/token", &[][..], ""),
        ("shop/token", &["--json"], OWN),
        ("shop/token", &["--file", "missing"], OWN),
        ("sh op/token", &[], OWN),
        ("shop/a/b", &[], OWN),
    ] {
        let args = [&["secrets", "set", name][..], more].concat();
        let refused = project.ferrovia_reading(text.as_bytes(), &args);
        assert_eq!(refused.code(), 2, "{name} {refused:?}");
        silent(&refused);
    }
}
