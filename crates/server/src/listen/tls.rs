//! The certificate and key of a server.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What encrypts connections. TLS 1.2 and 1.3; HTTP/2 and HTTP/1.1, as the client prefers.
#[derive(Clone, Debug)]
pub struct Tls(pub(super) Arc<ServerConfig>);

/// Why connections cannot be encrypted with this.
#[derive(Debug, thiserror::Error)]
pub enum BadTls {
    #[error("{0}: {1}")]
    Unreadable(PathBuf, rustls::pki_types::pem::Error),
    #[error("{0}: there is no certificate in it")]
    NoCertificate(PathBuf),
    #[error("certificate and key: {0}")]
    Unfit(#[from] rustls::Error),
}

impl Tls {
    /// Reads PEM files: the certificates from the server's to the one below the root, and its private key.
    pub fn read(certificate: &Path, key: &Path) -> Result<Tls, BadTls> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |error| BadTls::Unreadable(path, error)
        };
        let chain = CertificateDer::pem_file_iter(certificate).map_err(unreadable(certificate))?;
        let chain = chain.collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(unreadable(certificate))?;
        if chain.is_empty() {
            return Err(BadTls::NoCertificate(certificate.to_owned()));
        }
        let key = PrivateKeyDer::from_pem_file(key).map_err(unreadable(key))?;
        let provider = Arc::new(ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Tls(Arc::new(config)))
    }
}
