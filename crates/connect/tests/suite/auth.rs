//! Each authentication scheme against a server that verifies it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use axum::routing::{any, get, post};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ferrovia_connect::{ConnectConfig, Connectors};
use ferrovia_runtime::port::{Fault, FaultKind, Success};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::server::{answer, echo, serve};
use crate::support::{call, connectors, detail, execute, json as value};

async fn get_with(
    connectors: &Connectors,
    uri: &str,
    authentication: &Json,
) -> Result<Success, Fault> {
    let arguments =
        json!({"method": "get", "endpoint": {"uri": uri, "authentication": authentication}});
    execute(connectors, call("http", value(&arguments.to_string()))).await
}

#[tokio::test]
async fn simple_schemes_send_their_header_and_name_themselves() {
    let server = serve(Router::new().route("/", any(echo))).await;
    let connectors = connectors(&ConnectConfig::default());
    for (authentication, header, scheme) in [
        (
            json!({"basic": {"username": "Aladdin", "password": "open sesame"}}),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            "Basic",
        ),
        (
            json!({"basic": {"username": "ü", "password": ""}}),
            "Basic w7w6",
            "Basic",
        ),
        (json!({"bearer": {"token": "abc"}}), "Bearer abc", "Bearer"),
    ] {
        let success = get_with(&connectors, &format!("http://{server}/"), &authentication)
            .await
            .unwrap();
        assert_eq!(
            success
                .output
                .get("headers")
                .unwrap()
                .get("authorization")
                .unwrap()
                .as_str(),
            Some(header)
        );
        assert_eq!(success.authorization_scheme.as_deref(), Some(scheme));
    }
    let arguments = value(&format!(
        r#"{{"method": "get", "endpoint": {{"uri": "http://{server}/"}}}}"#
    ));
    assert_eq!(
        execute(&connectors, call("http", arguments))
            .await
            .unwrap()
            .authorization_scheme,
        None
    );
}

#[tokio::test]
async fn policies_that_cannot_be_used_are_refused_without_quoting_secrets() {
    let connectors = connectors(&ConnectConfig::default());
    let oauth2 = |more: Json| {
        let mut policy = json!({"authority": "http://127.0.0.1/", "grant": "client_credentials"});
        policy
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"oauth2": policy})
    };
    for (authentication, expected) in [
        (json!({}), "exactly one scheme"),
        (
            json!({"basic": {"username": "u", "password": "hush"}, "bearer": {"token": "hush"}}),
            "exactly one scheme",
        ),
        (
            json!({"kerberos": {"token": "hush"}}),
            "unknown scheme `kerberos`",
        ),
        (
            json!({"basic": {"password": "hush"}}),
            "`username` is required",
        ),
        (
            json!({"bearer": {"token": "hush\r\nX-A: b"}}),
            "no header can carry",
        ),
        (
            oauth2(json!({"grant": "implicit"})),
            "unknown grant `implicit`",
        ),
        (
            oauth2(json!({"grant": "password"})),
            "`username` is required",
        ),
        (
            oauth2(json!({"grant": "refresh_token"})),
            "`subject` is required",
        ),
        (
            oauth2(json!({"client": {"authentication": "client_secret_basic", "secret": "hush"}})),
            "`id` is required",
        ),
        (
            oauth2(json!({"client": {"authentication": "private_key_jwt"}})),
            "`assertion` is required",
        ),
        (
            oauth2(json!({"client": {"authentication": "magic"}})),
            "unknown client authentication",
        ),
        (
            oauth2(json!({"request": {"encoding": "text/csv"}})),
            "unknown request encoding",
        ),
        (
            json!({"certificate": {"certificate": "-----BEGIN hush", "key": "-----BEGIN hush"}}),
            "certificate cannot be used",
        ),
    ] {
        let fault = get_with(&connectors, "http://127.0.0.1:1/", &authentication)
            .await
            .unwrap_err();
        assert!(
            matches!(fault.kind, FaultKind::Configuration | FaultKind::Validation),
            "{fault:?}"
        );
        assert!(
            detail(&fault).contains(expected) && !detail(&fault).contains("hush"),
            "{fault:?}"
        );
    }
}

// Digest: a server by RFC 7616 with its own arithmetic.

#[derive(Clone, Copy)]
struct DigestRules {
    algorithm: &'static str,
    qop: Option<&'static str>,
    /// After so many uses a nonce is stale.
    uses_max: u32,
}

#[derive(Default)]
struct DigestState {
    nonces: HashMap<String, u32>,
    challenges: u32,
}

type DigestServer = (DigestRules, Arc<Mutex<DigestState>>);

fn hash(algorithm: &str, text: &str) -> String {
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    if algorithm.starts_with("SHA-256") {
        hex(&Sha256::digest(text))
    } else {
        hex(&<md5::Md5 as md5::Digest>::digest(text))
    }
}

async fn digest_protected(
    State((rules, state)): State<DigestServer>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response<Body> {
    let mut state = state.lock().unwrap();
    let given = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    let verdict =
        given.map(|text| verify_digest(rules, &mut state, method.as_str(), &uri.to_string(), text));
    match verdict {
        Some(Ok(())) => answer(200, &[], "welcome"),
        other => {
            state.challenges += 1;
            let nonce = format!("nonce-{}", state.challenges);
            state.nonces.insert(nonce.clone(), 0);
            let qop = rules
                .qop
                .map(|qop| format!(", qop=\"{qop}\""))
                .unwrap_or_default();
            let stale = if matches!(other, Some(Err("stale"))) {
                ", stale=true"
            } else {
                ""
            };
            let challenge = format!(
                "Digest realm=\"a, realm\", nonce=\"{nonce}\", opaque=\"op\", algorithm={}{qop}{stale}",
                rules.algorithm
            );
            answer(
                401,
                &[
                    ("www-authenticate", "Basic realm=\"x\""),
                    ("www-authenticate", &challenge),
                ],
                "",
            )
        }
    }
}

fn verify_digest(
    rules: DigestRules,
    state: &mut DigestState,
    method: &str,
    uri: &str,
    header: &str,
) -> Result<(), &'static str> {
    let fields: BTreeMap<&str, &str> = header
        .strip_prefix("Digest ")
        .ok_or("scheme")?
        .split(", ")
        .filter_map(|field| field.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim_matches('"')))
        .collect();
    let field = |name: &str| fields.get(name).copied().ok_or("missing");
    let used = state.nonces.get_mut(field("nonce")?).ok_or("stale")?;
    if *used >= rules.uses_max {
        return Err("stale");
    }
    let mut ha1 = hash(rules.algorithm, "Mufasa:a, realm:Circle of Life");
    if rules.algorithm.ends_with("-sess") {
        ha1 = hash(
            rules.algorithm,
            &format!("{ha1}:{}:{}", field("nonce")?, field("cnonce")?),
        );
    }
    let ha2 = hash(rules.algorithm, &format!("{method}:{uri}"));
    let expected = match rules.qop {
        None => hash(rules.algorithm, &format!("{ha1}:{}:{ha2}", field("nonce")?)),
        Some(_) => {
            let count = u32::from_str_radix(field("nc")?, 16).map_err(|_| "nc")?;
            if count != *used + 1 || field("qop")? != "auth" {
                return Err("count");
            }
            let middle = format!(
                "{}:{}:{}:auth",
                field("nonce")?,
                field("nc")?,
                field("cnonce")?
            );
            hash(rules.algorithm, &format!("{ha1}:{middle}:{ha2}"))
        }
    };
    *used += 1;
    let matches = field("response")? == expected
        && field("uri")? == uri
        && field("opaque")? == "op"
        && field("username")? == "Mufasa";
    if matches { Ok(()) } else { Err("wrong") }
}

#[tokio::test]
async fn digest_challenges_are_answered_by_the_rfc() {
    for (algorithm, qop) in [
        ("MD5", None),
        ("MD5", Some("auth")),
        ("MD5", Some("auth,auth-int")),
        ("MD5-sess", Some("auth")),
        ("SHA-256", Some("auth")),
        ("SHA-256-sess", Some("auth")),
    ] {
        let rules = DigestRules {
            algorithm,
            qop,
            uses_max: 3,
        };
        let state = Arc::new(Mutex::new(DigestState::default()));
        let router = Router::new()
            .route("/dir/index.html", any(digest_protected))
            .with_state((rules, Arc::clone(&state)));
        let uri = format!("http://{}/dir/index.html?q=1&r=2", serve(router).await);
        let connectors = connectors(&ConnectConfig::default());
        let right = json!({"digest": {"username": "Mufasa", "password": "Circle of Life"}});
        for round in 0..5 {
            let success = get_with(&connectors, &uri, &right)
                .await
                .unwrap_or_else(|fault| panic!("{algorithm} {round}: {fault:?}"));
            assert_eq!(success.output.as_str(), Some("welcome"));
            assert_eq!(success.authorization_scheme.as_deref(), Some("Digest"));
        }
        // One nonce for the first three calls; its staleness costs one more.
        assert_eq!(state.lock().unwrap().challenges, 2, "{algorithm} {qop:?}");
        let wrong = json!({"digest": {"username": "Mufasa", "password": "wrong"}});
        let fault = get_with(&connectors, &uri, &wrong).await.unwrap_err();
        assert_eq!(
            (fault.kind, fault.status),
            (FaultKind::Communication, Some(401))
        );
        assert!(state.lock().unwrap().challenges <= 5);
    }
}

// OAuth 2: an authority that records what it is asked, and a resource that accepts its tokens.

struct Authority {
    requests: Vec<(HeaderMap, String)>,
    answer: Box<dyn Fn(usize) -> (u16, Json) + Send>,
    accepted: Option<String>,
    address: String,
}

type Shared = Arc<Mutex<Authority>>;

async fn token(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let mut authority = shared.lock().unwrap();
    authority
        .requests
        .push((headers, String::from_utf8(body.to_vec()).unwrap()));
    let (status, body) = (authority.answer)(authority.requests.len());
    answer(
        status,
        &[("content-type", "application/json")],
        body.to_string(),
    )
}

async fn resource(State(shared): State<Shared>, headers: HeaderMap) -> Response<Body> {
    let given = headers
        .get("authorization")
        .map(|value| value.to_str().unwrap().to_owned())
        .unwrap_or_default();
    let authority = shared.lock().unwrap();
    if authority
        .accepted
        .as_ref()
        .is_none_or(|accepted| format!("Bearer {accepted}") == given)
    {
        answer(200, &[("content-type", "text/plain")], given)
    } else {
        answer(401, &[], format!("rejected {given}"))
    }
}

async fn discovery(State(shared): State<Shared>) -> Response<Body> {
    let address = shared.lock().unwrap().address.clone();
    let document = json!({"issuer": address, "token_endpoint": format!("{address}/connect/token")});
    answer(
        200,
        &[("content-type", "application/json")],
        document.to_string(),
    )
}

async fn authority(respond: impl Fn(usize) -> (u16, Json) + Send + 'static) -> (String, Shared) {
    let authority = Authority {
        requests: Vec::new(),
        answer: Box::new(respond),
        accepted: None,
        address: String::new(),
    };
    let shared = Arc::new(Mutex::new(authority));
    let router = Router::new()
        .route("/oauth2/token", post(token))
        .route("/custom/token", post(token))
        .route("/connect/token", post(token))
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/resource", get(resource))
        .with_state(Arc::clone(&shared));
    let address = format!("http://{}", serve(router).await);
    shared.lock().unwrap().address.clone_from(&address);
    (address, shared)
}

fn numbered(number: usize) -> (u16, Json) {
    (
        200,
        json!({"access_token": format!("token-{number}"), "token_type": "bearer", "expires_in": 3600}),
    )
}

fn policy(address: &str, more: Json) -> Json {
    let mut policy = json!({"authority": address, "grant": "client_credentials", "client": {"id": "me", "secret": "hush"}});
    policy
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    policy
}

fn form(body: &str) -> String {
    let mut pairs: Vec<String> = form_urlencoded::parse(body.as_bytes())
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.sort();
    pairs.join("&")
}

#[tokio::test]
async fn each_grant_asks_as_its_specification_says() {
    let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    for (more, expected) in [
        (json!({}), "client_id=me&client_secret=hush&grant_type=client_credentials".to_owned()),
        (json!({"grant": "client-credentials"}), "client_id=me&client_secret=hush&grant_type=client_credentials".to_owned()),
        (
            json!({"scopes": ["a", "b"], "audiences": ["x", "y"]}),
            "audience=x&audience=y&client_id=me&client_secret=hush&grant_type=client_credentials&scope=a b".to_owned(),
        ),
        (
            json!({"grant": "password", "username": "u", "password": "p&="}),
            "client_id=me&client_secret=hush&grant_type=password&password=p&=&username=u".to_owned(),
        ),
        (
            json!({"grant": "refresh_token", "subject": {"token": "r", "type": "refresh_token"}}),
            "client_id=me&client_secret=hush&grant_type=refresh_token&refresh_token=r".to_owned(),
        ),
        (
            json!({"grant": "authorization_code", "subject": {"token": "c", "type": "code"}}),
            "client_id=me&client_secret=hush&code=c&grant_type=authorization_code".to_owned(),
        ),
        (
            json!({"grant": exchange, "subject": {"token": "s", "type": "t1"}, "actor": {"token": "a", "type": "t2"}, "client": {"id": "me", "authentication": "none"}}),
            format!("actor_token=a&actor_token_type=t2&client_id=me&grant_type={exchange}&subject_token=s&subject_token_type=t1"),
        ),
        (
            json!({"client": {"id": "me", "authentication": "private_key_jwt", "assertion": "j.w.t"}}),
            "client_assertion=j.w.t&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_id=me&grant_type=client_credentials".to_owned(),
        ),
    ] {
        let (address, shared) = authority(numbered).await;
        let connectors = connectors(&ConnectConfig::default());
        let policy = json!({"oauth2": policy(&address, more)});
        let success = get_with(&connectors, &format!("{address}/resource"), &policy).await.unwrap();
        assert_eq!(success.output.as_str(), Some("Bearer token-1"));
        assert_eq!(success.authorization_scheme.as_deref(), Some("Bearer"));
        assert_eq!(form(&shared.lock().unwrap().requests[0].1), expected);
    }
}

#[tokio::test]
async fn clients_authenticate_and_encode_as_configured() {
    let (address, shared) = authority(numbered).await;
    let connectors = connectors(&ConnectConfig::default());
    for more in [
        json!({"client": {"id": "a b", "secret": "c:d", "authentication": "client_secret_basic"}}),
        json!({"request": {"encoding": "application/json"}, "audiences": ["x", "y"], "scopes": ["s"]}),
        json!({"client": {"id": "me", "secret": "hush", "authentication": "client_secret_jwt"}, "endpoints": {"token": "/custom/token"}}),
    ] {
        get_with(
            &connectors,
            &format!("{address}/resource"),
            &json!({"oauth2": policy(&address, more)}),
        )
        .await
        .unwrap();
    }
    let shared = shared.lock().unwrap();
    let (basic, as_json, jwt) = (
        &shared.requests[0],
        &shared.requests[1],
        &shared.requests[2],
    );
    assert_eq!(
        basic.0["authorization"],
        format!("Basic {}", BASE64_STANDARD.encode("a+b:c%3Ad"))
    );
    assert_eq!(form(&basic.1), "grant_type=client_credentials");
    let expected = json!({"grant_type": "client_credentials", "scope": "s", "audience": ["x", "y"], "client_id": "me", "client_secret": "hush"});
    assert_eq!(serde_json::from_str::<Json>(&as_json.1).unwrap(), expected);
    assert_eq!(as_json.0["content-type"], "application/json");

    let assertion = form_urlencoded::parse(jwt.1.as_bytes())
        .find(|(name, _)| name == "client_assertion")
        .unwrap()
        .1
        .into_owned();
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(b"hush").unwrap();
    mac.update(signed.as_bytes());
    mac.verify_slice(&BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap())
        .unwrap();
    let claims = BASE64_URL_SAFE_NO_PAD
        .decode(signed.split_once('.').unwrap().1)
        .unwrap();
    let claims: Json = serde_json::from_slice(&claims).unwrap();
    assert_eq!(
        (&claims["iss"], &claims["sub"], &claims["aud"]),
        (
            &json!("me"),
            &json!("me"),
            &json!(format!("{address}/custom/token"))
        )
    );
    assert!(!jwt.1.contains("hush"));
}

#[tokio::test]
async fn one_token_serves_until_it_expires() {
    for (expires_in, requests) in [
        (json!(3600), 1),
        (json!("3600"), 1),
        (json!(null), 1),
        (json!(10), 3),
    ] {
        let (address, shared) = authority(move |number| {
            (
                200,
                json!({"access_token": format!("token-{number}"), "expires_in": expires_in}),
            )
        })
        .await;
        let connectors = connectors(&ConnectConfig::default());
        let policy = json!({"oauth2": policy(&address, json!({}))});
        for _ in 0..3 {
            get_with(&connectors, &format!("{address}/resource"), &policy)
                .await
                .unwrap();
        }
        assert_eq!(shared.lock().unwrap().requests.len(), requests);
    }
}

#[tokio::test]
async fn concurrent_calls_share_one_token_request() {
    let (address, shared) = authority(numbered).await;
    let connectors = Arc::new(connectors(&ConnectConfig::default()));
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let (connectors, uri) = (Arc::clone(&connectors), format!("{address}/resource"));
            let policy = json!({"oauth2": policy(&address, json!({}))});
            tokio::spawn(async move { get_with(&connectors, &uri, &policy).await })
        })
        .collect();
    for call in calls {
        assert_eq!(
            call.await.unwrap().unwrap().output.as_str(),
            Some("Bearer token-1")
        );
    }
    assert_eq!(shared.lock().unwrap().requests.len(), 1);
}

#[tokio::test]
async fn a_rejected_token_is_replaced_once() {
    let (address, shared) = authority(numbered).await;
    let connectors = connectors(&ConnectConfig::default());
    let (uri, policy) = (
        format!("{address}/resource"),
        json!({"oauth2": policy(&address, json!({}))}),
    );
    get_with(&connectors, &uri, &policy).await.unwrap();
    shared.lock().unwrap().accepted = Some("token-2".to_owned());
    assert_eq!(
        get_with(&connectors, &uri, &policy)
            .await
            .unwrap()
            .output
            .as_str(),
        Some("Bearer token-2")
    );
    shared.lock().unwrap().accepted = Some("none".to_owned());
    let fault = get_with(&connectors, &uri, &policy).await.unwrap_err();
    assert_eq!(
        (fault.kind, fault.status),
        (FaultKind::Communication, Some(401))
    );
    assert_eq!(shared.lock().unwrap().requests.len(), 3);
    assert!(!format!("{fault:?}").contains("token-"), "{fault:?}");
}

#[tokio::test]
async fn a_rotated_refresh_token_is_used_next() {
    let (address, shared) = authority(|number| {
        (
            200,
            json!({"access_token": "a", "expires_in": 1, "refresh_token": format!("r{number}")}),
        )
    })
    .await;
    let connectors = connectors(&ConnectConfig::default());
    let more = json!({"grant": "authorization_code", "subject": {"token": "once", "type": "code"}});
    let policy = json!({"oauth2": policy(&address, more)});
    for _ in 0..3 {
        get_with(&connectors, &format!("{address}/resource"), &policy)
            .await
            .unwrap();
    }
    let asked: Vec<String> = shared
        .lock()
        .unwrap()
        .requests
        .iter()
        .map(|(_, body)| form(body))
        .collect();
    let tail = "&grant_type=refresh_token&refresh_token=";
    assert!(
        asked[0].contains("&code=once")
            && asked[1].ends_with(&format!("{tail}r1"))
            && asked[2].ends_with(&format!("{tail}r2")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn tokens_that_cannot_be_had_are_authentication_faults() {
    let jwt = |issuer: &str| {
        format!(
            "h.{}.s",
            BASE64_URL_SAFE_NO_PAD.encode(json!({"iss": issuer}).to_string())
        )
    };
    for (status, body, more, expected) in [
        (
            400,
            json!({"error": "invalid_client", "error_description": "hush is wrong"}),
            json!({}),
            "status 400 invalid_client: *** is wrong",
        ),
        (500, json!("oops"), json!({}), "status 500"),
        (
            200,
            json!({"token_type": "bearer"}),
            json!({}),
            "no access token",
        ),
        (
            200,
            json!({"access_token": jwt("https://evil")}),
            json!({"issuers": ["https://good"]}),
            "issuer `https://evil` is not among",
        ),
        (
            200,
            json!({"access_token": "opaque"}),
            json!({"issuers": ["https://good"]}),
            "names no issuer",
        ),
    ] {
        let (address, _) = authority(move |_| (status, body.clone())).await;
        let connectors = connectors(&ConnectConfig::default());
        let fault = get_with(
            &connectors,
            &format!("{address}/resource"),
            &json!({"oauth2": policy(&address, more)}),
        )
        .await
        .unwrap_err();
        assert_eq!(
            (fault.kind, fault.status),
            (FaultKind::Authentication, Some(401)),
            "{fault:?}"
        );
        assert!(
            detail(&fault).contains(expected) && !detail(&fault).contains("hush"),
            "{fault:?}"
        );
    }
    let (address, _) =
        authority(move |_| (200, json!({"access_token": jwt("https://good")}))).await;
    let good = json!({"oauth2": policy(&address, json!({"issuers": ["https://good"]}))});
    get_with(
        &connectors(&ConnectConfig::default()),
        &format!("{address}/resource"),
        &good,
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn whatever_lifetime_an_authority_names_is_survived() {
    for lifetime in [
        json!(1e19),
        json!(1e300),
        json!(-1),
        json!(0),
        json!("1e19"),
        json!("18446744073709551615"),
        json!("soon"),
        json!({}),
    ] {
        let expires = lifetime.clone();
        let (address, _) =
            authority(move |_| (200, json!({"access_token": "token", "expires_in": expires})))
                .await;
        let success = get_with(
            &connectors(&ConnectConfig::default()),
            &format!("{address}/resource"),
            &json!({"oauth2": policy(&address, json!({}))}),
        )
        .await
        .unwrap_or_else(|fault| panic!("{lifetime}: {fault:?}"));
        assert_eq!(success.output.as_str(), Some("Bearer token"), "{lifetime}");
    }
}

#[tokio::test]
async fn an_authority_inside_the_network_is_refused_by_the_guard() {
    let connectors = connectors(&ConnectConfig::default());
    for scheme in ["oauth2", "oidc"] {
        let policy = json!({scheme: policy("http://169.254.169.254/", json!({}))});
        let fault = get_with(&connectors, "http://127.0.0.1:1/", &policy)
            .await
            .unwrap_err();
        assert_eq!(
            (fault.kind, fault.status),
            (FaultKind::Authorization, Some(403)),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn openid_connect_discovers_its_endpoint_and_checks_the_issuer() {
    let (address, shared) = authority(numbered).await;
    let connectors = connectors(&ConnectConfig::default());
    let uri = format!("{address}/resource");
    let oidc = json!({"oidc": policy(&format!("{address}/"), json!({}))});
    assert_eq!(
        get_with(&connectors, &uri, &oidc)
            .await
            .unwrap()
            .output
            .as_str(),
        Some("Bearer token-1")
    );

    shared.lock().unwrap().address = "https://someone-else.example".to_owned();
    let other = json!({"oidc": policy(&address, json!({"scopes": ["other"]}))});
    let fault = get_with(&connectors, &uri, &other).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Authentication);
    assert!(
        detail(&fault).contains("issued by `https://someone-else.example`"),
        "{fault:?}"
    );
}
