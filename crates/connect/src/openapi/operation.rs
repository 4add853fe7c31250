//! Finds an operation and gathers what the document says about it.

use ferrovia_expr::{Object, Value};
use ferrovia_runtime::port::Fault;
use http::Method;
use url::Url;

use super::body::BodyRule;
use super::document::{Documents, Node};
use super::parameter::Parameter;
use super::server;
use crate::fault;

/// The two shapes a document can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Swagger2,
    OpenApi3,
}

/// All that is needed to call it.
pub(super) struct Operation {
    pub(super) method: Method,
    /// Of the server the operation is called at; never ends with a slash.
    pub(super) server: Url,
    /// With `{name}` where path parameters go.
    pub(super) path: String,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: BodyRule,
}

const METHODS: [(&str, Method); 8] = [
    ("get", Method::GET),
    ("put", Method::PUT),
    ("post", Method::POST),
    ("delete", Method::DELETE),
    ("options", Method::OPTIONS),
    ("head", Method::HEAD),
    ("patch", Method::PATCH),
    ("trace", Method::TRACE),
];

pub(super) fn version(document: &Node) -> Result<Version, Fault> {
    let swagger = document
        .value
        .get("swagger")
        .map(crate::arguments::plain_text);
    match (swagger.as_deref(), document.text("openapi")) {
        (Some(version), _) if version.starts_with('2') => Ok(Version::Swagger2),
        (None, Some(version)) if version.starts_with("3.") => Ok(Version::OpenApi3),
        _ => Err(fault::configuration(
            "the document is neither Swagger 2.0 nor OpenAPI 3.x",
        )),
    }
}

impl Operation {
    /// The operation with this id. Looks into every path, also into those that stand behind a reference.
    pub(super) async fn find(
        documents: &mut Documents<'_>,
        operation_id: &str,
    ) -> Result<Self, Fault> {
        let version = version(documents.root())?;
        let paths = documents.root().child("paths");
        let entries: Vec<(String, Node)> = match &paths {
            Some(paths) => members(&paths.value)
                .map(|(path, item)| (path.to_owned(), paths.with(item.clone())))
                .collect(),
            None => Vec::new(),
        };
        let mut unresolved = None;
        for (path, item) in entries {
            // A path that leads nowhere matters only when the operation is not found elsewhere.
            let item = match documents.resolve(item).await {
                Ok(item) => item,
                Err(fault) => {
                    unresolved = unresolved.or(Some(fault));
                    continue;
                }
            };
            for (name, method) in METHODS {
                let Some(operation) = item.child(name) else {
                    continue;
                };
                if operation.text("operationId") == Some(operation_id) {
                    return Self::read(documents, version, method, path, &item, &operation).await;
                }
            }
        }
        Err(unresolved.unwrap_or_else(|| {
            fault::configuration(format!(
                "the document has no operation `{}`",
                operation_id.escape_debug()
            ))
        }))
    }

    async fn read(
        documents: &mut Documents<'_>,
        version: Version,
        method: Method,
        path: String,
        item: &Node,
        operation: &Node,
    ) -> Result<Self, Fault> {
        let declared = declared_parameters(documents, item, operation).await?;
        let server = match version {
            Version::Swagger2 => server::of_swagger(documents.root())?,
            Version::OpenApi3 => server::of_openapi([operation, item, documents.root()])?,
        };
        let (parameters, body) = match version {
            Version::Swagger2 => {
                let consumes = operation
                    .child("consumes")
                    .or_else(|| documents.root().child("consumes"));
                let body = BodyRule::of_swagger(&declared, consumes.as_ref())?;
                let placed = declared
                    .iter()
                    .filter(|node| !matches!(node.text("in"), Some("body" | "formData")));
                (
                    placed
                        .map(Parameter::of_swagger)
                        .collect::<Result<_, _>>()?,
                    body,
                )
            }
            Version::OpenApi3 => {
                let body = match operation.child("requestBody") {
                    Some(body) => BodyRule::of_openapi(&documents.resolve(body).await?)?,
                    None => BodyRule::None,
                };
                (
                    declared
                        .iter()
                        .map(Parameter::of_openapi)
                        .collect::<Result<_, _>>()?,
                    body,
                )
            }
        };
        Ok(Self {
            method,
            server,
            path,
            parameters,
            body,
        })
    }
}

/// The operation's parameters, and those of its path that it does not redefine.
async fn declared_parameters(
    documents: &mut Documents<'_>,
    item: &Node,
    operation: &Node,
) -> Result<Vec<Node>, Fault> {
    let mut declared: Vec<Node> = Vec::new();
    for source in [operation, item] {
        let Some(list) = source.child("parameters") else {
            continue;
        };
        for parameter in list
            .value
            .as_array()
            .into_iter()
            .flat_map(|items| items.iter())
        {
            let parameter = documents.resolve(list.with(parameter.clone())).await?;
            let same = |other: &Node| {
                other.text("name") == parameter.text("name")
                    && other.text("in") == parameter.text("in")
            };
            if !declared.iter().any(same) {
                declared.push(parameter);
            }
        }
    }
    Ok(declared)
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value
        .as_object()
        .into_iter()
        .flat_map(Object::iter)
        .map(|(name, value)| (&**name, value))
}
