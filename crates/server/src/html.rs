//! Pages for people: text that cannot be markup, and a policy under which nothing comes from elsewhere and no script
//! runs.

use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::digest;

/// A text that cannot be markup, in elements and in attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A page with this style, whose forms go to this server alone.
pub(crate) fn page(status: StatusCode, title: &str, style: &str, body: &str) -> Response {
    let hash = BASE64.encode(digest::digest(&digest::SHA256, style.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>{}</title><style>{style}</style>{body}",
        escape(title)
    );
    let mut response = (status, html).into_response();
    let headers = response.headers_mut();
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(CONTENT_TYPE, html);
    let policy = HeaderValue::try_from(policy).expect("a policy is ASCII");
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    // Without it browsers would not say where a form comes from, and it would be refused.
    let same = HeaderValue::from_static("same-origin");
    headers.insert(REFERRER_POLICY, same);
    response
}
