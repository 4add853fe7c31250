//! The compiled form of a workflow: immutable, shared by all its runs, identified by a hash of its content.
//!
//! A plan is an arena of [`Task`]s and of [`List`]s of tasks. Names, references and expressions are resolved;
//! functions are expanded at each call, so that every task has one place. The engine reads a plan and nothing else.

mod duration;
mod event;
mod identity;
mod schema;
mod template;

use std::ops::Index;
use std::sync::Arc;

use ferrovia_expr::{Expr, Value};

pub(crate) use duration::value_ms as literal_ms;
pub use duration::{Duration, DurationError, parse_iso8601};
pub use event::{
    AttributeMatch, Consumption, Correlation, EventFilter, EventRead, Matcher, Strategy, Until,
};
pub use identity::{Identity, PlanHash, VersionReq};
pub use schema::{Schema, SchemaError, SchemaProblem};
pub(crate) use template::is_sealed_variable;
pub use template::{Arguments, Sealed, Step, Template, UriTemplate};

/// The behaviour of the engine that plans compiled now ask for. A run keeps the number it started with (G7).
pub const SEMANTICS: u32 = 1;

/// Index of a task in [`Plan::tasks`].
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct TaskId(pub u32);

/// Index of a list of tasks in [`Plan::lists`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ListId(pub u32);

/// A compiled workflow.
#[derive(Debug)]
pub struct Plan {
    pub identity: Identity,
    pub title: Option<Arc<str>>,
    /// SHA-256 over the canonical definition, what it links to, and the semantics number.
    pub hash: PlanHash,
    pub semantics: u32,
    /// The document as written, for `$workflow.definition`.
    pub definition: Value,
    pub tasks: Vec<Task>,
    pub lists: Vec<List>,
    pub root: ListId,
    pub input: InputSpec,
    pub output: OutputSpec,
    pub timeout: Option<Duration>,
    pub schedule: Option<Schedule>,
    /// The names in `use.secrets`.
    pub secrets: Vec<Arc<str>>,
    /// What all `listen` tasks could ever consume; messages that match are kept from the start of the run.
    pub interests: Arc<[EventFilter]>,
}

/// Tasks that run one after another; `then` refers to positions in it.
#[derive(Debug, Default, Clone)]
pub struct List(pub Vec<TaskId>);

/// One task with the data flow around it.
#[derive(Debug)]
pub struct Task {
    pub name: Arc<str>,
    /// JSON pointer, such as `/do/0/getPet`; `$task.reference` and the `instance` of its errors.
    pub pointer: Arc<str>,
    pub definition: Value,
    pub condition: Option<Expr>,
    pub input: InputSpec,
    pub output: OutputSpec,
    pub export: OutputSpec,
    pub timeout: Option<Duration>,
    pub then: Flow,
    /// What takes back what the task did, when the run faults after it.
    pub undo: Option<TaskId>,
    pub kind: Kind,
}

/// `input`: validate the raw input, then transform it.
#[derive(Debug, Default)]
pub struct InputSpec {
    pub schema: Option<Schema>,
    pub from: Option<Template>,
}

/// `output` and `export`: transform, then validate.
#[derive(Debug, Default)]
pub struct OutputSpec {
    pub transform: Option<Template>,
    pub schema: Option<Schema>,
}

/// Where control goes after a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Flow {
    Continue,
    /// Ends the current list.
    Exit,
    /// Ends the workflow.
    End,
    /// Continues at a position of the current list.
    Goto(u32),
}

/// What a task does.
#[derive(Debug)]
pub enum Kind {
    Call(Call),
    Do(ListId),
    Emit(Emit),
    For(For),
    Fork(Fork),
    Listen(Listen),
    Raise(Raise),
    RunWorkflow(RunWorkflow),
    Set(Template),
    Switch(Vec<Case>),
    Try(Try),
    Wait(Duration),
    /// A call of a function: its body, expanded here, with its own input.
    Function(Function),
    /// A task wrapped by extensions.
    Extended(Extended),
}

impl Kind {
    /// The keyword that a reader of the document knows this kind by.
    pub fn keyword(&self) -> &'static str {
        match self {
            Kind::Call(call) => match call.kind {
                CallKind::Shell | CallKind::Script | CallKind::Container => "run",
                _ => "call",
            },
            Kind::Function(_) => "call",
            Kind::Do(_) => "do",
            Kind::Emit(_) => "emit",
            Kind::For(_) => "for",
            Kind::Fork(_) => "fork",
            Kind::Listen(_) => "listen",
            Kind::Raise(_) => "raise",
            Kind::RunWorkflow(_) => "run",
            Kind::Set(_) => "set",
            Kind::Switch(_) => "switch",
            Kind::Try(_) => "try",
            Kind::Wait(_) => "wait",
            Kind::Extended(_) => "extended",
        }
    }
}

/// An effect with a result: a protocol call or a process.
#[derive(Debug)]
pub struct Call {
    pub kind: CallKind,
    pub arguments: Template,
    /// `foreach` of a subscription.
    pub each: Option<Iterator>,
    /// `await: false`: the task is over once the effect has begun.
    pub detached: bool,
    pub delivery: Delivery,
}

/// Which executor carries out a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CallKind {
    Http,
    OpenApi,
    Grpc,
    AsyncApi,
    A2a,
    Mcp,
    Shell,
    Script,
    Container,
    /// Publishes an event.
    Emit,
}

impl CallKind {
    pub fn as_str(self) -> &'static str {
        match self {
            CallKind::Http => "http",
            CallKind::OpenApi => "openapi",
            CallKind::Grpc => "grpc",
            CallKind::AsyncApi => "asyncapi",
            CallKind::A2a => "a2a",
            CallKind::Mcp => "mcp",
            CallKind::Shell => "shell",
            CallKind::Script => "script",
            CallKind::Container => "container",
            CallKind::Emit => "emit",
        }
    }
}

/// How often an effect may be sent when the process dies between sending and recording (G2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    #[default]
    AtLeastOnce,
    AtMostOnce,
}

#[derive(Debug)]
pub struct Emit {
    /// CloudEvents attributes and `data`; `id`, `source`, `time` and `specversion` are filled in when absent.
    pub event: Template,
}

#[derive(Debug)]
pub struct For {
    pub each: Arc<str>,
    pub at: Arc<str>,
    pub items: Template,
    pub condition: Option<Expr>,
    pub body: ListId,
}

#[derive(Debug)]
pub struct Fork {
    pub compete: bool,
    pub branches: Vec<TaskId>,
}

#[derive(Debug)]
pub struct Listen {
    pub strategy: Strategy,
    pub read: EventRead,
    pub each: Option<Iterator>,
}

/// `foreach` of `listen` or of a subscription: what is done with each consumed event or message.
#[derive(Debug)]
pub struct Iterator {
    pub item: Arc<str>,
    pub at: Arc<str>,
    pub body: ListId,
    pub output: OutputSpec,
    pub export: OutputSpec,
}

#[derive(Debug)]
pub struct Raise {
    pub error: ErrorTemplate,
}

#[derive(Debug)]
pub struct ErrorTemplate {
    pub kind: Template,
    pub status: u16,
    pub title: Option<Template>,
    pub detail: Option<Template>,
}

#[derive(Debug)]
pub struct RunWorkflow {
    pub namespace: Arc<str>,
    pub name: Arc<str>,
    pub version: VersionReq,
    pub input: Option<Template>,
    pub detached: bool,
}

#[derive(Debug)]
pub struct Case {
    pub name: Arc<str>,
    /// `None` is the default case, which is always the last one here.
    pub when: Option<Expr>,
    pub then: Flow,
}

#[derive(Debug)]
pub struct Try {
    pub body: ListId,
    pub catch: Catch,
}

#[derive(Debug)]
pub struct Catch {
    /// All given fields must equal those of the error.
    pub filter: ErrorFilter,
    pub variable: Arc<str>,
    pub when: Option<Expr>,
    pub except_when: Option<Expr>,
    pub retry: Option<Retry>,
    pub body: Option<ListId>,
    pub then: Option<Flow>,
}

#[derive(Debug, Default)]
pub struct ErrorFilter {
    pub kind: Option<Arc<str>>,
    pub status: Option<u16>,
    pub instance: Option<Arc<str>>,
    pub title: Option<Arc<str>>,
    pub detail: Option<Arc<str>>,
}

#[derive(Debug)]
pub struct Retry {
    pub when: Option<Expr>,
    pub except_when: Option<Expr>,
    pub delay: Option<Duration>,
    pub backoff: Backoff,
    /// Retries after the first attempt.
    pub count: Option<u32>,
    pub attempt_limit: Option<Duration>,
    pub total_limit: Option<Duration>,
    pub jitter: Option<(Duration, Duration)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backoff {
    #[default]
    Constant,
    Linear,
    Exponential,
}

#[derive(Debug)]
pub struct Function {
    /// The function's raw input; absent means `{}`.
    pub with: Option<Template>,
    pub body: FunctionBody,
}

#[derive(Debug)]
pub enum FunctionBody {
    Task(TaskId),
    /// The function could not be loaded when the plan was made; calling it is a configuration error.
    Missing(Arc<str>),
}

#[derive(Debug)]
pub struct Extended {
    pub target: TaskId,
    /// In declaration order; `before` runs in this order, `after` in reverse.
    pub layers: Vec<Layer>,
}

#[derive(Debug)]
pub struct Layer {
    pub name: Arc<str>,
    pub when: Option<Expr>,
    pub before: Option<ListId>,
    pub after: Option<ListId>,
}

/// When runs of the workflow begin by themselves.
#[derive(Debug)]
pub struct Schedule {
    pub every: Option<Duration>,
    pub cron: Option<Arc<str>>,
    pub after: Option<Duration>,
    pub on: Option<(Strategy, EventRead)>,
}

impl Index<TaskId> for Plan {
    type Output = Task;
    fn index(&self, id: TaskId) -> &Task {
        &self.tasks[id.0 as usize]
    }
}

impl Index<ListId> for Plan {
    type Output = List;
    fn index(&self, id: ListId) -> &List {
        &self.lists[id.0 as usize]
    }
}
