//! Calls: the protocols of the standard, and functions by name.

use super::authentication::AUTHENTICATION;
use super::common::{DURATION, ENDPOINT, RESOURCE};
use super::events::ITERATOR;
use super::vocabulary::{
    FREE_MAP, Form, MAP_OR_EXPRESSION, Object, Others, Property, Rule, Shape, TEXT, Variant,
    Variants, object, optional, required,
};

const CONTENT: Property = optional(
    "output",
    Shape::Choice(&["raw", "content", "response"]),
    "What the call gives: the `content` (unless set), the `raw` bytes in base64, or the whole `response`.",
);
const REDIRECT: Property = optional(
    "redirect",
    Shape::Boolean,
    "If true, redirections are followed; otherwise they are errors.",
);
const AUTHENTICATE: Property = optional(
    "authentication",
    Shape::Variants(&AUTHENTICATION),
    "How to authenticate.",
);

pub(super) static HTTP_WITH: Object = object(
    "HttpArguments",
    "An HTTP request.",
    &[
        required(
            "method",
            Shape::Dynamic(Form::NotEmpty),
            "The HTTP method, such as `get` or `post`.",
        ),
        required("endpoint", ENDPOINT, "Where to send the request."),
        optional("headers", MAP_OR_EXPRESSION, "The headers by name."),
        optional("body", Shape::Any, "The body."),
        optional("query", MAP_OR_EXPRESSION, "The query parameters by name."),
        CONTENT,
        REDIRECT,
    ],
);

pub(super) static OPENAPI_WITH: Object = object(
    "OpenApiArguments",
    "An operation of an OpenAPI document.",
    &[
        required("document", RESOURCE, "The OpenAPI document."),
        required(
            "operationId",
            TEXT,
            "The id of the operation in the document.",
        ),
        optional(
            "parameters",
            MAP_OR_EXPRESSION,
            "The operation's parameters by name.",
        ),
        AUTHENTICATE,
        CONTENT,
        REDIRECT,
    ],
);

static GRPC_SERVICE: Object = object(
    "GrpcService",
    "Where a gRPC service is found.",
    &[
        required("name", TEXT, "The full name of the service."),
        required("host", Shape::Dynamic(Form::Host), "The host it runs on."),
        optional(
            "port",
            Shape::Integer {
                min: 0,
                max: 65_535,
            },
            "The port it listens on.",
        ),
        AUTHENTICATE,
    ],
);

pub(super) static GRPC_WITH: Object = object(
    "GrpcArguments",
    "A method of a gRPC service.",
    &[
        required("proto", RESOURCE, "The file that describes the service."),
        required(
            "service",
            Shape::Object(&GRPC_SERVICE),
            "Where the service is found.",
        ),
        required("method", TEXT, "The method to call."),
        optional(
            "arguments",
            MAP_OR_EXPRESSION,
            "The arguments of the method by name.",
        ),
    ],
);

static ASYNCAPI_SERVER: Object = object(
    "AsyncApiServer",
    "One of the servers of an AsyncAPI document.",
    &[
        required("name", TEXT, "The server's name in the document."),
        optional("variables", FREE_MAP, "The server's variables by name."),
    ],
);

static ASYNCAPI_MESSAGE: Object = object(
    "AsyncApiMessage",
    "A message to send.",
    &[
        optional("payload", Shape::Any, "What the message says."),
        optional("headers", MAP_OR_EXPRESSION, "The headers by name."),
    ],
)
.with_others(Others::Warned);

static CONSUMPTION: Variants = Variants {
    name: "Consumption",
    noun: "consumption",
    question: "how long to consume messages",
    doc: "How long messages are consumed.",
    common: &[optional(
        "for",
        DURATION,
        "How long to consume messages at most.",
    )],
    variants: &[
        Variant {
            name: "ConsumeAmount",
            key: "amount",
            value: None,
            doc: "A number of messages.",
            properties: &[required(
                "amount",
                Shape::Integer {
                    min: 0,
                    max: i64::MAX,
                },
                "How many messages to consume.",
            )],
        },
        Variant {
            name: "ConsumeWhile",
            key: "while",
            value: None,
            doc: "While something is true.",
            properties: &[required(
                "while",
                Shape::Expression,
                "Consume messages while this is true.",
            )],
        },
        Variant {
            name: "ConsumeUntil",
            key: "until",
            value: None,
            doc: "Until something is true.",
            properties: &[required(
                "until",
                Shape::Expression,
                "Consume messages until this is true.",
            )],
        },
    ],
};

static ASYNCAPI_SUBSCRIPTION: Object = object(
    "AsyncApiSubscription",
    "Messages to receive.",
    &[
        optional(
            "filter",
            Shape::Expression,
            "Messages for which this is not true are passed over.",
        ),
        required(
            "consume",
            Shape::Variants(&CONSUMPTION),
            "How long messages are consumed.",
        ),
        optional(
            "foreach",
            Shape::Object(&ITERATOR),
            "What to do with each message as it arrives.",
        ),
    ],
);

pub(super) static ASYNCAPI_WITH: Object = object(
    "AsyncApiArguments",
    "An operation of an AsyncAPI document.",
    &[
        required("document", RESOURCE, "The AsyncAPI document."),
        optional(
            "operation",
            TEXT,
            "The operation, for documents of AsyncAPI 3.",
        ),
        optional("channel", TEXT, "The channel, for documents of AsyncAPI 2."),
        optional(
            "server",
            Shape::Object(&ASYNCAPI_SERVER),
            "Which of the document's servers to use.",
        ),
        optional(
            "protocol",
            Shape::Choice(&[
                "amqp",
                "amqp1",
                "anypointmq",
                "googlepubsub",
                "http",
                "ibmmq",
                "jms",
                "kafka",
                "mercure",
                "mqtt",
                "mqtt5",
                "nats",
                "pulsar",
                "redis",
                "sns",
                "solace",
                "sqs",
                "stomp",
                "ws",
            ]),
            "Chooses the server by its protocol.",
        ),
        optional(
            "message",
            Shape::Object(&ASYNCAPI_MESSAGE),
            "The message to send.",
        ),
        optional(
            "subscription",
            Shape::Object(&ASYNCAPI_SUBSCRIPTION),
            "The messages to receive.",
        ),
        AUTHENTICATE,
    ],
)
.with_rules(&[
    Rule::OneGroup(&[&["operation"], &["channel"]]),
    Rule::OneGroup(&[&["message"], &["subscription"]]),
]);

pub(super) static A2A_WITH: Object = object(
    "A2aArguments",
    "A method of an agent.",
    &[
        optional("agentCard", RESOURCE, "The card that describes the agent."),
        optional("server", ENDPOINT, "The address of the agent."),
        required(
            "method",
            Shape::Choice(&[
                "message/send",
                "message/stream",
                "tasks/get",
                "tasks/list",
                "tasks/cancel",
                "tasks/resubscribe",
                "tasks/pushNotificationConfig/set",
                "tasks/pushNotificationConfig/get",
                "tasks/pushNotificationConfig/list",
                "tasks/pushNotificationConfig/delete",
                "agent/getAuthenticatedExtendedCard",
            ]),
            "The method to call.",
        ),
        optional(
            "parameters",
            Shape::OneOf(&[
                Shape::Map {
                    values: &Shape::Any,
                    least: 1,
                },
                Shape::Wrapped,
            ]),
            "The parameters of the method.",
        ),
    ],
)
.with_rules(&[Rule::Some(&["agentCard", "server"])]);

static MCP_HTTP: Object = object(
    "McpHttpTransport",
    "A server reached over HTTP.",
    &[
        required("endpoint", ENDPOINT, "The address of the server."),
        optional("headers", MAP_OR_EXPRESSION, "The headers by name."),
    ],
)
.with_others(Others::Warned);

static MCP_STDIO: Object = object(
    "McpStdioTransport",
    "A server started as a process and spoken to over its standard streams.",
    &[
        required("command", TEXT, "The command that starts the server."),
        optional(
            "arguments",
            Shape::List(&Shape::Any),
            "The arguments of the command.",
        ),
        optional(
            "environment",
            MAP_OR_EXPRESSION,
            "The environment variables by name.",
        ),
    ],
)
.with_others(Others::Warned);

static MCP_TRANSPORT: Object = object(
    "McpTransport",
    "How the server is reached.",
    &[
        optional("http", Shape::Object(&MCP_HTTP), "Over HTTP."),
        optional(
            "stdio",
            Shape::Object(&MCP_STDIO),
            "As a process, over its standard streams.",
        ),
        optional("options", FREE_MAP, "Further options of the transport."),
    ],
)
.with_rules(&[Rule::OneGroup(&[&["http"], &["stdio"]])])
.with_others(Others::Warned);

static MCP_CLIENT: Object = object(
    "McpClient",
    "What the client calls itself.",
    &[
        required("name", TEXT, "The client's name."),
        required("version", TEXT, "The client's version."),
    ],
)
.with_others(Others::Warned);

pub(super) static MCP_WITH: Object = object(
    "McpArguments",
    "A method of an MCP server.",
    &[
        optional(
            "protocolVersion",
            TEXT,
            "The version of the protocol, a date such as `2025-06-18`.",
        ),
        required(
            "method",
            Shape::Choice(&[
                "tools/list",
                "tools/call",
                "prompts/list",
                "prompts/get",
                "resources/list",
                "resources/read",
                "resources/templates/list",
            ]),
            "The method to call.",
        ),
        optional(
            "parameters",
            MAP_OR_EXPRESSION,
            "The parameters of the method.",
        ),
        optional("timeout", DURATION, "How long the call may take."),
        required(
            "transport",
            Shape::Object(&MCP_TRANSPORT),
            "How the server is reached.",
        ),
        optional(
            "client",
            Shape::Object(&MCP_CLIENT),
            "What the client calls itself.",
        ),
    ],
)
.with_others(Others::Warned);
