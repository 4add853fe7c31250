//! Documents, the references between them, and the cache of parsed ones.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use ferrovia_expr::Value;
use ferrovia_runtime::port::Fault;
use sha2::{Digest, Sha256};
use url::Url;

use crate::fault::{self, masked_url};
use crate::resource::{Loader, Resource};

/// References followed from one to the next before we speak of a circle.
const REFERENCE_CHAIN_MAX: usize = 16;
/// Documents that one call may pull in by reference.
const DOCUMENTS_MAX: usize = 16;
const PARSED_MAX: usize = 64;

/// Parsed documents by the hash of their text.
#[derive(Default)]
pub(super) struct ParsedCache {
    parsed: Mutex<HashMap<[u8; 32], Value>>,
}

impl ParsedCache {
    pub(super) fn parse(&self, resource: &Resource) -> Result<Value, Fault> {
        let hash: [u8; 32] = Sha256::digest(&resource.bytes).into();
        let lock = || self.parsed.lock().expect("no holder of this lock panics");
        if let Some(document) = lock().get(&hash) {
            return Ok(document.clone());
        }
        let document = parse(resource)?;
        let mut parsed = lock();
        if parsed.len() >= PARSED_MAX {
            parsed.clear();
        }
        parsed.insert(hash, document.clone());
        Ok(document)
    }
}

/// JSON or YAML, whatever the server called it.
fn parse(resource: &Resource) -> Result<Value, Fault> {
    let shown = masked_url(&resource.uri);
    let unreadable = |reason: String| {
        fault::configuration(format!("the document {shown} cannot be read: {reason}"))
    };
    let text =
        std::str::from_utf8(&resource.bytes).map_err(|error| unreadable(error.to_string()))?;
    let document = if text.trim_start().starts_with('{') {
        Value::parse_json(text).map_err(|error| unreadable(error.to_string()))?
    } else {
        serde_saphyr::from_str(text).map_err(|error| unreadable(error.to_string()))?
    };
    match document.as_object() {
        Some(_) => Ok(document),
        None => Err(unreadable(format!("it holds a {}", document.type_name()))),
    }
}

/// A value in a document, with the address that relative references in it start from.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) base: Arc<Url>,
}

impl Node {
    pub(super) fn child(&self, name: &str) -> Option<Node> {
        self.value.get(name).map(|value| self.with(value.clone()))
    }

    pub(super) fn with(&self, value: Value) -> Node {
        Node {
            value,
            base: Arc::clone(&self.base),
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.value.get(name).and_then(Value::as_str)
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.value.get(name).and_then(Value::as_bool)
    }
}

/// The documents one call works with.
pub(super) struct Documents<'a> {
    loader: &'a Loader,
    cache: &'a ParsedCache,
    root: Node,
    loaded: HashMap<Url, Value>,
}

impl<'a> Documents<'a> {
    pub(super) fn new(
        loader: &'a Loader,
        cache: &'a ParsedCache,
        resource: &Resource,
    ) -> Result<Self, Fault> {
        let document = cache.parse(resource)?;
        let root = Node {
            value: document.clone(),
            base: Arc::new(resource.uri.clone()),
        };
        Ok(Self {
            loader,
            cache,
            root,
            loaded: HashMap::from([(resource.uri.clone(), document)]),
        })
    }

    pub(super) fn root(&self) -> &Node {
        &self.root
    }

    /// The node itself, or what its `$ref` leads to, in this document or another.
    pub(super) async fn resolve(&mut self, node: Node) -> Result<Node, Fault> {
        let mut node = node;
        for _ in 0..REFERENCE_CHAIN_MAX {
            let Some(reference) = node.text("$ref").map(str::to_owned) else {
                return Ok(node);
            };
            node = self.follow(&node.base, &reference).await?;
        }
        Err(fault::configuration(
            "the OpenAPI document's references form a circle",
        ))
    }

    async fn follow(&mut self, base: &Url, reference: &str) -> Result<Node, Fault> {
        let dangling = || {
            fault::configuration(format!(
                "the OpenAPI document's reference `{reference}` leads nowhere"
            ))
        };
        let mut target = base.join(reference).map_err(|_| dangling())?;
        let fragment = target.fragment().unwrap_or_default().to_owned();
        target.set_fragment(None);
        if is_web(base) && !is_web(&target) {
            return Err(fault::authorization(format!(
                "the OpenAPI document came from the web and may not refer to `{reference}`"
            )));
        }
        let document = self.document(&target).await?;
        let pointer = percent_encoding::percent_decode_str(&fragment).decode_utf8_lossy();
        let value = at_pointer(&document, &pointer).ok_or_else(dangling)?;
        Ok(Node {
            value,
            base: Arc::new(target),
        })
    }

    async fn document(&mut self, uri: &Url) -> Result<Value, Fault> {
        if let Some(document) = self.loaded.get(uri) {
            return Ok(document.clone());
        }
        if self.loaded.len() >= DOCUMENTS_MAX {
            return Err(fault::configuration(format!(
                "the OpenAPI document refers to more than {DOCUMENTS_MAX} others"
            )));
        }
        // Without the credentials of the first document: a reference may lead to another server.
        let resource = self.loader.load(uri.as_str(), None, None).await?;
        let document = self.cache.parse(&resource)?;
        self.loaded.insert(uri.clone(), document.clone());
        Ok(document)
    }
}

fn is_web(uri: &Url) -> bool {
    matches!(uri.scheme(), "http" | "https")
}

/// RFC 6901.
fn at_pointer(document: &Value, pointer: &str) -> Option<Value> {
    let mut value = document;
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        value = match value {
            Value::Object(object) => object.get(&part)?,
            Value::Array(items) => items.get(part.parse::<usize>().ok()?)?,
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Str(_) => {
                return None;
            }
        };
    }
    Some(value.clone())
}
