//! Signatures of tokens (RFC 7515, 7517, 7518), with the algorithms that providers use: RS256 and ES256. Which one it
//! is, the key decides and not the token alone.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

use super::Refused;

/// A token.
const TOKEN_BYTES_MAX: usize = 64 * 1_024;
/// Keys of a provider that are looked at.
const KEYS_MAX: usize = 64;

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Keys {
    keys: Vec<Key>,
}

/// A key. Members of kinds that are not used here are passed over.
#[derive(Clone, Debug, Deserialize)]
struct Key {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that have to be understood: none is.
    crit: Option<Value>,
}

/// Why a token is not believed.
#[derive(Debug)]
pub(super) enum Unsigned {
    /// No key of the provider has this id; it may have new ones.
    UnknownKey,
    Refused(Refused),
}

fn refused(why: &'static str) -> Unsigned {
    Unsigned::Refused(Refused::Token(why))
}

fn decode(part: &str) -> Option<Vec<u8>> {
    BASE64.decode(part).ok()
}

/// What a token says, if one of the keys signed it.
pub(super) fn verify(token: &str, keys: &Keys) -> Result<Value, Unsigned> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(refused("it is too long"));
    }
    let (signed, signature) = token
        .rsplit_once('.')
        .ok_or(refused("it has no signature"))?;
    let (header, payload) = signed.split_once('.').ok_or(refused("it has no payload"))?;
    let header = decode(header).and_then(|header| serde_json::from_slice::<Header>(&header).ok());
    let header = header.ok_or(refused("its header cannot be read"))?;
    if header.crit.is_some() {
        return Err(refused("it has an extension that is not understood"));
    }
    if !matches!(header.alg.as_str(), "RS256" | "ES256") {
        return Err(refused("its algorithm is neither RS256 nor ES256"));
    }
    let signature = decode(signature).ok_or(refused("its signature cannot be read"))?;
    let mut usable = keys
        .keys
        .iter()
        .take(KEYS_MAX)
        .filter(|key| key.fits(&header))
        .peekable();
    if usable.peek().is_none() {
        return Err(Unsigned::UnknownKey);
    }
    if !usable.any(|key| key.signed(signed.as_bytes(), &signature)) {
        return Err(refused("its signature is wrong"));
    }
    let payload = decode(payload).and_then(|payload| serde_json::from_slice(&payload).ok());
    payload.ok_or(refused("its payload cannot be read"))
}

impl Key {
    fn fits(&self, header: &Header) -> bool {
        let kind = match header.alg.as_str() {
            "RS256" => "RSA",
            _ => "EC",
        };
        self.kty == kind
            && self.alg.as_ref().is_none_or(|alg| *alg == header.alg)
            && self.purpose.as_ref().is_none_or(|purpose| purpose == "sig")
            // A token that names no key may be by any of them.
            && (header.kid.is_none() || self.kid == header.kid)
    }

    fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let part = |part: &Option<String>| part.as_deref().and_then(decode);
        match self.kty.as_str() {
            "RSA" => {
                let (Some(n), Some(e)) = (part(&self.n), part(&self.e)) else {
                    return false;
                };
                RsaPublicKeyComponents { n, e }
                    .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                    .is_ok()
            }
            _ => {
                let (Some(x), Some(y)) = (part(&self.x), part(&self.y)) else {
                    return false;
                };
                if self.crv.as_deref() != Some("P-256") || x.len() != 32 || y.len() != 32 {
                    return false;
                }
                // An uncompressed point (SEC 1, 2.3.3).
                let point = [&[4], &*x, &*y].concat();
                let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
                key.verify(message, signature).is_ok()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made with OpenSSL: genrsa 2048, dgst -sha256 -sign.
    const N: &str = "tTRuyRo-uDDB74JoJNdD_AaPZaTLxCa44VX5aoebl8_cG2i98jbB7ia1_W36dvEioZTBz_IiKrjOIue7v5Ktc3qemc-H8ZUriBaeBw8bEQHYNfr4xcUo7vgqUje67JIlzRiqMZxyDB5cD4OiCWGvbqR5DsMvXu0WSWMGopUmRRCtYMfCmnunh3shKGILmdkeM04KfwO_crOsGbqgETbsJ-HpGIEJepM9lgty30MMXNfx3s4CuX97J86wjrg4a6G_DvXPSBwcdn3RygYAi37mE__pQpaE6GsavJ96CyTZib4MYlw6dFcY5gSeb_xUgICFHVO2Bh2TamY4-o0a__Xx_w";
    const SIGNED: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSJ9.eyJzdWIiOiJhZGEifQ.nqWgoBU5dw8GdnRi-kep2Etqa-2CU5428lWbYrjjhPnMnOkNknzFl1g5-CAsODWMzmsXcSi_AQlBa0FGh-MKqiqynlCI_javZ0inoTen7T8iHdKww4yMb8UJpPFODOUmjooRrisA1mJOdQEOhzh4q9uBHtyC0RxvnVv2ZPTxDRhpKFpcVuNzQooDvgb_lTVfkRHRq4urIG-E0j2uMqDmr3Cbj-F5x3GKCa1rqniqw55h45FxCRhThO221hz74dT9PB0Gf0e6XFB-Hf8fHgtT6rIXE4Xboee2BsDedUfcCXeY-v9KpJ4lnoTqqauV62kPXBiOTHKshgjy7azOB090Qg";

    fn keys(members: &str) -> Keys {
        let keys = format!("{{\"keys\":[{{\"kty\":\"oct\",\"k\":\"x\"}},{{{members}}}]}}");
        serde_json::from_str(&keys).unwrap()
    }

    fn rsa(more: &str) -> Keys {
        keys(&format!(
            "\"kty\":\"RSA\",\"n\":\"{N}\",\"e\":\"AQAB\"{more}"
        ))
    }

    #[test]
    fn a_signature_of_rs256_is_checked() {
        for more in [
            ",\"kid\":\"rsa\"",
            ",\"kid\":\"rsa\",\"alg\":\"RS256\",\"use\":\"sig\"",
        ] {
            let said = verify(SIGNED, &rsa(more)).unwrap();
            assert_eq!(said["sub"], "ada");
        }
        for more in [
            "",
            ",\"kid\":\"other\"",
            ",\"kid\":\"rsa\",\"use\":\"enc\"",
            ",\"kid\":\"rsa\",\"alg\":\"PS256\"",
        ] {
            let unknown = verify(SIGNED, &rsa(more));
            assert!(matches!(unknown, Err(Unsigned::UnknownKey)), "{more}");
        }
    }

    #[test]
    fn what_is_changed_or_signed_otherwise_is_refused() {
        let keys = rsa(",\"kid\":\"rsa\"");
        let (signed, signature) = SIGNED.rsplit_once('.').unwrap();
        let payload = BASE64.encode("{\"sub\":\"eve\"}");
        let header = |text: &str| BASE64.encode(text);
        let (own, _) = signed.split_once('.').unwrap();
        for wrong in [
            String::new(),
            "a.b.c".to_owned(),
            signed.to_owned(),
            format!("{signed}."),
            format!("{own}.{payload}.{signature}"),
            format!("{}.{payload}.", header("{\"alg\":\"none\"}")),
            // The public key as the secret of an algorithm with one.
            format!(
                "{}.{payload}.{signature}",
                header("{\"alg\":\"HS256\",\"kid\":\"rsa\"}")
            ),
            format!(
                "{}.{payload}.{signature}",
                header("{\"alg\":\"RS256\",\"kid\":\"rsa\",\"crit\":[\"x\"]}")
            ),
            format!("{SIGNED}{}", "A".repeat(TOKEN_BYTES_MAX)),
        ] {
            let refused = verify(&wrong, &keys);
            assert!(matches!(refused, Err(Unsigned::Refused(_))), "{wrong}");
        }
    }
}
