//! A page of somebody else must not reach this server: neither through a name that resolves to this machine, nor by
//! sending a request from the browser of somebody who can reach it.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::access::cookie::Transport;
use crate::app::App;
use crate::problem::Problem;
use crate::webhook;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The names that requests may call a server by. Those of this machine always pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    /// Further names.
    pub names: Vec<String>,
    /// Any address written out: for a server that listens to the network. A page cannot make a browser send an
    /// address that is not its own.
    pub addresses: bool,
}

/// Refuses requests that were meant for another host, or come from a page of one. Whatever is answered says how
/// browsers have to treat it.
pub(crate) async fn guarded(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = match judge(&app.config.hosts, request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    harden(response.headers_mut());
    response
}

/// Nothing here is to be kept by caches, shown inside other pages, or taken for something else. A page of ours has a
/// policy of its own.
fn harden(headers: &mut HeaderMap) {
    const ALWAYS: [(HeaderName, HeaderValue); 4] = [
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("same-origin"),
        ),
    ];
    const POLICY: HeaderValue =
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    for (name, value) in ALWAYS {
        headers.insert(name, value);
    }
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(POLICY);
    let referrer = HeaderValue::from_static("no-referrer");
    headers.entry(REFERRER_POLICY).or_insert(referrer);
}

/// The host that a request was meant for. HTTP/2 has it in the address.
fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    match headers.get(HOST) {
        Some(host) => Some(host.to_str().unwrap_or_default()),
        None => uri.authority().map(|authority| authority.as_str()),
    }
}

/// Refuses what a page of another site, or of another server on this machine, made a browser send.
pub(crate) fn same_origin(parts: &Parts, transport: Transport) -> Result<(), Problem> {
    let host = host(&parts.uri, &parts.headers).unwrap_or_default();
    let text = |name: HeaderName| Some(parts.headers.get(name)?.to_str().unwrap_or_default());
    let own = match text(ORIGIN).map(|origin| origin.split_once("://")) {
        Some(Some((scheme, origin))) => {
            // A page that came without encryption may have been changed on its way.
            let safe = transport != Transport::Https || scheme == "https";
            safe && origin.eq_ignore_ascii_case(host)
        }
        Some(None) => false,
        None => text(SEC_FETCH_SITE) == Some("same-origin"),
    };
    if own { Ok(()) } else { Err(foreign_origin()) }
}

fn foreign_origin() -> Problem {
    Problem::new(403, "foreign-origin", "The request comes from another site")
        .detail("pages of other sites may not call this server")
}

fn judge(hosts: &Hosts, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(host) = host(uri, headers) else {
        return Err(Problem::malformed("the request has no `Host`"));
    };
    if !hosts.permit(host) {
        let refused = Problem::new(403, "foreign-host", "The request names another host");
        return Err(refused.detail(
            "this server answers to the names of this machine, and to those it was started with",
        ));
    }
    // Those are sent by servers, and prove where they come from.
    if uri.path().starts_with(webhook::AT) {
        return Ok(());
    }
    known_origin(hosts, headers)
}

/// Refuses what a page of another site sent.
pub(crate) fn known_origin(hosts: &Hosts, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(origin) = headers.get(ORIGIN) else {
        return Ok(());
    };
    let origin = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"));
    if !origin.is_some_and(|(_, host)| hosts.permit(host)) {
        return Err(foreign_origin());
    }
    Ok(())
}

impl Hosts {
    /// Judges `name`, `name:port`, `address`, `address:port`, `[address]:port`.
    fn permit(&self, host: &str) -> bool {
        let name = match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => host.rsplit_once(':').map_or(host, |(name, _)| name),
        };
        let name = name.trim_end_matches('.');
        name.eq_ignore_ascii_case("localhost")
            || name
                .parse::<IpAddr>()
                .is_ok_and(|address| self.addresses || address.is_loopback())
            || self
                .names
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_pass() {
        let hosts = Hosts::default();
        for own in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:1",
            "127.9.9.9",
            "[::1]:8080",
            "localhost.",
        ] {
            assert!(hosts.permit(own), "{own}");
        }
        for foreign in [
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example:80",
            "10.0.0.1",
            "[::2]",
            "",
        ] {
            assert!(!hosts.permit(foreign), "{foreign}");
        }
    }

    #[test]
    fn names_and_addresses_that_were_given_pass_too() {
        let hosts = Hosts {
            names: vec!["flows.example".to_owned()],
            addresses: true,
        };
        for own in [
            "Flows.Example:80",
            "10.0.0.1:8080",
            "[fd00::2]",
            "localhost",
        ] {
            assert!(hosts.permit(own), "{own}");
        }
        for foreign in ["evil.example", "x.flows.example", "10.0.0.1.evil.example"] {
            assert!(!hosts.permit(foreign), "{foreign}");
        }
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        let judged = |origin: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, "localhost:8080".parse().unwrap());
            headers.insert(ORIGIN, origin.parse().unwrap());
            judge(&Hosts::default(), &Uri::from_static("/"), &headers).is_ok()
        };
        assert!(judged("http://localhost:3000"));
        assert!(judged("http://127.0.0.1:8080"));
        assert!(!judged("https://evil.example"));
        assert!(!judged("http://localhost.evil.example"));
        assert!(!judged("null"));
    }
}
