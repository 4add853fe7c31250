//! Loads resources, and keeps those of the web for a while.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use ferrovia_expr::Value;
use ferrovia_runtime::port::{Fault, Secrets};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};
use tokio::time::Instant;
use url::Url;

use super::file::LocalFiles;
use crate::auth::Credentials;
use crate::fault;
use crate::http::{Exchanger, Redirects, Request};

pub(crate) const RESOURCE_BYTES_MAX: usize = 5 * 1024 * 1024;
/// Resources kept, and for how long.
const KEPT_MAX: usize = 256;
const KEPT_BYTES_MAX: usize = 64 * 1024 * 1024;
const KEPT_FOR: Duration = Duration::from_secs(300);

/// A loaded resource.
#[derive(Debug, Clone)]
pub struct Resource {
    pub bytes: Bytes,
    /// As the server announced it; none for files.
    pub media_type: Option<String>,
    /// Where it came from: the base of relative references in it.
    pub uri: Url,
}

/// Why a resource cannot be had.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ResourceError {
    #[error("`{path}` lies outside the project's directory")]
    OutsideBase { path: String },
    #[error("`{path}` is relative, but there is no project directory to look in")]
    NoBase { path: String },
    #[error("`{path}` cannot be read: {reason}")]
    Unreadable { path: String, reason: String },
    #[error("`{uri}` exceeds {bytes_max} bytes")]
    TooLarge { uri: String, bytes_max: usize },
    #[error("`{uri}` cannot be loaded: only http, https, file and relative paths can")]
    UnknownScheme { uri: String },
}

impl From<ResourceError> for Fault {
    fn from(error: ResourceError) -> Fault {
        match error {
            ResourceError::OutsideBase { .. } => fault::authorization(error.to_string()),
            ResourceError::NoBase { .. }
            | ResourceError::Unreadable { .. }
            | ResourceError::TooLarge { .. }
            | ResourceError::UnknownScheme { .. } => fault::configuration(error.to_string()),
        }
    }
}

/// Loads resources through the same guard as every other request.
#[derive(Clone)]
pub struct Loader {
    exchanger: Arc<Exchanger>,
    files: Arc<LocalFiles>,
    kept: Arc<Mutex<HashMap<String, Kept>>>,
}

struct Kept {
    resource: Resource,
    until: Instant,
}

enum Place {
    Web(Url),
    File(PathBuf),
}

impl Loader {
    pub(crate) fn new(exchanger: Arc<Exchanger>, files: Arc<LocalFiles>) -> Self {
        Self {
            exchanger,
            files,
            kept: Arc::default(),
        }
    }

    /// Loads an `http:`, `https:` or `file:` URI or a relative path. Paths are relative to `base_dir` (or the configured
    /// base directory) and may not leave it. `authentication` is an inline policy. Redirects are followed.
    pub async fn load(
        &self,
        uri: &str,
        authentication: Option<&Value>,
        base_dir: Option<&Path>,
    ) -> Result<Resource, Fault> {
        match place(uri)? {
            Place::File(path) => self.load_file(path, base_dir).await,
            Place::Web(url) => {
                // What one caller may see by its credentials is not kept for another.
                let key = authentication.is_none().then(|| url.to_string());
                if let Some(resource) = key.as_deref().and_then(|key| self.recall(key)) {
                    return Ok(resource);
                }
                let credentials = authentication
                    .map(|policy| Credentials::parse(policy, &self.files))
                    .transpose()?;
                let resource = self.load_web(url, credentials).await?;
                if let Some(key) = key {
                    self.keep(key, &resource);
                }
                Ok(resource)
            }
        }
    }

    async fn load_web(
        &self,
        url: Url,
        credentials: Option<Credentials>,
    ) -> Result<Resource, Fault> {
        let request = Request {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            credentials,
            redirects: Redirects::Followed,
            secrets: Secrets::default(),
        };
        let completed = self.exchanger.perform(request, None).await?;
        let bytes = completed.answer.body;
        if bytes.len() > RESOURCE_BYTES_MAX {
            let uri = fault::masked_url(&completed.url);
            return Err(ResourceError::TooLarge {
                uri,
                bytes_max: RESOURCE_BYTES_MAX,
            }
            .into());
        }
        let media_type = completed
            .answer
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        Ok(Resource {
            bytes,
            media_type: media_type.map(str::to_owned),
            uri: completed.url,
        })
    }

    async fn load_file(&self, path: PathBuf, base_dir: Option<&Path>) -> Result<Resource, Fault> {
        let files = self.files.below(base_dir);
        let read = tokio::task::spawn_blocking(move || {
            let bytes = files.read(&path, RESOURCE_BYTES_MAX)?;
            let real = files.locate(&path)?;
            Ok::<_, ResourceError>((bytes, std::path::absolute(&real).unwrap_or(real)))
        });
        let (bytes, real) = read
            .await
            .map_err(|error| fault::runtime("Reading failed", error.to_string()))??;
        let uri = Url::from_file_path(&real).expect("the path is absolute");
        Ok(Resource {
            bytes: bytes.into(),
            media_type: None,
            uri,
        })
    }

    fn recall(&self, key: &str) -> Option<Resource> {
        let kept = self.kept.lock().expect("no holder of this lock panics");
        kept.get(key)
            .filter(|kept| Instant::now() < kept.until)
            .map(|kept| kept.resource.clone())
    }

    fn keep(&self, key: String, resource: &Resource) {
        let mut kept = self.kept.lock().expect("no holder of this lock panics");
        let now = Instant::now();
        kept.retain(|_, kept| now < kept.until);
        let bytes: usize = kept.values().map(|kept| kept.resource.bytes.len()).sum();
        if kept.len() >= KEPT_MAX || bytes + resource.bytes.len() > KEPT_BYTES_MAX {
            kept.clear();
        }
        kept.insert(
            key,
            Kept {
                resource: resource.clone(),
                until: now + KEPT_FOR,
            },
        );
    }
}

/// `file://app/greet.proto` occurs in the standard's examples: there the host is the first part of a relative path.
fn place(uri: &str) -> Result<Place, ResourceError> {
    match Url::parse(uri) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Place::Web(url)),
        Ok(url) if url.scheme() == "file" => {
            let path = uri.get("file:".len()..).unwrap_or_default();
            let path = path.strip_prefix("//").unwrap_or(path);
            let decoded = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
            Ok(Place::File(PathBuf::from(&*decoded)))
        }
        Ok(_) => Err(ResourceError::UnknownScheme {
            uri: uri.chars().take(80).collect(),
        }),
        Err(_) => Ok(Place::File(PathBuf::from(uri))),
    }
}
