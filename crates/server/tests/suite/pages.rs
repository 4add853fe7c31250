//! Pages: who sees what, and that nothing of a run is markup.

use ferrovia_expr::value;
use ferrovia_server::access::Role;

use crate::bed::{Answer, Bed, LONG, send};
use crate::people::{PASSWORD, Proof, grant};

/// A form as a browser sends it from a page of `origin`.
async fn submit(bed: &Bed, proof: &Proof, path: &str, form: &str, origin: &str) -> Answer {
    let request = bed.as_(proof, "POST", path);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let request = match proof {
        // It says already that it comes from here.
        Proof::Session(_) => request,
        Proof::Nothing | Proof::Key(_) => request.header("origin", origin),
    };
    send(request.body(form.to_owned())).await
}

async fn page(bed: &Bed, proof: &Proof, path: &str) -> Answer {
    send(bed.as_(proof, "GET", path)).await
}

fn leads_to(answer: &Answer, path: &str) {
    assert_eq!(answer.is(303).headers["location"], path, "{answer:?}");
}

#[tokio::test]
async fn nobody_sees_anything_before_they_sign_in() {
    let bed = Bed::closed().await;
    bed.add_user("ada", &[grant(Role::Viewer, "test")]).await;
    for path in ["/", "/runs/0000000000001"] {
        let door = page(&bed, &Proof::Nothing, path).await;
        assert!(
            door.is(401).text.contains("action=\"/sign-in\""),
            "{door:?}"
        );
    }
    let wrong = submit(
        &bed,
        &Proof::Nothing,
        "/sign-in",
        "name=ada&password=no",
        &bed.url,
    )
    .await;
    assert!(
        wrong.is(401).text.contains("No user has this name"),
        "{wrong:?}"
    );
    let form = format!("name=ada&password={}", PASSWORD.replace(' ', "+"));
    let foreign = submit(
        &bed,
        &Proof::Nothing,
        "/sign-in",
        &form,
        "http://localhost:1",
    )
    .await;
    foreign.is(403);
    let right = submit(&bed, &Proof::Nothing, "/sign-in", &form, &bed.url).await;
    leads_to(&right, "/");
    let cookie = right.headers["set-cookie"].to_str().expect("it is text");
    let cookie = cookie.split(';').next().unwrap_or_default();
    let ada = Proof::Session(cookie.to_owned());
    let runs = page(&bed, &ada, "/").await;
    assert!(
        runs.is(200).text.contains("There are no such runs"),
        "{runs:?}"
    );
    leads_to(&submit(&bed, &ada, "/sign-out", "", &bed.url).await, "/");
    page(&bed, &ada, "/").await.is(401);
}

#[tokio::test]
async fn who_may_only_read_is_offered_nothing_and_sees_their_namespaces() {
    let bed = Bed::closed().await;
    let mut runs = Vec::new();
    for workflow in ["test/listen", "zone/listen"] {
        let order = Some(value!({ "workflow": workflow }));
        let run = bed.ask(&bed.operator(), "POST", "runs", order).await;
        runs.push(run.text_at("id"));
    }
    bed.add_user("ada", &[grant(Role::Viewer, "test")]).await;
    let ada = bed.session("ada").await;
    let list = page(&bed, &ada, "/").await;
    assert!(list.is(200).text.contains(&runs[0]) && !list.text.contains(&runs[1]));
    let own = page(&bed, &ada, &format!("/runs/{}", runs[0])).await;
    assert!(own.is(200).text.contains("/do/0/hear") && !own.text.contains("/cancel"));
    let hidden = page(&bed, &ada, &format!("/runs/{}", runs[1])).await;
    assert!(
        hidden
            .is(404)
            .text
            .contains("<h1>There is no such thing</h1>")
    );
    let path = format!("/runs/{}/cancel", runs[0]);
    submit(&bed, &ada, &path, "", &bed.url).await.is(403);
}

#[tokio::test]
async fn buttons_do_what_they_say_and_only_from_here() {
    let bed = Bed::new().await;
    let run = bed.begin("test/listen").await;
    let (own, nobody) = (format!("/runs/{run}"), Proof::Nothing);
    let press = async |what: &str, origin: &str| {
        submit(&bed, &nobody, &format!("{own}/{what}"), "", origin).await
    };
    for (what, status) in [("suspend", "suspended"), ("resume", "waiting")] {
        // Another server on this machine is another site.
        press(what, "http://localhost:1").await.is(403);
        press(what, "null").await.is(403);
        leads_to(&press(what, &bed.url).await, &own);
        let shown = page(&bed, &nobody, &own).await;
        let badge = format!("<span class=\"s {status}\">{status}</span>");
        assert!(shown.is(200).text.contains(&badge), "{shown:?}");
    }
    let again = press("resume", &bed.url).await;
    assert!(again.is(409).text.contains("<!doctype html>"), "{again:?}");
    leads_to(&press("cancel", &bed.url).await, &own);
    let shown = page(&bed, &nobody, &own).await;
    assert!(shown.text.contains("cancelled") && !shown.text.contains("<button>"));
    press("repair", &bed.url).await.is(409);
}

#[tokio::test]
async fn what_runs_hold_is_text_and_no_script_runs() {
    let bed = Bed::new().await;
    let evil = "<script>alert(1)</script>";
    let order = value!({
        "workflow": "test/greet", "input": { "name": evil }, "labels": { "l": evil }
    });
    let made = bed.post(&format!("runs?{LONG}"), &order.to_json()).await;
    let path = format!("/runs/{}", made.text_at("id"));
    for path in [path.as_str(), "/", "/runs/<script>", "/?status=<script>"] {
        let shown = page(&bed, &Proof::Nothing, path).await;
        assert!(shown.text.contains("<!doctype html>"), "{shown:?}");
        assert!(!shown.text.contains("<script"), "{shown:?}");
        let policy = shown.headers["content-security-policy"].to_str();
        let policy = policy.expect("it is text");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'sha256-"),
            "{policy}"
        );
        assert_eq!(shown.headers["referrer-policy"], "same-origin");
    }
}

#[tokio::test]
async fn lists_and_traces_have_pages() {
    let bed = Bed::new().await;
    for _ in 0..51 {
        bed.begin("test/listen").await;
    }
    let first = page(&bed, &Proof::Nothing, "/?status=waiting").await;
    let next = first
        .is(200)
        .text
        .split("href=\"/?status=waiting&amp;before=")
        .nth(1);
    let next = next.and_then(|rest| rest.split('"').next());
    let next = next.expect("there are more");
    let path = format!("/?status=waiting&before={next}");
    let second = page(&bed, &Proof::Nothing, &path).await;
    assert_eq!(second.is(200).text.matches("test/listen:1.0.0").count(), 1);
    let order = r#"{"workflow": "test/ticks", "input": {"count": 1}}"#;
    let run = bed.post("runs", order).await.text_at("id");
    let path = format!("/runs/{run}?after=1");
    let shown = page(&bed, &Proof::Nothing, &path).await;
    assert!(
        shown.is(200).text.contains("From the beginning"),
        "{shown:?}"
    );
}
