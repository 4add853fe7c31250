//! Every way in, asked by everybody: the answer is what the table of actions says.

use std::collections::BTreeSet;

use ferrovia_expr::{Value, value};
use ferrovia_server::access::token::TokenId;
use ferrovia_server::access::{
    Actions, Bearer, Principal, Role, Scope, Target, UserId, Verdict, decide,
};
use ferrovia_server::{Described, Rule, Where, routes};

use crate::bed::{Answer, Bed, send};
use crate::people::{Proof, grant, principal};

/// Where what is asked for is.
const HERE: &str = "test";
const NOW_MS: i64 = 0;

struct Somebody {
    called: String,
    proof: Proof,
    principal: Option<Principal>,
}

/// Each role in the namespace, in another one and in all; a key for each; nobody; nonsense.
async fn everybody(bed: &Bed) -> Vec<Somebody> {
    let mut everybody = Vec::new();
    for role in Role::EACH {
        for namespace in [HERE, "zone", "*"] {
            let name = format!("{}-{}", role.name(), namespace.replace('*', "all"));
            let grants = [grant(role, namespace)];
            bed.add_user(&name, &grants).await;
            everybody.push(Somebody {
                called: name.clone(),
                proof: bed.session(&name).await,
                principal: Some(principal(&name, &grants)),
            });
            let made = bed
                .key(&name, value!({ "up-to": role.name() }), namespace)
                .await;
            made.is(201);
            let scope = Scope {
                actions: Actions::UpTo(role),
                namespace: grants[0].namespace.clone(),
            };
            everybody.push(Somebody {
                called: format!("key of {name}"),
                proof: Proof::Key(made.text_at("key")),
                principal: Some(Principal {
                    bearer: Bearer::Key {
                        id: TokenId::parse(&made.text_at("id")).expect("it is an id"),
                        owner: UserId(name.clone()),
                        scopes: vec![scope],
                    },
                    ..principal(&name, &grants)
                }),
            });
        }
    }
    bed.add_user("nothing", &[]).await;
    everybody.push(Somebody {
        called: "nothing".into(),
        proof: bed.session("nothing").await,
        principal: Some(principal("nothing", &[])),
    });
    for (called, proof) in [
        ("nobody", Proof::Nothing),
        ("nonsense", Proof::Key("fvk_nonsense".into())),
        ("a cookie of nobody", Proof::Session("ferrovia=x".into())),
    ] {
        everybody.push(Somebody {
            called: called.into(),
            proof,
            principal: None,
        });
    }
    everybody
}

fn expected(rule: Rule, principal: Option<&Principal>) -> Verdict {
    let (action, place) = match (rule, principal) {
        (Rule::Public(_), _) | (Rule::SignedIn(_), Some(_)) => return Verdict::Allow,
        (Rule::SignedIn(_), None) => return Verdict::Anonymous,
        (Rule::Needs(action, place), _) => (action, place),
    };
    match place {
        Where::Everywhere => decide(principal, action, Target::Everywhere, NOW_MS),
        Where::Run | Where::Path(_) | Where::Body => {
            decide(principal, action, Target::Namespace(HERE), NOW_MS)
        }
        // Whoever is known gets a list; what is in it is another matter.
        Where::List if principal.is_some() => Verdict::Allow,
        Where::List => Verdict::Anonymous,
    }
}

/// What the answer says of access.
fn seen(route: &Described, answer: &Answer) -> Verdict {
    let body = Value::parse_json(&answer.text).unwrap_or_default();
    let detail = body
        .get("detail")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let place = match route.rule {
        Rule::Needs(_, place) => Some(place),
        Rule::SignedIn(_) | Rule::Public(_) => None,
    };
    match (answer.status.as_u16(), place) {
        (401, _) => Verdict::Anonymous,
        (403, _) => Verdict::Forbid,
        (404, Some(Where::Run)) => Verdict::Hide,
        (404, Some(Where::Path(_))) if detail == "there is no such namespace" => Verdict::Hide,
        (422, Some(Where::Body)) if detail.starts_with("there is no workflow") => Verdict::Hide,
        _ => Verdict::Allow,
    }
}

/// One request that does no harm: who is let in names somebody who is not there, or sends nothing.
async fn exercise(bed: &Bed, proof: &Proof, route: &Described, run: &str) -> Answer {
    let path = route
        .path
        .replace("{id}", run)
        .replace("{namespace}", HERE)
        .replace("{user}", "somebody-else")
        .replace("{key}", "0011223344556677");
    let request = bed.as_(proof, route.method.as_str(), &path);
    let body = match route.operation {
        "startRun" => r#"{"workflow": "test/greet", "input": {"name": "Ada"}}"#,
        "migrateRuns" => r#"{"workflow": "test/greet:1.0.0", "version": "1.0.0", "dryRun": true}"#,
        "setRole" => r#"{"role": "viewer"}"#,
        _ => "",
    };
    let request = request.body(body);
    // A stream does not end while the run goes on; its beginning says enough.
    if route.method == "GET" && (route.path.ends_with("/events") || route.path.ends_with("/stream"))
    {
        let response = request.send().await.expect("the server answers");
        return Answer {
            status: response.status(),
            headers: response.headers().clone(),
            text: String::new(),
        };
    }
    send(request).await
}

#[tokio::test]
async fn every_way_in_lets_in_whom_the_table_says() {
    let bed = Bed::closed().await;
    let run = bed
        .ask(
            &bed.operator(),
            "POST",
            "runs",
            Some(value!({ "workflow": "test/listen" })),
        )
        .await
        .text_at("id");
    let mut routes = routes();
    // This one ends the session that shows who asks.
    routes.sort_by_key(|route| route.operation == "signOut");
    let mut verdicts = BTreeSet::new();
    for somebody in everybody(&bed).await {
        for route in &routes {
            let answer = exercise(&bed, &somebody.proof, route, &run).await;
            let expected = expected(route.rule, somebody.principal.as_ref());
            let verdict = seen(route, &answer);
            assert_eq!(
                verdict, expected,
                "{} {} as {}: {answer:?}",
                route.method, route.path, somebody.called
            );
            assert!(!answer.status.is_server_error(), "{answer:?}");
            if verdict == Verdict::Anonymous {
                let challenge = &answer.headers["www-authenticate"];
                assert_eq!(challenge, "Bearer realm=\"ferrovia\"");
            }
            verdicts.insert(format!("{verdict:?}"));
        }
    }
    assert_eq!(verdicts.len(), 4, "{verdicts:?}");
}

#[tokio::test]
async fn lists_show_what_may_be_seen_and_nothing_else() {
    let bed = Bed::closed().await;
    for workflow in ["test/listen", "zone/listen", "test/listen"] {
        let order = Some(value!({ "workflow": workflow }));
        bed.ask(&bed.operator(), "POST", "runs", order)
            .await
            .is(201);
    }
    let here = grant(Role::Viewer, "test");
    let there = grant(Role::Viewer, "zone");
    let everywhere = grant(Role::Viewer, "*");
    for (name, grants, runs, definitions) in [
        ("none", vec![], 0, 0),
        ("one", vec![there.clone()], 1, 1),
        ("other", vec![here.clone()], 2, 6),
        ("both", vec![here, there], 3, 7),
        ("all", vec![everywhere], 3, 7),
    ] {
        bed.add_user(name, &grants).await;
        let proof = bed.session(name).await;
        let count = async |path: &str, member: &str| {
            let answer = bed.ask(&proof, "GET", path, None).await;
            let listed = answer.is(200).at(member);
            listed.as_array().map(|listed| listed.len())
        };
        assert_eq!(count("runs", "/runs").await, Some(runs), "{name}");
        assert_eq!(
            count("definitions", "/definitions").await,
            Some(definitions),
            "{name}"
        );
        // Pages go through all of them, and filters reach no further.
        let page = bed.ask(&proof, "GET", "runs?limit=2", None).await;
        let first = page.at("/runs").as_array().map_or(0, |runs| runs.len());
        assert_eq!(first, runs.min(2), "{name}");
        if first == 2 {
            let path = format!("runs?limit=2&before={}", page.text_at("before"));
            assert_eq!(count(&path, "/runs").await, Some(runs - 2), "{name}");
        }
        let zone = count("runs?workflow=zone/listen", "/runs").await;
        assert_eq!(zone, Some(if runs % 2 == 1 { 1 } else { 0 }), "{name}");
    }
}

#[tokio::test]
async fn what_may_not_be_known_of_is_answered_like_what_is_not_there() {
    let bed = Bed::closed().await;
    let order = |workflow: &str| Some(value!({ "workflow": workflow }));
    let run = bed
        .ask(&bed.operator(), "POST", "runs", order("test/listen"))
        .await;
    let run = run.text_at("id");
    bed.add_user("guest", &[grant(Role::Editor, "zone")]).await;
    let guest = bed.session("guest").await;
    for (method, path) in [
        ("GET", "runs/{}"),
        ("GET", "runs/{}/trace"),
        ("POST", "runs/{}/cancel"),
        ("POST", "runs/{}/settle"),
    ] {
        let hidden = bed
            .ask(&guest, method, &path.replace("{}", &run), None)
            .await;
        let none = bed
            .ask(&guest, method, &path.replace("{}", "0000000000000"), None)
            .await;
        assert_eq!(
            (hidden.is(404).text.as_str(), 404),
            (&*none.text, none.status.as_u16())
        );
    }
    let hidden = bed.ask(&guest, "POST", "runs", order("test/listen")).await;
    let none = bed.ask(&guest, "POST", "runs", order("test/nothing")).await;
    assert_eq!(
        hidden.text.replace("test/listen", "test/nothing"),
        none.text
    );
    hidden.problem(422, "invalid", Some("/workflow"));
    // A key that starts something elsewhere gets in nobody's way, and tells of no run.
    let with_key = async |proof: &Proof, workflow: &str| {
        let request = bed.as_(proof, "POST", "/api/v1/runs");
        let request = request.header("idempotency-key", "1");
        let body = value!({ "workflow": workflow }).to_json();
        send(
            request
                .header("content-type", "application/json")
                .body(body),
        )
        .await
    };
    with_key(&bed.operator(), "test/listen").await.is(201);
    with_key(&guest, "zone/listen").await.is(201);
}

#[tokio::test]
async fn no_way_in_takes_a_member_that_it_does_not_have() {
    let bed = Bed::closed().await;
    let order = Some(value!({ "workflow": "test/listen" }));
    let run = bed.ask(&bed.operator(), "POST", "runs", order).await;
    let run = run.text_at("id");
    let session = bed.session("root").await;
    let mut looked_at = 0;
    for route in routes() {
        // Nobody can set this server up any more.
        let Some(members) = route.members.clone().filter(|_| route.operation != "setUp") else {
            continue;
        };
        looked_at += 1;
        let path = route
            .path
            .replace("{id}", &run)
            .replace("{namespace}", HERE)
            .replace("{user}", "root")
            .replace("/api/v1/", "");
        let method = route.method.as_str();
        for member in ["administrator", "grants", "id", "createdMs", "stamp"] {
            if members.iter().any(|known| known == member) {
                continue;
            }
            let mut order = ferrovia_expr::Object::default();
            order.insert(member, true);
            let answer = bed.ask(&session, method, &path, Some(order.into())).await;
            answer.problem(422, "invalid", Some(&format!("/{member}")));
        }
        // Those that are described are known.
        for member in members {
            let mut order = ferrovia_expr::Object::default();
            order.insert(member.as_str(), Value::Null);
            order.insert("unknown", Value::Null);
            let answer = bed.ask(&session, method, &path, Some(order.into())).await;
            answer.problem(422, "invalid", Some("/unknown"));
        }
    }
    assert!(looked_at > 8, "{looked_at}");
}

#[tokio::test]
async fn no_way_in_takes_a_body_that_is_too_large() {
    let bed = Bed::closed().await;
    let session = bed.session("root").await;
    let large = "x".repeat(ferrovia_server::BODY_BYTES_MAX + 1);
    for route in routes() {
        if route.members.is_none() || route.operation == "setUp" {
            continue;
        }
        let path = route
            .path
            .replace("{id}", "0000000000000")
            .replace("{namespace}", HERE)
            .replace("{user}", "root");
        let request = bed.as_(&session, route.method.as_str(), &path);
        let request = request.header("content-type", "application/json");
        let answer = send(request.body(large.clone())).await;
        answer.problem(413, "too-large", None);
    }
}
