//! TLS: whom we trust, and client certificates.

use std::net::SocketAddr;
use std::sync::Arc;

use ferrovia_connect::ConnectConfig;
use ferrovia_runtime::port::{Fault, FaultKind, Success};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::{call, connectors, detail, execute, json as value};

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn issuer() -> Issuer {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for `name` and its key.
fn issued(issuer: &Issuer, name: &str) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()])
        .unwrap()
        .signed_by(&key, issuer)
        .unwrap();
    (certificate, key)
}

/// Answers each connection with how many certificates the client showed.
async fn serve(issuer: &Issuer, name: &str, clients: Option<&Issuer>) -> SocketAddr {
    let (certificate, key) = issued(issuer, name);
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots
                .add(CertificateDer::from(clients.der().to_vec()))
                .unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let config = builder
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let shown = stream.get_ref().1.peer_certificates().map_or(0, <[_]>::len);
            let mut request = [0; 4096];
            let length = stream.read(&mut request).await.unwrap_or_default();
            let status = if request[..length].starts_with(b"GET /downgrade ") {
                "302 Found\r\nlocation: http://127.0.0.1:1/"
            } else {
                "200 OK"
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: 1\r\n\r\n{shown}"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    address
}

async fn get(
    config: &ConnectConfig,
    server: SocketAddr,
    authentication: serde_json::Value,
) -> Result<Success, Fault> {
    let endpoint = json!({"uri": format!("https://localhost:{}/", server.port()), "authentication": authentication});
    let arguments = json!({"method": "get", "endpoint": endpoint});
    execute(
        &connectors(config),
        call("http", value(&arguments.to_string())),
    )
    .await
}

fn trusting(issuer: &Issuer) -> ConnectConfig {
    ConnectConfig {
        extra_roots_pem: Some(issuer.pem()),
        ..ConnectConfig::default()
    }
}

#[tokio::test]
async fn a_server_is_trusted_by_a_configured_root_for_its_own_name() {
    let issuer = issuer();
    let (good, misnamed) = (
        serve(&issuer, "localhost", None).await,
        serve(&issuer, "elsewhere", None).await,
    );
    assert_eq!(
        get(&trusting(&issuer), good, json!(null))
            .await
            .unwrap()
            .output
            .as_str(),
        Some("0")
    );
    for (config, server, reason) in [
        (ConnectConfig::default(), good, "UnknownIssuer"),
        (trusting(&self::issuer()), good, "invalid peer certificate"),
        (trusting(&issuer), misnamed, "not valid for name"),
    ] {
        let fault = get(&config, server, json!(null)).await.unwrap_err();
        assert_eq!(
            (fault.kind, fault.status),
            (FaultKind::Communication, Some(502)),
            "{fault:?}"
        );
        assert!(
            detail(&fault).contains("no secure connection to localhost:")
                && detail(&fault).contains(reason),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn a_redirect_does_not_lead_out_of_https() {
    let issuer = issuer();
    let server = serve(&issuer, "localhost", None).await;
    let arguments = json!({"method": "get", "endpoint": format!("https://localhost:{}/downgrade", server.port()), "redirect": true});
    let fault = execute(
        &connectors(&trusting(&issuer)),
        call("http", value(&arguments.to_string())),
    )
    .await
    .unwrap_err();
    assert!(
        detail(&fault).contains("the redirect leads from https to http"),
        "{fault:?}"
    );
}

#[tokio::test]
async fn a_client_certificate_is_shown_inline_or_from_files() {
    let (servers, clients) = (issuer(), issuer());
    let server = serve(&servers, "localhost", Some(&clients)).await;
    let (certificate, key) = issued(&clients, "client");
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("client.pem"), certificate.pem()).unwrap();
    std::fs::write(directory.path().join("client.key"), key.serialize_pem()).unwrap();
    let config = ConnectConfig {
        base_dir: Some(directory.path().to_owned()),
        ..trusting(&servers)
    };
    for policy in [
        json!({"certificate": {"certificate": certificate.pem(), "key": key.serialize_pem()}}),
        json!({"certificate": {"certificate": "client.pem", "key": "client.key"}}),
    ] {
        let success = get(&config, server, policy).await.unwrap();
        assert_eq!(success.output.as_str(), Some("1"));
        assert_eq!(success.authorization_scheme.as_deref(), Some("Certificate"));
    }
    let outside = json!({"certificate": {"certificate": "../client.pem", "key": "client.key"}});
    assert_eq!(
        get(&config, server, outside).await.unwrap_err().kind,
        FaultKind::Authorization
    );
    assert_eq!(
        get(&config, server, json!(null)).await.unwrap_err().kind,
        FaultKind::Communication
    );
    let (stranger, stranger_key) = issued(&issuer(), "client");
    let policy = json!({"certificate": {"certificate": stranger.pem(), "key": stranger_key.serialize_pem()}});
    assert_eq!(
        get(&config, server, policy).await.unwrap_err().kind,
        FaultKind::Communication
    );
}
