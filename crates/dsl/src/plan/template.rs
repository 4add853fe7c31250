//! Literal structure with expressions inside, as `set`, `with` and `from` take it.
//!
//! An expression that names `$secrets` or `$authorization` is *sealed*: it is evaluated where the effect leaves
//! the process, so neither state nor journal ever holds what it yields.

use std::sync::Arc;

use ferrovia_expr::{EvalError, Expr, Object, Scope, Value};
use serde::{Deserialize, Serialize};

/// A value of the document in which some strings are expressions.
#[derive(Debug, Clone)]
pub enum Template {
    Literal(Value),
    Expr(Expr),
    /// Loose mode: an expression whose failure leaves the text itself.
    Loose {
        expr: Expr,
        text: Value,
    },
    /// Names `$secrets` or `$authorization`; occurs only in arguments of effects.
    Sealed {
        expr: Expr,
        secrets: Vec<Arc<str>>,
    },
    Uri(UriTemplate),
    Array(Vec<Template>),
    Object(Vec<(Arc<str>, Template)>),
}

/// Evaluated arguments of an effect, with the parts that are still sealed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Arguments {
    /// `null` at the place of each sealed part.
    pub value: Value,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sealed: Vec<Sealed>,
}

/// An expression over secrets with all else that it needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sealed {
    pub place: Vec<Step>,
    pub expr: Arc<str>,
    /// The secrets it names literally.
    pub secrets: Vec<Arc<str>>,
    pub input: Value,
    pub variables: Vec<(Arc<str>, Value)>,
}

/// One step into a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Step {
    Key(Arc<str>),
    Index(u32),
}

impl Template {
    /// Evaluates a template without sealed parts.
    pub fn evaluate(&self, input: &Value, scope: &dyn Scope) -> Result<Value, EvalError> {
        Ok(match self {
            Template::Literal(value) => value.clone(),
            Template::Expr(expr) => expr.evaluate(input, scope)?,
            _ => self.arguments(input, scope)?.value,
        })
    }

    /// Evaluates a template, leaving sealed parts for the moment the effect leaves.
    pub fn arguments(&self, input: &Value, scope: &dyn Scope) -> Result<Arguments, EvalError> {
        let mut evaluation = Evaluation {
            input,
            scope,
            place: Vec::new(),
            sealed: Vec::new(),
        };
        let value = evaluation.value(self)?;
        Ok(Arguments {
            value,
            sealed: evaluation.sealed,
        })
    }
}

struct Evaluation<'a> {
    input: &'a Value,
    scope: &'a dyn Scope,
    place: Vec<Step>,
    sealed: Vec<Sealed>,
}

impl Evaluation<'_> {
    fn value(&mut self, template: &Template) -> Result<Value, EvalError> {
        Ok(match template {
            Template::Literal(value) => value.clone(),
            Template::Expr(expr) => expr.evaluate(self.input, self.scope)?,
            Template::Loose { expr, text } => match expr.evaluate(self.input, self.scope) {
                Ok(value) => value,
                Err(EvalError::Raised(_)) => text.clone(),
                Err(limit @ EvalError::Limit(_)) => return Err(limit),
            },
            Template::Sealed { expr, secrets } => {
                self.seal(expr, secrets);
                Value::Null
            }
            Template::Uri(uri) => uri.expand(self.input)?.into(),
            Template::Array(items) => {
                let mut values = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    self.place.push(Step::Index(index as u32));
                    values.push(self.value(item)?);
                    self.place.pop();
                }
                values.into()
            }
            Template::Object(members) => {
                let mut object = Object::default();
                for (key, member) in members {
                    self.place.push(Step::Key(key.clone()));
                    object.insert(key.clone(), self.value(member)?);
                    self.place.pop();
                }
                object.into()
            }
        })
    }

    fn seal(&mut self, expr: &Expr, secrets: &[Arc<str>]) {
        let known = expr
            .variables()
            .iter()
            .filter(|name| !is_sealed_variable(name));
        let variables = known
            .map(|name| (name.clone(), self.scope.variable(name).unwrap_or_default()))
            .collect();
        self.sealed.push(Sealed {
            place: self.place.clone(),
            expr: expr.source().into(),
            secrets: secrets.to_vec(),
            input: self.input.clone(),
            variables,
        });
    }
}

/// The variables whose values never enter a run's state.
pub(crate) fn is_sealed_variable(name: &str) -> bool {
    matches!(name, "secrets" | "secret" | "authorization")
}

/// A URI template of RFC 6570 level 1 over the top-level members of the task's input.
#[derive(Debug, Clone)]
pub struct UriTemplate {
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Literal(Arc<str>),
    Variable(Arc<str>),
}

impl UriTemplate {
    /// Reads a template; `None` when the text has no variables or an unclosed brace.
    pub fn parse(text: &str) -> Option<UriTemplate> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let close = open + rest[open..].find('}')?;
            if open > 0 {
                parts.push(Part::Literal(rest[..open].into()));
            }
            parts.push(Part::Variable(rest[open + 1..close].into()));
            rest = &rest[close + 1..];
        }
        if parts.is_empty() {
            return None;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.into()));
        }
        Some(UriTemplate { parts })
    }

    /// Simple string expansion: everything but unreserved characters is percent-encoded, a missing value is empty.
    pub fn expand(&self, input: &Value) -> Result<String, EvalError> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Variable(name) => match input.get(name) {
                    None | Some(Value::Null) => {}
                    Some(Value::Str(value)) => percent_encode(value, &mut text),
                    Some(Value::Array(_) | Value::Object(_)) => {
                        let message = format!(
                            "the URI variable `{name}` is neither text, number nor boolean"
                        );
                        return Err(EvalError::Raised(message.into()));
                    }
                    Some(scalar) => percent_encode(&scalar.to_json(), &mut text),
                },
            }
        }
        match self.dotted(&text) {
            Some(segment) => {
                let message = format!(
                    "the URI would have the path segment `{segment}`, which leads elsewhere"
                );
                Err(EvalError::Raised(message.into()))
            }
            None => Ok(text),
        }
    }

    /// A path segment of the expansion that a value has made `.` or `..`. Clients and servers take such segments out of the
    /// path, so it would name another resource than the author meant.
    fn dotted<'t>(&self, expanded: &'t str) -> Option<&'t str> {
        let literal: String = self
            .parts
            .iter()
            .map(|part| match part {
                Part::Literal(literal) => &**literal,
                Part::Variable(_) => "x",
            })
            .collect();
        // What values bring is encoded, so the segments of both correspond.
        segments(expanded)
            .zip(segments(&literal))
            .find(|(segment, written)| is_dotted(segment) && !is_dotted(written))
            .map(|(segment, _)| segment)
    }
}

/// The segments of a URI up to its query and fragment; `\\` separates them too, as URL parsers see it.
fn segments(uri: &str) -> impl Iterator<Item = &str> {
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    path.split(['/', '\\'])
}

fn is_dotted(segment: &str) -> bool {
    let plain = segment.replace("%2e", ".").replace("%2E", ".");
    matches!(plain.as_str(), "." | "..")
}

/// Percent-encodes all but the unreserved characters of RFC 3986, section 2.3.
fn percent_encode(value: &str, into: &mut String) {
    use std::fmt::Write;
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(byte as char);
        } else {
            write!(into, "%{byte:02X}").expect("writing to a string never fails");
        }
    }
}

impl Arguments {
    /// Fills in the sealed parts with what `open` makes of them.
    pub fn open<E>(&self, mut open: impl FnMut(&Sealed) -> Result<Value, E>) -> Result<Value, E> {
        let mut value = self.value.clone();
        for sealed in &self.sealed {
            let secret = open(sealed)?;
            value = placed(value, &sealed.place, secret);
        }
        Ok(value)
    }
}

/// `value` with `inner` at `place`. The place exists: the template made both.
fn placed(value: Value, place: &[Step], inner: Value) -> Value {
    match (place.split_first(), value) {
        (Some((Step::Key(key), rest)), Value::Object(mut object)) => {
            let member = object.get(key).cloned().unwrap_or_default();
            object.insert(key.clone(), placed(member, rest, inner));
            object.into()
        }
        (Some((Step::Index(index), rest)), Value::Array(array)) => {
            let mut items = array.to_vec();
            if let Some(slot) = items.get_mut(*index as usize) {
                *slot = placed(std::mem::take(slot), rest, inner);
            }
            items.into()
        }
        _ => inner,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(template: &str, input: &str) -> Result<String, EvalError> {
        let template = UriTemplate::parse(template).expect("the template has variables");
        template.expand(&Value::parse_json(input).expect("the input is JSON"))
    }

    #[test]
    fn values_stay_within_their_segment() {
        for (template, value, expected) in [
            ("http://h/a/{x}/b", "../..", "http://h/a/..%2F../b"),
            ("http://h/a/{x}/b", "?q#f", "http://h/a/%3Fq%23f/b"),
            ("http://h/a/{x}/b", "%2e%2e", "http://h/a/%252e%252e/b"),
            ("http://h/a/{x}/b", "a\r\nb", "http://h/a/a%0D%0Ab/b"),
            ("http://h/a/{x}/b", "...", "http://h/a/.../b"),
            ("http://h/a/{x}.json", ".", "http://h/a/..json"),
            ("http://h/a/../{x}", "b", "http://h/a/../b"),
            ("http://h/a?q={x}", "..", "http://h/a?q=.."),
            ("http://{x}/", "me@evil", "http://me%40evil/"),
        ] {
            let input = Object::from_iter([("x", value)]);
            let input = Value::from(input).to_json();
            assert_eq!(
                expanded(template, &input).ok().as_deref(),
                Some(expected),
                "{template} {value}"
            );
        }
    }

    #[test]
    fn values_that_would_lead_to_another_path_are_refused() {
        for (template, input) in [
            ("http://h/a/{x}/b", r#"{"x": ".."}"#),
            ("http://h/a/{x}/b", r#"{"x": "."}"#),
            ("http://h/a/{x}", r#"{"x": ".."}"#),
            ("http://h/a/{x}?q", r#"{"x": ".."}"#),
            ("http://h/a/{x}{y}/b", r#"{"x": ".", "y": "."}"#),
            ("http://h/a/.{x}/b", r#"{"x": "."}"#),
            ("http://h/a/%2e{x}/b", r#"{"x": "."}"#),
            ("http://h/a/.{x}/b", "{}"),
            ("http://h\\{x}/b", r#"{"x": ".."}"#),
            ("{x}/b", r#"{"x": ".."}"#),
        ] {
            assert!(expanded(template, input).is_err(), "{template} {input}");
        }
    }
}
