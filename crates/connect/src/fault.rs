//! The words in which connectors report failure, and what must not appear in them.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
pub(crate) use ferrovia_runtime::port::MASK;
use ferrovia_runtime::port::{Fault, FaultKind};
use http::StatusCode;
use url::Url;

/// How much of an answer's body a fault may quote.
const EXCERPT_CHARS_MAX: usize = 300;

/// Words in names of parameters and headers whose values are not shown, whether they stand alone or end a longer word.
const SECRET_WORDS: [&str; 10] = [
    "token",
    "secret",
    "password",
    "passwd",
    "pwd",
    "key",
    "signature",
    "credential",
    "credentials",
    "assertion",
];
/// Words that tell only when they stand alone.
const SECRET_WHOLE_WORDS: [&str; 7] = [
    "sig",
    "auth",
    "authorization",
    "pass",
    "session",
    "sessionid",
    "cookie",
];
/// Whole names: the code of an authorization, but no other code.
const SECRET_NAMES: [&str; 1] = ["code"];

fn fault(kind: FaultKind, status: StatusCode, title: &str, detail: impl Into<String>) -> Fault {
    Fault {
        kind,
        status: Some(status.as_u16()),
        title: title.to_owned(),
        detail: Some(detail.into()),
    }
}

/// The configuration of the task or of the program is wrong; trying again does not help.
pub(crate) fn configuration(detail: impl Into<String>) -> Fault {
    fault(
        FaultKind::Configuration,
        StatusCode::BAD_REQUEST,
        "Invalid configuration",
        detail,
    )
}

/// The arguments do not have the form the connector needs.
pub(crate) fn validation(detail: impl Into<String>) -> Fault {
    fault(
        FaultKind::Validation,
        StatusCode::BAD_REQUEST,
        "Invalid arguments",
        detail,
    )
}

/// No token could be had.
pub(crate) fn authentication(detail: impl Into<String>) -> Fault {
    fault(
        FaultKind::Authentication,
        StatusCode::UNAUTHORIZED,
        "Authentication failed",
        detail,
    )
}

/// A rule of this program forbids the call.
pub(crate) fn authorization(detail: impl Into<String>) -> Fault {
    fault(
        FaultKind::Authorization,
        StatusCode::FORBIDDEN,
        "Not permitted",
        detail,
    )
}

/// The other side could not be reached, or answered with what cannot be used.
pub(crate) fn communication(status: StatusCode, title: &str, detail: impl Into<String>) -> Fault {
    fault(FaultKind::Communication, status, title, detail)
}

/// This program failed, or a limit of it was hit.
pub(crate) fn runtime(title: &str, detail: impl Into<String>) -> Fault {
    fault(
        FaultKind::Runtime,
        StatusCode::INTERNAL_SERVER_ERROR,
        title,
        detail,
    )
}

/// A time limit of an executor passed.
pub(crate) fn timeout(detail: impl Into<String>) -> Fault {
    fault(
        FaultKind::Timeout,
        StatusCode::REQUEST_TIMEOUT,
        "Time limit exceeded",
        detail,
    )
}

/// A URL as faults and traces show it: without user information, and with the values of telling parameters masked.
pub fn masked_url(url: &Url) -> String {
    let mut shown = url.clone();
    // Both setters fail only for URLs that cannot carry user information; then there is none to hide.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_fragment(None);
    let Some(query) = url.query() else {
        return shown.into();
    };
    let masked: Vec<String> = query.split('&').map(masked_pair).collect();
    shown.set_query(Some(&masked.join("&")));
    shown.into()
}

fn masked_pair(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) if is_telling_name(name) => format!("{name}={MASK}"),
        _ => pair.to_owned(),
    }
}

/// Whether values under this name (of a parameter, a header) are likely secrets.
pub(crate) fn is_telling_name(name: &str) -> bool {
    let decoded = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
    let telling = |word: &str| {
        SECRET_WHOLE_WORDS.contains(&word)
            || SECRET_WORDS
                .iter()
                .any(|secret| ends_with_word(word, secret))
    };
    SECRET_NAMES.contains(&&*decoded.to_ascii_lowercase())
        || words(&decoded).iter().any(|word| telling(word))
}

/// `apikey` ends with `key`, but so does `monkey`: a short word counts only behind what commonly stands before it.
fn ends_with_word(word: &str, secret: &str) -> bool {
    match word.strip_suffix(secret) {
        Some("") => true,
        Some(before) => {
            secret.len() > 3
                || [
                    "api", "access", "auth", "app", "private", "secret", "client",
                ]
                .contains(&before)
        }
        None => false,
    }
}

/// The words of `snake_case`, `kebab-case` and `camelCase`, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || after_lower && c.is_uppercase() {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
        after_lower = c.is_lowercase() || c.is_numeric();
    }
    words
}

/// The values of a URL's telling parameters.
pub(crate) fn query_secrets(url: &Url) -> Vec<String> {
    let telling = url.query_pairs().filter(|(name, _)| is_telling_name(name));
    telling.map(|(_, value)| value.into_owned()).collect()
}

/// The password inside a URL, and how it is sent.
pub(crate) fn user_secrets(url: &Url) -> Vec<String> {
    let Some(password) = url.password() else {
        return Vec::new();
    };
    let decoded = |text| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned()
    };
    let pair = format!("{}:{}", decoded(url.username()), decoded(password));
    vec![
        BASE64_STANDARD.encode(pair),
        decoded(password),
        password.to_owned(),
    ]
}

/// The beginning of a body as one line of text, for a fault's detail, with `secrets` masked.
pub(crate) fn excerpt<'a>(body: &[u8], secrets: impl IntoIterator<Item = &'a str>) -> String {
    // Longer than what is shown, so that a secret across the cut is still found as a whole.
    let head = &body[..body.len().min(EXCERPT_CHARS_MAX * 8)];
    let mut text = String::from_utf8_lossy(head).into_owned();
    for secret in secrets {
        if !secret.is_empty() {
            text = text.replace(secret, MASK);
        }
    }
    let line = text
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace(char::is_control, "");
    let shown: String = line.chars().take(EXCERPT_CHARS_MAX).collect();
    if shown.len() < line.len() {
        format!("{shown}…")
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_shown_without_secrets() {
        for (given, expected) in [
            (
                "http://u:p@h/x?a=1&api_key=k#f",
                "http://h/x?a=1&api_key=***",
            ),
            (
                "https://h/?access_token=t&q=x",
                "https://h/?access_token=***&q=x",
            ),
            (
                "https://h/p?X-Amz-Signature=z&flag",
                "https://h/p?X-Amz-Signature=***&flag",
            ),
        ] {
            assert_eq!(masked_url(&given.parse().unwrap()), expected);
        }
    }

    #[test]
    fn names_tell_secrets_by_their_words() {
        for name in [
            "token",
            "access_token",
            "accessToken",
            "X-Auth-Token",
            "api_key",
            "apikey",
            "API-KEY",
            "key",
            "X-Amz-Signature",
            "code",
            "client_secret",
            "authtoken",
            "sig",
            "pass%77ord",
        ] {
            assert!(is_telling_name(name), "{name}");
        }
        for name in [
            "country_code",
            "keyword",
            "monkey",
            "author",
            "design",
            "authors",
            "compass",
            "q",
            "postcode",
            "tokens_max",
            "encoding",
        ] {
            assert!(!is_telling_name(name), "{name}");
        }
    }

    #[test]
    fn excerpts_are_bounded_single_lines_without_secrets() {
        assert_eq!(excerpt(b"a\n\n b\x07 hunter2", ["hunter2"]), "a b ***");
        assert_eq!(
            excerpt("é".repeat(1000).as_bytes(), []).chars().count(),
            EXCERPT_CHARS_MAX + 1
        );
    }
}
