//! Opens sealed arguments at the moment an effect leaves: the only place where secrets become values.

use std::sync::Arc;

use ferrovia_dsl::plan::{Arguments, Plan, Sealed};
use ferrovia_engine::{ErrorType, Fault};
use ferrovia_expr::{Expr, Object, Scope, Value};

use crate::port::Secrets;

/// Where secrets come from at the moment an effect leaves.
pub trait SecretSource: Send + Sync {
    /// Those of these names that workflows of a namespace may have. One that is not there is left out; an error says why
    /// one that is there cannot be had, and quotes nothing of it. Must not block.
    fn secrets(&self, namespace: &str, names: &[Arc<str>]) -> Result<Object, String>;
}

/// The same for all namespaces: an object of secrets by name.
impl SecretSource for Value {
    fn secrets(&self, _namespace: &str, names: &[Arc<str>]) -> Result<Object, String> {
        let known = |name: &Arc<str>| Some((name.clone(), self.get(name)?.clone()));
        Ok(names.iter().filter_map(known).collect())
    }
}

/// The arguments of an effect with all secrets in place, and what of them is secret. Never stored, never logged.
pub(crate) struct Opened {
    pub(crate) arguments: Value,
    pub(crate) secrets: Secrets,
}

/// Evaluates what is sealed.
pub(crate) fn open(
    arguments: &Arguments,
    plan: &Plan,
    source: &dyn SecretSource,
    now_ms: i64,
) -> Result<Opened, Fault> {
    if arguments.sealed.is_empty() {
        return Ok(Opened {
            arguments: arguments.value.clone(),
            secrets: Secrets::default(),
        });
    }
    // The secrets that the document declares, of those that exist.
    let permitted = source.secrets(&plan.identity.namespace, &plan.secrets);
    let permitted = Value::from(permitted.map_err(|why| fault(ErrorType::Authorization, why))?);
    // What only names secrets comes first: `$authorization` is read from the policy that they complete.
    let (over_authorization, over_secrets): (Vec<_>, Vec<_>) = arguments
        .sealed
        .iter()
        .cloned()
        .partition(|sealed| sealed.expr.contains("$authorization"));
    let first = Arguments {
        value: arguments.value.clone(),
        sealed: over_secrets,
    };
    // What an expression makes of a secret (a hash, a part) is secret too.
    let mut made = Vec::new();
    let mut evaluated = |sealed: &Sealed, authorization: Value| -> Result<Value, Fault> {
        let value = evaluate(sealed, &permitted, authorization, now_ms)?;
        made.push(value.clone());
        Ok(value)
    };
    let value = first.open(|sealed| evaluated(sealed, Value::Null))?;
    let authorization = authorization(&value);
    let arguments = Arguments {
        value,
        sealed: over_authorization,
    }
    .open(|sealed| evaluated(sealed, authorization.clone()))?;
    Ok(Opened {
        arguments,
        secrets: masks(&permitted, &made),
    })
}

/// The secrets themselves, and the texts made of them, unless a text shows a secret within other words: then masking the
/// secret is enough, and the words stay.
fn masks(permitted: &Value, made: &[Value]) -> Secrets {
    let plain = Secrets::of([permitted]);
    let derived = made.iter().filter(|value| {
        value
            .as_str()
            .is_some_and(|text| !plain.occur_in(text.as_bytes()))
    });
    Secrets::of(derived.chain([permitted]))
}

fn evaluate(
    sealed: &Sealed,
    secrets: &Value,
    authorization: Value,
    now_ms: i64,
) -> Result<Value, Fault> {
    for name in &sealed.secrets {
        if secrets.get(name).is_none() {
            return Err(fault(
                ErrorType::Authorization,
                format!("the secret `{name}` is not available to this workflow"),
            ));
        }
    }
    let mut known = vec!["secrets", "secret", "authorization"];
    known.extend(sealed.variables.iter().map(|(name, _)| &**name));
    let unusable = |_| {
        fault(
            ErrorType::Expression,
            "an expression over secrets could not be evaluated".to_owned(),
        )
    };
    let expr = Expr::compile(&sealed.expr, &known).map_err(|_| {
        fault(
            ErrorType::Expression,
            "an expression over secrets could not be read".to_owned(),
        )
    })?;
    let scope = SecretScope {
        secrets,
        authorization,
        variables: &sealed.variables,
        now_ms,
    };
    // The message of a failed evaluation may hold parts of a secret, so it is not passed on.
    expr.evaluate(&sealed.input, &scope).map_err(unusable)
}

fn fault(kind: ErrorType, detail: String) -> Fault {
    Fault {
        kind,
        status: None,
        title: None,
        detail: Some(detail.into()),
    }
}

/// `$authorization` for the schemes whose parameter is known before the call.
fn authorization(arguments: &Value) -> Value {
    let policy = arguments
        .get("authentication")
        .or_else(|| arguments.get("endpoint")?.get("authentication"))
        .and_then(Value::as_object);
    let (scheme, parameter) = match policy.and_then(|policy| policy.iter().next()) {
        Some((scheme, bearer)) if &**scheme == "bearer" => ("Bearer", bearer.get("token").cloned()),
        Some((scheme, basic)) if &**scheme == "basic" => {
            let credentials = |key| basic.get(key).and_then(Value::as_str).unwrap_or_default();
            let text = format!("{}:{}", credentials("username"), credentials("password"));
            let encode = Expr::compile("@base64", &[]).expect("a format is an expression");
            let nothing = SecretScope {
                secrets: &Value::Null,
                authorization: Value::Null,
                variables: &[],
                now_ms: 0,
            };
            ("Basic", encode.evaluate(&text.into(), &nothing).ok())
        }
        _ => return Value::Null,
    };
    let descriptor: Object = [
        ("scheme", Value::from(scheme)),
        ("parameter", parameter.unwrap_or_default()),
    ]
    .into_iter()
    .collect();
    descriptor.into()
}

struct SecretScope<'s> {
    secrets: &'s Value,
    authorization: Value,
    variables: &'s [(Arc<str>, Value)],
    now_ms: i64,
}

impl Scope for SecretScope<'_> {
    fn variable(&self, name: &str) -> Option<Value> {
        match name {
            "secrets" | "secret" => Some(self.secrets.clone()),
            "authorization" => Some(self.authorization.clone()),
            _ => self
                .variables
                .iter()
                .find(|(known, _)| &**known == name)
                .map(|(_, value)| value.clone()),
        }
    }

    fn now_ms(&self) -> i64 {
        self.now_ms
    }
}
