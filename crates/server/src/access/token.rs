//! API keys, sessions and the set-up token: random, with a prefix and a checksum, so that scanners for leaked secrets
//! recognise one and a typing error is told from a wrong key. Stored is a digest only.
//!
//! A text is `fvk_<id>_<secret><checksum>`: 16, 64 and 8 hexadecimal digits. The id is no secret: it finds the digest,
//! and names the key in lists and logs. 256 random bits cannot be guessed, so a fast digest is enough.

use std::fmt;

use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::digits::{hex, unhex};

const ID_BYTES: usize = 8;
const SECRET_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 4;
/// The length of every text. Anything else is none, without looking at it.
pub const TOKEN_CHARS: usize = 4 + 2 * ID_BYTES + 1 + 2 * SECRET_BYTES + 2 * CHECKSUM_BYTES;

/// What a token is for. One cannot be shown as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Key,
    Session,
    SetUp,
}

/// What a token is called.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId([u8; ID_BYTES]);

/// A token with its secret. Exists while it is made or shown, and is wiped afterwards.
pub struct Token {
    purpose: Purpose,
    id: TokenId,
    secret: Zeroizing<[u8; SECRET_BYTES]>,
}

/// What is stored of a token: SHA-256 over its prefix, id and secret.
#[derive(Clone, Copy)]
pub struct TokenDigest([u8; digest::SHA256_OUTPUT_LEN]);

/// Why a text is no token. Quotes nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// Not ours, or for another purpose.
    #[error("this does not begin like a token for this purpose")]
    Prefix,
    #[error("the token is incomplete or has something it should not have")]
    Form,
    /// A typing error, or cut and filled.
    #[error("the token is mistyped: its checksum does not fit")]
    Checksum,
}

/// The random source of the operating system failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no random numbers")]
pub struct NoRandom;

impl Purpose {
    fn prefix(self) -> &'static str {
        match self {
            Purpose::Key => "fvk_",
            Purpose::Session => "fvs_",
            Purpose::SetUp => "fvt_",
        }
    }
}

pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, NoRandom> {
    let mut bytes = Zeroizing::new([0; N]);
    SystemRandom::new()
        .fill(bytes.as_mut())
        .map_err(|_| NoRandom)?;
    Ok(bytes)
}

impl Token {
    pub fn new(purpose: Purpose) -> Result<Token, NoRandom> {
        Ok(Token {
            purpose,
            id: TokenId(*random()?),
            secret: random()?,
        })
    }

    /// Reads what was shown for a purpose.
    pub fn parse(purpose: Purpose, text: &str) -> Result<Token, BadToken> {
        let rest = text
            .strip_prefix(purpose.prefix())
            .ok_or(BadToken::Prefix)?;
        if text.len() != TOKEN_CHARS || !text.is_ascii() {
            return Err(BadToken::Form);
        }
        let (body, checksum) = text.split_at(TOKEN_CHARS - 2 * CHECKSUM_BYTES);
        let (id, secret) = rest[..rest.len() - 2 * CHECKSUM_BYTES]
            .split_once('_')
            .ok_or(BadToken::Form)?;
        let id = unhex(id).ok_or(BadToken::Form)?;
        let secret = unhex(secret).map(Zeroizing::new).ok_or(BadToken::Form)?;
        let checksum: [u8; CHECKSUM_BYTES] = unhex(checksum).ok_or(BadToken::Form)?;
        if checksum != crc32fast::hash(body.as_bytes()).to_be_bytes() {
            return Err(BadToken::Checksum);
        }
        Ok(Token {
            purpose,
            id: TokenId(id),
            secret,
        })
    }

    /// The text to show once.
    pub fn text(&self) -> Zeroizing<String> {
        let secret = Zeroizing::new(hex(&*self.secret));
        // As long as it gets, so that growing leaves no copies behind.
        let mut text = Zeroizing::new(String::with_capacity(TOKEN_CHARS));
        text.push_str(self.purpose.prefix());
        text.push_str(&hex(&self.id.0));
        text.push('_');
        text.push_str(&secret);
        let checksum = crc32fast::hash(text.as_bytes()).to_be_bytes();
        text.push_str(&hex(&checksum));
        text
    }

    pub fn id(&self) -> TokenId {
        self.id
    }

    pub fn digest(&self) -> TokenDigest {
        let mut context = digest::Context::new(&digest::SHA256);
        // All of one length each: no two tokens are the same bytes here.
        context.update(self.purpose.prefix().as_bytes());
        context.update(&self.id.0);
        context.update(&*self.secret);
        let digest = context.finish();
        TokenDigest(digest.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}

impl TokenDigest {
    pub fn from_bytes(bytes: [u8; digest::SHA256_OUTPUT_LEN]) -> TokenDigest {
        TokenDigest(bytes)
    }

    pub fn as_bytes(&self) -> &[u8; digest::SHA256_OUTPUT_LEN] {
        &self.0
    }

    /// Whether this is the digest of a token, in a time that does not tell how close it was.
    pub fn is_of(&self, token: &Token) -> bool {
        self.0.ct_eq(&token.digest().0).into()
    }
}

impl TokenId {
    pub fn parse(text: &str) -> Option<TokenId> {
        unhex(text).map(TokenId)
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TokenId({self})")
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Token({}{})", self.purpose.prefix(), self.id)
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenDigest")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EACH: [Purpose; 3] = [Purpose::Key, Purpose::Session, Purpose::SetUp];

    fn fixed(purpose: Purpose) -> Token {
        Token {
            purpose,
            id: TokenId([0, 1, 2, 3, 0xfc, 0xfd, 0xfe, 0xff]),
            secret: Zeroizing::new([0x5a; SECRET_BYTES]),
        }
    }

    #[test]
    fn a_token_has_one_text() {
        // Python: zlib.crc32(b"fvk_00010203fcfdfeff_" + b"5a" * 32), and hashlib.sha256 over
        // b"fvk_" + bytes.fromhex("00010203fcfdfeff") + b"\x5a" * 32.
        let token = fixed(Purpose::Key);
        let text = token.text();
        let secret = "5a".repeat(32);
        assert_eq!(*text, format!("fvk_00010203fcfdfeff_{secret}fc1efe76"));
        assert_eq!(text.len(), TOKEN_CHARS);
        assert_eq!(
            hex(token.digest().as_bytes()),
            "1c440b55fb59d78405e2c30e4c359d2d1714eee0727364f7fd74484e8d5a233e"
        );
        assert_eq!(token.id().to_string(), "00010203fcfdfeff");
        assert_eq!(TokenId::parse("00010203fcfdfeff"), Some(token.id()));
        assert_eq!(TokenId::parse("00010203fcfdfef"), None);
    }

    #[test]
    fn what_was_made_is_recognised() {
        for purpose in EACH {
            let token = Token::new(purpose).unwrap();
            let shown = Token::parse(purpose, &token.text()).unwrap();
            assert_eq!(shown.id(), token.id());
            let stored = TokenDigest::from_bytes(*token.digest().as_bytes());
            assert!(stored.is_of(&shown));
            assert!(!stored.is_of(&Token::new(purpose).unwrap()));
        }
    }

    #[test]
    fn tokens_differ() {
        let texts: std::collections::BTreeSet<String> = (0..100)
            .map(|_| Token::new(Purpose::Key).unwrap().text().to_string())
            .collect();
        assert_eq!(texts.len(), 100);
    }

    #[test]
    fn a_token_is_none_of_another_purpose() {
        for purpose in EACH {
            for other in EACH.into_iter().filter(|other| *other != purpose) {
                let text = fixed(purpose).text();
                let read = Token::parse(other, &text);
                assert_eq!(read.unwrap_err(), BadToken::Prefix);
                let renamed = text.replace(purpose.prefix(), other.prefix());
                let read = Token::parse(other, &renamed);
                assert_eq!(read.unwrap_err(), BadToken::Checksum);
                assert!(!fixed(purpose).digest().is_of(&fixed(other)));
            }
        }
    }

    #[test]
    fn every_typing_error_is_seen() {
        let text = fixed(Purpose::Key).text();
        for index in 0..text.len() {
            for typed in ["0", "1", "a", "A", "_", "g", " ", ""] {
                let mut wrong = text.to_string();
                wrong.replace_range(index..=index, typed);
                if wrong != *text {
                    let read = Token::parse(Purpose::Key, &wrong);
                    assert!(read.is_err(), "{wrong}");
                }
            }
        }
        for wrong in [
            "",
            "fvk_",
            "fvk",
            &text[..20],
            &format!("{}0", *text),
            &"é".repeat(50),
        ] {
            assert!(Token::parse(Purpose::Key, wrong).is_err(), "{wrong}");
        }
        // As long as a token, but with a character of two bytes where it is cut.
        let wide = format!("{}é{}", &text[..TOKEN_CHARS - 9], &text[TOKEN_CHARS - 7..]);
        assert_eq!(wide.len(), TOKEN_CHARS);
        let read = Token::parse(Purpose::Key, &wide);
        assert_eq!(read.unwrap_err(), BadToken::Form);
    }

    #[test]
    fn nothing_shows_a_secret() {
        let token = fixed(Purpose::Key);
        let shown = format!("{token:?} {:?} {:?}", token.id(), token.digest());
        assert!(!shown.contains("5a5a"), "{shown}");
        assert!(
            !shown.contains(&hex(token.digest().as_bytes())[..8]),
            "{shown}"
        );
    }
}
