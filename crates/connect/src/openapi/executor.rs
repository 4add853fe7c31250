//! From a call's arguments to a request.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::port::{Call, Executor, Fault, Success};
use http::HeaderMap;
use http::header::{CONTENT_TYPE, COOKIE, HeaderValue};
use url::Url;

use super::body::{Body, missing};
use super::document::{Documents, ParsedCache};
use super::operation::Operation;
use super::parameter::{Parameter, Place};
use super::style::Escape;
use crate::arguments::Arguments;
use crate::auth::Credentials;
use crate::fault;
use crate::http::{
    Exchanger, Request, authority, encode, header_name, output_form, perform, redirects,
};
use crate::resource::{Loader, LocalFiles, Resource};

/// Carries out effects of kind `openapi`.
pub(crate) struct OpenApiExecutor {
    exchanger: Arc<Exchanger>,
    loader: Loader,
    files: Arc<LocalFiles>,
    cache: ParsedCache,
}

impl OpenApiExecutor {
    pub(crate) fn new(exchanger: Arc<Exchanger>, loader: Loader, files: Arc<LocalFiles>) -> Self {
        Self {
            exchanger,
            loader,
            files,
            cache: ParsedCache::default(),
        }
    }

    async fn document(&self, arguments: Arguments<'_>) -> Result<Resource, Fault> {
        let document = Arguments::of("openapi document", arguments.required("document")?)?;
        let endpoint = document.required("endpoint")?;
        if let Some(uri) = endpoint.as_str() {
            return self.loader.load(uri, None, None).await;
        }
        let endpoint = Arguments::of("openapi document endpoint", endpoint)?;
        self.loader
            .load(
                endpoint.required_text("uri")?,
                endpoint.value("authentication"),
                None,
            )
            .await
    }
}

#[async_trait]
impl Executor for OpenApiExecutor {
    async fn execute(&self, call: Call) -> Result<Success, Fault> {
        let arguments = Arguments::of("openapi", &call.arguments)?;
        let (form, redirects) = (output_form(arguments)?, redirects(arguments)?);
        let operation_id = arguments.required_text("operationId")?;
        let policy = arguments.value("authentication");
        let credentials = policy
            .map(|policy| Credentials::parse(policy, &self.files))
            .transpose()?;
        let resource = self.document(arguments).await?;
        let mut documents = Documents::new(&self.loader, &self.cache, &resource)?;
        let operation = Operation::find(&mut documents, operation_id).await?;
        let given = arguments.object("parameters")?.cloned().unwrap_or_default();
        let method = operation.method.clone();
        let Filled { url, headers, body } = fill(operation, given)?;
        let request = Request {
            method,
            url,
            headers,
            body,
            credentials,
            redirects,
            secrets: call.secrets.clone(),
        };
        perform(&self.exchanger, request, form, &call).await
    }

    /// That of the document: where its server is can only be said once it was read.
    fn connection(&self, call: &Call) -> Option<Arc<str>> {
        authority(call.arguments.get("document")?.get("endpoint")?)
    }
}

/// An operation with its arguments in their places.
struct Filled {
    url: Url,
    headers: HeaderMap,
    body: Bytes,
}

fn fill(operation: Operation, mut rest: Object) -> Result<Filled, Fault> {
    let given = rest.clone();
    let mut path = operation.path;
    let mut query = Vec::new();
    let mut cookies = Vec::new();
    let mut headers = HeaderMap::new();
    for parameter in &operation.parameters {
        rest.remove(&parameter.name);
        let Some(value) = given.get(&parameter.name).filter(|value| !value.is_null()) else {
            if parameter.required {
                return Err(missing(&parameter.name));
            }
            continue;
        };
        let escape = if parameter.allow_reserved {
            Escape::UrlReserved
        } else {
            Escape::Url
        };
        match parameter.place {
            Place::Path => {
                path = path.replace(
                    &format!("{{{}}}", parameter.name),
                    &path_part(parameter, value)?,
                )
            }
            Place::Query => query.extend(parameter.style.pairs(&parameter.name, value, escape)),
            Place::Cookie => {
                cookies.extend(parameter.style.pairs(&parameter.name, value, Escape::Url))
            }
            Place::Header => add_header(&mut headers, parameter, value)?,
        }
    }
    if let Some(start) = path.find('{') {
        return Err(fault::configuration(format!(
            "the document does not declare the path parameter `{}`",
            &path[start..]
        )));
    }
    if !cookies.is_empty() {
        let value = HeaderValue::try_from(cookies.join("; ")).expect("cookies are percent-encoded");
        headers.insert(COOKIE, value);
    }
    let body = operation.body.take(&mut rest)?;
    if let Some((unknown, _)) = rest.iter().next() {
        return Err(fault::validation(format!(
            "openapi: the operation has no parameter `{}`",
            unknown.escape_debug()
        )));
    }
    let body = body
        .map(|body| encoded(body, &mut headers))
        .transpose()?
        .unwrap_or_default();
    Ok(Filled {
        url: joined(&operation.server, &path, &query),
        headers,
        body,
    })
}

fn path_part(parameter: &Parameter, value: &Value) -> Result<String, Fault> {
    let part = parameter.style.single(&parameter.name, value, Escape::Url);
    // Empty and dotted segments would lead to another path.
    match part.as_str() {
        "" | "." | ".." => Err(fault::validation(format!(
            "openapi: `{part}` cannot stand in a path for `{}`",
            parameter.name
        ))),
        _ => Ok(part),
    }
}

fn add_header(headers: &mut HeaderMap, parameter: &Parameter, value: &Value) -> Result<(), Fault> {
    let wrong = || {
        fault::validation(format!(
            "openapi: `{}` cannot be sent as a header",
            parameter.name
        ))
    };
    let text = parameter
        .style
        .single(&parameter.name, value, Escape::Plain);
    let value = HeaderValue::from_bytes(text.as_bytes()).map_err(|_| wrong())?;
    headers.insert(header_name(&parameter.name, &value)?, value);
    Ok(())
}

fn encoded(body: Body, headers: &mut HeaderMap) -> Result<Bytes, Fault> {
    let content_type = HeaderValue::try_from(&body.content_type)
        .map_err(|_| fault::configuration("the document's content type cannot be sent"))?;
    headers.insert(CONTENT_TYPE, content_type);
    encode(&body.value, headers)
}

fn joined(server: &Url, path: &str, query: &[String]) -> Url {
    let mut url = server.clone();
    url.set_path(&format!(
        "{}/{}",
        server.path().trim_end_matches('/'),
        path.trim_start_matches('/')
    ));
    if !query.is_empty() {
        url.set_query(Some(&query.join("&")));
    }
    url
}
