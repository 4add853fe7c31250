//! Processes: containers, scripts, shell commands and other workflows.

use super::common::{DURATION, RESOURCE};
use super::vocabulary::{
    FREE_MAP, Form, MAP_OR_EXPRESSION, NOT_EMPTY, Object, Property, Rule, Shape, TEXT, Variant,
    Variants, object, optional, required,
};

pub(super) const AWAIT: Property = optional(
    "await",
    Shape::Boolean,
    "If false, the workflow goes on without waiting for the end.",
);
pub(super) const RETURN: Property = optional(
    "return",
    Shape::Choice(&["stdout", "stderr", "code", "all", "none"]),
    "What the process gives, `stdout` unless set.",
);

/// A list becomes the arguments of the process in order; a map names them.
const ARGUMENTS: Property = optional(
    "arguments",
    Shape::OneOf(&[Shape::List(&Shape::Any), FREE_MAP, Shape::Wrapped]),
    "The arguments of the process: a list in order, or a map by name.",
);
const ENVIRONMENT: Property = optional(
    "environment",
    MAP_OR_EXPRESSION,
    "The environment variables by name.",
);
const STDIN: Property = optional(
    "stdin",
    TEXT,
    "What the process reads from its standard input.",
);

pub(super) static RUN: Variants = Variants {
    name: "Run",
    noun: "run",
    question: "what to run",
    doc: "A container, a script, a shell command or another workflow to run.",
    common: &[AWAIT, RETURN],
    variants: &[
        process(
            "RunContainer",
            "container",
            "Runs a container.",
            &[required(
                "container",
                Shape::Object(&CONTAINER),
                "The container to run.",
            )],
        ),
        process(
            "RunScript",
            "script",
            "Runs a script.",
            &[required(
                "script",
                Shape::Object(&SCRIPT),
                "The script to run.",
            )],
        ),
        process(
            "RunShell",
            "shell",
            "Runs a shell command.",
            &[required(
                "shell",
                Shape::Object(&SHELL),
                "The shell command to run.",
            )],
        ),
        process(
            "RunWorkflow",
            "workflow",
            "Runs another workflow.",
            &[required(
                "workflow",
                Shape::Object(&WORKFLOW),
                "The workflow to run.",
            )],
        ),
    ],
};

const fn process(
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

static LIFETIME: Object = object(
    "ContainerLifetime",
    "When the container is removed.",
    &[
        required(
            "cleanup",
            Shape::Choice(&["always", "never", "eventually"]),
            "Whether the container is removed: `always`, `never`, or `eventually` some time later.",
        ),
        optional(
            "after",
            DURATION,
            "How long after its end the container is removed.",
        ),
    ],
)
.with_rules(&[Rule::ExactlyWhen {
    property: "after",
    other: "cleanup",
    value: "eventually",
}]);

static CONTAINER: Object = object(
    "Container",
    "A container to run.",
    &[
        required("image", NOT_EMPTY, "The image of the container."),
        optional(
            "name",
            TEXT,
            "The name of the container, made up unless set.",
        ),
        optional(
            "command",
            TEXT,
            "The command to run in place of the image's own.",
        ),
        optional(
            "ports",
            MAP_OR_EXPRESSION,
            "Ports of the host by ports of the container.",
        ),
        optional(
            "volumes",
            MAP_OR_EXPRESSION,
            "Places in the container by places on the host.",
        ),
        ENVIRONMENT,
        STDIN,
        ARGUMENTS,
        optional(
            "lifetime",
            Shape::Object(&LIFETIME),
            "When the container is removed.",
        ),
        optional(
            "pullPolicy",
            Shape::Choice(&["ifNotPresent", "always", "never"]),
            "When the image is fetched, `ifNotPresent` unless set.",
        ),
    ],
);

static SCRIPT: Object = object(
    "Script",
    "A script to run.",
    &[
        required(
            "language",
            Shape::Choice(&["js", "javascript", "python"]),
            "The language of the script.",
        ),
        optional("code", TEXT, "The script itself."),
        optional("source", RESOURCE, "Where the script is read from."),
        STDIN,
        ARGUMENTS,
        ENVIRONMENT,
    ],
)
.with_rules(&[Rule::OneGroup(&[&["code"], &["source"]])]);

static SHELL: Object = object(
    "Shell",
    "A shell command to run.",
    &[
        required("command", NOT_EMPTY, "The command."),
        STDIN,
        ARGUMENTS,
        ENVIRONMENT,
    ],
);

static WORKFLOW: Object = object(
    "SubWorkflow",
    "Another workflow to run.",
    &[
        required(
            "namespace",
            Shape::Dynamic(Form::Name),
            "The namespace of the workflow.",
        ),
        required(
            "name",
            Shape::Dynamic(Form::Name),
            "The name of the workflow.",
        ),
        optional(
            "version",
            NOT_EMPTY,
            "The version of the workflow, `latest` unless set.",
        ),
        optional(
            "input",
            Shape::Any,
            "The input of the workflow; the task's own input unless set.",
        ),
    ],
);
