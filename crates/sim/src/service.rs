//! The service that all effects call: answers by what was asked, fails as the key says, and remembers every request.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use ferrovia_engine::{EffectOutput, EffectRequest, ErrorType, Fault, Outcome};
use ferrovia_expr::Value;

/// What the service knows of one idempotency key.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) requests: u32,
    pub(crate) body: String,
    pub(crate) endpoint: String,
    pub(crate) outcome: Outcome,
    /// A later request with the same key asked for something else.
    pub(crate) contradicted: bool,
}

#[derive(Default)]
pub(crate) struct Service(pub(crate) HashMap<String, Seen>);

impl Service {
    /// A request has arrived. The same key always gets the same answer.
    pub(crate) fn arrive(&mut self, key: &str, request: &EffectRequest) -> Outcome {
        let arguments = &request.arguments.value;
        let body = arguments
            .get("body")
            .map(Value::to_json)
            .unwrap_or_default();
        let endpoint = endpoint(arguments);
        if let Some(seen) = self.0.get_mut(key) {
            seen.requests += 1;
            seen.contradicted |= seen.body != body || seen.endpoint != endpoint;
            return seen.outcome.clone();
        }
        let outcome = answer(key, &endpoint, &body);
        let seen = Seen {
            requests: 1,
            body,
            endpoint,
            outcome: outcome.clone(),
            contradicted: false,
        };
        self.0.insert(key.to_owned(), seen);
        outcome
    }
}

fn endpoint(arguments: &Value) -> String {
    let endpoint = arguments.get("endpoint");
    let uri =
        endpoint.and_then(|endpoint| endpoint.as_str().or_else(|| endpoint.get("uri")?.as_str()));
    uri.unwrap_or_default().to_owned()
}

/// Decided by the place below the run and by what is asked, so that it is the same whatever the id of the run.
fn answer(key: &str, endpoint: &str, body: &str) -> Outcome {
    let place = key.find('/').map_or(key, |at| &key[at..]);
    let mut hasher = DefaultHasher::new();
    (place, endpoint, body).hash(&mut hasher);
    let drawn = hasher.finish();
    if endpoint.ends_with("unreliable") && !drawn.is_multiple_of(3) {
        return Outcome::Failed(Fault {
            kind: ErrorType::Communication,
            status: Some(503),
            title: Some("Service Unavailable".into()),
            detail: None,
        });
    }
    Outcome::Completed(EffectOutput {
        value: Value::from((drawn % 1_000) as i64),
        authorization_scheme: None,
    })
}
