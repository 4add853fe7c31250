//! `start`: how large the program is, and how soon and how large a server is ready.

use std::time::Duration;

use ferrovia_expr::Object;

use super::bed::{Base, workflow};
use super::child::Server;
use super::report::{Report, grouped, median, milliseconds, progress};

/// How long a server is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(1);

pub(super) async fn measure(
    base: &Base,
    repeats: usize,
    report: &mut Report,
) -> anyhow::Result<()> {
    let program = std::fs::metadata(std::env::current_exe()?)?.len();
    let (mut ready, mut resident) = (Vec::new(), Vec::new());
    for repeat in 1..=repeats {
        progress(format_args!("starting a server, {repeat} of {repeats}"));
        let directory = base.fresh()?;
        let definition = directory.path().join("small.yaml");
        std::fs::write(&definition, workflow("small", "  - a: { set: { n: 1 } }\n"))?;
        let server = Server::start(&definition, &directory.path().join("data")).await?;
        tokio::time::sleep(IDLE).await;
        ready.push(milliseconds(server.ready));
        resident.push(server.resident_bytes() as f64);
    }
    let (ready, resident) = (median(ready), median(resident));
    let mut members = Object::default();
    members.insert("programBytes", program as i64);
    members.insert("readyMs", ready);
    members.insert("residentBytes", resident.round());
    let line = format!(
        "program {} KiB; server ready after {ready:.0} ms, {} KiB resident when idle",
        grouped(program as f64 / 1024.0),
        grouped(resident / 1024.0),
    );
    report.add("start", &line, members);
    Ok(())
}
