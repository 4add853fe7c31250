//! `ferrovia runs repair`, `fork`, `migrate` and `events send`, told by the calls that a service gets.

use serde_json::{Value, json};

use super::Server;
use super::service::Service;
use crate::support::{Project, Ran, definition};

const VERSION: &str = "version: '1.0.0'";

/// Three calls; the third does not depend on those before it.
fn chain(service: &Service) -> Project {
    let url = &service.url;
    let body = format!(
        "do:
  - one: {{ call: http, with: {{ method: post, endpoint: '{url}/one', body: '${{ . }}' }} }}
  - two: {{ call: http, with: {{ method: post, endpoint: '{url}/two', body: '${{ . }}' }} }}
  - three: {{ call: http, with: {{ method: post, endpoint: '{url}/three', body: {{ fixed: true }} }} }}"
    );
    Project::new(&[("chain.yaml", &definition("chain", &body))])
}

fn json(ran: &Ran) -> Value {
    assert_eq!(ran.code(), 0, "{ran:?}");
    serde_json::from_str(&ran.stdout).expect("it is JSON")
}

fn made(ran: &Ran) -> String {
    let made = json(ran);
    made["run"]["id"]
        .as_str()
        .expect("an id is text")
        .to_owned()
}

#[test]
fn a_repair_calls_what_failed_and_what_comes_after_it() {
    let service = Service::start();
    let project = chain(&service);
    let server = Server::start(&project);
    let run = server.begin("test/chain");
    service.answer();
    service.refuse();
    assert_eq!(server.ended(&run)["status"], "faulted");

    let dry = project.ferrovia(&["runs", "repair", &run, "--dry-run"]);
    assert_eq!(
        dry.stdout, "reused           /do/0/one\nwould carry out  http /do/1/two\n",
        "{dry:?}"
    );
    let repaired = made(&project.ferrovia(&["runs", "repair", &run, "--output", "json"]));
    service.answer();
    service.answer();
    assert_eq!(server.ended(&repaired)["status"], "completed");
    assert_eq!(service.paths(), ["/one", "/two", "/two", "/three"]);

    // Once is enough: a second repair is the first.
    let again = made(&project.ferrovia(&["runs", "repair", &run, "--output", "json"]));
    assert_eq!(again, repaired);
    let shown = project.ferrovia(&["runs", "show", &repaired]);
    for line in [
        format!("repairs      {run}"),
        "reused       /do/0/one".to_owned(),
        "carried out  /do/1/two".to_owned(),
    ] {
        assert!(shown.stdout.contains(&line), "{line}: {}", shown.stdout);
    }
    assert_eq!(project.ferrovia(&["replay", &repaired]).code(), 0);
    let sound = project.ferrovia(&["runs", "repair", &repaired]);
    assert_eq!(sound.code(), 2, "{sound:?}");
    assert!(sound.stderr.contains("did not fault"), "{sound:?}");
}

#[test]
fn a_fork_calls_what_depends_on_the_change_and_nothing_else() {
    let service = Service::start();
    let project = chain(&service);
    let server = Server::start(&project);
    let run = server.begin("test/chain");
    for _ in 0..3 {
        service.answer();
    }
    assert_eq!(server.ended(&run)["status"], "completed");

    let fork = |args: &[&str]| {
        let command = ["runs", "fork", &run, "--output", "json"];
        json(&project.ferrovia(&[&command, args].concat()))
    };
    let edit = &["--outcome", "/do/0/one={\"other\": 1}"][..];
    let dry = fork(&[edit, &["--dry-run"]].concat());
    assert_eq!(dry["open"][0]["id"], "/do/1/two", "{dry}");
    assert_eq!(dry.get("run"), None);
    let other = fork(edit)["run"]["id"]
        .as_str()
        .expect("it is made")
        .to_owned();
    service.answer();
    assert_eq!(server.ended(&other)["status"], "completed");
    assert_eq!(service.paths(), ["/one", "/two", "/three", "/two"]);
    let effects = json(&project.ferrovia(&["runs", "show", &other, "--output", "json"]));
    assert_eq!(effects["effects"]["executed"], json!(["/do/1/two"]));

    // Nothing is different: nothing is called.
    let same = fork(&["--from", "/do/1/two"]);
    let same = same["run"]["id"].as_str().expect("it is made").to_owned();
    assert_eq!(server.ended(&same)["output"], server.ended(&run)["output"]);
    assert_eq!(service.paths().len(), 4);

    for args in [
        &["--from", "nowhere"][..],
        &["--from", "/do/9/none"],
        &["--version", "9.9.9"],
        &["--outcome", "/do/0/one"],
        &["--outcome", "/do/0/one=1", "--error", "/do/0/one=no"],
    ] {
        let refused = project.ferrovia(&[&["runs", "fork", &run], args].concat());
        assert_eq!(refused.code(), 2, "{refused:?}");
        assert!(refused.stderr.starts_with("error"), "{refused:?}");
    }
}

#[test]
fn live_runs_move_to_a_version_on_which_they_would_have_gone_the_same_way() {
    let flow = |first: i64, last: &str| {
        format!(
            "do:
  - first: {{ set: {{ n: {first} }} }}
  - hear: {{ listen: {{ to: {{ one: {{ with: {{ type: test.heard }} }} }} }} }}
  - last: {{ set: {{ said: {last} }} }}"
        )
    };
    let version = |flow: &str, version: &str| {
        let text = definition("hear", flow);
        text.replace(VERSION, &format!("version: '{version}'"))
    };
    let project = Project::new(&[
        ("1.yaml", &version(&flow(1, "old"), "1.0.0")),
        ("2.yaml", &version(&flow(1, "new"), "2.0.0")),
        ("3.yaml", &version(&flow(7, "other"), "3.0.0")),
    ]);
    let server = Server::start(&project);
    let runs: Vec<String> = (0..3).map(|_| server.begin("test/hear:1.0.0")).collect();
    let all = ["runs", "migrate", "--workflow", "test/hear:1.0.0", "--to"];

    let differs = project.ferrovia(&[&all[..], &["3.0.0"]].concat());
    assert_eq!(differs.code(), 2, "{differs:?}");
    assert_eq!(differs.stdout.matches("differs").count(), 3, "{differs:?}");
    assert!(differs.stdout.contains("/do/0/first"), "{differs:?}");
    let compared = project.ferrovia(&[&all[..], &["2.0.0", "--dry-run"]].concat());
    assert_eq!(compared.code(), 0, "{compared:?}");
    assert_eq!(compared.stdout.matches("same").count(), 3, "{compared:?}");
    let one = project.ferrovia(&[
        "runs", "migrate", &runs[0], "--to", "2.0.0", "--output", "json",
    ]);
    assert_eq!(json(&one)["runs"][0]["moved"], true);
    let rest = project.ferrovia(&[&all[..], &["2.0.0"]].concat());
    assert_eq!(rest.stdout.matches("moved").count(), 2, "{rest:?}");
    let none = project.ferrovia(&[&all[..], &["2.0.0"]].concat());
    assert_eq!((none.code(), &*none.stdout), (0, "no live runs\n"));

    let sent = project.ferrovia(&[
        "events",
        "send",
        "{\"type\": \"test.heard\", \"id\": \"1\"}",
    ]);
    assert_eq!(sent.stdout, "taken in; 3 runs got it\n", "{sent:?}");
    for run in &runs {
        let ended = server.ended(run);
        assert_eq!(ended["output"], json!({ "said": "new" }), "{ended}");
        assert_eq!(ended["workflow"], "test/hear:2.0.0");
        assert_eq!(project.ferrovia(&["replay", run]).code(), 0);
    }
    let which = project.ferrovia(&["runs", "migrate", "--to", "2.0.0"]);
    assert_eq!(which.code(), 2, "{which:?}");
}

#[test]
fn events_come_from_an_argument_a_file_or_standard_input() {
    let flow = "schedule: { on: { one: { with: { type: test.begin } } } }
do:
  - seen: { set: { n: '${ .[0].n }' } }";
    let project = Project::new(&[
        ("react.yaml", &definition("react", flow)),
        ("event.json", r#"{"type": "test.begin", "data": {"n": 1}}"#),
    ]);
    let nobody = project.ferrovia(&["events", "send", "{}"]);
    assert_eq!(nobody.code(), 2, "{nobody:?}");
    assert!(nobody.stderr.contains("ferrovia serve"), "{nobody:?}");

    let server = Server::start(&project);
    let send = ["events", "send", "--output", "json"];
    let first = json(&project.ferrovia(&[&send[..], &["@event.json"]].concat()));
    let run = first["started"][0].as_str().expect("it started one");
    assert_eq!(server.ended(run)["output"], json!({ "n": 1 }));
    let batch = br#"[{"type": "test.begin", "id": "2", "data": {"n": 2}}, {"type": "test.other"}]"#;
    let ran = project.ferrovia_reading(batch, &[&send[..], &["-"]].concat());
    let taken = json(&ran);
    assert_eq!(taken["events"][1]["started"], json!([]), "{taken}");
    let again = project.ferrovia(&["events", "send", r#"{"type": "test.begin", "id": "2"}"#]);
    assert_eq!(again.stdout, "had come before\n", "{again:?}");
    for wrong in ["7", "{\"type\": 7}", "{}", "nonsense", "@missing.json"] {
        let refused = project.ferrovia(&["events", "send", wrong]);
        assert_eq!(refused.code(), 2, "{wrong}: {refused:?}");
    }
}
