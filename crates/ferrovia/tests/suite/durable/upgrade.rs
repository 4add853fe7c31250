//! Data directories that earlier releases wrote. `fixtures/schema-1.db` is a backup that was taken while runs waited:
//! `kept/order` for the payment of its total, `kept/nap` for a timer, `kept/parent` for a child, with the event it waits
//! for already in. Such files are never written again.

use serde_json::{Value, json};

use super::Server;
use crate::support::{Project, definition};

const SCHEMA_1: &[u8] = include_bytes!("../../fixtures/schema-1.db");

#[test]
fn runs_that_wait_since_the_first_tables_finish() {
    let other = definition("other", "do:\n  - one: { set: { one: 1 } }");
    let project = Project::new(&[("other.yaml", &other)]);
    project.write("kept.db", SCHEMA_1);
    let ran = project.ferrovia(&["restore", "kept.db"]);
    assert_eq!(ran.code(), 0, "{ran:?}");

    let server = Server::start(&project);
    for (id, total) in [("1", 735), ("2", 11)] {
        let event = json!({ "id": id, "source": "/bank", "type": "kept.paid", "data": { "total": total.to_string() } });
        let (status, body) = server.ask("POST", "/api/v1/events", &event.to_string());
        assert_eq!(status, 202, "{body}");
    }
    let listed = server.get("/api/v1/runs?label=from:schema-1");
    let runs = listed["runs"].as_array().expect("it is a list").clone();
    let output = |workflow: &str| -> Value {
        let named = format!("kept/{workflow}:1.0.0");
        let run = runs.iter().find(|run| run["workflow"] == named.as_str());
        let run = run.expect("it was kept")["id"]
            .as_str()
            .expect("an id is text")
            .to_owned();
        let ended = server.ended(&run);
        assert_eq!(ended["status"], "completed", "{ended}");
        let replayed = project.ferrovia(&["replay", &run]);
        assert_eq!(replayed.code(), 0, "{replayed:?}");
        ended["output"].clone()
    };
    assert_eq!(output("order"), json!({ "paid": 735 }));
    assert_eq!(output("nap")["last"], 2);
    let both = output("parent");
    assert_eq!(both[0], json!({ "paid": 11 }));
    assert_eq!(both[1][0], json!({ "own": true }));
}
