//! The secret values that one call knows, and striking them out of texts about it.
//!
//! Works by value, whatever the name under which a secret was sent, and in the spellings that protocols give it. Knows
//! nothing of the protocols themselves.

use std::fmt;
use std::sync::Arc;

use ferrovia_expr::{Expr, Scope, Value};

/// What stands where a secret stood.
pub const MASK: &str = "***";

/// Shorter values are not looked for: they occur in texts by chance, and masking them would tell them.
const SECRET_CHARS_MIN: usize = 4;

/// The secrets of a call in all their spellings, the longest first. Never shown by `Debug`.
#[derive(Clone, Default)]
pub struct Secrets(Arc<[String]>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

impl Secrets {
    /// All texts and numbers inside `values`.
    pub fn of<'v>(values: impl IntoIterator<Item = &'v Value>) -> Self {
        let mut leaves = Vec::new();
        for value in values {
            gather(value, &mut leaves);
        }
        leaves.retain(|leaf| leaf.chars().count() >= SECRET_CHARS_MIN);
        let mut spellings: Vec<String> = leaves.iter().flat_map(|leaf| spellings(leaf)).collect();
        spellings.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        spellings.dedup();
        Self(spellings.into())
    }

    /// The text with [`MASK`] for every secret.
    pub fn mask(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        for secret in self.0.iter() {
            if masked.contains(secret.as_str()) {
                masked = masked.replace(secret.as_str(), MASK);
            }
        }
        masked
    }

    /// Whether a secret stands anywhere in these bytes.
    pub fn occur_in(&self, bytes: &[u8]) -> bool {
        let text = String::from_utf8_lossy(bytes);
        self.0.iter().any(|secret| text.contains(secret.as_str()))
    }
}

fn gather(value: &Value, leaves: &mut Vec<String>) {
    match value {
        Value::Str(text) => leaves.push(text.to_string()),
        Value::Int(_) | Value::Float(_) => leaves.push(value.to_json()),
        Value::Array(items) => items.iter().for_each(|item| gather(item, leaves)),
        Value::Object(members) => members
            .iter()
            .for_each(|(_, member)| gather(member, leaves)),
        Value::Null | Value::Bool(_) => {}
    }
}

/// As it is, inside JSON, in URIs and forms, and in base64.
fn spellings(secret: &str) -> Vec<String> {
    let quoted = Value::from(secret).to_json();
    let mut spellings = vec![
        secret.to_owned(),
        quoted[1..quoted.len() - 1].to_owned(),
        secret.replace(' ', "+"),
    ];
    if let Some(uri) = formatted("@uri", secret) {
        spellings.push(uri.replace("%20", "+"));
        spellings.push(uri);
    }
    if let Some(base64) = formatted("@base64", secret) {
        let bare = base64.trim_end_matches('=');
        spellings.push(bare.replace('+', "-").replace('/', "_"));
        spellings.push(bare.to_owned());
        spellings.push(base64);
    }
    spellings
}

fn formatted(format: &str, text: &str) -> Option<String> {
    let format = Expr::compile(format, &[]).expect("a format is an expression");
    let formatted = format.evaluate(&text.into(), &NoVariables).ok()?;
    formatted.as_str().map(str::to_owned)
}

struct NoVariables;

impl Scope for NoVariables {
    fn variable(&self, _name: &str) -> Option<Value> {
        None
    }

    fn now_ms(&self) -> i64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(json: &str) -> Secrets {
        Secrets::of([&Value::parse_json(json).expect("the test's JSON is valid")])
    }

    #[test]
    fn secrets_are_struck_out_in_every_spelling() {
        let secrets =
            secrets(r#"{"shop": {"key": "s3/cr \"t", "pin": 48151}, "list": ["other?"]}"#);
        for text in [
            "s3/cr \"t",
            "48151",
            r#"s3/cr \"t"#,
            "s3%2Fcr%20%22t",
            "s3%2Fcr+%22t",
            "czMvY3IgInQ=",
            "czMvY3IgInQ",
            "b3RoZXI/",
            "b3RoZXI_",
        ] {
            let shown = secrets.mask(&format!("before {text} after"));
            assert_eq!(shown.replace("***=", "***"), "before *** after", "{text}");
            assert!(secrets.occur_in(text.as_bytes()), "{text}");
        }
        assert_eq!(secrets.mask("nothing here"), "nothing here");
        assert!(!format!("{secrets:?}").contains("48151"));
    }

    #[test]
    fn what_is_too_short_to_be_told_apart_stays() {
        let secrets = secrets(r#"["abc", true, null, "", 12]"#);
        assert_eq!(secrets.mask("abc 12 true null"), "abc 12 true null");
    }
}
