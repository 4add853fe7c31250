//! Many deliveries, again and again and in any order, with the server gone in between: one run each.

use std::sync::Arc;

use futures_util::future::join_all;

use super::sender::{ALL, Sender, hooks};
use crate::bed::Bed;

/// Different deliveries of each scheme; `FERROVIA_DELIVERIES=10000` takes minutes.
const DELIVERIES: usize = 500;
/// Under way at a time.
const AT_A_TIME: usize = 32;

fn deliveries() -> usize {
    let given = std::env::var("FERROVIA_DELIVERIES").ok();
    given.map_or(DELIVERIES, |given| given.parse().expect("it is a number"))
}

/// Each twice, and every third once more, mixed up in the same way each time.
fn order(count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).flat_map(|n| [n, n]).collect();
    order.extend((0..count).step_by(3));
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for at in (1..order.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        order.swap(at, (state % (at as u64 + 1)) as usize);
    }
    order
}

/// How many were new.
async fn send_all(sender: Sender, bed: &Bed, order: &[usize]) -> usize {
    let mut new = 0;
    for some in order.chunks(AT_A_TIME) {
        let answers = join_all(some.iter().map(|n| sender.deliver(bed, *n))).await;
        for answer in answers {
            match answer.status.as_u16() {
                202 => new += 1,
                200 => {}
                _ => panic!("{sender:?}: {answer:?}"),
            }
        }
    }
    new
}

async fn runs(bed: &Bed) -> usize {
    let metrics = bed.get("/metrics").await.text;
    let counts = metrics
        .lines()
        .filter(|line| line.starts_with("ferrovia_runs{"));
    let counts = counts.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok());
    counts.sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_delivery_has_one_run_also_when_the_server_dies_in_between() {
    let count = deliveries();
    let order = order(count);
    let (before, after) = order.split_at(order.len() / 2);
    for sender in ALL {
        let bed = Bed::hooked(hooks()).await;
        let mut new = send_all(sender, &bed, before).await;
        let journal = Arc::clone(&bed.journal);
        drop(bed);
        // What the first one did not answer in time is sent again.
        let bed = Bed::hooked_on(journal, hooks()).await;
        let again = &before[before.len().saturating_sub(AT_A_TIME)..];
        assert_eq!(send_all(sender, &bed, again).await, 0, "{sender:?}");
        new += send_all(sender, &bed, after).await;
        assert_eq!((new, runs(&bed).await), (count, count), "{sender:?}");
    }
}
