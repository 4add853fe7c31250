//! Every code of a finding with its short title.
//!
//! A code is permanent: it is never given a second meaning. `FV01` is about the text, `FV02` about
//! the structure, `FV03` names and references, `FV04` expressions, `FV05` flow, `FV06` types, `FV10` errors of a run.

pub const SYNTAX: &str = "FV0101";
pub const EMPTY: &str = "FV0102";
pub const TAB_INDENTATION: &str = "FV0103";
pub const DUPLICATE_KEY: &str = "FV0104";
pub const KEY_NOT_TEXT: &str = "FV0105";
pub const MERGE_KEY: &str = "FV0106";
pub const SEVERAL_DOCUMENTS: &str = "FV0107";
pub const UNKNOWN_ANCHOR: &str = "FV0108";
pub const ALIAS_EXPANSION: &str = "FV0109";
pub const TEXT_TOO_LARGE: &str = "FV0110";
pub const TOO_DEEP: &str = "FV0111";
pub const TOO_MANY_VALUES: &str = "FV0112";
pub const UNKNOWN_TAG: &str = "FV0113";
pub const NUMBER_NOT_JSON: &str = "FV0114";
pub const CONTROL_CHARACTER: &str = "FV0115";
pub const NOT_CLOSED: &str = "FV0116";

pub const MISSING_PROPERTY: &str = "FV0201";
pub const UNKNOWN_PROPERTY: &str = "FV0202";
pub const WRONG_TYPE: &str = "FV0203";
pub const NOT_A_CHOICE: &str = "FV0204";
pub const WRONG_FORM: &str = "FV0205";
pub const OUT_OF_RANGE: &str = "FV0206";
pub const EXCLUSIVE: &str = "FV0207";
pub const NO_KIND: &str = "FV0208";
pub const SEVERAL_KINDS: &str = "FV0209";
pub const NOT_A_LIST: &str = "FV0210";
pub const SEVERAL_NAMES: &str = "FV0211";
pub const EMPTY_VALUE: &str = "FV0212";
pub const MISPLACED: &str = "FV0213";
pub const OLD_FORMAT: &str = "FV0214";
pub const DSL_VERSION: &str = "FV0215";
pub const LIKELY_TYPO: &str = "FV0216";
pub const UNQUOTED: &str = "FV0217";
pub const MORE_FINDINGS: &str = "FV0218";
pub const EXPRESSION_NEEDED: &str = "FV0219";
pub const NEEDS_ANOTHER: &str = "FV0220";

pub const UNKNOWN_REFERENCE: &str = "FV0301";
pub const UNKNOWN_FUNCTION: &str = "FV0302";
pub const DUPLICATE_TASK: &str = "FV0303";
pub const RESERVED_NAME: &str = "FV0304";
pub const UNKNOWN_TASK: &str = "FV0305";
pub const LINK_MISSING: &str = "FV0306";
pub const LINK_UNUSABLE: &str = "FV0307";
pub const FUNCTION_RECURSION: &str = "FV0308";
pub const UNDECLARED_SECRET: &str = "FV0309";
pub const TOO_MANY_TASKS: &str = "FV0311";
pub const UNKNOWN_DELIVERY: &str = "FV0312";
pub const DYNAMIC_SCHEMA: &str = "FV0313";
pub const SCHEDULE_SETTING: &str = "FV0314";
pub const UNKNOWN_UNDO: &str = "FV0315";

pub const EXPRESSION_SYNTAX: &str = "FV0401";
pub const EXPRESSION_FUNCTION: &str = "FV0402";
pub const EXPRESSION_VARIABLE: &str = "FV0403";
pub const EXPRESSION_FORBIDDEN: &str = "FV0404";
pub const EXPRESSION_LIMIT: &str = "FV0405";
pub const SECRET_IN_DATA: &str = "FV0406";
pub const INTERPOLATION: &str = "FV0407";
pub const EXPRESSION_LANGUAGE: &str = "FV0408";

pub const BRANCH_TARGET: &str = "FV0501";
pub const UNREACHABLE: &str = "FV0502";
pub const SECOND_DEFAULT: &str = "FV0503";

pub const INVALID_SCHEMA: &str = "FV0601";
pub const SCHEMA_FORMAT: &str = "FV0602";
pub const WRONG_ARGUMENTS: &str = "FV0603";
pub const INVALID_DURATION: &str = "FV0604";
pub const INVALID_CRON: &str = "FV0605";

pub const RAISED: &str = "FV1000";
pub const FAULT_CONFIGURATION: &str = "FV1001";
pub const FAULT_VALIDATION: &str = "FV1002";
pub const FAULT_EXPRESSION: &str = "FV1003";
pub const FAULT_AUTHENTICATION: &str = "FV1004";
pub const FAULT_AUTHORIZATION: &str = "FV1005";
pub const FAULT_TIMEOUT: &str = "FV1006";
pub const FAULT_COMMUNICATION: &str = "FV1007";
pub const FAULT_RUNTIME: &str = "FV1008";

/// Code and short title, in the order of the codes.
pub const TABLE: &[(&str, &str)] = &[
    (SYNTAX, "the text is no valid YAML or JSON"),
    (EMPTY, "the document is empty"),
    (TAB_INDENTATION, "a tab is used for indentation"),
    (DUPLICATE_KEY, "a key appears twice"),
    (KEY_NOT_TEXT, "a key is not text"),
    (MERGE_KEY, "merge keys are not supported"),
    (SEVERAL_DOCUMENTS, "the file holds several documents"),
    (UNKNOWN_ANCHOR, "an alias names an unknown anchor"),
    (ALIAS_EXPANSION, "aliases expand to too much"),
    (TEXT_TOO_LARGE, "the text is too large"),
    (TOO_DEEP, "the document is nested too deeply"),
    (TOO_MANY_VALUES, "the document holds too many values"),
    (UNKNOWN_TAG, "a tag is not known"),
    (NUMBER_NOT_JSON, "a number cannot be written in JSON"),
    (CONTROL_CHARACTER, "the text holds a control character"),
    (NOT_CLOSED, "a quote or bracket is not closed"),
    (MISSING_PROPERTY, "a required property is missing"),
    (UNKNOWN_PROPERTY, "a property is not known"),
    (WRONG_TYPE, "a value has the wrong type"),
    (NOT_A_CHOICE, "a value is none of those allowed"),
    (WRONG_FORM, "a text has the wrong form"),
    (OUT_OF_RANGE, "a number is out of range"),
    (EXCLUSIVE, "properties exclude one another"),
    (NO_KIND, "an object does not say what it is"),
    (SEVERAL_KINDS, "an object says that it is two things"),
    (NOT_A_LIST, "a list is written as a mapping"),
    (SEVERAL_NAMES, "a list item does not have exactly one name"),
    (EMPTY_VALUE, "a value is empty"),
    (MISPLACED, "a property stands in the wrong place"),
    (OLD_FORMAT, "the document is of the old format"),
    (DSL_VERSION, "the version of the language is not supported"),
    (
        LIKELY_TYPO,
        "an additional property looks like a typing error",
    ),
    (UNQUOTED, "a text needs quotes"),
    (MORE_FINDINGS, "there are more findings"),
    (
        EXPRESSION_NEEDED,
        "only an expression may stand here as text",
    ),
    (NEEDS_ANOTHER, "a property needs another one"),
    (UNKNOWN_REFERENCE, "a name refers to nothing"),
    (UNKNOWN_FUNCTION, "a function is not known"),
    (DUPLICATE_TASK, "two tasks of a list have the same name"),
    (RESERVED_NAME, "a task has the name of a flow directive"),
    (UNKNOWN_TASK, "`then` names no task of the list"),
    (
        LINK_MISSING,
        "a document that is referred to could not be loaded",
    ),
    (
        LINK_UNUSABLE,
        "a function that is referred to is not usable",
    ),
    (
        FUNCTION_RECURSION,
        "functions call themselves or one another too deeply",
    ),
    (UNDECLARED_SECRET, "a secret is not declared"),
    (TOO_MANY_TASKS, "the plan has too many tasks"),
    (UNKNOWN_DELIVERY, "the delivery of an effect is not known"),
    (
        DYNAMIC_SCHEMA,
        "the place of a schema is not known before the run",
    ),
    (SCHEDULE_SETTING, "a setting of the schedule is not known"),
    (UNKNOWN_UNDO, "the undo of a task names no task"),
    (EXPRESSION_SYNTAX, "an expression cannot be read"),
    (
        EXPRESSION_FUNCTION,
        "an expression uses an unknown function",
    ),
    (
        EXPRESSION_VARIABLE,
        "an expression uses an unknown variable",
    ),
    (
        EXPRESSION_FORBIDDEN,
        "an expression uses something that is not available",
    ),
    (EXPRESSION_LIMIT, "an expression is too large or too deep"),
    (SECRET_IN_DATA, "a secret would become data"),
    (
        INTERPOLATION,
        "an expression inside a text is not evaluated",
    ),
    (
        EXPRESSION_LANGUAGE,
        "the expression language is not supported",
    ),
    (BRANCH_TARGET, "a branch cannot continue at a task"),
    (UNREACHABLE, "a task is never reached"),
    (SECOND_DEFAULT, "a switch has a second default case"),
    (INVALID_SCHEMA, "a schema is not valid"),
    (SCHEMA_FORMAT, "the format of a schema is not supported"),
    (WRONG_ARGUMENTS, "arguments do not fit the function"),
    (INVALID_DURATION, "a duration is not valid"),
    (INVALID_CRON, "a cron expression is not valid"),
    (RAISED, "the workflow raised an error"),
    (FAULT_CONFIGURATION, "configuration error"),
    (FAULT_VALIDATION, "validation error"),
    (FAULT_EXPRESSION, "expression error"),
    (FAULT_AUTHENTICATION, "authentication error"),
    (FAULT_AUTHORIZATION, "authorization error"),
    (FAULT_TIMEOUT, "timeout"),
    (FAULT_COMMUNICATION, "communication error"),
    (FAULT_RUNTIME, "runtime error"),
];

/// The short title of `code`.
pub fn title(code: &str) -> Option<&'static str> {
    TABLE.iter().find(|(c, _)| *c == code).map(|(_, t)| *t)
}
