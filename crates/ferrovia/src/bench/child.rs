//! `ferrovia serve` as a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::machine;

/// How long a server may take until it is ready.
const READY_MAX: Duration = Duration::from_secs(120);

pub(super) struct Server {
    child: Child,
    pub(super) address: SocketAddr,
    /// From the start of the process until it takes requests.
    pub(super) ready: Duration,
}

impl Server {
    /// Starts one and waits until it takes requests.
    pub(super) async fn start(definition: &Path, data: &Path) -> anyhow::Result<Server> {
        let program = std::env::current_exe()?;
        let mut command = Command::new(program);
        command
            .arg("serve")
            .arg(definition)
            .args(["--listen", "127.0.0.1:0", "--offline", "--data"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let begun = Instant::now();
        let mut child = command.spawn()?;
        let stdout = child.stdout.take();
        let mut server = Server {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            ready: Duration::ZERO,
        };
        let said = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            let read = stdout.map(|stdout| BufReader::new(stdout).read_line(&mut line));
            read.transpose().map(|_| (line, begun.elapsed()))
        });
        let (line, ready) = tokio::time::timeout(READY_MAX, said)
            .await
            .context("the server is not ready")???;
        let address = line
            .split_once("http://")
            .and_then(|(_, rest)| rest.split([',', ' ', '\n']).next()?.parse().ok());
        let Some(address) = address else {
            bail!("the server does not start: {line}");
        };
        (server.address, server.ready) = (address, ready);
        Ok(server)
    }

    pub(super) fn resident_bytes(&self) -> u64 {
        machine::resident_bytes(&self.child.id().to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It loses nothing: that is what it is for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
