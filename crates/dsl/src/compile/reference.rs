//! What a document refers to outside itself: functions of catalogs and URLs, schemas.
//!
//! Someone who may do I/O loads these before the document is compiled, and again for the functions that
//! loaded functions refer to.

use ferrovia_expr::Value;

use super::Compiler;
use super::site::At;
use crate::diagnostic::{Diagnostic, Severity, codes};
use crate::plan::UriTemplate;
use crate::source::{Data, Node};

/// A document that another one refers to.
#[derive(Debug)]
pub struct Link {
    node: Result<Node, String>,
    value: Value,
    text: String,
    is_function: bool,
}

impl Link {
    /// Reads a linked document (YAML or JSON).
    pub fn parse(text: &str) -> Result<Link, String> {
        let node = crate::source::parse(text).map_err(|findings| first_error(&findings))?;
        let value = node.to_value();
        Ok(Link {
            node: Ok(node),
            value,
            text: text.to_owned(),
            is_function: false,
        })
    }

    /// Reads a linked document that must be a task.
    pub fn parse_function(text: &str) -> Result<Link, String> {
        let mut link = Link::parse(text)?;
        link.is_function = true;
        if let Ok(node) = &link.node {
            let findings = crate::shape::check_task(node);
            if findings
                .iter()
                .any(|finding| finding.severity == Severity::Error)
            {
                link.node = Err(first_error(&findings));
            }
        }
        Ok(link)
    }

    /// The document itself, when it is usable: for what it refers to in turn.
    pub fn document(&self) -> Option<&Node> {
        self.node.as_ref().ok()
    }

    pub(super) fn node(&self) -> Result<&Node, String> {
        self.node.as_ref().map_err(Clone::clone)
    }

    pub(super) fn value(&self) -> &Value {
        &self.value
    }
}

/// How a link is kept: what it is, and its text, or why it could not be loaded.
#[derive(serde::Serialize, serde::Deserialize)]
enum Kept {
    Function(String),
    Document(String),
    Missing(String),
}

impl super::Links {
    /// All that a definition can be compiled from again, without loading anything.
    pub fn keep(&self) -> String {
        let kept: std::collections::BTreeMap<&str, Kept> = self
            .0
            .iter()
            .map(|(key, link)| {
                let kept = match link {
                    Ok(link) if link.is_function => Kept::Function(link.text.clone()),
                    Ok(link) => Kept::Document(link.text.clone()),
                    Err(why) => Kept::Missing(why.clone()),
                };
                (key.as_str(), kept)
            })
            .collect();
        serde_json::to_string(&kept).expect("texts are JSON")
    }

    /// What [`Self::keep`] gave.
    pub fn kept(text: &str) -> Result<super::Links, String> {
        let kept: std::collections::BTreeMap<String, Kept> =
            serde_json::from_str(text).map_err(|error| error.to_string())?;
        let links = kept.into_iter().map(|(key, kept)| {
            let link = match kept {
                Kept::Function(text) => Link::parse_function(&text),
                Kept::Document(text) => Link::parse(&text),
                Kept::Missing(why) => Err(why),
            };
            (key, link)
        });
        Ok(super::Links(links.collect()))
    }
}

fn first_error(findings: &[Diagnostic]) -> String {
    let error = findings
        .iter()
        .find(|finding| finding.severity == Severity::Error);
    error.map_or_else(String::new, |finding| match finding.pointer.as_str() {
        "" => finding.message.clone(),
        at => format!("{} (at {at})", finding.message),
    })
}

/// Something to load, and the key under which [`super::Links`] expects it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    pub key: String,
    pub source: FunctionSource,
}

/// Where a reference is found.
#[derive(Debug, Clone, PartialEq)]
pub enum FunctionSource {
    /// A function file at a URL.
    Function { uri: String },
    /// `functions/<name>/<version>/function.yaml` of a catalog; no endpoint is the runtime's own catalog.
    Cataloged {
        endpoint: Option<String>,
        authentication: Option<Value>,
        name: String,
        version: String,
    },
    /// A JSON Schema.
    Schema {
        uri: String,
        authentication: Option<Value>,
    },
}

/// How a `call` names a function that the document itself does not declare.
pub(super) enum FunctionName<'a> {
    Uri,
    Cataloged {
        name: &'a str,
        version: &'a str,
        catalog: &'a str,
    },
}

impl<'a> FunctionName<'a> {
    pub(super) fn parse(called: &'a str) -> Option<Self> {
        if called.contains("://") {
            return Some(FunctionName::Uri);
        }
        let (named, catalog) = called.split_once('@').unwrap_or((called, "default"));
        let (name, version) = named.split_once(':')?;
        let valid = !name.is_empty() && semver::Version::parse(version).is_ok();
        valid.then_some(FunctionName::Cataloged {
            name,
            version,
            catalog,
        })
    }
}

/// Everything that `document` (a workflow, or a function loaded for `root`) refers to.
pub fn references(root: &Node, document: &Node) -> Vec<Reference> {
    let mut found = Vec::new();
    collect(root, document, &mut found);
    found.sort_by(|a, b| a.key.cmp(&b.key));
    found.dedup_by(|a, b| a.key == b.key);
    found
}

fn collect(root: &Node, node: &Node, found: &mut Vec<Reference>) {
    match &node.data {
        Data::Scalar(_) => {}
        Data::Sequence(items) => items.iter().for_each(|item| collect(root, item, found)),
        Data::Mapping(entries) => {
            if let Some(called) = node.get("call").and_then(Node::as_str) {
                found.extend(function(root, called));
            }
            if let Some(endpoint) = node
                .get("schema")
                .and_then(|s| s.get("resource")?.get("endpoint"))
            {
                found.extend(schema(endpoint));
            }
            entries
                .iter()
                .for_each(|(_, child)| collect(root, child, found));
        }
    }
}

fn function(root: &Node, called: &str) -> Option<Reference> {
    if root
        .get("use")
        .and_then(|u| u.get("functions")?.get(called))
        .is_some()
    {
        return None;
    }
    let source = match FunctionName::parse(called)? {
        FunctionName::Uri => FunctionSource::Function {
            uri: called.to_owned(),
        },
        FunctionName::Cataloged {
            name,
            version,
            catalog,
        } => {
            let declared = root
                .get("use")
                .and_then(|u| u.get("catalogs")?.get(catalog)?.get("endpoint"));
            let (endpoint, authentication) = match declared {
                Some(endpoint) => (
                    Some(literal_uri(endpoint)?),
                    endpoint.get("authentication").map(Node::to_value),
                ),
                None => (None, None),
            };
            FunctionSource::Cataloged {
                endpoint,
                authentication,
                name: name.into(),
                version: version.into(),
            }
        }
    };
    Some(Reference {
        key: called.to_owned(),
        source,
    })
}

fn schema(endpoint: &Node) -> Option<Reference> {
    let uri = literal_uri(endpoint)?;
    let authentication = endpoint.get("authentication").map(Node::to_value);
    Some(Reference {
        key: schema_key(&uri),
        source: FunctionSource::Schema {
            uri,
            authentication,
        },
    })
}

fn schema_key(uri: &str) -> String {
    format!("schema {uri}")
}

/// The URI of an endpoint that needs no input to be known.
fn literal_uri(endpoint: &Node) -> Option<String> {
    let uri = endpoint
        .as_str()
        .or_else(|| endpoint.get("uri")?.as_str())?;
    let literal = super::expression::enclosed(uri).is_none() && UriTemplate::parse(uri).is_none();
    literal.then(|| uri.to_owned())
}

impl<'n> Compiler<'n> {
    /// The schema that a resource refers to, or why it is missing.
    pub(super) fn linked_schema(&mut self, resource: &At<'n>) -> Result<Value, String> {
        let Some(uri) = resource.node.get("endpoint").and_then(literal_uri) else {
            let reason = "the place of a schema must be known before the run";
            let place = resource.get("endpoint").unwrap_or_else(|| resource.clone());
            self.report(
                Diagnostic::error(codes::DYNAMIC_SCHEMA, self.mark(&place), &place.pointer, reason)
                    .label("known only during a run")
                    .hint("write a URI without expressions and `{…}`, or the schema itself under `document`"),
            );
            return Err(reason.to_owned());
        };
        let reason = match self.links.0.get(&schema_key(&uri)) {
            Some(Ok(link)) => return Ok(link.value.clone()),
            Some(Err(reason)) => format!("the schema at {uri} could not be loaded: {reason}"),
            None => format!("the schema at {uri} was not loaded"),
        };
        self.report(
            Diagnostic::warning(
                codes::LINK_MISSING,
                self.mark(resource),
                &resource.pointer,
                reason.clone(),
            )
            .label("not loaded")
            .hint("the workflow can still run; reaching this check is a configuration error"),
        );
        Err(reason)
    }
}
