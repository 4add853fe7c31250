//! Answers that say what went wrong: problem details of RFC 9457.

use std::borrow::Cow;

use axum::extract::rejection::BytesRejection;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use ferrovia_engine::Refusal;
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::NotDone;
use ferrovia_runtime::shard::Declined;
use ferrovia_store::StoreError;

use crate::access::Action;
use crate::access::action::required;
use crate::access::attempts::TooMany;
use crate::listen::body::is_too_slow;
use crate::view::Unreadable;

/// Types of problems are names that never change; docs/guide/durable.md lists them.
const TYPE_BASE: &str = "urn:ferrovia:problem:";
/// When to try again what there was no room for.
const RETRY_SECONDS: u64 = 1;
/// How to show who one is.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"ferrovia\"");

/// One problem.
#[derive(Debug)]
pub(crate) struct Problem {
    status: u16,
    kind: &'static str,
    title: &'static str,
    detail: Option<String>,
    pointer: Option<Cow<'static, str>>,
    findings: Option<Value>,
    retry_seconds: u64,
}

impl Problem {
    pub(crate) fn new(status: u16, kind: &'static str, title: &'static str) -> Problem {
        Problem {
            status,
            kind,
            title,
            detail: None,
            pointer: None,
            findings: None,
            retry_seconds: RETRY_SECONDS,
        }
    }

    pub(crate) fn detail(self, detail: impl Into<String>) -> Problem {
        Problem {
            detail: Some(detail.into()),
            ..self
        }
    }

    /// Where in the body it is, as a JSON pointer.
    pub(crate) fn at(self, pointer: impl Into<Cow<'static, str>>) -> Problem {
        Problem {
            pointer: Some(pointer.into()),
            ..self
        }
    }

    pub(crate) fn malformed(detail: impl Into<String>) -> Problem {
        Problem::new(400, "malformed", "The request cannot be read").detail(detail)
    }

    /// A parameter of the query.
    pub(crate) fn parameter(name: &str, detail: &str) -> Problem {
        Problem::malformed(format!("the parameter `{name}`: {detail}"))
    }

    pub(crate) fn invalid(
        pointer: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
    ) -> Problem {
        let title = "The request asks for something that is not possible";
        Problem::new(422, "invalid", title)
            .detail(detail)
            .at(pointer)
    }

    /// A definition that cannot be used, with all that was found in it.
    pub(crate) fn findings(summary: String, findings: Value) -> Problem {
        let title = "The definition cannot be used";
        let problem = Problem::new(422, "definition", title).detail(summary);
        Problem {
            findings: Some(findings),
            ..problem
        }
    }

    pub(crate) fn conflict(detail: impl Into<String>) -> Problem {
        Problem::new(409, "conflict", "The run is not in a state for this").detail(detail)
    }

    /// Something that is there already, or was changed by somebody else meanwhile.
    pub(crate) fn in_the_way(detail: impl Into<String>) -> Problem {
        Problem::new(409, "conflict", "What is there does not allow this").detail(detail)
    }

    pub(crate) fn media_type(given: &str, wanted: &str) -> Problem {
        Problem::new(415, "media-type", "The body has another media type")
            .detail(format!("`{given}` was sent, `{wanted}` is taken"))
    }

    pub(crate) fn not_found(what: &str) -> Problem {
        Problem::new(404, "not-found", "There is no such thing").detail(what)
    }

    /// Nobody showed who they are, or what they showed proves nothing.
    pub(crate) fn anonymous() -> Problem {
        Problem::new(401, "unauthenticated", "Who asks did not show who they are")
            .detail("sign in, or send an API key as `Authorization: Bearer fvk_…`")
    }

    pub(crate) fn forbidden(action: Action) -> Problem {
        let (name, role) = (action.name(), required(action).name());
        Problem::new(403, "forbidden", "Who asks may not do this")
            .detail(format!("it needs `{name}`, which the role {role} has"))
    }

    /// Too many attempts; says when to try again, and not which of the bounds it was.
    pub(crate) fn too_many(many: &TooMany) -> Problem {
        let problem = Problem::new(429, "too-many-attempts", "Too many attempts to sign in");
        Problem {
            retry_seconds: (many.retry_ms.max(0) as u64).div_ceil(1_000),
            ..problem
        }
    }

    pub(crate) fn no_such_user() -> Problem {
        Problem::not_found("there is no such user")
    }

    /// Something that cannot be.
    pub(crate) fn internal() -> Problem {
        Problem::new(500, "internal", "Something in Ferrovia itself is wrong")
    }

    /// A handler wants a proof that the rule of its way in does not give.
    pub(crate) fn undecided() -> Problem {
        Problem::internal().detail("access was not decided")
    }

    pub(crate) fn no_such_run() -> Problem {
        Problem::not_found("no run has this id")
    }
}

impl Problem {
    /// The body of the answer.
    pub(crate) fn into_value(self) -> Value {
        let mut body = Object::default();
        body.insert("type", format!("{TYPE_BASE}{}", self.kind));
        body.insert("title", self.title);
        body.insert("status", i64::from(self.status));
        if let Some(detail) = self.detail {
            body.insert("detail", detail);
        }
        if let Some(pointer) = self.pointer {
            body.insert("pointer", &*pointer);
        }
        if let Some(findings) = self.findings {
            body.insert("findings", findings);
        }
        body.into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let code = self.status;
        let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_seconds = self.retry_seconds;
        let mut response = (status, self.into_value().to_json()).into_response();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if matches!(code, 429 | 503) {
            headers.insert(RETRY_AFTER, HeaderValue::from(retry_seconds));
        }
        if code == 401 {
            headers.insert(WWW_AUTHENTICATE, CHALLENGE);
        }
        response
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Problem {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Problem::new(413, "too-large", "The body is too large")
                    .detail(format!("a body may have {} bytes", crate::BODY_BYTES_MAX))
            }
            _ if is_too_slow(&rejection) => {
                Problem::new(408, "too-slow", "The body took too long to arrive")
            }
            _ => Problem::malformed("the body did not arrive as it should"),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        match error {
            StoreError::Changed(_) => {
                Problem::in_the_way("somebody else changed it at the same time; try again")
            }
            StoreError::Full(_) => Problem::new(503, "store-full", "There is no room for more"),
            StoreError::Busy(_) => Problem::new(503, "busy", "Too much is under way"),
            // What it is about is for the operator, not for callers.
            StoreError::Fenced(..)
            | StoreError::Conflict(..)
            | StoreError::Started(_)
            | StoreError::Damaged { .. }
            | StoreError::Fatal(_)
            | StoreError::Unusable(_) => {
                Problem::new(503, "store-unusable", "The store cannot be used")
            }
        }
    }
}

impl From<NotDone> for Problem {
    fn from(why: NotDone) -> Problem {
        match why {
            NotDone::OtherContent(_) | NotDone::Paused | NotDone::NotPaused => {
                Problem::in_the_way(why.to_string())
            }
            NotDone::NoWorkflow => Problem::not_found("there is no such workflow"),
            NotDone::NoVersion => Problem::invalid("/version", why.to_string()),
            NotDone::Store(error) => error.into(),
        }
    }
}

impl From<Unreadable> for Problem {
    fn from(error: Unreadable) -> Problem {
        match error {
            Unreadable::Store(error) => error.into(),
            other @ (Unreadable::Plan(_) | Unreadable::Replay(_)) => {
                Problem::new(409, "unreadable", "The journal of the run cannot be read")
                    .detail(other.to_string())
            }
        }
    }
}

impl From<Declined> for Problem {
    fn from(declined: Declined) -> Problem {
        match declined {
            Declined::Unknown => Problem::no_such_run(),
            Declined::Refused(refusal @ Refusal::UnknownObligation) => {
                Problem::invalid("/effect", refusal.to_string())
            }
            Declined::Refused(refusal) => Problem::conflict(refusal.to_string()),
            Declined::Started(run) => {
                Problem::conflict(format!("the run {run} was started with this key"))
            }
            Declined::Parked(why) => Problem::conflict(format!("the run is parked: {why}")),
            Declined::Stopping => Problem::new(503, "stopping", "The server is about to end")
                .detail("nothing was started; try again when it is there again"),
            Declined::Paused(_) => Problem::in_the_way(declined.to_string()),
            Declined::GoneOn => Problem::conflict(declined.to_string()),
            Declined::Store(error) => error.into(),
        }
    }
}

pub(crate) async fn no_such_path() -> Problem {
    Problem::not_found("no resource has this path")
}

pub(crate) async fn no_such_method() -> Problem {
    Problem::new(405, "method", "The resource does not have this method")
}
