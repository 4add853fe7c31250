//! Who may use a server, from the command line.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::Server;
use crate::support::{Project, Ran, definition};

const WAIT: &str = "do: [{ hear: { listen: { to: { one: { with: { type: test.heard } } } } } }]";
const PASSWORD: &[u8] = b"correct horse battery\n";

fn project() -> Project {
    Project::new(&[("wait.yaml", &definition("wait", WAIT))])
}

fn done(ran: Ran) -> String {
    assert_eq!(ran.code(), 0, "{ran:#?}");
    ran.stdout.trim_end().to_owned()
}

/// Asks another server, as a program elsewhere does.
fn elsewhere(project: &Project, server: &Server, key: Option<&str>, args: &[&str]) -> Ran {
    let url = server.url();
    let mut command = project.command(&[args, &["--server", &url]].concat());
    if let Some(key) = key {
        command.env("FERROVIA_API_KEY", key);
    }
    let output = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("it prints text");
    Ran {
        status: output.status,
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

#[test]
fn users_and_keys_are_made_on_the_machine_and_used_elsewhere() {
    let project = project();
    let server = Server::start(&project);
    let run = server.begin("test/wait");
    assert!(done(project.ferrovia(&["users", "list"])).starts_with("no users"));
    let add = ["users", "add", "Root", "--role", "administrator"];
    assert_eq!(done(project.ferrovia_reading(PASSWORD, &add)), "added root");
    let add = ["users", "add", "ada", "--role", "viewer:test"];
    done(project.ferrovia_reading(PASSWORD, &add));
    assert_eq!(server.ask("GET", "/api/v1/runs", "").0, 401);
    // What is done on the machine needs no sign-in.
    let control = ["runs", "suspend", &run, "--output", "json"];
    let suspended: Value = serde_json::from_str(&done(project.ferrovia(&control))).expect("JSON");
    assert_eq!(suspended["status"], "suspended");

    let make = ["keys", "create", "ada", "--label", "test"];
    let more = project.ferrovia(&[&make[..], &["--role", "operator:test"]].concat());
    assert_eq!(more.code(), 2, "{more:?}");
    assert!(more.stderr.contains("more than the owner"), "{more:?}");
    let key = done(project.ferrovia(&[&make[..], &["--role", "viewer:test"]].concat()));
    assert!(key.starts_with("fvk_"), "{key}");
    let listed = done(project.ferrovia(&["keys", "list", "ada"]));
    assert!(listed.contains("viewer:test"), "{listed}");
    assert!(!listed.contains(&key[21..]), "{listed}");

    let list = ["runs", "list"];
    let refused = elsewhere(&project, &server, None, &list);
    assert_eq!(refused.code(), 2, "{refused:?}");
    assert!(refused.stderr.contains("FERROVIA_API_KEY"), "{refused:?}");
    assert!(done(elsewhere(&project, &server, Some(&key), &list)).contains(&run));
    project.write("ada.key", key.as_bytes());
    let from_file = ["runs", "show", &run, "--key-file", "ada.key"];
    assert!(done(elsewhere(&project, &server, None, &from_file)).contains("suspended"));
    let resume = ["runs", "resume", &run];
    let forbidden = elsewhere(&project, &server, Some(&key), &resume);
    assert!(forbidden.stderr.contains("control-runs"), "{forbidden:?}");

    done(project.ferrovia(&["users", "role", "ada", "operator:test"]));
    // The key has the scope it was made with.
    let forbidden = elsewhere(&project, &server, Some(&key), &resume);
    assert_eq!(forbidden.code(), 2, "{forbidden:?}");
    done(project.ferrovia(&["keys", "revoke", "ada", &key[4..20]]));
    assert_eq!(elsewhere(&project, &server, Some(&key), &list).code(), 2);
    let last = project.ferrovia(&["users", "remove", "root"]);
    assert!(last.stderr.contains("administrator"), "{last:?}");
    done(project.ferrovia(&["users", "remove", "ada"]));
    let users = done(project.ferrovia(&["users", "list"]));
    assert!(
        !users.contains("ada") && users.contains("administrator:*"),
        "{users}"
    );
}

#[test]
fn only_the_owner_can_read_the_key_of_a_server() {
    let project = project();
    let _server = Server::start(&project);
    let mode = |name: &str| {
        let known = std::fs::metadata(project.path(name)).expect("it is there");
        known.permissions().mode() & 0o777
    };
    assert_eq!(mode(".ferrovia"), 0o700);
    assert_eq!(mode(".ferrovia/server.json"), 0o600);
}

#[test]
fn a_certificate_comes_with_its_key() {
    let project = project();
    for (settings, expected) in [
        ("certificate = 'c.pem'", "server.tls.key"),
        ("key = 'k.pem'", "server.tls.certificate"),
        ("certificate = 'c.pem'\nkey = 'k.pem'", "c.pem"),
    ] {
        let settings = format!("[server]\nlisten = '127.0.0.1:0'\n[server.tls]\n{settings}\n");
        project.write("ferrovia.toml", settings.as_bytes());
        let ran = project.ferrovia(&["serve"]);
        assert_eq!(ran.code(), 2, "{ran:?}");
        assert!(ran.stderr.contains(expected), "{ran:?}");
    }
}

/// A certificate for `localhost` and its key, as files of the project.
fn certify(project: &Project) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]);
    let made = made.expect("a certificate can be made");
    project.write("c.pem", made.cert.pem().as_bytes());
    project.write("k.pem", made.signing_key.serialize_pem().as_bytes());
}

const ENCRYPTED: &str = "hosts = ['localhost']
[server.tls]
certificate = 'c.pem'
key = 'k.pem'
[network]
ca_certificate = 'c.pem'
";

#[test]
fn others_can_reach_a_server_once_it_has_an_administrator_and_a_certificate() {
    let project = project();
    certify(&project);
    let here = format!("[server]\nlisten = '127.0.0.1:0'\n{ENCRYPTED}");
    let everywhere = format!("[server]\nlisten = '0.0.0.0:0'\n{ENCRYPTED}");
    project.write("ferrovia.toml", everywhere.as_bytes());
    let refused = project.ferrovia(&["serve"]);
    assert_eq!(refused.code(), 2, "{refused:?}");
    assert!(
        refused.stderr.contains("make an administrator"),
        "{refused:?}"
    );

    project.write("ferrovia.toml", here.as_bytes());
    let encrypted = |made: &dyn Fn()| {
        let mut serve = project.command(&["serve"]);
        let mut child = serve.spawn().expect("the program starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("standard output is a pipe");
        BufReader::new(out)
            .read_line(&mut line)
            .expect("it prints one line");
        assert!(line.starts_with("serving at https://localhost:"), "{line}");
        made();
        child.kill().expect("it runs");
        child.wait().expect("it ends");
    };
    encrypted(&|| {
        let add = ["users", "add", "root", "--role", "administrator"];
        done(project.ferrovia_reading(PASSWORD, &add));
    });
    project.write("ferrovia.toml", everywhere.as_bytes());
    encrypted(&|| {
        let users = done(project.ferrovia(&["users", "list"]));
        assert!(users.contains("administrator:*"), "{users}");
    });
}

#[test]
fn without_a_server_there_are_no_users_to_ask_for() {
    let project = project();
    let ran = project.ferrovia(&["users", "list"]);
    assert_eq!(ran.code(), 2, "{ran:?}");
    assert!(ran.stderr.contains("ferrovia serve"), "{ran:?}");
}
