//! `call: http`.

use std::sync::Arc;

use async_trait::async_trait;
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::port::{Call, Executor, Fault, Secrets, Success};
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};

use super::content::{base64, decode};
use super::exchange::{Completed, Exchanger, IDEMPOTENCY_KEY, Request, shown_header};
use super::{append_query, body, request};
use crate::arguments::Arguments;
use crate::fault::{self, masked_url};
use crate::resource::LocalFiles;

/// Carries out effects of kind `http`.
pub(crate) struct HttpExecutor {
    exchanger: Arc<Exchanger>,
    files: Arc<LocalFiles>,
}

/// What of an answer becomes the call's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutputForm {
    Content,
    Raw,
    Response,
}

impl HttpExecutor {
    pub(crate) fn new(exchanger: Arc<Exchanger>, files: Arc<LocalFiles>) -> Self {
        Self { exchanger, files }
    }

    fn request(&self, arguments: Arguments<'_>, secrets: &Secrets) -> Result<Request, Fault> {
        let name = arguments.required_text("method")?.to_ascii_uppercase();
        let method = Method::from_bytes(name.as_bytes()).map_err(|_| {
            fault::validation(format!("http: `{}` is no method", name.escape_debug()))
        })?;
        if method == Method::CONNECT {
            return Err(fault::validation(
                "http: CONNECT opens a tunnel and is no request",
            ));
        }
        let (mut url, credentials) =
            request::endpoint(arguments.required("endpoint")?, &self.files)?;
        if let Some(query) = arguments.object("query")? {
            append_query(&mut url, query);
        }
        let mut headers = request::header_map(arguments.object("headers")?)?;
        let body = body::encode(
            arguments.value("body").unwrap_or(&Value::Null),
            &mut headers,
        )?;
        Ok(Request {
            method,
            url,
            headers,
            body,
            credentials,
            redirects: request::redirects(arguments)?,
            secrets: secrets.clone(),
        })
    }
}

#[async_trait]
impl Executor for HttpExecutor {
    async fn execute(&self, call: Call) -> Result<Success, Fault> {
        let arguments = Arguments::of("http", &call.arguments)?;
        let form = request::output_form(arguments)?;
        let request = self.request(arguments, &call.secrets)?;
        perform(&self.exchanger, request, form, &call).await
    }

    fn connection(&self, call: &Call) -> Option<Arc<str>> {
        request::authority(call.arguments.get("endpoint")?)
    }
}

/// Sends a request on behalf of a call and shapes the answer. The call's key goes along unless the author set one, except
/// with methods that change nothing.
pub(crate) async fn perform(
    exchanger: &Exchanger,
    mut request: Request,
    form: OutputForm,
    call: &Call,
) -> Result<Success, Fault> {
    let headers = &mut request.headers;
    headers
        .entry(ACCEPT)
        .or_insert(HeaderValue::from_static("application/json, */*;q=0.8"));
    if !matches!(request.method, Method::GET | Method::HEAD)
        && !headers.contains_key(IDEMPOTENCY_KEY)
    {
        let key = HeaderValue::try_from(&*call.idempotency_key).map_err(|_| {
            fault::runtime(
                "Unusable idempotency key",
                "the key holds characters no header can carry",
            )
        })?;
        headers.insert(HeaderName::from_static(IDEMPOTENCY_KEY), key);
    }
    let completed = exchanger.perform(request, call.time_limit).await?;
    let output = output_of(&completed, form, &call.secrets)?;
    Ok(Success {
        output,
        authorization_scheme: completed.scheme.map(str::to_owned),
    })
}

fn output_of(completed: &Completed, form: OutputForm, secrets: &Secrets) -> Result<Value, Fault> {
    match form {
        OutputForm::Raw => Ok(base64(&completed.answer.body)),
        OutputForm::Content => content(completed),
        OutputForm::Response => {
            let request: Object = [
                ("method", Value::from(completed.method.as_str())),
                ("uri", secrets.mask(&masked_url(&completed.url)).into()),
                (
                    "headers",
                    headers(&completed.sent_headers, |text| secrets.mask(&text)),
                ),
            ]
            .into_iter()
            .collect();
            let response: Object = [
                ("request", Value::from(request)),
                (
                    "statusCode",
                    i64::from(completed.answer.status.as_u16()).into(),
                ),
                ("headers", headers(&completed.answer.headers, |text| text)),
                ("content", content(completed)?),
            ]
            .into_iter()
            .collect();
            Ok(response.into())
        }
    }
}

fn content(completed: &Completed) -> Result<Value, Fault> {
    let content_type = completed
        .answer
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    decode(&completed.answer.body, content_type).map_err(|error| {
        let detail = format!(
            "{} {}: {error}",
            completed.method,
            masked_url(&completed.url)
        );
        fault::communication(StatusCode::BAD_GATEWAY, "Unreadable content", detail)
    })
}

/// Names are lower case; several headers of one name are joined as RFC 9110 5.3 says.
fn headers(map: &HeaderMap, shown: impl Fn(String) -> String) -> Value {
    let joined = map.keys().map(|name| {
        let values: Vec<String> = map
            .get_all(name)
            .iter()
            .map(|value| shown_header(name.as_str(), value))
            .collect();
        (name.as_str(), shown(values.join(", ")))
    });
    Value::from(joined.collect::<Object>())
}
