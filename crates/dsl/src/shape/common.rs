//! Parts that many objects share: durations, endpoints, resources, schemas, data flow, errors, retries.

use super::authentication::AUTHENTICATION;
use super::vocabulary::{
    FREE_MAP, Form, NOT_EMPTY, Object, Others, Rule, Shape, TEXT, Variant, Variants, object,
    optional, required,
};

const COUNT: Shape = Shape::Integer {
    min: 0,
    max: i64::MAX,
};

static DURATION_PARTS: Object = object(
    "Duration",
    "A span of time as the sum of its parts.",
    &[
        optional("days", COUNT, "Days of 24 hours."),
        optional("hours", COUNT, "Hours."),
        optional("minutes", COUNT, "Minutes."),
        optional("seconds", COUNT, "Seconds."),
        optional("milliseconds", COUNT, "Milliseconds."),
    ],
)
.with_rules(&[Rule::NotEmpty]);

pub(super) static DURATION: Shape = Shape::OneOf(&[
    Shape::Object(&DURATION_PARTS),
    Shape::Dynamic(Form::Duration),
]);

static ENDPOINT_OBJECT: Object = object(
    "Endpoint",
    "An address with the authentication it asks for.",
    &[
        required(
            "uri",
            Shape::Dynamic(Form::Uri),
            "The address: a URI, a URI template such as `https://shop.example/orders/{id}`, or an expression.",
        ),
        optional(
            "authentication",
            Shape::Variants(&AUTHENTICATION),
            "How to authenticate against the endpoint.",
        ),
    ],
);

pub(super) const ENDPOINT: Shape =
    Shape::OneOf(&[Shape::Dynamic(Form::Uri), Shape::Object(&ENDPOINT_OBJECT)]);

static RESOURCE_OBJECT: Object = object(
    "ExternalResource",
    "A file or document that lives elsewhere.",
    &[
        optional("name", TEXT, "A name for the resource, for people."),
        required("endpoint", ENDPOINT, "Where the resource is read from."),
    ],
);

pub(super) const RESOURCE: Shape = Shape::Object(&RESOURCE_OBJECT);

static SCHEMA_OBJECT: Object = object(
    "Schema",
    "Describes data, inline or by reference.",
    &[
        optional(
            "format",
            TEXT,
            "The schema language, `json` unless set; a version may follow as in `json:2020-12`.",
        ),
        optional("document", Shape::Any, "The schema itself."),
        optional("resource", RESOURCE, "Where the schema is read from."),
    ],
)
.with_rules(&[Rule::OneGroup(&[&["document"], &["resource"]])]);

const SCHEMA: Shape = Shape::Object(&SCHEMA_OBJECT);

/// An expression, or an object whose texts may be expressions.
const TEMPLATE: Shape = Shape::OneOf(&[TEXT, FREE_MAP]);

pub(super) static INPUT: Object = object(
    "Input",
    "What comes in: checked first, then transformed.",
    &[
        optional(
            "schema",
            SCHEMA,
            "The data as it arrives must match this schema.",
        ),
        optional("from", TEMPLATE, "Transforms the data before it is used."),
    ],
);

pub(super) static OUTPUT: Object = object(
    "Output",
    "What goes out: transformed first, then checked.",
    &[
        optional(
            "schema",
            SCHEMA,
            "The transformed data must match this schema.",
        ),
        optional(
            "as",
            TEMPLATE,
            "Transforms the result before it is handed on.",
        ),
    ],
);

pub(super) static EXPORT: Object = object(
    "Export",
    "What a task leaves in the context, for all later tasks.",
    &[
        optional("schema", SCHEMA, "The new context must match this schema."),
        optional(
            "as",
            TEMPLATE,
            "Gives the new context, which replaces the old one.",
        ),
    ],
);

static TIMEOUT_OBJECT: Object = object(
    "Timeout",
    "A limit of time.",
    &[required(
        "after",
        DURATION,
        "How long it may take before a timeout error is raised.",
    )],
);

/// A timeout where it is defined.
pub(super) const TIMEOUT_DEFINITION: Shape = Shape::Object(&TIMEOUT_OBJECT);
/// A timeout where it is used: inline, or the name of one under `use.timeouts`.
pub(super) const TIMEOUT: Shape = Shape::OneOf(&[TIMEOUT_DEFINITION, NOT_EMPTY]);

static CATALOG_OBJECT: Object = object(
    "Catalog",
    "A collection of functions that lives elsewhere.",
    &[required("endpoint", ENDPOINT, "The root of the catalog.")],
);

pub(super) const CATALOG: Shape = Shape::Object(&CATALOG_OBJECT);

static ERROR_OBJECT: Object = object(
    "Error",
    "An error in the manner of RFC 7807.",
    &[
        required(
            "type",
            Shape::Dynamic(Form::Uri),
            "A URI that names the kind of error.",
        ),
        required(
            "status",
            STATUS,
            "The status code, with the meaning it has in HTTP.",
        ),
        optional(
            "instance",
            TEXT,
            "A JSON pointer to the part of the workflow the error comes from; set when raised.",
        ),
        optional("title", TEXT, "A short summary for people."),
        optional("detail", TEXT, "What happened this time, for people."),
    ],
);

const STATUS: Shape = Shape::Integer { min: 100, max: 599 };

/// An error where it is defined.
pub(super) const ERROR_DEFINITION: Shape = Shape::Object(&ERROR_OBJECT);
/// An error where it is raised: inline, or the name of one under `use.errors`.
pub(super) const ERROR: Shape = Shape::OneOf(&[ERROR_DEFINITION, NOT_EMPTY]);

pub(super) static ERROR_FILTER: Object = object(
    "ErrorFilter",
    "Fixed values an error must have to be caught. All that are given must be equal.",
    &[
        optional("type", TEXT, "The URI of the kind of error."),
        optional("status", STATUS, "The status code."),
        optional(
            "instance",
            TEXT,
            "The JSON pointer to where the error comes from.",
        ),
        optional("title", TEXT, "The summary."),
        optional("detail", TEXT, "The explanation."),
        optional("details", TEXT, "Another spelling of `detail`."),
    ],
)
.with_rules(&[Rule::NotEmpty])
.with_others(Others::Warned);

static BACKOFF: Variants = Variants {
    name: "Backoff",
    noun: "backoff",
    question: "how the delay grows",
    doc: "How the delay grows from one retry to the next.",
    common: &[],
    variants: &[
        Variant {
            name: "ConstantBackoff",
            key: "constant",
            value: None,
            doc: "The delay stays the same.",
            properties: &[required(
                "constant",
                FREE_MAP,
                "The delay stays the same; write `{}`.",
            )],
        },
        Variant {
            name: "LinearBackoff",
            key: "linear",
            value: None,
            doc: "The delay grows by itself each time.",
            properties: &[required(
                "linear",
                FREE_MAP,
                "The delay grows by itself each time; write `{}`.",
            )],
        },
        Variant {
            name: "ExponentialBackoff",
            key: "exponential",
            value: None,
            doc: "The delay doubles each time.",
            properties: &[required(
                "exponential",
                FREE_MAP,
                "The delay doubles each time; write `{}`.",
            )],
        },
    ],
};

static ATTEMPT_LIMIT: Object = object(
    "RetryAttemptLimit",
    "Limits of the attempts.",
    &[
        optional("count", COUNT, "How often to retry at most."),
        optional("duration", DURATION, "How long one attempt may take."),
    ],
);

static RETRY_LIMIT: Object = object(
    "RetryLimit",
    "When to give up.",
    &[
        optional(
            "attempt",
            Shape::Object(&ATTEMPT_LIMIT),
            "Limits of the attempts.",
        ),
        optional(
            "duration",
            DURATION,
            "How long all attempts together may take.",
        ),
    ],
);

static JITTER: Object = object(
    "RetryJitter",
    "A random addition to each delay, so that many runs do not retry at the same moment.",
    &[
        required("from", DURATION, "The least addition."),
        required("to", DURATION, "The greatest addition."),
    ],
);

static RETRY_OBJECT: Object = object(
    "RetryPolicy",
    "Whether, when and how often to try again.",
    &[
        optional(
            "when",
            Shape::Expression,
            "Retry only if this is true of the error.",
        ),
        optional(
            "exceptWhen",
            Shape::Expression,
            "Do not retry if this is true of the error.",
        ),
        optional("delay", DURATION, "How long to wait before a retry."),
        optional(
            "backoff",
            Shape::Variants(&BACKOFF),
            "How the delay grows from one retry to the next.",
        ),
        optional("limit", Shape::Object(&RETRY_LIMIT), "When to give up."),
        optional(
            "jitter",
            Shape::Object(&JITTER),
            "A random addition to each delay.",
        ),
    ],
);

/// A retry policy where it is defined.
pub(super) const RETRY_DEFINITION: Shape = Shape::Object(&RETRY_OBJECT);
/// A retry policy where it is used: inline, or the name of one under `use.retries`.
pub(super) const RETRY: Shape = Shape::OneOf(&[RETRY_DEFINITION, NOT_EMPTY]);
