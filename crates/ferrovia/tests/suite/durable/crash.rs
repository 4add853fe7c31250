//! `kill -9` at bad moments: nothing is lost, nothing is done twice with another key.

use serde_json::json;

use super::service::{Service, answer};
use super::{Server, kept};
use crate::support::{Project, definition};

/// Pays, waits for an event and a moment, ships.
fn project(service: &Service) -> Project {
    let url = &service.url;
    let body = format!(
        "do:
  - pay: {{ call: http, with: {{ method: post, endpoint: '{url}/pay', body: {{ amount: 7 }} }} }}
  - confirmed: {{ listen: {{ to: {{ one: {{ with: {{ type: test.confirmed }} }} }} }} }}
  - nap: {{ wait: {{ milliseconds: 20 }} }}
  - ship: {{ call: http, with: {{ method: post, endpoint: '{url}/ship', body: {{ parcel: 1 }} }} }}"
    );
    Project::new(&[("order.yaml", &definition("order", &body))])
}

#[test]
fn a_run_that_waits_goes_on_after_a_kill_and_calls_once() {
    let service = Service::start();
    let project = project(&service);
    let server = Server::start(&project);
    let run = server.begin("test/order");
    service.answer();
    // Its own outcome makes the run wait.
    while server.get(&format!("/api/v1/runs/{run}"))["status"] != "waiting" {
        std::thread::yield_now();
    }
    server.kill();

    let server = Server::start(&project);
    assert_eq!(server.send("1", "test.confirmed").0, 202);
    // An event that was taken is not taken again, whichever process took it.
    assert_eq!(
        server.send("1", "test.confirmed"),
        (200, json!({ "known": true, "started": [], "delivered": 0 }))
    );
    service.answer();
    let ended = server.ended(&run);
    assert_eq!(ended["status"], "completed", "{ended}");
    let paths: Vec<_> = service.seen().into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["/pay", "/ship"]);
    assert_eq!(server.terminate().0, Some(0));
    let ran = project.ferrovia(&["replay", &run]);
    assert_eq!(ran.code(), 0, "{ran:?}");
    assert!(
        ran.stdout.trim_end().ends_with("completed: identical"),
        "{ran:?}"
    );
}

#[test]
fn a_call_that_was_under_way_is_sent_again_with_its_key() {
    let service = Service::start();
    let project = project(&service);
    let server = Server::start(&project);
    let run = server.begin("test/order");
    let (first, unanswered) = service.next();
    server.kill();
    answer(&unanswered);

    let server = Server::start(&project);
    let second = service.answer();
    assert_eq!(first, second);
    assert_eq!(first.1, format!("{run}/do/0/pay"));
    server.send("1", "test.confirmed");
    let shipped = service.answer();
    assert_eq!(shipped, ("/ship".to_owned(), format!("{run}/do/3/ship")));
    assert_eq!(server.ended(&run)["status"], "completed");
}

#[test]
fn a_start_with_a_key_is_the_same_run_after_a_kill() {
    let project = Project::new(&[(
        "wait.yaml",
        &definition("wait", "do:\n  - wait: { wait: PT1H }"),
    )]);
    let order = |server: &Server| {
        let body = "{\"workflow\": \"test/wait\"}";
        let key = [("idempotency-key", "k")];
        server.ask_with("POST", "/api/v1/runs", &key, body)
    };
    let server = Server::start(&project);
    let (status, first) = order(&server);
    assert_eq!(status, 201, "{first}");
    server.kill();
    let server = Server::start(&project);
    let (status, second) = order(&server);
    assert_eq!(status, 200, "{second}");
    let id = kept(&project);
    assert_eq!(id.len(), 1);
    assert_eq!(second["id"], *id[0]);
    let cancelled = server.ask("POST", &format!("/api/v1/runs/{}/cancel", id[0]), "");
    assert_eq!(cancelled.1["status"], "cancelled");
}

#[test]
fn a_server_goes_on_with_what_run_durable_began() {
    let service = Service::start();
    let project = project(&service);
    let mut child = project
        .command(&["run", "order.yaml", "--durable"])
        .spawn()
        .expect("the program starts");
    let (first, _unanswered) = service.next();
    child.kill().expect("it runs");
    child.wait().expect("it ends");

    let server = Server::start(&project);
    assert_eq!(service.answer(), first);
    server.send("1", "test.confirmed");
    service.answer();
    let run = kept(&project).remove(0);
    assert_eq!(server.ended(&run)["status"], "completed");
}
