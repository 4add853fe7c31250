//! `ferrovia events send`: hands CloudEvents to a server.

use anyhow::bail;
use clap::{Args, Subcommand};
use ferrovia_expr::{Object, Value};
use http::Method;
use jiff::Timestamp;

use crate::args::Output;
use crate::exit::Exit;
use crate::out;
use crate::remote::AskArgs;
use crate::run::read_json;

/// Where an event comes from that does not say it.
const SOURCE: &str = "/ferrovia/cli";

pub(crate) const EXAMPLES: &str = "Examples:
  ferrovia events send '{\"type\": \"com.example.paid\", \"data\": {\"orderId\": 7}}'
  ferrovia events send @paid.json --server https://flows.example.com --key-file ci.key
  jq -c '.events' batch.json | ferrovia events send -

An event is a CloudEvent, or a list of them is a batch. `id`, `source` and `time` are filled in where they are missing.
The same event, by source and id, is taken once: give it an id where it may be sent twice.

Without --server the command asks the server that has the data directory, with the key that it left there.

Exit codes: 0 taken in, 2 refused";

#[derive(Args)]
pub(crate) struct EventsArgs {
    #[command(subcommand)]
    command: EventsCommand,
    #[command(flatten)]
    ask: AskArgs,
}

#[derive(Subcommand)]
enum EventsCommand {
    /// Send an event, or a list of them
    #[command(after_help = EXAMPLES)]
    Send {
        /// The event: JSON, `@FILE` (JSON, or YAML by its name), or `-` for standard input
        #[arg(value_name = "JSON|@FILE|-")]
        event: String,
    },
}

pub(crate) async fn events(args: EventsArgs) -> Exit {
    out::exit(send(&args).await)
}

async fn send(args: &EventsArgs) -> anyhow::Result<Exit> {
    let EventsCommand::Send { event } = &args.command;
    let body = match read_json(event, "the event")? {
        Value::Array(events) => {
            let events = events.iter().map(|event| complete(event.clone()));
            events.collect::<anyhow::Result<Vec<_>>>()?.into()
        }
        event => complete(event)?,
    };
    let server = args.ask.server()?;
    let taken = server.ask(Method::POST, "events", Some(&body)).await?;
    let shown = match (
        args.ask.output,
        taken.get("events").and_then(Value::as_array),
    ) {
        (Output::Json, _) => taken.to_json_pretty(),
        (Output::Text, None) => told(&taken),
        (Output::Text, Some(each)) => each.iter().map(told).collect::<Vec<_>>().join("\n"),
    };
    Ok(out::result(&shown, Exit::Completed))
}

/// The event with what every CloudEvent has.
fn complete(event: Value) -> anyhow::Result<Value> {
    let Value::Object(event) = event else {
        bail!("an event is a JSON object, and a batch is a list of such");
    };
    let id = format!("{:032x}", rand::random::<u128>());
    let now = Timestamp::now();
    let mut whole: Object = [
        ("specversion", Value::from("1.0")),
        ("id", id.into()),
        ("source", SOURCE.into()),
        ("time", format!("{now:.3}").into()),
    ]
    .into_iter()
    .collect();
    for (name, value) in event.iter() {
        whole.insert(name.clone(), value.clone());
    }
    Ok(whole.into())
}

fn told(taken: &Value) -> String {
    if taken.get("known") == Some(&true.into()) {
        return "had come before".to_owned();
    }
    let started = taken.get("started").and_then(Value::as_array);
    let started: Vec<&str> = started
        .iter()
        .flat_map(|runs| runs.iter())
        .filter_map(Value::as_str)
        .collect();
    let delivered = taken.get("delivered").and_then(Value::as_i64).unwrap_or(0);
    let reached = match delivered {
        0 => "no run waits for it".to_owned(),
        1 => "one run got it".to_owned(),
        more => format!("{more} runs got it"),
    };
    match started.as_slice() {
        [] => format!("taken in; {reached}"),
        runs => format!("taken in; {reached}; started {}", runs.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferrovia_expr::value;

    #[test]
    fn what_an_event_says_itself_stays() {
        let event = value!({ "type": "a", "id": "7", "data": { "n": 1 } });
        let whole = complete(event).expect("it is an object");
        assert_eq!(whole.get("id"), Some(&value!("7")));
        assert_eq!(whole.get("source"), Some(&value!(SOURCE)));
        assert!(whole.get("time").is_some());
        assert!(complete(value!("a")).is_err());
    }

    #[test]
    fn what_came_of_an_event_is_one_line() {
        for (taken, line) in [
            (value!({ "known": true }), "had come before"),
            (
                value!({ "known": false, "delivered": 0, "started": ["a", "b"] }),
                "taken in; no run waits for it; started a b",
            ),
            (
                value!({ "known": false, "delivered": 2, "started": [] }),
                "taken in; 2 runs got it",
            ),
        ] {
            assert_eq!(told(&taken), line);
        }
    }
}
