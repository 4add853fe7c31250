//! Webhooks of the settings: taken once also when the server is killed in between, refused when they cannot work.

use super::Server;
use crate::support::{Project, definition};

const ECHO: &str = "do:\n  - say: { set: '${ .body }' }";
const SECRETS: &str = r#"{"password": "user:a secret", "short": "whsec_QUJD"}"#;

fn project(settings: &str) -> Project {
    Project::new(&[
        ("ferrovia.toml", settings),
        ("secrets.json", SECRETS),
        ("echo.yaml", &definition("echo", ECHO)),
    ])
}

#[test]
fn a_delivery_starts_one_run_although_the_server_was_killed() {
    let project = project(
        "[secrets]\nfile = 'secrets.json'\n\
         [[hooks]]\npath = 'a/b'\nscheme = 'none'\nid = '.body.n'\nworkflow = 'test/echo'\nwait = '300s'\n\
         [[hooks]]\npath = 'closed'\nscheme = 'basic'\nsecrets = ['password']\n",
    );
    let server = Server::start(&project);
    let first = server.ask("POST", "/hooks/a/b", r#"{"n": 1}"#);
    assert_eq!(first, (200, serde_json::json!({ "n": 1 })));
    let (status, refused) = server.ask("POST", "/hooks/closed", "{}");
    assert_eq!(
        (status, &refused["type"]),
        (401, &"urn:ferrovia:problem:not-genuine".into())
    );
    server.kill();

    let server = Server::start(&project);
    assert_eq!(server.ask("POST", "/hooks/a/b", r#"{"n": 1}"#), first);
    let (_, listed) = server.ask("GET", "/api/v1/runs", "");
    let runs = listed["runs"].as_array().map(Vec::len);
    assert_eq!(runs, Some(1), "{listed}");
}

#[test]
fn a_webhook_that_cannot_work_is_refused() {
    for (hooks, why) in [
        ("[[hooks]]\npath = 'a'\n", "scheme"),
        ("[[hooks]]\npath = 'a'\nscheme = 'hmac'\n", "hmac"),
        (
            "[[hooks]]\npath = '../a'\nscheme = 'none'\n",
            "the path `../a`",
        ),
        (
            "[[hooks]]\npath = 'a'\nscheme = 'github'\n",
            "has no secret",
        ),
        (
            "[[hooks]]\npath = 'a'\nscheme = 'github'\nsecrets = ['nothing']\n",
            "FERROVIA_SECRET_NOTHING",
        ),
        (
            "[[hooks]]\npath = 'a'\nscheme = 'standard-webhooks'\nsecrets = ['short']\n",
            "the secret `short`",
        ),
        (
            "[[hooks]]\npath = 'a'\nscheme = 'none'\nsecrets = ['password']\n",
            "the scheme has no secret",
        ),
        (
            "[[hooks]]\npath = 'a'\nscheme = 'none'\n[[hooks]]\npath = 'a'\nscheme = 'none'\n",
            "two have the path `a`",
        ),
        (
            "[[hooks]]\npath = 'a'\nscheme = 'twilio'\nsecrets = ['password']\n",
            "server.public_url",
        ),
        (
            "[[hooks]]\npath = 'a'\nscheme = 'none'\nwait = '1s'\n",
            "`wait`",
        ),
        (
            "[[hooks]]\npath = 'a'\nscheme = 'none'\nworkflow = 'echo'\n",
            "`namespace/name`",
        ),
        (
            "[[hooks]]\npath = 'a'\nscheme = 'none'\nid = '.['\n",
            "no jq expression",
        ),
    ] {
        let project = project(&format!("[secrets]\nfile = 'secrets.json'\n{hooks}"));
        let refused = project.ferrovia(&["serve", "--listen", "127.0.0.1:0"]);
        assert_eq!(refused.code(), 2, "{hooks}: {refused:?}");
        assert!(refused.stderr.contains(why), "{why}: {refused:?}");
    }
}
