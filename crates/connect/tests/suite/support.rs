//! What the tests share: connectors, calls, and values written as JSON.

use std::sync::Arc;
use std::time::Duration;

use ferrovia_connect::{ConnectConfig, Connectors};
use ferrovia_expr::Value;
use ferrovia_runtime::port::{Call, Fault, Secrets, Success};

pub(crate) fn json(text: &str) -> Value {
    Value::parse_json(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

pub(crate) fn connectors(config: &ConnectConfig) -> Connectors {
    Connectors::new(config).unwrap()
}

pub(crate) fn call(kind: &str, arguments: Value) -> Call {
    Call {
        kind: kind.into(),
        arguments,
        secrets: Secrets::default(),
        idempotency_key: "run-1/effect-1".into(),
        time_limit: Some(Duration::from_secs(20)),
    }
}

pub(crate) async fn execute(connectors: &Connectors, call: Call) -> Result<Success, Fault> {
    let found = connectors
        .executors
        .iter()
        .find(|(kind, _)| **kind == *call.kind);
    let (_, executor) = found.unwrap_or_else(|| panic!("no executor for {}", call.kind));
    Arc::clone(executor).execute(call).await
}

pub(crate) async fn run(kind: &str, arguments: &str) -> Result<Value, Fault> {
    let connectors = connectors(&ConnectConfig::default());
    execute(&connectors, call(kind, json(arguments)))
        .await
        .map(|success| success.output)
}

/// The fault's detail, which must be there.
pub(crate) fn detail(fault: &Fault) -> &str {
    fault.detail.as_deref().unwrap()
}
