//! Tasks: what every task has, and what each kind adds.

use super::calls;
use super::common::{DURATION, ERROR, ERROR_FILTER, EXPORT, INPUT, OUTPUT, RETRY, TIMEOUT};
use super::events::{EMIT, ITERATOR, LISTEN};
use super::processes::{AWAIT, RETURN, RUN};
use super::vocabulary::{
    FREE_MAP, NOT_EMPTY, Named, Object, Others, Property, Shape, TEXT, Variant, Variants, object,
    optional, required,
};

pub(super) static TASK_LIST: Named = Named {
    noun: "task",
    items: Shape::Variants(&TASK_KINDS),
    least: 0,
    doc: "Tasks in the order in which they run: each item is a name with its task.",
};

const CALL: Property = required(
    "call",
    NOT_EMPTY,
    "A protocol of the standard, a name under `use.functions`, `name:version@catalog`, or the URL of a function.",
);

const THEN: Property = optional(
    "then",
    NOT_EMPTY,
    "Where to go next: `continue`, `exit`, `end`, or the name of a task in the same list.",
);

static TASK_METADATA: Object = Object {
    others: Others::Free,
    ..object(
        "TaskMetadata",
        "Free information about the task, and what Ferrovia reads of it.",
        &[optional(
            "undo",
            Shape::OneOf(&[NOT_EMPTY, Shape::Variants(&TASK_KINDS)]),
            "What takes back what the task did, when a later one fails: a task, or the name of one.",
        )],
    )
};

pub(super) static TASK_KINDS: Variants = Variants {
    name: "Task",
    noun: "task",
    question: "what to do",
    doc: "One step of a workflow.",
    common: &[
        optional(
            "if",
            Shape::Expression,
            "The task is skipped unless this is true.",
        ),
        optional(
            "input",
            Shape::Object(&INPUT),
            "Checks and transforms what the task is given.",
        ),
        optional(
            "output",
            Shape::Object(&OUTPUT),
            "Transforms and checks what the task hands on.",
        ),
        optional(
            "export",
            Shape::Object(&EXPORT),
            "What the task leaves in the context.",
        ),
        optional(
            "timeout",
            TIMEOUT,
            "How long the task may take: inline, or a name under `use.timeouts`.",
        ),
        THEN,
        optional(
            "metadata",
            Shape::Object(&TASK_METADATA),
            "Free information about the task.",
        ),
    ],
    variants: &[
        call(
            "HttpCall",
            "http",
            "Sends an HTTP request.",
            &[
                CALL,
                required("with", Shape::Object(&calls::HTTP_WITH), "The request."),
            ],
        ),
        call(
            "OpenApiCall",
            "openapi",
            "Calls an operation of an OpenAPI document.",
            &[
                CALL,
                required(
                    "with",
                    Shape::Object(&calls::OPENAPI_WITH),
                    "The operation and its parameters.",
                ),
            ],
        ),
        call(
            "GrpcCall",
            "grpc",
            "Calls a method of a gRPC service.",
            &[
                CALL,
                required(
                    "with",
                    Shape::Object(&calls::GRPC_WITH),
                    "The method and its arguments.",
                ),
            ],
        ),
        call(
            "AsyncApiCall",
            "asyncapi",
            "Sends or receives messages of an AsyncAPI document.",
            &[
                CALL,
                required(
                    "with",
                    Shape::Object(&calls::ASYNCAPI_WITH),
                    "The operation and its message or subscription.",
                ),
            ],
        ),
        call(
            "A2aCall",
            "a2a",
            "Speaks to an agent by the Agent2Agent protocol.",
            &[
                CALL,
                required(
                    "with",
                    Shape::Object(&calls::A2A_WITH),
                    "The agent, the method and its parameters.",
                ),
            ],
        ),
        call(
            "McpCall",
            "mcp",
            "Speaks to a server by the Model Context Protocol.",
            &[
                CALL,
                required(
                    "with",
                    Shape::Object(&calls::MCP_WITH),
                    "The server, the method and its parameters.",
                ),
            ],
        ),
        kind(
            "FunctionCall",
            "call",
            "Calls a function by its name.",
            &[
                CALL,
                optional("with", FREE_MAP, "The arguments of the function."),
            ],
        ),
        kind(
            "DoTask",
            "do",
            "Performs tasks one after the other.",
            &[required(
                "do",
                Shape::Named(&TASK_LIST),
                "The tasks to perform, in order.",
            )],
        ),
        kind(
            "ForkTask",
            "fork",
            "Performs tasks side by side.",
            &[required(
                "fork",
                Shape::Object(&FORK),
                "The branches to perform side by side.",
            )],
        ),
        kind(
            "EmitTask",
            "emit",
            "Emits an event.",
            &[required("emit", Shape::Object(&EMIT), "What to emit.")],
        ),
        kind(
            "ForTask",
            "for",
            "Performs tasks for each item of a list.",
            &[
                required("for", Shape::Object(&FOR), "What to go through."),
                optional(
                    "while",
                    Shape::Expression,
                    "The loop ends before the first item for which this is not true.",
                ),
                required(
                    "do",
                    Shape::Named(&TASK_LIST),
                    "The tasks to perform for each item.",
                ),
            ],
        ),
        kind(
            "ListenTask",
            "listen",
            "Waits for events.",
            &[
                required("listen", Shape::Object(&LISTEN), "What to listen to."),
                optional(
                    "foreach",
                    Shape::Object(&ITERATOR),
                    "What to do with each event as it arrives.",
                ),
            ],
        ),
        kind(
            "RaiseTask",
            "raise",
            "Raises an error.",
            &[required(
                "raise",
                Shape::Object(&RAISE),
                "The error to raise.",
            )],
        ),
        kind(
            "RunTask",
            "run",
            "Runs a container, a script, a shell command or another workflow.",
            &[
                required("run", Shape::Variants(&RUN), "What to run."),
                AWAIT,
                RETURN,
            ],
        ),
        kind(
            "SetTask",
            "set",
            "Gives data.",
            &[required(
                "set",
                Shape::OneOf(&[
                    Shape::Map {
                        values: &Shape::Any,
                        least: 1,
                    },
                    NOT_EMPTY,
                ]),
                "The data to give: an object whose texts may be expressions, or one expression.",
            )],
        ),
        kind(
            "SwitchTask",
            "switch",
            "Chooses where to go.",
            &[required(
                "switch",
                Shape::Named(&CASES),
                "The cases, tried in order.",
            )],
        ),
        kind(
            "TryTask",
            "try",
            "Performs tasks and handles their errors.",
            &[
                required("try", Shape::Named(&TASK_LIST), "The tasks to perform."),
                required(
                    "catch",
                    Shape::Object(&CATCH),
                    "Which errors to catch and what to do then; `{}` catches all.",
                ),
            ],
        ),
        kind(
            "WaitTask",
            "wait",
            "Waits for a time.",
            &[required("wait", DURATION, "How long to wait.")],
        ),
    ],
};

const fn call(
    name: &'static str,
    protocol: &'static str,
    doc: &'static str,
    properties: &'static [Property],
) -> Variant {
    Variant {
        name,
        key: "call",
        value: Some(protocol),
        doc,
        properties,
    }
}

const fn kind(
    name: &'static str,
    key: &'static str,
    doc: &'static str,
    properties: &'static [Property],
) -> Variant {
    Variant {
        name,
        key,
        value: None,
        doc,
        properties,
    }
}

static FORK: Object = object(
    "Fork",
    "Branches to perform side by side.",
    &[
        required(
            "branches",
            Shape::Named(&TASK_LIST),
            "The branches, each a task.",
        ),
        optional(
            "compete",
            Shape::Boolean,
            "If true, the first branch to complete wins and the others are cancelled.",
        ),
    ],
);

static FOR: Object = object(
    "For",
    "What a loop goes through.",
    &[
        optional(
            "each",
            TEXT,
            "The variable that holds the item, `item` unless set.",
        ),
        required(
            "in",
            Shape::OneOf(&[Shape::Expression, Shape::List(&Shape::Any)]),
            "The list to go through: an expression, or the list itself.",
        ),
        optional(
            "at",
            TEXT,
            "The variable that holds the item's index, `index` unless set.",
        ),
    ],
);

static RAISE: Object = object(
    "Raise",
    "The error to raise.",
    &[required(
        "error",
        ERROR,
        "The error: inline, or a name under `use.errors`.",
    )],
);

static CASES: Named = Named {
    noun: "case",
    items: Shape::Object(&CASE),
    least: 1,
    doc: "Cases in the order in which they are tried: each item is a name with its case.",
};

static CASE: Object = object(
    "Case",
    "Where to go if something is true.",
    &[
        optional(
            "when",
            Shape::Expression,
            "The case is taken if this is true; the case without it is the default.",
        ),
        required(
            "then",
            NOT_EMPTY,
            "Where to go: `continue`, `exit`, `end`, or the name of a task in the same list.",
        ),
    ],
);

static CATCH: Object = object(
    "Catch",
    "Which errors to catch and what to do then.",
    &[
        optional(
            "errors",
            Shape::Object(&CAUGHT),
            "Which errors to catch, by fixed values; all unless set.",
        ),
        optional(
            "as",
            TEXT,
            "The variable that holds the error, `error` unless set.",
        ),
        optional(
            "when",
            Shape::Expression,
            "Catch only if this is true of the error.",
        ),
        optional(
            "exceptWhen",
            Shape::Expression,
            "Do not catch if this is true of the error.",
        ),
        optional(
            "retry",
            RETRY,
            "When to try again: inline, or a name under `use.retries`.",
        ),
        optional(
            "do",
            Shape::Named(&TASK_LIST),
            "The tasks to perform after an error was caught.",
        ),
        optional(
            "then",
            NOT_EMPTY,
            "Where to go after an error was caught, in place of the task's own `then`.",
        ),
    ],
);

static CAUGHT: Object = object(
    "CaughtErrors",
    "Which errors to catch.",
    &[optional(
        "with",
        Shape::Object(&ERROR_FILTER),
        "Fixed values the error must have.",
    )],
)
.with_others(Others::Warned);
