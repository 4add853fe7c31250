//! Loading resources from the web and from files.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use ferrovia_connect::ConnectConfig;
use ferrovia_connect::config::FileAccess;
use ferrovia_runtime::port::FaultKind;

use crate::server::{answer, serve};
use crate::support::{connectors, detail, json};

fn project() -> (tempfile::TempDir, ConnectConfig) {
    let directory = tempfile::tempdir().unwrap();
    let base = directory.path().join("project");
    std::fs::create_dir_all(base.join("sub")).unwrap();
    std::fs::write(base.join("a.txt"), "inside").unwrap();
    std::fs::write(base.join("sub/b c.txt"), "below").unwrap();
    std::fs::write(directory.path().join("secret.txt"), "outside").unwrap();
    std::os::unix::fs::symlink(directory.path().join("secret.txt"), base.join("link")).unwrap();
    std::os::unix::fs::symlink(base.join("a.txt"), base.join("inner-link")).unwrap();
    std::os::unix::fs::symlink(directory.path(), base.join("up")).unwrap();
    let config = ConnectConfig {
        base_dir: Some(base),
        ..ConnectConfig::default()
    };
    (directory, config)
}

#[tokio::test]
async fn files_are_read_inside_the_project_only() {
    let (directory, config) = project();
    let loader = connectors(&config).loader;
    let absolute = config.base_dir.as_ref().unwrap().join("a.txt");
    for (uri, expected) in [
        ("a.txt", "inside"),
        ("./sub/../a.txt", "inside"),
        ("inner-link", "inside"),
        ("sub/b c.txt", "below"),
        ("file:sub/b%20c.txt", "below"),
        ("file://sub/b%20c.txt", "below"),
        (&format!("file://{}", absolute.display()), "inside"),
        (absolute.to_str().unwrap(), "inside"),
    ] {
        assert_eq!(
            loader.load(uri, None, None).await.unwrap().bytes,
            expected,
            "{uri}"
        );
    }
    let outside = directory.path().join("secret.txt");
    for uri in [
        "../secret.txt",
        "link",
        "up/secret.txt",
        "/etc/passwd",
        "file:///etc/passwd",
        "file://../secret.txt",
        "file:%2e%2e/secret.txt",
        "../no-such-file",
        outside.to_str().unwrap(),
    ] {
        let fault = loader.load(uri, None, None).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Authorization, "{uri}: {fault:?}");
        assert!(
            detail(&fault).contains("outside the project's directory"),
            "{uri}: {fault:?}"
        );
    }
    for (uri, expected) in [
        ("missing.txt", "cannot be read"),
        ("sub", "not a file"),
        ("ftp://x/y", "only http, https, file"),
    ] {
        let fault = loader.load(uri, None, None).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Configuration, "{uri}: {fault:?}");
        assert!(detail(&fault).contains(expected), "{uri}: {fault:?}");
    }
}

#[tokio::test]
async fn the_configuration_may_open_all_files_or_name_no_directory() {
    let (directory, config) = project();
    let outside = directory.path().join("secret.txt");
    let open = ConnectConfig {
        file_access: FileAccess::Anywhere,
        ..config
    };
    let loader = connectors(&open).loader;
    for uri in ["../secret.txt", "link", outside.to_str().unwrap()] {
        assert_eq!(
            loader.load(uri, None, None).await.unwrap().bytes,
            "outside",
            "{uri}"
        );
    }
    let loader = connectors(&ConnectConfig::default()).loader;
    assert!(loader.load("a.txt", None, None).await.is_err());
    let base = directory.path().join("project");
    assert_eq!(
        loader
            .load("a.txt", None, Some(Path::new(&base)))
            .await
            .unwrap()
            .bytes,
        "inside"
    );
    assert!(
        loader
            .load("../secret.txt", None, Some(Path::new(&base)))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn what_came_from_the_web_is_kept_unless_credentials_were_needed() {
    let served = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&served);
    let page = move |headers: HeaderMap| {
        counter.fetch_add(1, Ordering::SeqCst);
        let user = headers
            .get("authorization")
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default();
        async move {
            answer(
                200,
                &[("content-type", "text/x-page")],
                format!("for {user}"),
            )
        }
    };
    let moved = get(|| async { answer(302, &[("location", "/page")], "") });
    let server = serve(
        Router::new()
            .route("/page", get(page))
            .route("/moved", moved),
    )
    .await;
    let loader = connectors(&ConnectConfig::default()).loader;
    for _ in 0..3 {
        let resource = loader
            .load(&format!("http://{server}/moved"), None, None)
            .await
            .unwrap();
        assert_eq!(
            (&resource.bytes[..], resource.media_type.as_deref()),
            (&b"for "[..], Some("text/x-page"))
        );
        assert_eq!(resource.uri.as_str(), format!("http://{server}/page"));
    }
    assert_eq!(served.load(Ordering::SeqCst), 1);
    for name in ["ann", "bob"] {
        let policy = json(&format!(r#"{{"bearer": {{"token": "{name}"}}}}"#));
        let resource = loader
            .load(&format!("http://{server}/page"), Some(&policy), None)
            .await
            .unwrap();
        assert_eq!(resource.bytes, format!("for Bearer {name}"));
    }
    let refused = loader
        .load("http://169.254.169.254/", None, None)
        .await
        .unwrap_err();
    assert_eq!(refused.kind, FaultKind::Authorization);
}
