//! Local files: inside the base directory, unless the configuration allows more.

use std::io::Read;
use std::path::{Path, PathBuf};

use ferrovia_runtime::port::Fault;

use super::loader::ResourceError;
use crate::config::{ConnectConfig, FileAccess};
use crate::fault;

const PEM_BYTES_MAX: usize = 256 * 1024;

/// The files a workflow's author may name.
#[derive(Debug, Clone)]
pub(crate) struct LocalFiles {
    base_dir: Option<PathBuf>,
    access: FileAccess,
}

impl LocalFiles {
    pub(crate) fn of(config: &ConnectConfig) -> Self {
        Self {
            base_dir: config.base_dir.clone(),
            access: config.file_access,
        }
    }

    /// The same rules with another base directory.
    pub(crate) fn below(&self, base_dir: Option<&Path>) -> Self {
        Self {
            base_dir: base_dir
                .map(Path::to_path_buf)
                .or_else(|| self.base_dir.clone()),
            access: self.access,
        }
    }

    /// Reads a file, at most `bytes_max` of it. Blocks.
    pub(crate) fn read(&self, path: &Path, bytes_max: usize) -> Result<Vec<u8>, ResourceError> {
        let shown = || path.display().to_string();
        let unreadable = |error: std::io::Error| ResourceError::Unreadable {
            path: shown(),
            reason: error.kind().to_string(),
        };
        let real = self.locate(path)?;
        // Before it is opened: a pipe would wait for its writer, and a device may do anything.
        if !std::fs::metadata(&real).map_err(unreadable)?.is_file() {
            return Err(ResourceError::Unreadable {
                path: shown(),
                reason: "not a file".to_owned(),
            });
        }
        let file = std::fs::File::open(real).map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(bytes_max as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        if bytes.len() > bytes_max {
            return Err(ResourceError::TooLarge {
                uri: shown(),
                bytes_max,
            });
        }
        Ok(bytes)
    }

    /// Where a path really leads, all links followed.
    pub(super) fn locate(&self, path: &Path) -> Result<PathBuf, ResourceError> {
        let shown = || path.display().to_string();
        let Some(base) = self.base_dir.as_deref() else {
            return match self.access {
                FileAccess::Anywhere => Ok(path.to_path_buf()),
                FileAccess::InsideBaseDir => Err(ResourceError::NoBase { path: shown() }),
            };
        };
        let unreadable = |error: std::io::Error| ResourceError::Unreadable {
            path: shown(),
            reason: error.kind().to_string(),
        };
        let base = base.canonicalize().map_err(unreadable)?;
        let real = base.join(path).canonicalize();
        match self.access {
            FileAccess::Anywhere => real.map_err(unreadable),
            // Whether a file outside exists is not told either.
            FileAccess::InsideBaseDir => match real {
                Ok(real) if real.starts_with(&base) => Ok(real),
                Err(error) if !leaves(path) => Err(unreadable(error)),
                Ok(_) | Err(_) => Err(ResourceError::OutsideBase { path: shown() }),
            },
        }
    }

    /// PEM given inline, or read from the file it names. Blocks for the file.
    pub(crate) fn pem_text(&self, text_or_path: &str) -> Result<String, Fault> {
        if text_or_path.contains("-----BEGIN") {
            return Ok(text_or_path.to_owned());
        }
        let bytes = self.read(Path::new(text_or_path), PEM_BYTES_MAX)?;
        String::from_utf8(bytes)
            .map_err(|_| fault::configuration("authentication: the certificate file is not PEM"))
    }
}

fn leaves(path: &Path) -> bool {
    path.is_absolute()
        || path
            .components()
            .any(|part| part == std::path::Component::ParentDir)
}
