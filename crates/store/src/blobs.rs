//! Large values and files, named by the hash of what is in them.
//!
//! Owns where they are, through Apache OpenDAL, so a directory today can be object storage tomorrow. Knows nothing of
//! who refers to a blob, nor of its type and file name. It is the one part of this crate that waits asynchronously,
//! because OpenDAL does.

use std::fmt;
use std::fs::File;
use std::ops::RangeBounds;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use opendal::{ErrorKind, Operator, services};
use sha2::{Digest, Sha256};

/// What a blob may have unless its owner says otherwise: 1 GiB.
pub const BLOB_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Where blobs are while they are written.
const UNFINISHED: &str = "unfinished/";

/// SHA-256 of the content. As text: 64 hexadecimal digits, lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId(pub [u8; 32]);

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no id of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id of a blob has 64 hexadecimal digits in lower case")]
pub struct NoBlobId;

impl FromStr for BlobId {
    type Err = NoBlobId;

    fn from_str(text: &str) -> Result<Self, NoBlobId> {
        let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != 64 || !text.bytes().all(hexadecimal) {
            return Err(NoBlobId);
        }
        let mut id = [0; 32];
        for (at, byte) in id.iter_mut().enumerate() {
            let digits = &text[2 * at..2 * at + 2];
            *byte = u8::from_str_radix(digits, 16).map_err(|_| NoBlobId)?;
        }
        Ok(BlobId(id))
    }
}

/// A blob that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blob {
    pub id: BlobId,
    pub bytes: u64,
}

/// Why a blob was not written or read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BlobError {
    #[error("there is no blob {0}")]
    Missing(BlobId),
    /// Nothing was kept.
    #[error("a blob may have {0} bytes")]
    TooLarge(u64),
    /// The range is not within the blob.
    #[error("blob {0} does not reach that far")]
    Range(BlobId),
    #[error("what is stored as blob {0} is something else")]
    Damaged(BlobId),
    #[error("blobs cannot be reached: {0}")]
    Storage(Arc<str>),
}

fn storage(error: opendal::Error) -> BlobError {
    BlobError::Storage(error.to_string().into())
}

/// A place with blobs.
#[derive(Clone, Debug)]
pub struct Blobs {
    operator: Operator,
    /// Whose entries have to be synchronised after a blob got its name: OpenDAL does that for content only.
    directory: Option<PathBuf>,
    bytes_max: u64,
    /// Tells writers of this process apart.
    written: Arc<AtomicU64>,
}

impl Blobs {
    /// Blobs in a directory that only this process uses. Removes what was not finished before.
    pub async fn in_directory(path: impl AsRef<Path>, bytes_max: u64) -> Result<Blobs, BlobError> {
        let path = path.as_ref();
        let root = path.to_str().ok_or_else(|| {
            BlobError::Storage(format!("{} is not Unicode", path.display()).into())
        })?;
        let operator = Operator::new(services::Fs::default().root(root)).map_err(storage)?;
        operator
            .delete_options(
                UNFINISHED,
                opendal::options::DeleteOptions {
                    recursive: true,
                    ..Default::default()
                },
            )
            .await
            .map_err(storage)?;
        let mut blobs = Blobs::through(operator, bytes_max);
        blobs.directory = Some(path.to_owned());
        Ok(blobs)
    }

    /// Blobs that live as long as the value.
    pub fn in_memory(bytes_max: u64) -> Blobs {
        let operator = Operator::new(services::Memory::default());
        Blobs::through(operator.expect("memory needs no settings"), bytes_max)
    }

    fn through(operator: Operator, bytes_max: u64) -> Blobs {
        Blobs {
            operator,
            directory: None,
            bytes_max,
            written: Arc::default(),
        }
    }

    /// Begins a blob. Nothing can be read of it before it is finished.
    pub async fn writer(&self) -> Result<BlobWriter, BlobError> {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let path = format!("{UNFINISHED}{number}");
        let writer = self.operator.writer(&path).await.map_err(storage)?;
        Ok(BlobWriter {
            blobs: self.clone(),
            path,
            writer,
            hash: Sha256::new(),
            bytes: 0,
        })
    }

    /// Keeps what is in memory already.
    pub async fn put(&self, content: impl Into<Bytes>) -> Result<Blob, BlobError> {
        let mut writer = self.writer().await?;
        match writer.write(content).await {
            Ok(()) => writer.finish().await,
            Err(why) => {
                writer.abandon().await?;
                Err(why)
            }
        }
    }

    /// How large a blob is; nothing if it is not there.
    pub async fn size(&self, id: BlobId) -> Result<Option<u64>, BlobError> {
        match self.operator.stat(&path_of(id)).await {
            Ok(found) => Ok(Some(found.content_length())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(storage(error)),
        }
    }

    /// Reads a part of a blob. What it is made of is not checked; [`Blobs::read_all`] does.
    pub async fn read(&self, id: BlobId, range: impl RangeBounds<u64>) -> Result<Bytes, BlobError> {
        use std::ops::Bound;
        let size = self.size(id).await?.ok_or(BlobError::Missing(id))?;
        let from = match range.start_bound() {
            Bound::Included(from) => *from,
            Bound::Excluded(before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let to = match range.end_bound() {
            Bound::Included(last) => last.saturating_add(1),
            Bound::Excluded(to) => *to,
            Bound::Unbounded => size,
        };
        if from > to || to > size {
            return Err(BlobError::Range(id));
        }
        if from == to {
            return Ok(Bytes::new());
        }
        let reader = self.operator.reader(&path_of(id)).await.map_err(storage)?;
        let content = reader.read(from..to).await.map_err(storage)?;
        Ok(content.to_bytes())
    }

    /// Reads a blob and makes sure that it is what its name says.
    pub async fn read_all(&self, id: BlobId) -> Result<Bytes, BlobError> {
        let content = self.read(id, ..).await?;
        if Sha256::digest(&content)[..] == id.0 {
            Ok(content)
        } else {
            Err(BlobError::Damaged(id))
        }
    }

    /// Removes a blob. One that is not there is removed already.
    pub async fn delete(&self, id: BlobId) -> Result<(), BlobError> {
        self.operator.delete(&path_of(id)).await.map_err(storage)
    }

    /// Gives a finished blob its name. The same content under the same name may be there already.
    async fn name(&self, path: &str, id: BlobId) -> Result<(), BlobError> {
        let to = path_of(id);
        let can = self.operator.info().capability();
        if can.rename {
            self.operator.rename(path, &to).await.map_err(storage)?;
            return self.synchronise(&to).await;
        }
        if can.copy {
            self.operator.copy(path, &to).await.map_err(storage)?;
        } else {
            let content = self.operator.read(path).await.map_err(storage)?;
            self.operator.write(&to, content).await.map_err(storage)?;
        }
        self.operator.delete(path).await.map_err(storage)
    }
}

impl Blobs {
    async fn synchronise(&self, name: &str) -> Result<(), BlobError> {
        let Some(root) = self.directory.clone() else {
            return Ok(());
        };
        let inner = root.join(name).parent().map(Path::to_owned);
        let mut directories = inner.into_iter().chain([root]);
        let synchronised = tokio::task::spawn_blocking(move || {
            directories.try_for_each(|directory| File::open(directory)?.sync_all())
        });
        let failed = |why: &dyn fmt::Display| BlobError::Storage(why.to_string().into());
        match synchronised.await {
            Ok(synchronised) => synchronised.map_err(|why| failed(&why)),
            Err(why) => Err(failed(&why)),
        }
    }
}

/// Two levels, since directories with very many files are slow in places.
fn path_of(id: BlobId) -> String {
    let name = id.to_string();
    format!("{}/{}", &name[..2], &name[2..])
}

/// A blob that is being written. One that is dropped leaves what it has until the directory is opened again;
/// [`BlobWriter::abandon`] removes it at once.
pub struct BlobWriter {
    blobs: Blobs,
    path: String,
    writer: opendal::Writer,
    hash: Sha256,
    bytes: u64,
}

impl fmt::Debug for BlobWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobWriter")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl BlobWriter {
    /// Adds to the blob. After an error nothing but [`BlobWriter::abandon`] makes sense.
    pub async fn write(&mut self, content: impl Into<Bytes>) -> Result<(), BlobError> {
        let content = content.into();
        self.bytes = self.bytes.saturating_add(content.len() as u64);
        if self.bytes > self.blobs.bytes_max {
            return Err(BlobError::TooLarge(self.blobs.bytes_max));
        }
        self.hash.update(&content);
        self.writer.write(content).await.map_err(storage)
    }

    /// Makes the blob durable and gives it its name.
    pub async fn finish(mut self) -> Result<Blob, BlobError> {
        if self.bytes > self.blobs.bytes_max {
            let bytes_max = self.blobs.bytes_max;
            self.abandon().await?;
            return Err(BlobError::TooLarge(bytes_max));
        }
        self.writer.close().await.map_err(storage)?;
        let id = BlobId(self.hash.finalize().into());
        self.blobs.name(&self.path, id).await?;
        Ok(Blob {
            id,
            bytes: self.bytes,
        })
    }

    /// Forgets the blob.
    pub async fn abandon(mut self) -> Result<(), BlobError> {
        // Not every storage can take back what was begun; what it then has is deleted as any other file.
        if self.writer.abort().await.is_err() {
            let _ = self.writer.close().await;
        }
        self.blobs
            .operator
            .delete(&self.path)
            .await
            .map_err(storage)
    }
}
