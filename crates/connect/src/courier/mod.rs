//! Carries messages of the server itself to where its administrator wants them: over HTTP and by mail.
//!
//! Owns how they travel, and passes the egress guard like everything else that leaves. What they say, and when they are
//! sent again, is the business of [`ferrovia_runtime::notify`].

mod http;
mod mail;
mod transport;

use std::time::Duration;

pub use http::{HttpCourier, SigningKey};
pub use mail::{Encryption, MailCourier, Mailbox, Smtp};

/// How long one attempt may take.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// A destination that cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    #[error("it is no http or https URL")]
    Url,
    #[error("a signing key begins with `whsec_`, and what follows is Base64 of 24 to 64 bytes")]
    SigningKey,
    #[error("`{0}` is no mail address")]
    Address(String),
    #[error("a mail has at least one recipient")]
    Nobody,
    #[error("a password would be sent without encryption")]
    Readable,
}
