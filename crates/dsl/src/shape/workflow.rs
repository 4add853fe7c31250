//! The document as a whole: its head, what it defines for use, its schedule.

use super::authentication::AUTHENTICATION;
use super::common::{
    CATALOG, DURATION, ERROR_DEFINITION, INPUT, OUTPUT, RETRY_DEFINITION, TIMEOUT,
    TIMEOUT_DEFINITION,
};
use super::events::{READ, STRATEGY};
use super::task::{TASK_KINDS, TASK_LIST};
use super::vocabulary::{
    FREE_MAP, Form, NOT_EMPTY, Named, Object, Others, Rule, Shape, TEXT, object, optional, required,
};

pub(super) static DOCUMENT: Object = object(
    "Workflow",
    "A workflow: what it is called, when it starts and what it does.",
    &[
        required(
            "document",
            Shape::Object(&HEAD),
            "What the workflow is called and which language it is written in.",
        ),
        optional(
            "input",
            Shape::Object(&INPUT),
            "Checks and transforms what the workflow is given.",
        ),
        optional(
            "use",
            Shape::Object(&USE),
            "Parts that are defined once and used by name.",
        ),
        required(
            "do",
            Shape::Named(&TASK_LIST),
            "The tasks to perform, in order.",
        ),
        optional(
            "timeout",
            TIMEOUT,
            "How long a run may take: inline, or a name under `use.timeouts`.",
        ),
        optional(
            "output",
            Shape::Object(&OUTPUT),
            "Transforms and checks what the workflow gives.",
        ),
        optional(
            "schedule",
            Shape::Object(&SCHEDULE),
            "When runs start by themselves.",
        ),
        optional(
            "evaluate",
            Shape::Object(&EVALUATE),
            "How expressions are read.",
        ),
    ],
)
.with_others(Others::Warned);

static HEAD: Object = object(
    "Document",
    "What the workflow is called and which language it is written in.",
    &[
        required(
            "dsl",
            Shape::Text(Form::DslVersion),
            "The version of the language, such as `'1.0.3'`.",
        ),
        required(
            "namespace",
            Shape::Text(Form::Name),
            "The namespace the workflow belongs to.",
        ),
        required(
            "name",
            Shape::Text(Form::Name),
            "The name of the workflow, unique in its namespace.",
        ),
        required(
            "version",
            Shape::Text(Form::Version),
            "The version of the workflow, such as `'1.0.0'`.",
        ),
        optional("title", TEXT, "A title for people."),
        optional("summary", TEXT, "What the workflow is for, in Markdown."),
        optional("tags", FREE_MAP, "Free tags by name."),
        optional("metadata", FREE_MAP, "Free information about the workflow."),
    ],
);

static USE: Object = object(
    "Use",
    "Parts that are defined once and used by name.",
    &[
        optional(
            "authentications",
            Shape::Map {
                values: &Shape::Variants(&AUTHENTICATION),
                least: 0,
            },
            "Ways to authenticate, by name.",
        ),
        optional(
            "catalogs",
            Shape::Map {
                values: &CATALOG,
                least: 0,
            },
            "Catalogs of functions, by name.",
        ),
        optional(
            "errors",
            Shape::Map {
                values: &ERROR_DEFINITION,
                least: 0,
            },
            "Errors to raise, by name.",
        ),
        optional(
            "extensions",
            Shape::Named(&EXTENSIONS),
            "What happens before and after certain tasks.",
        ),
        optional(
            "functions",
            Shape::Map {
                values: &Shape::Variants(&TASK_KINDS),
                least: 0,
            },
            "Tasks that can be called, by name.",
        ),
        optional(
            "retries",
            Shape::Map {
                values: &RETRY_DEFINITION,
                least: 0,
            },
            "Retry policies, by name.",
        ),
        optional(
            "secrets",
            Shape::List(&NOT_EMPTY),
            "Names of the secrets the workflow needs.",
        ),
        optional(
            "timeouts",
            Shape::Map {
                values: &TIMEOUT_DEFINITION,
                least: 0,
            },
            "Timeouts, by name.",
        ),
    ],
);

static EXTENSIONS: Named = Named {
    noun: "extension",
    items: Shape::Object(&EXTENSION),
    least: 0,
    doc: "Extensions in the order in which they apply: each item is a name with its extension.",
};

static EXTENSION: Object = object(
    "Extension",
    "What happens before and after tasks of a kind.",
    &[
        required(
            "extend",
            Shape::Choice(&[
                "call",
                "composite",
                "emit",
                "for",
                "listen",
                "raise",
                "run",
                "set",
                "switch",
                "try",
                "wait",
                "all",
            ]),
            "The kind of tasks it applies to.",
        ),
        optional(
            "when",
            Shape::Expression,
            "It applies only if this is true.",
        ),
        optional(
            "before",
            Shape::Named(&TASK_LIST),
            "Tasks to perform before the extended task.",
        ),
        optional(
            "after",
            Shape::Named(&TASK_LIST),
            "Tasks to perform after the extended task.",
        ),
    ],
);

static SCHEDULE: Object = object(
    "Schedule",
    "When runs start by themselves.",
    &[
        optional("every", DURATION, "Start a run at this interval."),
        optional("cron", NOT_EMPTY, "Start runs by this cron expression, such as `'0 6 * * 1'`."),
        optional("after", DURATION, "Start the next run this long after the last one completed."),
        optional("on", Shape::Variants(&STRATEGY), "Start a run when these events arrive."),
        optional("read", READ, "What a run sees of an event: its `data` (unless set), the `envelope` with all attributes, or the `raw` bytes."),
    ],
)
.with_rules(&[Rule::Needs {
    property: "read",
    other: "on",
}]);

static EVALUATE: Object = object(
    "Evaluate",
    "How expressions are read.",
    &[
        optional(
            "language",
            NOT_EMPTY,
            "The language of expressions, `jq` unless set.",
        ),
        optional(
            "mode",
            Shape::Choice(&["strict", "loose"]),
            "Whether only texts in `${ }` are expressions (`strict`, unless set) or every text is tried (`loose`).",
        ),
    ],
);
