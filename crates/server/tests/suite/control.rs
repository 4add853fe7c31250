//! Cancel, suspend, resume, settle.

use std::sync::atomic::Ordering;

use ferrovia_expr::value;

use crate::bed::{Bed, LONG};

#[tokio::test]
async fn a_suspended_run_waits_until_it_is_resumed() {
    let bed = Bed::new().await;
    let run = bed.begin("test/listen").await;
    let suspended = bed.post(&format!("runs/{run}/suspend"), "").await;
    assert_eq!(suspended.is(200).at("/status"), value!("suspended"));
    bed.post(&format!("runs/{run}/suspend"), "")
        .await
        .problem(409, "conflict", None);
    let event = r#"{"id": "1", "source": "/me", "type": "test.heard", "data": 1}"#;
    assert_eq!(bed.post("events", event).await.at("/delivered"), value!(1));
    let shown = bed.get(&format!("/api/v1/runs/{run}")).await;
    assert_eq!(shown.at("/status"), value!("suspended"));
    bed.post(&format!("runs/{run}/resume"), "").await.is(200);
    let shown = bed.get(&format!("/api/v1/runs/{run}?{LONG}")).await;
    assert_eq!(shown.at("/output"), value!([1]));
    bed.post(&format!("runs/{run}/resume"), "")
        .await
        .problem(409, "conflict", None);
}

#[tokio::test]
async fn a_run_is_cancelled_once_and_with_a_reason() {
    let bed = Bed::new().await;
    let run = bed.begin("test/listen").await;
    let cancel = format!("runs/{run}/cancel");
    bed.post(&cancel, r#"{"reason": 7}"#)
        .await
        .problem(422, "invalid", Some("/reason"));
    let cancelled = bed.post(&cancel, r#"{"reason": "ordered twice"}"#).await;
    assert_eq!(cancelled.is(200).at("/status"), value!("cancelled"));
    assert_eq!(cancelled.at("/reason"), value!("ordered twice"));
    bed.post(&cancel, "").await.problem(409, "conflict", None);
}

#[tokio::test]
async fn who_waits_hears_of_the_cancellation() {
    let bed = Bed::new().await;
    let run = bed.begin("test/listen").await;
    let wait = format!("/api/v1/runs/{run}?{LONG}");
    let cancel = format!("runs/{run}/cancel");
    let (waited, _) = tokio::join!(bed.get(&wait), bed.post(&cancel, ""));
    assert_eq!(waited.is(200).at("/status"), value!("cancelled"));
}

#[tokio::test]
async fn a_person_settles_an_effect_of_unknown_outcome() {
    let bed = Bed::new().await;
    let run = bed.begin("test/pay").await;
    bed.silence.called.notified().await;
    let settle = format!("runs/{run}/settle");
    let shown = bed.get(&format!("/api/v1/runs/{run}")).await;
    let effect = shown.at("/open/0/id");
    assert_eq!(shown.at("/open/0/call"), value!("http"));
    let paid = value!({ "effect": effect.clone(), "output": { "paid": true } }).to_json();
    // While the call is under way, nobody may say how it ended.
    bed.post(&settle, &paid)
        .await
        .problem(409, "conflict", None);

    // Another process takes over, as after a crash: the call may have arrived, and is not sent again.
    let after = Bed::on(bed.journal.clone()).await;
    let mut shown = after.get(&format!("/api/v1/runs/{run}")).await;
    while shown.at("/status") != value!("parked") {
        tokio::task::yield_now().await;
        shown = after.get(&format!("/api/v1/runs/{run}")).await;
    }
    assert_eq!(after.silence.calls.load(Ordering::SeqCst), 0);
    for (body, pointer) in [
        (value!({ "output": 1 }), "/effect"),
        (value!({ "effect": effect.clone() }), "/output"),
        (
            value!({ "effect": effect.clone(), "output": 1, "error": "no" }),
            "/output",
        ),
        (value!({ "effect": effect.clone(), "error": 1 }), "/error"),
        (value!({ "effect": "/do/9/x", "output": 1 }), "/effect"),
        (value!({ "effect": effect, "outputs": 1 }), "/outputs"),
    ] {
        let answer = after.post(&settle, &body.to_json()).await;
        answer.problem(422, "invalid", Some(pointer));
    }
    after.post(&settle, &paid).await.is(200);
    let shown = after.get(&format!("/api/v1/runs/{run}?{LONG}")).await;
    assert_eq!(shown.at("/output"), value!({ "paid": true }));
    assert_eq!(after.silence.calls.load(Ordering::SeqCst), 0);
}
