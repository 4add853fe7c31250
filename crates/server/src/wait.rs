//! How long a caller wants to wait for the end of a run: `Prefer: wait=20` (RFC 7240), or `?wait=20s`.

use std::time::Duration;

use axum::http::{HeaderMap, Uri};

use crate::WAIT_MS_MAX;
use crate::problem::Problem;

pub(crate) const ABOUT: &str =
    "How long to wait for the end of the run, such as `20s`; `Prefer: wait=20` says the same";

/// No answer means: do not wait.
pub(crate) fn asked(uri: &Uri, headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    match query(uri)? {
        Some(wait) => Ok(Some(wait)),
        None => Ok(prefer(headers)),
    }
}

fn query(uri: &Uri) -> Result<Option<Duration>, Problem> {
    let mut wait = None;
    for part in uri.query().unwrap_or_default().split('&') {
        match part.split_once('=') {
            Some(("wait", text)) => wait = Some(text),
            _ if part.is_empty() => {}
            _ => {
                let name = part.split('=').next().unwrap_or_default();
                return Err(Problem::parameter(name, "unknown; there is `wait`"));
            }
        }
    }
    let refused = || Problem::parameter("wait", "a time such as `20s`, `500ms`, `2m` or `20`");
    wait.map(|text| duration(text).ok_or_else(refused))
        .transpose()
}

/// A preference that cannot be understood is none.
fn prefer(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all("prefer").iter();
    let preferences = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split([',', ';']));
    preferences
        .filter_map(|preference| preference.trim().split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("wait"))
        .and_then(|(_, seconds)| seconds.trim().trim_matches('"').parse().ok())
        .map(|seconds: u64| bounded(seconds.saturating_mul(1_000)))
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale_ms = match unit {
        "ms" => 1,
        "s" | "" => 1_000,
        "m" => 60_000,
        _ => return None,
    };
    let number: u64 = number.parse().ok()?;
    Some(bounded(number.saturating_mul(scale_ms)))
}

fn bounded(ms: u64) -> Duration {
    Duration::from_millis(ms.min(WAIT_MS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(uri: &str, prefer: Option<&str>, expected: Result<Option<u64>, ()>) {
        let mut headers = HeaderMap::new();
        if let Some(prefer) = prefer {
            headers.insert("prefer", prefer.parse().unwrap());
        }
        let asked = asked(&uri.parse().unwrap(), &headers).map_err(|_| ());
        let expected = expected.map(|ms| ms.map(Duration::from_millis));
        assert_eq!(asked, expected, "{uri} {prefer:?}");
    }

    #[test]
    fn waiting_is_asked_for_in_the_query_or_as_a_preference() {
        check("/runs", None, Ok(None));
        check("/runs?wait=20s", None, Ok(Some(20_000)));
        check("/runs?wait=20", None, Ok(Some(20_000)));
        check("/runs?wait=500ms", None, Ok(Some(500)));
        check("/runs?wait=0", None, Ok(Some(0)));
        check("/runs?wait=99999999999999999999m", None, Err(()));
        check("/runs?wait=9999999999m", None, Ok(Some(WAIT_MS_MAX)));
        check("/runs?wait=soon", None, Err(()));
        check("/runs?wait=", None, Err(()));
        check("/runs?weight=20s", None, Err(()));
        check("/runs", Some("wait=3"), Ok(Some(3_000)));
        check("/runs", Some("respond-async, wait=\"3\""), Ok(Some(3_000)));
        check("/runs", Some("wait=soon"), Ok(None));
        check("/runs?wait=1s", Some("wait=3"), Ok(Some(1_000)));
    }
}
