//! The services around the example workflow: a warehouse, a payment provider and a packing station, in memory.
//!
//! Owns the command line and the listening socket. Listens on the loopback interface only: it is a stand-in for
//! services that a shop would already have, not one of them.

mod http;
mod ledger;
mod shop;

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use tokio::net::TcpListener;

/// The port that `orders.json` names.
const PORT_DEFAULT: u16 = 7411;

const USAGE: &str =
    "usage: order-services [--port NUMBER]   (7411 unless given; 0 takes any free port)";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(port) = port(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match serve(port).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("order-services: cannot listen on port {port}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn port(arguments: &[String]) -> Option<u16> {
    match arguments {
        [] => Some(PORT_DEFAULT),
        [flag, port] if flag == "--port" => port.parse().ok(),
        _ => None,
    }
}

async fn serve(port: u16) -> std::io::Result<()> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, http::router(http::Desk::default()))
        .with_graceful_shutdown(interrupted())
        .await
}

async fn interrupted() {
    // Without a signal handler the service simply runs until it is killed.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_the_only_argument() {
        for (arguments, expected) in [
            (vec![], Some(PORT_DEFAULT)),
            (vec!["--port", "0"], Some(0)),
            (vec!["--port", "8080"], Some(8080)),
            (vec!["--port"], None),
            (vec!["--port", "70000"], None),
            (vec!["--help"], None),
        ] {
            let arguments: Vec<String> = arguments.into_iter().map(String::from).collect();
            assert_eq!(port(&arguments), expected, "{arguments:?}");
        }
    }
}
