//! What an operation's body is made of.

use ferrovia_expr::{Object, Value};
use ferrovia_runtime::port::Fault;

use super::document::Node;
use crate::fault;
use crate::http::is_json;

/// The argument that holds the whole body, whatever the document calls it.
const BODY: &str = "body";
const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data";

/// How a body comes from the arguments.
pub(super) enum BodyRule {
    None,
    /// From the argument of this name or `body`, or else from all arguments that are no parameters.
    Whole {
        name: String,
        content_type: String,
        required: bool,
    },
    /// From single arguments.
    Form {
        fields: Vec<Field>,
        content_type: &'static str,
    },
}

pub(super) struct Field {
    name: String,
    required: bool,
}

/// A body and its content type.
pub(super) struct Body {
    pub(super) value: Value,
    pub(super) content_type: String,
}

impl BodyRule {
    /// A JSON type where the operation takes one, else the first it names.
    pub(super) fn of_openapi(node: &Node) -> Result<Self, Fault> {
        let content = node.value.get("content").and_then(Value::as_object);
        let types = || {
            content
                .into_iter()
                .flat_map(Object::iter)
                .map(|(media_type, _)| &**media_type)
        };
        let content_type = types()
            .find(|media_type| is_json(media_type))
            .or_else(|| types().next());
        let content_type = match content_type {
            None | Some("*/*" | "application/*") => "application/json",
            Some(named) => named,
        };
        let required = node.flag("required").unwrap_or(false);
        Ok(Self::Whole {
            name: BODY.to_owned(),
            content_type: content_type.to_owned(),
            required,
        })
    }

    pub(super) fn of_swagger(declared: &[Node], consumes: Option<&Node>) -> Result<Self, Fault> {
        let types = consumes.and_then(|node| node.value.as_array());
        let types: Vec<&str> = types
            .into_iter()
            .flat_map(|types| types.iter())
            .filter_map(Value::as_str)
            .collect();
        let named = |place: &'static str| {
            declared
                .iter()
                .filter(move |node| node.text("in") == Some(place))
        };
        if let Some(body) = named("body").next() {
            let json = types.iter().find(|media_type| is_json(media_type));
            let content_type = json
                .or(types.first())
                .copied()
                .unwrap_or("application/json");
            let required = body.flag("required").unwrap_or(false);
            let name = body.text("name").unwrap_or(BODY).to_owned();
            return Ok(Self::Whole {
                name,
                content_type: content_type.to_owned(),
                required,
            });
        }
        let field = |node: &Node| {
            let name = node
                .text("name")
                .ok_or_else(|| fault::configuration("a parameter of the document has no name"))?;
            Ok(Field {
                name: name.to_owned(),
                required: node.flag("required").unwrap_or(false),
            })
        };
        let fields = named("formData")
            .map(field)
            .collect::<Result<Vec<_>, Fault>>()?;
        if fields.is_empty() {
            return Ok(Self::None);
        }
        let has_file = named("formData").any(|node| node.text("type") == Some("file"));
        let multipart = has_file || types.contains(&MULTIPART) && !types.contains(&FORM);
        Ok(Self::Form {
            fields,
            content_type: if multipart { MULTIPART } else { FORM },
        })
    }

    /// Takes the body out of `rest`, the arguments that are no parameters.
    pub(super) fn take(self, rest: &mut Object) -> Result<Option<Body>, Fault> {
        match self {
            Self::None => Ok(None),
            Self::Whole {
                name,
                content_type,
                required,
            } => {
                let named = rest.remove(&name).or_else(|| rest.remove(BODY));
                let value = match named {
                    Some(value) => Some(value),
                    None if rest.is_empty() => None,
                    None => Some(Value::from(std::mem::take(rest))),
                };
                if required && value.is_none() {
                    return Err(missing(&name));
                }
                Ok(value.map(|value| Body {
                    value,
                    content_type,
                }))
            }
            Self::Form {
                fields,
                content_type,
            } => {
                let mut form = Object::default();
                for field in fields {
                    match rest.remove(&field.name).filter(|value| !value.is_null()) {
                        Some(value) => form.insert(field.name, value),
                        None if field.required => return Err(missing(&field.name)),
                        None => {}
                    }
                }
                Ok(Some(Body {
                    value: form.into(),
                    content_type: content_type.to_owned(),
                }))
            }
        }
    }
}

pub(super) fn missing(name: &str) -> Fault {
    fault::validation(format!("openapi: the parameter `{name}` is required"))
}
