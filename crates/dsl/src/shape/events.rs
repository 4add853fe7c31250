//! Events: what is emitted, what is waited for, how it is consumed.

use super::common::{EXPORT, OUTPUT};
use super::task::TASK_LIST;
use super::vocabulary::{
    Form, NOT_EMPTY, Object, Others, Property, Rule, Shape, TEXT, Variant, Variants, object,
    optional, required,
};

pub(super) const READ: Shape = Shape::Choice(&["data", "envelope", "raw"]);

static EMITTED: Object = object(
    "EmittedEvent",
    "The attributes of a CloudEvent to emit. Extension attributes are allowed.",
    &[
        required(
            "type",
            NOT_EMPTY,
            "What kind of event it is, such as `com.example.order.placed`.",
        ),
        optional(
            "source",
            Shape::Dynamic(Form::Uri),
            "Where the event comes from; made from the workflow's identity unless set.",
        ),
        optional("id", TEXT, "The event's id, generated unless set."),
        optional(
            "time",
            Shape::Dynamic(Form::DateTime),
            "When it happened, now unless set.",
        ),
        optional("subject", TEXT, "What the event is about."),
        optional("datacontenttype", TEXT, "The media type of the data."),
        optional(
            "dataschema",
            Shape::Dynamic(Form::Uri),
            "Where the schema of the data is found.",
        ),
        optional("data", Shape::Any, "The data of the event."),
    ],
)
.with_others(Others::Free);

static EMIT_EVENT: Object = object(
    "EmitEvent",
    "The event to emit.",
    &[required(
        "with",
        Shape::Object(&EMITTED),
        "The attributes of the event.",
    )],
)
.with_others(Others::Warned);

pub(super) static EMIT: Object = object(
    "Emit",
    "What to emit.",
    &[required(
        "event",
        Shape::Object(&EMIT_EVENT),
        "The event to emit.",
    )],
);

static EXPECTED: Object = object(
    "ExpectedEvent",
    "Attributes an event must have: a value, a regular expression or an expression for each.",
    &[
        optional("type", Shape::Any, "What kind of event it must be."),
        optional("source", Shape::Any, "Where it must come from."),
        optional("id", Shape::Any, "The id it must have."),
        optional("time", Shape::Any, "When it must have happened."),
        optional("subject", Shape::Any, "What it must be about."),
        optional(
            "datacontenttype",
            Shape::Any,
            "The media type its data must have.",
        ),
        optional("dataschema", Shape::Any, "The schema its data must name."),
        optional(
            "data",
            Shape::Any,
            "What its data must be, or an expression that must be true of it.",
        ),
    ],
)
.with_others(Others::Free)
.with_rules(&[Rule::NotEmpty]);

static CORRELATION: Object = object(
    "Correlation",
    "Ties an event to this run by a value in it.",
    &[
        required("from", Shape::Expression, "Takes the value from the event."),
        optional(
            "expect",
            Shape::Any,
            "The value to expect; the first value seen unless set.",
        ),
    ],
)
.with_others(Others::Warned);

static FILTER: Object = object(
    "EventFilter",
    "Which events count.",
    &[
        required(
            "with",
            Shape::Object(&EXPECTED),
            "Attributes the event must have.",
        ),
        optional(
            "correlate",
            Shape::Map {
                values: &Shape::Object(&CORRELATION),
                least: 0,
            },
            "Values that tie the event to this run, by name.",
        ),
    ],
);

const FILTERS: Shape = Shape::List(&Shape::Object(&FILTER));
const ONE: Property = required("one", Shape::Object(&FILTER), "The one event to wait for.");
const ALL: Property = required("all", FILTERS, "Events that must all arrive, in any order.");
const ANY: Property = required(
    "any",
    FILTERS,
    "Events of which any counts; an empty list means every event.",
);

pub(super) static STRATEGY: Variants = Variants {
    name: "EventStrategy",
    noun: "strategy",
    question: "which events to wait for",
    doc: "Which events are waited for.",
    common: &[],
    variants: &[
        strategy("OneEvent", "one", "Wait for one event.", &[ONE]),
        strategy(
            "AllEvents",
            "all",
            "Wait until each of several events arrived.",
            &[ALL],
        ),
        strategy(
            "AnyEvent",
            "any",
            "Wait for any of several events.",
            &[
                ANY,
                optional(
                    "until",
                    Shape::OneOf(&[Shape::Expression, Shape::Variants(&UNTIL)]),
                    "Go on consuming until this is true, or until this event arrives.",
                ),
            ],
        ),
    ],
};

/// A strategy that ends another one: it has no `until` itself.
static UNTIL: Variants = Variants {
    name: "UntilEvents",
    noun: "strategy",
    question: "which events to wait for",
    doc: "Which events end the waiting.",
    common: &[],
    variants: &[
        strategy("UntilOneEvent", "one", "Until one event.", &[ONE]),
        strategy(
            "UntilAllEvents",
            "all",
            "Until each of several events arrived.",
            &[ALL],
        ),
        strategy(
            "UntilAnyEvent",
            "any",
            "Until any of several events.",
            &[ANY],
        ),
    ],
};

const fn strategy(
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

pub(super) static LISTEN: Object = object(
    "Listen",
    "What to listen to.",
    &[
        required(
            "to",
            Shape::Variants(&STRATEGY),
            "Which events are waited for.",
        ),
        optional(
            "read",
            READ,
            "What a task sees of an event: its `data` (unless set), the `envelope` with all attributes, or the `raw` bytes.",
        ),
    ],
);

pub(super) static ITERATOR: Object = object(
    "Iterator",
    "What to do with each item as it arrives.",
    &[
        optional(
            "item",
            TEXT,
            "The variable that holds the item, `item` unless set.",
        ),
        optional(
            "at",
            TEXT,
            "The variable that holds the item's index, `index` unless set.",
        ),
        optional(
            "do",
            Shape::Named(&TASK_LIST),
            "The tasks to perform for each item.",
        ),
        optional(
            "output",
            Shape::Object(&OUTPUT),
            "Transforms what each item gives.",
        ),
        optional(
            "export",
            Shape::Object(&EXPORT),
            "What each item leaves in the context.",
        ),
    ],
);
