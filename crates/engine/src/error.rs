//! Errors as workflows see them: problem details of RFC 9457 with the standard's types.

use std::fmt;
use std::sync::Arc;

use ferrovia_expr::{Object, Value};
use serde::{Deserialize, Serialize};

/// Where the standard's error types live. Earlier texts and other programs use other hosts and paths, which count as equal.
const TYPE_BASE: &str = "https://open-workflow-specification.org/spec/1.0.0/errors/";
const TYPE_HOSTS: [&str; 3] = [
    "https://open-workflow-specification.org/",
    "https://serverlessworkflow.io/",
    "https://serverlessworkflow.io.io/",
];
const TYPE_PATHS: [&str; 5] = [
    "spec/1.0.0/errors/",
    "1.0.0/errors/",
    "dsl/errors/types/",
    "errors/types/",
    "errors/",
];

/// The standard's error types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrorType {
    Configuration,
    Validation,
    Expression,
    Authentication,
    Authorization,
    Timeout,
    Communication,
    Runtime,
}

impl ErrorType {
    pub const ALL: [ErrorType; 8] = [
        ErrorType::Configuration,
        ErrorType::Validation,
        ErrorType::Expression,
        ErrorType::Authentication,
        ErrorType::Authorization,
        ErrorType::Timeout,
        ErrorType::Communication,
        ErrorType::Runtime,
    ];

    pub fn name(self) -> &'static str {
        match self {
            ErrorType::Configuration => "configuration",
            ErrorType::Validation => "validation",
            ErrorType::Expression => "expression",
            ErrorType::Authentication => "authentication",
            ErrorType::Authorization => "authorization",
            ErrorType::Timeout => "timeout",
            ErrorType::Communication => "communication",
            ErrorType::Runtime => "runtime",
        }
    }

    pub fn uri(self) -> String {
        format!("{TYPE_BASE}{}", self.name())
    }

    /// The status the standard gives the type.
    pub fn status(self) -> u16 {
        match self {
            ErrorType::Configuration | ErrorType::Validation | ErrorType::Expression => 400,
            ErrorType::Authentication => 401,
            ErrorType::Authorization => 403,
            ErrorType::Timeout => 408,
            ErrorType::Communication | ErrorType::Runtime => 500,
        }
    }

    fn title(self) -> &'static str {
        match self {
            ErrorType::Configuration => "Configuration Error",
            ErrorType::Validation => "Validation Error",
            ErrorType::Expression => "Expression Error",
            ErrorType::Authentication => "Authentication Error",
            ErrorType::Authorization => "Authorization Error",
            ErrorType::Timeout => "Timeout",
            ErrorType::Communication => "Communication Error",
            ErrorType::Runtime => "Runtime Error",
        }
    }

    /// The standard type a URI stands for, on any of the hosts and paths the standard has used, or its name alone.
    pub fn from_uri(uri: &str) -> Option<ErrorType> {
        let name = match TYPE_HOSTS.iter().find_map(|host| uri.strip_prefix(host)) {
            Some(path) => TYPE_PATHS.iter().find_map(|base| path.strip_prefix(base))?,
            None => uri,
        };
        ErrorType::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Whether two type URIs name the same error.
pub(crate) fn same_type(a: &str, b: &str) -> bool {
    a == b
        || matches!((ErrorType::from_uri(a), ErrorType::from_uri(b)), (Some(a), Some(b)) if a == b)
}

/// An error of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Error {
    #[serde(rename = "type")]
    pub kind: Arc<str>,
    pub status: u16,
    pub title: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Arc<str>>,
    /// JSON pointer of the component that raised it.
    pub instance: Arc<str>,
}

impl Error {
    /// An error of a standard type at a component.
    pub fn standard(kind: ErrorType, instance: &str, detail: impl Into<Arc<str>>) -> Error {
        Error {
            kind: kind.uri().into(),
            status: kind.status(),
            title: kind.title().into(),
            detail: Some(detail.into()),
            instance: instance.into(),
        }
    }

    /// The error as expressions and outputs see it.
    pub fn to_value(&self) -> Value {
        let mut object = Object::default();
        object.insert("type", self.kind.clone());
        object.insert("status", i64::from(self.status));
        object.insert("title", self.title.clone());
        if let Some(detail) = &self.detail {
            object.insert("detail", detail.clone());
        }
        object.insert("instance", self.instance.clone());
        object.into()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) at {}", self.title, self.status, self.instance)?;
        self.detail
            .as_ref()
            .map_or(Ok(()), |detail| write!(f, ": {detail}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_equal_on_all_hosts_of_the_standard() {
        let own = ErrorType::Communication.uri();
        for uri in [
            "https://serverlessworkflow.io/spec/1.0.0/errors/communication",
            "https://open-workflow-specification.org/dsl/errors/types/communication",
            "https://serverlessworkflow.io/dsl/errors/types/communication",
            "https://open-workflow-specification.org/1.0.0/errors/communication",
            "https://serverlessworkflow.io/errors/communication",
            "communication",
        ] {
            assert!(same_type(&own, uri), "{uri}");
        }
        assert!(!same_type(
            &own,
            "https://serverlessworkflow.io/spec/1.0.0/errors/timeout"
        ));
        assert!(!same_type(&own, "https://example.com/errors/communication"));
        assert!(same_type(
            "https://example.com/mine",
            "https://example.com/mine"
        ));
    }
}
