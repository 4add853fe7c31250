//! Which events a `listen` or a schedule consumes.

use std::sync::Arc;

use ferrovia_expr::{EvalError, Expr, Scope, Value};

use super::Template;

/// `one`, `all` or `any`, with its filters.
#[derive(Debug, Clone)]
pub struct Strategy {
    pub consumption: Consumption,
    /// Empty with `any` means every event.
    pub filters: Arc<[EventFilter]>,
    /// Only with `any`.
    pub until: Option<Box<Until>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consumption {
    One,
    /// Each filter once, in any order.
    All,
    Any,
}

#[derive(Debug, Clone)]
pub enum Until {
    /// Evaluated on the array of what was consumed so far.
    Condition(Expr),
    /// Stops listening when these events arrive; they are not part of the result.
    Consumed(Strategy),
}

/// How a consumed event is handed to the workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum EventRead {
    #[default]
    Data,
    Envelope,
    Raw,
}

impl EventRead {
    /// The part of a CloudEvent that the workflow sees.
    pub fn read(self, event: &Value) -> Value {
        match self {
            EventRead::Envelope => event.clone(),
            EventRead::Data => event.get("data").cloned().unwrap_or_default(),
            EventRead::Raw => event
                .get("data_base64")
                .or_else(|| event.get("data"))
                .cloned()
                .unwrap_or_default(),
        }
    }
}

/// Conditions on a CloudEvent: all attributes must match and all correlations agree.
#[derive(Debug, Clone)]
pub struct EventFilter {
    pub with: Vec<AttributeMatch>,
    pub correlate: Vec<Correlation>,
}

#[derive(Debug, Clone)]
pub struct AttributeMatch {
    pub attribute: Arc<str>,
    pub matcher: Matcher,
}

#[derive(Debug, Clone)]
pub enum Matcher {
    /// Equal, or, for a string, matched as a whole by it as a regular expression.
    Literal {
        value: Value,
        pattern: Option<regex::Regex>,
    },
    /// Evaluated on the attribute: a boolean is the verdict, anything else is compared with the attribute.
    Expr(Expr),
}

/// A value taken from the event that must agree with an expectation.
#[derive(Debug, Clone)]
pub struct Correlation {
    pub name: Arc<str>,
    pub from: Expr,
    /// Without one, the first value seen becomes the expectation.
    pub expect: Option<Template>,
}

impl EventFilter {
    /// Whether the event passes all literal attribute conditions: what can be decided without a run's state.
    pub fn could_match(&self, event: &Value) -> bool {
        self.with.iter().all(|condition| match &condition.matcher {
            Matcher::Literal { .. } => condition.literal_matches(event),
            Matcher::Expr(_) => true,
        })
    }

    /// Whether the event passes all attribute conditions.
    pub fn matches(&self, event: &Value, scope: &dyn Scope) -> Result<bool, EvalError> {
        for condition in &self.with {
            let matched = match &condition.matcher {
                Matcher::Literal { .. } => condition.literal_matches(event),
                Matcher::Expr(expr) => {
                    let attribute = event.get(&condition.attribute).cloned().unwrap_or_default();
                    match expr.evaluate(&attribute, scope)? {
                        Value::Bool(verdict) => verdict,
                        expected => expected == attribute,
                    }
                }
            };
            if !matched {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl AttributeMatch {
    fn literal_matches(&self, event: &Value) -> bool {
        let Matcher::Literal { value, pattern } = &self.matcher else {
            return false;
        };
        let Some(actual) = event.get(&self.attribute) else {
            return false;
        };
        actual == value
            || matches!((pattern, actual.as_str()), (Some(p), Some(text)) if p.is_match(text))
    }
}
