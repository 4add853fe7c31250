//! Secrets at rest: AES-256-GCM under a key that is kept outside the database.
//!
//! A sealed value belongs to its namespace and name: moved to another place, it does not open. It names the key that
//! sealed it, so that keys can be changed: the first key of a ring seals, every key of it opens. Knows neither where
//! sealed values are kept nor who may set one.
//!
//! Nonces are 96 random bits. Up to 2³² values under one key the chance that two are equal stays below 2⁻³²
//! (NIST SP 800-38D, 8.3), which no server of secrets comes near.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest;
use zeroize::Zeroizing;

use crate::access::token::{NoRandom, random};
use crate::digits::hex;

pub mod file;

/// The environment variable that keys can come in instead of a file.
pub const KEYS_VARIABLE: &str = "FERROVIA_SECRETS_KEY";
/// A secret. Certificates with their keys fit.
pub const SECRET_BYTES_MAX: usize = 64 * 1_024;
/// Keys of a ring: the newest and those before it.
pub const KEYS_MAX: usize = 16;

const KEY_BYTES: usize = 32;
const KEY_ID_BYTES: usize = 8;
const TAG_BYTES: usize = 16;
/// The first byte of a sealed value. Another form would have another.
const FORM: u8 = 1;
const HEAD_BYTES: usize = 1 + KEY_ID_BYTES + NONCE_LEN;

/// Names a key without telling anything of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; KEY_ID_BYTES]);

struct Key {
    id: KeyId,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

/// Keys, the one that seals first.
pub struct Keyring(Vec<Key>);

/// A value that can be kept anywhere: form, key id, nonce, then what was sealed with its tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

/// Where a secret belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
}

/// Why a text holds no keys. Quotes nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKeys {
    #[error("there is no key")]
    None,
    #[error("key {0} is not 32 bytes in Base64")]
    Form(usize),
    #[error("a key is there twice")]
    Repeated,
    #[error("there are more than {KEYS_MAX} keys")]
    TooMany,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("a secret has at most {SECRET_BYTES_MAX} bytes")]
    TooLong,
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("this is not a sealed secret")]
    Form,
    #[error("the secret was sealed with the key {0}, which is not here")]
    UnknownKey(KeyId),
    /// Changed, cut, or moved here from another name.
    #[error("the secret was tampered with, or belongs to another name")]
    Tampered,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResealError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl Keyring {
    /// One new key.
    pub fn generate() -> Result<Keyring, NoRandom> {
        Ok(Keyring(vec![Key::new(random()?)]))
    }

    /// Reads keys in Base64 with white space between them, the one that seals first.
    pub fn parse(text: &str) -> Result<Keyring, BadKeys> {
        let mut keys: Vec<Key> = Vec::new();
        for (index, word) in text.split_whitespace().enumerate() {
            if keys.len() == KEYS_MAX {
                return Err(BadKeys::TooMany);
            }
            let bytes = BASE64.decode(word).map(Zeroizing::new).ok();
            let bytes = bytes.and_then(|bytes| bytes.as_slice().try_into().ok());
            let key = Key::new(Zeroizing::new(bytes.ok_or(BadKeys::Form(index + 1))?));
            if keys.iter().any(|known| known.id == key.id) {
                return Err(BadKeys::Repeated);
            }
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(BadKeys::None);
        }
        Ok(Keyring(keys))
    }

    /// The text that [`Keyring::parse`] reads: a key a line.
    pub fn text(&self) -> Zeroizing<String> {
        let line_chars = KEY_BYTES.div_ceil(3) * 4 + 1;
        let mut text = Zeroizing::new(String::with_capacity(self.0.len() * line_chars));
        for key in &self.0 {
            BASE64.encode_string(key.bytes.as_slice(), &mut text);
            text.push('\n');
        }
        text
    }

    /// The same keys behind a new one. Sealed values go on opening; [`Keyring::reseal`] brings them to the new key,
    /// and when no value names an old one any more, that can go.
    pub fn rotated(&self) -> Result<Keyring, RotateError> {
        if self.0.len() >= KEYS_MAX {
            return Err(RotateError::TooMany);
        }
        let known = self.0.iter().map(|key| Key::new(key.bytes.clone()));
        let keys = std::iter::once(Key::new(random()?)).chain(known);
        Ok(Keyring(keys.collect()))
    }

    /// How many keys there are.
    #[expect(clippy::len_without_is_empty, reason = "a ring is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The key that seals, without those that only open.
    pub fn newest_alone(&self) -> Keyring {
        Keyring(vec![Key::new(self.first().bytes.clone())])
    }

    /// The key that seals.
    pub fn newest(&self) -> KeyId {
        self.first().id
    }

    fn first(&self) -> &Key {
        self.0.first().expect("a ring has a key")
    }

    pub fn seal(&self, label: Label<'_>, secret: &[u8]) -> Result<Sealed, SealError> {
        if secret.len() > SECRET_BYTES_MAX {
            return Err(SealError::TooLong);
        }
        let key = self.first();
        let nonce: [u8; NONCE_LEN] = *random()?;
        // Sealed in place: the plaintext becomes the ciphertext, and no copy stays.
        let mut bytes = Vec::with_capacity(HEAD_BYTES + secret.len() + TAG_BYTES);
        bytes.push(FORM);
        bytes.extend(key.id.0);
        bytes.extend(nonce);
        bytes.extend(secret);
        let tag = key
            .cipher()
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                key.belonging(label),
                &mut bytes[HEAD_BYTES..],
            )
            .expect("a secret is far shorter than what the cipher takes");
        bytes.extend(tag.as_ref());
        Ok(Sealed(bytes))
    }

    /// The secret, wiped when it is dropped.
    pub fn open(&self, label: Label<'_>, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let Parts {
            key,
            nonce,
            ciphertext,
        } = sealed.parts()?;
        let key = self.0.iter().find(|known| known.id == key);
        let key = key.ok_or(OpenError::UnknownKey(sealed.key()?))?;
        let mut bytes = Zeroizing::new(ciphertext.to_vec());
        let length = key
            .cipher()
            .open_in_place(
                Nonce::assume_unique_for_key(nonce),
                key.belonging(label),
                &mut bytes,
            )
            .map_err(|_| OpenError::Tampered)?
            .len();
        bytes.truncate(length);
        Ok(bytes)
    }

    /// The value under the newest key, if it is not under it yet.
    pub fn reseal(&self, label: Label<'_>, sealed: &Sealed) -> Result<Option<Sealed>, ResealError> {
        if sealed.key()? == self.newest() {
            return Ok(None);
        }
        let secret = self.open(label, sealed)?;
        Ok(Some(self.seal(label, &secret)?))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RotateError {
    #[error("there are {KEYS_MAX} keys already: reseal, then remove old ones")]
    TooMany,
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
}

impl Key {
    fn new(bytes: Zeroizing<[u8; KEY_BYTES]>) -> Key {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"ferrovia secrets key id\0");
        context.update(&*bytes);
        let digest = context.finish();
        let (id, _) = digest
            .as_ref()
            .split_first_chunk()
            .expect("SHA-256 has 32 bytes");
        Key {
            id: KeyId(*id),
            bytes,
        }
    }

    fn cipher(&self) -> LessSafeKey {
        let key = UnboundKey::new(&AES_256_GCM, &*self.bytes);
        LessSafeKey::new(key.expect("AES-256 has keys of 32 bytes"))
    }

    /// What a value is bound to. Lengths stand before the names, so that no two labels are the same bytes.
    fn belonging(&self, label: Label<'_>) -> Aad<Vec<u8>> {
        let mut bytes = b"ferrovia secret\0".to_vec();
        bytes.push(FORM);
        bytes.extend(self.id.0);
        for part in [label.namespace, label.name] {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part.as_bytes());
        }
        Aad::from(bytes)
    }
}

struct Parts<'a> {
    key: KeyId,
    nonce: [u8; NONCE_LEN],
    ciphertext: &'a [u8],
}

impl Sealed {
    /// What was kept. Whether it opens is seen when it is opened.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Sealed, OpenError> {
        let sealed = Sealed(bytes);
        sealed.parts()?;
        Ok(sealed)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key that opens it.
    pub fn key(&self) -> Result<KeyId, OpenError> {
        Ok(self.parts()?.key)
    }

    fn parts(&self) -> Result<Parts<'_>, OpenError> {
        let parts = || {
            let (form, rest) = self.0.split_first()?;
            let (key, rest) = rest.split_first_chunk()?;
            let (nonce, ciphertext) = rest.split_first_chunk()?;
            let fits = (TAG_BYTES..=TAG_BYTES + SECRET_BYTES_MAX).contains(&ciphertext.len());
            (*form == FORM && fits).then_some(Parts {
                key: KeyId(*key),
                nonce: *nonce,
                ciphertext,
            })
        };
        parts().ok_or(OpenError::Form)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "KeyId({self})")
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_list()
            .entries(self.0.iter().map(|key| key.id))
            .finish()
    }
}

#[cfg(test)]
mod tests;
