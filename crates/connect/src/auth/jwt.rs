//! The little of JWT that a client needs: to sign an assertion with its secret, and to read who issued a token.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ferrovia_expr::{Object, Value};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How long an assertion is good for: one token request.
const ASSERTION_SECONDS: i64 = 60;

/// A client assertion (RFC 7523) signed with the client's secret (HS256).
pub(super) fn client_assertion(
    client_id: &str,
    secret: &str,
    audience: &str,
    now_seconds: i64,
) -> String {
    let claims: Object = [
        ("iss", Value::from(client_id)),
        ("sub", client_id.into()),
        ("aud", audience.into()),
        ("jti", uuid::Uuid::new_v4().to_string().into()),
        ("iat", now_seconds.into()),
        ("exp", (now_seconds + ASSERTION_SECONDS).into()),
    ]
    .into_iter()
    .collect();
    let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let signed = format!(
        "{}.{}",
        encode(r#"{"alg":"HS256","typ":"JWT"}"#),
        encode(&Value::from(claims).to_json())
    );
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(signed.as_bytes());
    format!(
        "{signed}.{}",
        BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    )
}

/// The `iss` claim of a JWT, unverified: the token came over the authority's own connection.
pub(super) fn issuer(token: &str) -> Option<String> {
    let payload = token.split('.').nth(1)?;
    let bytes = BASE64_URL_SAFE_NO_PAD
        .decode(payload.trim_end_matches('='))
        .ok()?;
    let claims = Value::parse_json(std::str::from_utf8(&bytes).ok()?).ok()?;
    claims.get("iss")?.as_str().map(str::to_owned)
}
