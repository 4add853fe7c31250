//! Signing in at a provider: a small one, which the test is.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ferrovia_expr::value;
use ferrovia_server::access::Role;
use ferrovia_server::oidc::{Asked, Fetch, Fetched, Oidc};
use reqwest::redirect::Policy;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::bed::{Answer, Bed, send};
use crate::people::{Proof, grant};

const CLIENT: &str = "ferrovia";

/// What the provider does with the next code.
#[derive(Clone)]
struct Script {
    claims: Value,
    /// The challenge and the nonce of the sign-in that is under way.
    challenge: String,
    /// Forms that came to the token endpoint, with the authorization.
    redeemed: Vec<(String, String)>,
    kid: String,
}

struct Provider {
    url: String,
    key: EcdsaKeyPair,
    script: Mutex<Script>,
}

fn now_s() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("it is after 1970").as_secs()
}

impl Provider {
    async fn start() -> Arc<Provider> {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let key = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key can be made");
        let key = EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), &random);
        let provider = Arc::new(Provider {
            url,
            key: key.expect("it was just made"),
            script: Mutex::new(Script {
                claims: json!({}),
                challenge: String::new(),
                redeemed: Vec::new(),
                kid: "one".into(),
            }),
        });
        let routes = axum::Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        provider
    }

    fn script<T>(&self, change: impl FnOnce(&mut Script) -> T) -> T {
        change(&mut self.script.lock().expect("no test panics with it"))
    }

    fn signed(&self, claims: &Value) -> String {
        let kid = self.script(|script| script.kid.clone());
        let part = |value: &Value| BASE64.encode(value.to_string());
        let header = json!({ "alg": "ES256", "kid": kid, "typ": "JWT" });
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = signature.expect("the key is good");
        format!("{signed}.{}", BASE64.encode(signature.as_ref()))
    }
}

async fn metadata(State(provider): State<Arc<Provider>>) -> String {
    let url = &provider.url;
    json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize?tenant=1"),
        "token_endpoint": format!("{url}/token"),
        "jwks_uri": format!("{url}/keys"),
        "response_types_supported": ["code"],
    })
    .to_string()
}

async fn keys(State(provider): State<Arc<Provider>>) -> String {
    let point = provider.key.public_key().as_ref();
    json!({ "keys": [{
        "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256",
        "kid": provider.script(|script| script.kid.clone()),
        "x": BASE64.encode(&point[1..33]),
        "y": BASE64.encode(&point[33..]),
    }] })
    .to_string()
}

/// Gives a token for a code whose verifier fits the challenge.
async fn token(
    State(provider): State<Arc<Provider>>,
    headers: axum::http::HeaderMap,
    form: String,
) -> (axum::http::StatusCode, String) {
    let authorization = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    let authorization = authorization.unwrap_or_default().to_owned();
    let verifier = form
        .split('&')
        .find_map(|field| field.strip_prefix("code_verifier="));
    let verifier = verifier
        .unwrap_or_default()
        .replace("%2D", "-")
        .replace("%5F", "_");
    let hash = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
    let (fits, claims) = provider.script(|script| {
        script.redeemed.push((form, authorization));
        (
            BASE64.encode(hash) == script.challenge,
            script.claims.clone(),
        )
    });
    if !fits {
        return (
            axum::http::StatusCode::BAD_REQUEST,
            "{\"error\":\"invalid_grant\"}".into(),
        );
    }
    let id_token = provider.signed(&claims);
    let body = json!({ "access_token": "x", "token_type": "Bearer", "id_token": id_token });
    (axum::http::StatusCode::OK, body.to_string())
}

struct Direct(reqwest::Client);

impl Fetch for Direct {
    fn fetch(&self, asked: Asked) -> Pin<Box<dyn Future<Output = Fetched> + Send>> {
        let request = match asked.form {
            None => self.0.get(asked.url),
            Some(form) => self
                .0
                .post(asked.url)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form.to_string()),
        };
        let request = match asked.authorization {
            Some(authorization) => request.header("authorization", authorization.as_str()),
            None => request,
        };
        Box::pin(async move {
            let answer = request.send().await.map_err(|error| error.to_string())?;
            let status = answer.status().as_u16();
            let body = answer.bytes().await.map_err(|error| error.to_string())?;
            Ok((status, body.to_vec()))
        })
    }
}

struct Stage {
    bed: Bed,
    provider: Arc<Provider>,
    browser: reqwest::Client,
}

/// A sign-in that is under way in a browser.
struct Departed {
    cookie: String,
    state: String,
    nonce: String,
}

impl Stage {
    async fn new() -> Stage {
        let provider = Provider::start().await;
        let oidc = Oidc {
            issuer: provider.url.clone(),
            client_id: CLIENT.into(),
            client_secret: Some("s e:cret".to_owned().into()),
            public_url: "http://localhost:8080/".into(),
            claim: "groups".into(),
            roles: BTreeMap::from([
                ("admins".into(), vec![grant(Role::Administrator, "*")]),
                (
                    "shop".into(),
                    vec![grant(Role::Operator, "test"), grant(Role::Viewer, "zone")],
                ),
            ]),
        };
        let client = || {
            reqwest::Client::builder()
                .no_proxy()
                .redirect(Policy::none())
                .build()
        };
        let bed = Bed::with_provider(|| {
            let fetch = client().expect("it has no options that fail");
            (oidc, Arc::new(Direct(fetch)) as Arc<dyn Fetch>)
        })
        .await;
        Stage {
            bed,
            provider,
            browser: client().expect("it has no options that fail"),
        }
    }

    async fn depart(&self) -> Departed {
        let url = format!("{}/api/v1/oidc/start", self.bed.url);
        let answer = send(self.browser.get(url)).await;
        let header = |name: &str| answer.headers[name].to_str().expect("it is text");
        assert_eq!(answer.status, 303, "{answer:?}");
        let (location, cookie) = (header("location"), header("set-cookie"));
        assert!(location.starts_with(&format!("{}/authorize?tenant=1&", self.provider.url)));
        assert!(cookie.contains("; HttpOnly; SameSite=Lax;"), "{cookie}");
        let field = |name: &str| {
            let mut fields = location.split(['?', '&']);
            let found = fields.find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
            found
                .unwrap_or_default()
                .replace("%2D", "-")
                .replace("%5F", "_")
        };
        assert_eq!(field("response_type"), "code");
        assert_eq!(field("code_challenge_method"), "S256");
        assert!(
            location.contains(
                "redirect_uri=http%3A%2F%2Flocalhost%3A8080%2Fapi%2Fv1%2Foidc%2Fcallback"
            )
        );
        let (state, nonce, challenge) = (field("state"), field("nonce"), field("code_challenge"));
        self.provider.script(|script| script.challenge = challenge);
        Departed {
            cookie: cookie.split(';').next().unwrap_or_default().to_owned(),
            state,
            nonce,
        }
    }

    fn claims(&self, departed: &Departed) -> Value {
        json!({
            "iss": self.provider.url, "aud": CLIENT, "sub": "248289761001",
            "exp": now_s() + 300, "iat": now_s(), "nonce": departed.nonce,
            "preferred_username": "Ada", "groups": ["others", "shop"],
        })
    }

    async fn back(&self, query: &str, cookie: &str) -> Answer {
        let url = format!("{}/api/v1/oidc/callback?{query}", self.bed.url);
        send(self.browser.get(url).header("cookie", cookie)).await
    }

    /// A whole sign-in, with claims that are changed.
    async fn sign_in(&self, change: impl FnOnce(&mut Value)) -> Answer {
        let departed = self.depart().await;
        let mut claims = self.claims(&departed);
        change(&mut claims);
        self.provider.script(|script| script.claims = claims);
        let query = format!("code=c0de&state={}&session_state=x", departed.state);
        self.back(&query, &departed.cookie).await
    }

    fn session(&self, answer: &Answer) -> Proof {
        let cookies = answer.headers.get_all("set-cookie").iter();
        let mut cookies = cookies.filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
        let session = cookies.find(|cookie| cookie.starts_with("ferrovia="));
        Proof::Session(session.expect("somebody is signed in").to_owned())
    }
}

#[tokio::test]
async fn somebody_with_an_account_elsewhere_is_let_in_with_the_roles_it_means() {
    let stage = Stage::new().await;
    let answer = stage.sign_in(|_| {}).await;
    let session = stage.session(answer.is(200));
    let me = stage.bed.ask(&session, "GET", "me", None).await;
    assert_eq!(me.is(200).at("/name"), value!("ada"));
    let roles = value!([
        { "namespace": "test", "role": "operator" },
        { "namespace": "zone", "role": "viewer" },
    ]);
    assert_eq!(me.at("/roles"), roles);
    let (form, authorization) = stage.provider.script(|script| script.redeemed[0].clone());
    assert!(
        form.contains("grant_type=authorization%5Fcode&code=c0de&"),
        "{form}"
    );
    assert!(!form.contains("cret"), "{form}");
    // `ferrovia:s%20e%3Acret`
    assert_eq!(authorization, "Basic ZmVycm92aWE6cyUyMGUlM0FjcmV0");

    // What the provider says the next time replaces it, under whatever name.
    let answer = stage
        .sign_in(|claims| {
            claims["groups"] = json!("admins");
            claims["preferred_username"] = json!("somebody else");
        })
        .await;
    let session = stage.session(answer.is(200));
    let users = stage.bed.ask(&session, "GET", "users", None).await;
    assert_eq!(users.is(200).at("/users/0/name"), value!("ada"));
    assert_eq!(users.at("/users/0/roles/0/role"), value!("administrator"));
    assert_eq!(
        users.at("/users").as_array().map(|users| users.len()),
        Some(1)
    );
    stage.bed.get("/api/v1/runs").await.is(401);
    // No password lets in who never had one.
    for password in ["", "x", "correct horse battery"] {
        stage.bed.sign_in("ada", password).await.is(401);
    }
}

#[tokio::test]
async fn a_token_that_does_not_say_all_it_has_to_lets_nobody_in() {
    let stage = Stage::new().await;
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 14] = [
        ("another issuer", |claims| {
            claims["iss"] = json!("https://evil.example")
        }),
        ("for somebody else", |claims| claims["aud"] = json!("other")),
        ("for nobody", |claims| claims["aud"] = json!([])),
        ("for several", |claims| {
            claims["aud"] = json!([CLIENT, "other"])
        }),
        ("asked for by somebody else", |claims| {
            claims["azp"] = json!("other")
        }),
        ("over", |claims| claims["exp"] = json!(now_s() - 120)),
        ("without an end", |claims| claims["exp"] = Value::Null),
        ("of the future", |claims| {
            claims["iat"] = json!(now_s() + 120)
        }),
        ("not yet", |claims| claims["nbf"] = json!(now_s() + 120)),
        ("another nonce", |claims| claims["nonce"] = json!("other")),
        ("no nonce", |claims| claims["nonce"] = Value::Null),
        ("no subject", |claims| claims["sub"] = json!("")),
        ("no role", |claims| claims["groups"] = json!(["others", 7])),
        ("no claim", |claims| claims["groups"] = Value::Null),
    ];
    for (what, change) in changes {
        let answer = stage.sign_in(change).await;
        assert_eq!(answer.status, 403, "{what}: {answer:?}");
        answer.problem(403, "openid", None);
        assert!(!answer.headers.contains_key("set-cookie"), "{what}");
    }
    let users = stage
        .bed
        .ask(&stage.bed.operator(), "GET", "users", None)
        .await;
    assert_eq!(users.at("/users"), value!([]));
}

#[tokio::test]
async fn only_the_browser_that_began_finishes_and_only_once() {
    let stage = Stage::new().await;
    let (mine, other) = (stage.depart().await, stage.depart().await);
    let claims = stage.claims(&other);
    stage.provider.script(|script| script.claims = claims);
    let back = |state: &str| format!("code=c0de&state={state}");
    for (state, cookie) in [
        (&mine.state, other.cookie.as_str()),
        (&other.state, mine.cookie.as_str()),
        (&other.state, ""),
        (&other.state, "ferrovia-sign-in=x"),
        (&other.nonce, other.cookie.as_str()),
    ] {
        stage
            .back(&back(state), cookie)
            .await
            .problem(403, "openid", None);
    }
    stage
        .back("state=x", &other.cookie)
        .await
        .problem(400, "malformed", None);
    let declined = stage
        .back("error=access_denied&state=x", &other.cookie)
        .await;
    declined.problem(403, "openid", None);
    let mixed = format!("{}&iss=https%3A%2F%2Fevil.example", back(&other.state));
    stage
        .back(&mixed, &other.cookie)
        .await
        .problem(403, "openid", None);
    assert_eq!(stage.provider.script(|script| script.redeemed.len()), 0);
    stage.back(&back(&other.state), &other.cookie).await.is(200);
    stage
        .back(&back(&other.state), &other.cookie)
        .await
        .problem(403, "openid", None);
}

#[tokio::test]
async fn an_account_does_not_become_the_user_of_its_name() {
    let stage = Stage::new().await;
    stage
        .bed
        .add_user("ada", &[grant(Role::Administrator, "*")])
        .await;
    let answer = stage.sign_in(|_| {}).await;
    answer.problem(403, "openid", None);
    assert!(
        answer.text.contains("another user has this name"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_server_without_a_provider_says_so() {
    let bed = Bed::new().await;
    bed.get("/api/v1/oidc/start")
        .await
        .problem(404, "not-found", None);
    bed.get("/api/v1/oidc/callback?code=x&state=y")
        .await
        .problem(404, "not-found", None);
}
