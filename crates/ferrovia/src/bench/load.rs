//! Load: so many clients, each starting its next run when the last one has ended.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ferrovia_dsl::plan::Plan;
use ferrovia_expr::Value;
use tokio::sync::oneshot;

use super::client::{Client, Way};
use super::machine::cpu_seconds;

/// What comes before the measured time: caches fill, clients spread out.
const WARM_UP: Duration = Duration::from_millis(300);

/// What so many clients saw.
pub(super) struct Seen {
    pub(super) runs_per_second: f64,
    /// Sorted.
    pub(super) latencies: Vec<Duration>,
    /// Time of the cores for each run, with that of the clients, in microseconds.
    pub(super) cpu_us: f64,
}

/// Clients over HTTP share a thread of their own, beside the server; those of this process run among its tasks.
pub(super) async fn load(
    way: &Way,
    plan: &Arc<Plan>,
    input: &Value,
    clients: usize,
    time: Duration,
) -> anyhow::Result<Seen> {
    let mut ready = Vec::with_capacity(clients);
    match way {
        Way::InProcess(_) => {
            for _ in 0..clients {
                ready.push(way.client(plan, input).await?);
            }
            all(ready, time).await
        }
        Way::Http(_) => {
            let (way, plan, input) = (way.clone(), plan.clone(), input.clone());
            let (sender, receiver) = oneshot::channel();
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            std::thread::Builder::new()
                .name("load".to_owned())
                .spawn(move || {
                    let seen = runtime.block_on(async {
                        for _ in 0..clients {
                            ready.push(way.client(&plan, &input).await?);
                        }
                        all(ready, time).await
                    });
                    // Whoever asked may have gone.
                    let _ = sender.send(seen);
                })?;
            receiver.await?
        }
    }
}

async fn all(clients: Vec<Client>, time: Duration) -> anyhow::Result<Seen> {
    let from = Instant::now() + WARM_UP;
    let until = from + time;
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|client| tokio::spawn(one(client, from, until)))
        .collect();
    tokio::time::sleep_until(from.into()).await;
    let before = cpu_seconds();
    tokio::time::sleep_until(until.into()).await;
    let cpu_us = (cpu_seconds() - before) * 1e6;
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await??);
    }
    latencies.sort();
    Ok(Seen {
        runs_per_second: latencies.len() as f64 / time.as_secs_f64(),
        cpu_us: cpu_us / latencies.len().max(1) as f64,
        latencies,
    })
}

/// Times of the runs that ended within the measured time.
async fn one(mut client: Client, from: Instant, until: Instant) -> anyhow::Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    loop {
        let begun = Instant::now();
        client.run().await?;
        let ended = Instant::now();
        if ended >= until {
            return Ok(latencies);
        }
        if ended >= from {
            latencies.push(ended - begun);
        }
    }
}
