//! Webhooks over HTTP: every scheme takes what is genuine, once, and nothing else.

mod many;
mod refused;
mod sender;

use ferrovia_expr::{Value, value};

use crate::bed::{Bed, LONG, send};
use sender::{ALL, Sender, hooks};

async fn runs(bed: &Bed) -> Vec<Value> {
    let listed = bed.get("/api/v1/runs?limit=1000").await.at("/runs");
    listed.as_array().expect("a list").to_vec()
}

/// What the newest run began with.
async fn seen(bed: &Bed) -> Value {
    let runs = runs(bed).await;
    let id = runs[0].get("id").and_then(Value::as_str).expect("an id");
    let shown = bed.get(&format!("/api/v1/runs/{id}?{LONG}")).await;
    shown.is(200).at("/output")
}

#[tokio::test]
async fn every_scheme_takes_what_is_genuine_once() {
    for sender in ALL {
        let bed = Bed::hooked(hooks()).await;
        let first = sender.deliver(&bed, 1).await;
        assert_eq!(first.is(202).at("/known"), value!(false), "{sender:?}");
        assert_eq!(
            seen(&bed).await.get("n"),
            Some(&sender.number(1)),
            "{sender:?}"
        );
        let again = sender.deliver(&bed, 1).await;
        assert_eq!(again.is(200).at("/known"), value!(true), "{sender:?}");
        sender.deliver(&bed, 2).await.is(202);
        assert_eq!(runs(&bed).await.len(), 2, "{sender:?}");
    }
}

#[tokio::test]
async fn what_was_forged_is_refused_in_one_and_the_same_way() {
    let bed = Bed::hooked(hooks()).await;
    let mut answers = Vec::new();
    for sender in ALL {
        if sender == Sender::Open {
            continue;
        }
        for forged in [
            sender.unsigned(&bed),
            sender.wrongly_signed(&bed),
            sender.changed(&bed),
        ]
        .into_iter()
        .flatten()
        {
            let answer = send(forged).await;
            answer.problem(401, "not-genuine", None);
            answers.push(answer.text);
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(runs(&bed).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_replay_outside_of_the_window_is_refused() {
    let bed = Bed::hooked(hooks()).await;
    for sender in [Sender::Standard, Sender::Stripe, Sender::Slack] {
        let window = i64::from(ferrovia_server::hook::WINDOW_SECONDS);
        for late in [-window - 60, window + 60] {
            let answer = send(sender.at(&bed, 1, sender::now_s() + late)).await;
            answer.problem(401, "not-genuine", None);
        }
        send(sender.at(&bed, 1, sender::now_s() - window / 2))
            .await
            .is(202);
    }
}

#[tokio::test]
async fn slack_gets_its_challenge_back() {
    let bed = Bed::hooked(hooks()).await;
    let body = r#"{"type": "url_verification", "challenge": "3eZbrw1aB"}"#;
    let answer = send(sender::slack(&bed, body, sender::now_s())).await;
    assert_eq!(answer.is(200).text, "3eZbrw1aB");
    let forged = bed.request("POST", "/hooks/slack").body(body);
    send(forged).await.problem(401, "not-genuine", None);
    assert_eq!(runs(&bed).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_delivery_starts_a_workflow_and_gets_its_output() {
    let bed = Bed::hooked(hooks()).await;
    let order = || {
        let request = bed.request("POST", "/hooks/direct/order?shop=north");
        send(
            request
                .header("content-type", "application/x-www-form-urlencoded")
                .header("x-delivery", "17")
                .header("authorization", "Bearer secret")
                .body("item=pen&item=ink"),
        )
    };
    let first = order().await;
    assert_eq!(
        first.is(200).at("/body"),
        value!({ "item": ["pen", "ink"] })
    );
    assert_eq!(first.at("/query"), value!({ "shop": "north" }));
    assert_eq!(first.at("/headers/x-delivery"), value!("17"));
    assert!(!first.text.contains("Bearer"), "{first:?}");
    assert_eq!(order().await.is(200).text, first.text);
    assert_eq!(runs(&bed).await.len(), 1);
    let without = bed.request("POST", "/hooks/direct/order").body("{}");
    send(without).await.problem(422, "invalid", None);
}

#[tokio::test]
async fn a_workflow_that_is_not_there_yet_makes_senders_try_again() {
    let bed = Bed::hooked(hooks()).await;
    let answer = send(bed.request("POST", "/hooks/direct/later").body("{}")).await;
    answer.problem(503, "no-workflow", None);
    assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
}

#[tokio::test]
async fn a_run_without_an_output_says_nothing_of_why() {
    let bed = Bed::hooked(hooks()).await;
    let answer = send(bed.request("POST", "/hooks/direct/fault").body("{}")).await;
    answer.problem(500, "no-output", None);
    assert!(!answer.text.contains("Empty"), "{answer:?}");
}
