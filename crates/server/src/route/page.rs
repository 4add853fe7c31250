//! The reference page: the table for people to read. Nothing on it comes from elsewhere, and it runs no script.

use std::fmt::Write;

use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::digest;

use super::openapi::access;
use super::{Route, table};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
code{font-family:ui-monospace,monospace;background:#8882;padding:0 .2em}\
h3{margin-top:2.5rem;font-weight:600}table{border-collapse:collapse;width:100%}\
td{border-top:1px solid #8885;padding:.3rem .6rem .3rem 0;vertical-align:top}\
td:first-child{white-space:nowrap;width:12rem}:root{color-scheme:light dark}";

pub(super) async fn show() -> Response {
    let hash = BASE64.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (CONTENT_SECURITY_POLICY, policy),
    ];
    (headers, page()).into_response()
}

fn page() -> String {
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Ferrovia: the interface</title>\
         <style>{STYLE}</style><h1>Ferrovia: the interface</h1>\
         <p>The same as a document for programs: <a href=\"/api/v1/openapi.json\">openapi.json</a>.</p>"
    );
    for section in table() {
        let (name, about) = (text(section.name), text(section.about));
        add(&mut html, format_args!("<h2>{name}</h2><p>{about}</p>"));
        for route in &section.routes {
            show_route(&mut html, route);
        }
    }
    html
}

fn show_route(html: &mut String, route: &Route) {
    let doc = &route.doc;
    let (method, path, summary) = (&route.method, text(route.path), text(doc.summary));
    let id = doc.operation;
    add(
        html,
        format_args!("<h3 id=\"{id}\"><code>{method} {path}</code></h3><p>{summary}.</p>"),
    );
    for about in [doc.about.unwrap_or_default(), &access(route.rule)] {
        add(html, format_args!("<p>{}</p>", text(about)));
    }
    add(html, format_args!("<table>"));
    for parameter in &doc.parameters {
        row(
            html,
            &format!("{} ({})", parameter.name, parameter.place.name()),
            parameter.about,
        );
    }
    for (media_type, schema) in &doc.takes {
        row(html, media_type, &schema.to_string());
    }
    for answer in doc.answers(route.rule) {
        row(html, &answer.status.to_string(), answer.about);
    }
    add(html, format_args!("</table>"));
}

fn row(html: &mut String, name: &str, about: &str) {
    let (name, about) = (text(name), text(about));
    add(html, format_args!("<tr><td><code>{name}</code><td>{about}"));
}

fn add(html: &mut String, part: std::fmt::Arguments<'_>) {
    html.write_fmt(part).expect("memory takes all text");
}

/// A text that cannot be markup; what stands between backquotes becomes code.
fn text(text: &str) -> String {
    let escaped = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;");
    let parts = escaped.split('`').enumerate();
    parts
        .map(|(index, part)| match index % 2 {
            0 => part.to_owned(),
            _ => format!("<code>{part}</code>"),
        })
        .collect()
}
