//! Opens sealed arguments at the moment an effect leaves: the only place where secrets become values.

use std::sync::Arc;

use ferrovia_dsl::plan::{Arguments, Plan, Sealed};
use ferrovia_engine::{ErrorType, Fault};
use ferrovia_expr::{Expr, Object, Scope, Value};

/// The arguments of an effect with all secrets in place. Never stored, never logged.
pub(crate) fn open(
    arguments: &Arguments,
    plan: &Plan,
    secrets: &Value,
    now_ms: i64,
) -> Result<Value, Fault> {
    if arguments.sealed.is_empty() {
        return Ok(arguments.value.clone());
    }
    let permitted = permitted(plan, secrets);
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
    let value = first.open(|sealed| evaluate(sealed, &permitted, Value::Null, now_ms))?;
    let authorization = authorization(&value);
    Arguments {
        value,
        sealed: over_authorization,
    }
    .open(|sealed| evaluate(sealed, &permitted, authorization.clone(), now_ms))
}

/// The secrets that the document declares, of those that exist.
fn permitted(plan: &Plan, secrets: &Value) -> Value {
    let declared = plan
        .secrets
        .iter()
        .filter_map(|name| Some((name.clone(), secrets.get(name)?.clone())));
    Value::Object(declared.collect())
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
