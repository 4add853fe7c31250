//! What the settings say about lifecycle events and alerts is done, also when the server is killed in between.

use super::Server;
use super::service::{Service, answer};
use crate::support::{Project, definition};

const FAULTS: &str = "do:
  - stop: { raise: { error: { type: https://example.com/empty, status: 409, title: Empty } } }";

fn project(service: &Service) -> Project {
    let settings = format!(
        "[server]\npublic_url = 'https://flows.example'\n\
         [secrets]\nfile = 'secrets.json'\n\
         [lifecycle]\nsink = '{}/events'\nsigning_key = 'key'\n\
         [[alerts]]\nwhen = ['faulted']\nworkflows = ['test/*']\nslack = 'secret:hook'\n",
        service.url
    );
    let secrets = format!(
        "{{\"hook\": \"{}/hook\", \"key\": \"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz\"}}",
        service.url
    );
    Project::new(&[
        ("ferrovia.toml", &settings),
        ("secrets.json", &secrets),
        ("faults.yaml", &definition("faults", FAULTS)),
    ])
}

#[test]
fn a_fault_is_told_although_the_server_is_killed_before_anybody_took_it() {
    let service = Service::start();
    let project = project(&service);
    let server = Server::start(&project);
    server.begin("test/faults");
    // Both are on their way, and neither was taken.
    let pending = [service.next(), service.next()];
    let mut paths: Vec<_> = pending.iter().map(|((path, _), _)| path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/events", "/hook"]);
    server.kill();
    drop(pending);

    let server = Server::start(&project);
    let mut taken = Vec::new();
    // It began and it faulted.
    while taken.iter().filter(|path| *path == "/events").count() < 2
        || !taken.iter().any(|path| path == "/hook")
    {
        let ((path, _), stream) = service.next();
        answer(&stream);
        taken.push(path);
    }
    let (status, metrics) = server.ask("GET", "/metrics", "");
    assert_eq!(status, 200);
    let metrics = metrics.as_str().expect("metrics are text").to_owned();
    for name in ["ferrovia_lifecycle_sent_total", "ferrovia_alerts_behind"] {
        assert!(metrics.contains(&format!("\n{name} ")), "{metrics}");
    }
}

#[test]
fn a_rule_that_cannot_be_followed_is_refused() {
    for (settings, why) in [
        (
            "[[alerts]]\nwhen = ['faulted']\n",
            "one of `webhook`, `slack` and `email`",
        ),
        (
            "[[alerts]]\nslack = 'secret:none'\n",
            "FERROVIA_SECRET_NONE",
        ),
        (
            "[[alerts]]\nwebhook = 'mailto:a@b.c'\n",
            "no http or https URL",
        ),
        ("[[alerts]]\nemail = { to = ['a@b.c'] }\n", "smtp.from"),
        (
            "[lifecycle]\nsink = 'http://localhost:1'\nbatch = 0\n",
            "`batch`",
        ),
        (
            "[[alerts]]\nworkflows = ['shop']\nslack = 'x'\n",
            "namespace/name",
        ),
    ] {
        let project = Project::new(&[
            ("ferrovia.toml", settings),
            ("faults.yaml", &definition("faults", FAULTS)),
        ]);
        let refused = project.ferrovia(&["serve", "--listen", "127.0.0.1:0"]);
        assert_eq!(refused.code(), 2, "{refused:?}");
        assert!(refused.stderr.contains(why), "{why}: {refused:?}");
    }
}
