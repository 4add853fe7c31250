//! A node over a journal, and a sink that can be out of order.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use ferrovia_connect::ConnectConfig;
use ferrovia_connect::client::GuardedClient;
use ferrovia_connect::courier::{HttpCourier, SigningKey};
use ferrovia_dsl::compile::{Links, Options, compile};
use ferrovia_dsl::plan::{Plan, VersionReq};
use ferrovia_engine::RuntimeInfo;
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::notify::{Courier, Log};
use ferrovia_runtime::port::{Call, Executor, Fault, Success};
use ferrovia_runtime::{Compiler, Limits, Node, NodeConfig, Retention, StartRequest};
use ferrovia_store::{Definition, Journal, RunId};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};

const WORKFLOWS: [&str; 4] = [
    "document: { dsl: '1.0.3', namespace: shop, name: greet, version: '1.0.0' }
do:
  - greet: { set: { text: '${ \"Hello, \" + .name }' } }",
    "document: { dsl: '1.0.3', namespace: shop, name: order, version: '1.0.0' }
do:
  - stop: { raise: { error: { type: https://example.com/empty, status: 409, title: '${ \"Empty \" + .name }' } } }",
    "document: { dsl: '1.0.3', namespace: shop, name: pay, version: '1.0.0' }
do:
  - pay: { call: http, with: { method: post, endpoint: 'https://pay.example' }, metadata: { delivery: at-most-once } }",
    "document: { dsl: '1.0.3', namespace: shop, name: parent, version: '1.0.0' }
do:
  - child:
      try:
        - child: { run: { workflow: { namespace: shop, name: order, version: '1.0.0', input: { name: child } } } }
      catch: {}",
];

fn plan(text: &str) -> Arc<Plan> {
    let root = ferrovia_dsl::source::parse(text).expect("the text is YAML");
    let compiled = compile(text, &root, &Links::default(), Options::default());
    Arc::new(compiled.expect("the workflow is sound").plan)
}

struct FromText;

impl Compiler for FromText {
    fn compile(&self, definition: &Definition) -> Result<Arc<Plan>, String> {
        Ok(plan(&definition.text))
    }
}

/// Calls never end; that there was one is told.
#[derive(Default)]
pub(crate) struct Silence(pub(crate) Notify);

#[async_trait]
impl Executor for Silence {
    async fn execute(&self, _call: Call) -> Result<Success, Fault> {
        self.0.notify_one();
        std::future::pending().await
    }
}

pub(crate) async fn node(journal: Arc<dyn Journal>, silence: Arc<Silence>) -> Node {
    let executor: Arc<dyn Executor> = silence;
    let node = Node::open(NodeConfig {
        journal,
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
    let node = node.await.expect("the store opens");
    for text in WORKFLOWS {
        let defined = node.define(plan(text), text, b"").await;
        defined.expect("the store takes it");
    }
    node
}

/// Runs a workflow to its end.
pub(crate) async fn run(node: &Node, name: &str, input: &str) -> RunId {
    let (run, hearing) = node
        .start_and_hear(request(node, name, input))
        .await
        .expect("it can be started");
    hearing.ending().await.expect("it ends");
    run
}

pub(crate) fn request(node: &Node, name: &str, input: &str) -> StartRequest {
    let definitions = node.definitions();
    let found = definitions.find("shop", name, &VersionReq::Latest);
    let mut object = Object::default();
    object.insert("name", input);
    StartRequest {
        plan: found.expect("it is defined").clone(),
        input: object.into(),
        key: None,
        labels: Vec::new(),
    }
}

pub(crate) fn client() -> GuardedClient {
    GuardedClient::new(&ConnectConfig::default()).expect("there is nothing to fail")
}

pub(crate) fn quiet() -> Log {
    Arc::new(|_| {})
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        Value::parse_json(&self.body).expect("it is JSON")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }
}

/// A receiver. It takes everything, but for the answers it is told to give first.
pub(crate) struct Sink {
    url: String,
    answers: Arc<Mutex<VecDeque<u16>>>,
    got: mpsc::UnboundedReceiver<(u16, Got)>,
}

type Shared = (Arc<Mutex<VecDeque<u16>>>, mpsc::UnboundedSender<(u16, Got)>);

async fn take(State((answers, got)): State<Shared>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let next = answers.lock().expect("no holder panics").pop_front();
    let status = next.unwrap_or(204);
    let body = String::from_utf8(body.to_vec()).expect("it is text");
    let _ = got.send((status, Got { headers, body }));
    StatusCode::from_u16(status).expect("a test names a status")
}

impl Sink {
    pub(crate) async fn new() -> Sink {
        let answers = Arc::new(Mutex::new(VecDeque::new()));
        let (sender, got) = mpsc::unbounded_channel();
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let router = Router::new()
            .route("/secret-path", post(take))
            .with_state((answers.clone(), sender));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Sink {
            url: format!("http://{address}/secret-path"),
            answers,
            got,
        }
    }

    pub(crate) fn answer(&self, statuses: &[u16]) {
        let mut answers = self.answers.lock().expect("no holder panics");
        answers.extend(statuses);
    }

    pub(crate) fn courier(&self, key: Option<&str>) -> Arc<dyn Courier> {
        let key = key.map(|key| SigningKey::read(key).expect("it is a key"));
        Arc::new(HttpCourier::new(client(), &self.url, key).expect("it is a URL"))
    }

    /// The next request, with what it was answered.
    pub(crate) async fn next(&mut self) -> (u16, Got) {
        self.got.recv().await.expect("the sink is there")
    }

    /// It takes everything again.
    pub(crate) fn get_well(&self) {
        self.answers.lock().expect("no holder panics").clear();
    }

    /// The next request that was taken.
    pub(crate) async fn taken(&mut self) -> Got {
        loop {
            if let (200..300, got) = self.next().await {
                return got;
            }
        }
    }
}

pub(crate) fn text(value: &Value, pointer: &str) -> String {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found
        .unwrap_or_else(|| panic!("no text at {pointer}: {value:?}"))
        .to_owned()
}
