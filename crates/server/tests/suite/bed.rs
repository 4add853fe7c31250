//! A server with a few workflows, and a client.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use ferrovia_dsl::compile::{Links, Options, compile};
use ferrovia_dsl::diagnostic::to_json;
use ferrovia_dsl::plan::Plan;
use ferrovia_engine::RuntimeInfo;
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::port::{Call, Executor, Fault, Success};
use ferrovia_runtime::{Compiler, Limits, Node, NodeConfig, Retention};
use ferrovia_server::oidc::{Fetch, Oidc};
use ferrovia_server::seal::Keyring;
use ferrovia_server::{
    Bounds, Compiled, Config, KeysIn, People, Publisher, Rejected, Tls, Vault, Webhooks, serve,
};
use ferrovia_store::{Definition, Memory};
use reqwest::{Client, RequestBuilder, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Long enough never to be over before a test is.
pub(crate) const LONG: &str = "wait=300s";

/// As a limit of a webhook.
pub(crate) const LONG_WAIT: Duration = Duration::from_secs(300);

const WORKFLOWS: [&str; 7] = [
    "document: { dsl: '1.0.3', namespace: test, name: greet, version: '1.0.0' }
do:
  - greet: { set: { text: '${ \"Hello, \" + .name }' } }",
    "document: { dsl: '1.0.3', namespace: test, name: fault, version: '1.0.0' }
do:
  - stop: { raise: { error: { type: https://example.com/empty, status: 409, title: Empty } } }",
    "document: { dsl: '1.0.3', namespace: test, name: listen, version: '1.0.0' }
do:
  - hear: { listen: { to: { one: { with: { type: test.heard } } } } }",
    "document: { dsl: '1.0.3', namespace: test, name: pay, version: '1.0.0' }
do:
  - pay: { call: http, with: { method: post, endpoint: 'https://pay.example' }, metadata: { delivery: at-most-once } }",
    "document: { dsl: '1.0.3', namespace: test, name: react, version: '1.0.0' }
schedule: { on: { one: { with: { type: test.react } } } }
do:
  - seen: { set: { seen: '${ .[0] }' } }",
    "document: { dsl: '1.0.3', namespace: zone, name: listen, version: '1.0.0' }
do:
  - hear: { listen: { to: { one: { with: { type: test.heard } } } } }",
    "document: { dsl: '1.0.3', namespace: test, name: ticks, version: '1.0.0' }
do:
  - each:
      for: { in: '${ [range(.count)] }' }
      do:
        - hear: { listen: { to: { one: { with: { type: test.tick } } } } }",
];

/// What deliveries of webhooks are for.
const HOOKED: [&str; 2] = [
    "document: { dsl: '1.0.3', namespace: test, name: hooked, version: '1.0.0' }
schedule: { on: { one: { with: { type: test.hook } } } }
do:
  - seen: { set: '${ .[0] }' }",
    "document: { dsl: '1.0.3', namespace: test, name: echo, version: '1.0.0' }
do:
  - say: { set: '${ . }' }",
];

pub(crate) fn plan(text: &str) -> Arc<Plan> {
    let root = ferrovia_dsl::source::parse(text).expect("the text is YAML");
    let compiled = compile(text, &root, &Links::default(), Options::default());
    Arc::new(compiled.expect("the workflow is sound").plan)
}

/// The text of a workflow.
pub(crate) fn definition(namespace: &str, name: &str, version: &str, body: &str) -> String {
    format!(
        "document: {{ dsl: '1.0.3', namespace: {namespace}, name: {name}, version: '{version}' }}\n{body}\n"
    )
}

/// Calls never end; they are counted.
#[derive(Default)]
pub(crate) struct Silence {
    pub(crate) calls: AtomicUsize,
    pub(crate) called: tokio::sync::Notify,
}

#[async_trait]
impl Executor for Silence {
    async fn execute(&self, _call: Call) -> Result<Success, Fault> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.called.notify_one();
        std::future::pending().await
    }
}

struct FromText;

impl Compiler for FromText {
    fn compile(&self, definition: &Definition) -> Result<Arc<Plan>, String> {
        Ok(plan(&definition.text))
    }
}

/// Publishes what refers to nothing else.
#[derive(Debug)]
struct Plain;

impl Publisher for Plain {
    fn compile(
        &self,
        text: String,
    ) -> Pin<Box<dyn Future<Output = Result<Compiled, Rejected>> + Send + '_>> {
        let compiled = ferrovia_dsl::source::parse(&text).and_then(|root| {
            let shape = ferrovia_dsl::shape::check(&root);
            match shape.iter().any(|finding| finding.is_error()) {
                true => Err(shape),
                false => compile(&text, &root, &Links::default(), Options::default()),
            }
        });
        Box::pin(std::future::ready(match compiled {
            Ok(compiled) => Ok(Compiled {
                plan: Arc::new(compiled.plan),
                links: Vec::new(),
                findings: to_json(&compiled.warnings, &text),
            }),
            Err(findings) => Err(Rejected {
                summary: "refused".to_owned(),
                findings: to_json(&findings, &text),
            }),
        }))
    }
}

pub(crate) struct Bed {
    pub(crate) journal: Arc<Memory>,
    pub(crate) silence: Arc<Silence>,
    pub(crate) people: People,
    pub(crate) address: SocketAddr,
    pub(crate) url: String,
    pub(crate) client: Client,
    stop: Mutex<Option<oneshot::Sender<()>>>,
    served: Mutex<Option<JoinHandle<std::io::Result<()>>>>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Bed {
    pub(crate) async fn new() -> Bed {
        Bed::on(Arc::new(Memory::new(4))).await
    }

    /// Another server on a journal, as after a crash.
    pub(crate) async fn on(journal: Arc<Memory>) -> Bed {
        Bed::with(journal, Config::default()).await
    }

    /// A server that people have an account for elsewhere.
    pub(crate) async fn with_provider(oidc: impl FnOnce() -> (Oidc, Arc<dyn Fetch>)) -> Bed {
        // The client of a provider needs what a bed needs.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = Config {
            oidc: Some(oidc()),
            ..Config::default()
        };
        Bed::with(Arc::new(Memory::new(4)), config).await
    }

    /// A server that is in a hurry.
    pub(crate) async fn within(bounds: Bounds) -> Bed {
        let config = Config {
            bounds,
            ..Config::default()
        };
        Bed::with(Arc::new(Memory::new(4)), config).await
    }

    /// A server whose streams say often that they are there.
    pub(crate) async fn beating(heartbeat: Duration) -> Bed {
        let config = Config {
            heartbeat: Some(heartbeat),
            ..Config::default()
        };
        Bed::with(Arc::new(Memory::new(4)), config).await
    }

    /// A server that others deliver to.
    pub(crate) async fn hooked(webhooks: Webhooks) -> Bed {
        Bed::hooked_on(Arc::new(Memory::new(4)), webhooks).await
    }

    pub(crate) async fn hooked_on(journal: Arc<Memory>, webhooks: Webhooks) -> Bed {
        let config = Config {
            webhooks,
            ..Config::default()
        };
        Bed::knowing(&[WORKFLOWS.as_slice(), &HOOKED].concat(), journal, config).await
    }

    pub(crate) async fn hooked_within(webhooks: Webhooks, bounds: Bounds) -> Bed {
        let config = Config {
            webhooks,
            bounds,
            ..Config::default()
        };
        Bed::with(Arc::new(Memory::new(4)), config).await
    }

    /// A server that encrypts; the certificate is for `localhost`.
    pub(crate) async fn encrypted(tls: Tls, root: &[u8]) -> Bed {
        let config = Config {
            tls: Some(tls),
            ..Config::default()
        };
        let mut bed = Bed::with(Arc::new(Memory::new(4)), config).await;
        let root = reqwest::Certificate::from_pem(root).expect("it is a certificate");
        let client = Client::builder().no_proxy().tls_certs_only([root]);
        bed.client = client.build().expect("it has no options that fail");
        bed.url = format!("https://localhost:{}", bed.address.port());
        bed
    }

    async fn with(journal: Arc<Memory>, config: Config) -> Bed {
        Bed::knowing(&WORKFLOWS, journal, config).await
    }

    async fn knowing(workflows: &[&str], journal: Arc<Memory>, config: Config) -> Bed {
        let silence = Arc::new(Silence::default());
        let executor: Arc<dyn Executor> = silence.clone();
        let node = Node::open(NodeConfig {
            journal: journal.clone(),
            executors: [("http", executor)].into_iter().collect(),
            compiler: Arc::new(FromText),
            runtime: RuntimeInfo {
                name: "test".into(),
                version: "0".into(),
                metadata: Object::default().into(),
            },
            secrets: Arc::new(Value::Null),
            limits: Limits::default(),
            retention: Retention::default(),
            salt: 1,
        });
        let node = node.await.expect("a store in memory opens");
        for text in workflows {
            let defined = node.define(plan(text), text, b"").await;
            defined.expect("a store in memory takes it");
        }
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let (stop, stopped) = oneshot::channel();
        let keys = Keyring::generate().expect("there is randomness");
        let vault = Vault::open(journal.clone(), KeysIn::Given(keys), Object::default());
        let vault = vault.expect("nothing is sealed yet");
        let people = People::open(journal.clone()).expect("a store in memory is readable");
        let config = Config {
            people: Some(people.clone()),
            publisher: Some(Arc::new(Plain)),
            vault: Some(vault),
            ..config
        };
        let served = tokio::spawn(serve(listener, node, config, async {
            let _ = stopped.await;
        }));
        Bed {
            journal,
            silence,
            people,
            address,
            url: format!("http://{address}"),
            client: {
                let _ = rustls::crypto::ring::default_provider().install_default();
                Client::builder()
            }
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("it has no options that fail"),
            stop: Mutex::new(Some(stop)),
            served: Mutex::new(Some(served)),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let address = self.url.trim_start_matches("http://").parse();
        address.expect("it is on an address")
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = method.parse().expect("a test names a method");
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request("GET", path)).await
    }

    /// JSON to a path below `/api/v1/`.
    pub(crate) fn posting(&self, path: &str, body: &str) -> RequestBuilder {
        self.request("POST", &format!("/api/v1/{path}"))
            .header("content-type", "application/json")
            .body(body.to_owned())
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        send(self.posting(path, body)).await
    }

    /// Starts a run that does not end by itself, and answers with its id.
    pub(crate) async fn begin(&self, workflow: &str) -> String {
        let answer = self
            .post("runs", &format!("{{\"workflow\": \"{workflow}\"}}"))
            .await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.text_at("id")
    }

    /// Publishes a version of a workflow of the namespace `test`.
    pub(crate) async fn publish(&self, name: &str, version: &str, body: &str) -> Answer {
        let text = definition("test", name, version, body);
        let request = self.request("POST", "/api/v1/definitions");
        send(
            request
                .header("content-type", "application/yaml")
                .body(text),
        )
        .await
    }

    pub(crate) fn stop(&self) {
        let stop = self.stop.lock().expect("no test panics with it").take();
        drop(stop);
    }

    pub(crate) async fn stopped(&self) {
        let served = self.served.lock().expect("no test panics with it").take();
        let served = served.expect("it is waited for once").await;
        served
            .expect("it does not panic")
            .expect("it stops by itself");
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("the server answers");
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.expect("the answer is text");
    Answer {
        status,
        headers,
        text,
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        Value::parse_json(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn at(&self, pointer: &str) -> Value {
        let found = self.json();
        let found = found.pointer(pointer).cloned();
        found.unwrap_or_else(|| panic!("nothing at {pointer}: {self:?}"))
    }

    pub(crate) fn text_at(&self, member: &str) -> String {
        let found = self.at(&format!("/{member}"));
        found
            .as_str()
            .unwrap_or_else(|| panic!("no text: {self:?}"))
            .to_owned()
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16) -> &Answer {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// A problem of a type, at a pointer if it has one.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, kind: &str, pointer: Option<&str>) {
        self.is(status);
        assert_eq!(
            self.headers["content-type"], "application/problem+json",
            "{self:?}"
        );
        let body = self.json();
        let member = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let named = member("type").unwrap_or_default();
        assert_eq!(named.rsplit(':').next(), Some(kind), "{self:?}");
        assert_eq!(member("pointer").as_deref(), pointer, "{self:?}");
        assert_eq!(body.get("status"), Some(&i64::from(status).into()));
    }
}
