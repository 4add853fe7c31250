//! TLS: whom we trust and what we show.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use sha2::{Digest, Sha256};

use super::error::ClientError;

/// A client certificate with its chain and private key.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    fingerprint: [u8; 32],
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

impl Identity {
    /// Reads a certificate chain (leaf first) and its key, both PEM.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, ClientError> {
        let chain = certificates(certificate)?;
        if chain.is_empty() {
            return Err(ClientError::Certificate(
                "the text holds no certificate".to_owned(),
            ));
        }
        // The reader's own message may quote what it read, so it is not passed on.
        let private = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|_| ClientError::Certificate("the text holds no private key".to_owned()))?;
        let mut hash = Sha256::new();
        hash.update(certificate);
        hash.update([0]);
        hash.update(key);
        Ok(Self {
            chain,
            key: private,
            fingerprint: hash.finalize().into(),
        })
    }

    pub(super) fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }
}

/// The public roots and `extra_roots`; TLS 1.2 and 1.3; HTTP/2 where the server speaks it.
pub(super) fn client_config(
    extra_roots: Option<&str>,
    identity: Option<&Identity>,
) -> Result<ClientConfig, ClientError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for certificate in certificates(extra_roots.unwrap_or_default())? {
        roots
            .add(certificate)
            .map_err(|error| ClientError::Certificate(error.to_string()))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider supports TLS 1.2 and 1.3")
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => builder
            .with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())
            .map_err(|error| ClientError::Certificate(error.to_string()))?,
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| ClientError::Certificate("the text is not PEM".to_owned()))
}
