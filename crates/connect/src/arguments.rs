//! Reads the arguments of a call, with errors that name the property.

use ferrovia_expr::{Object, Value};
use ferrovia_runtime::port::Fault;

use crate::fault;

/// An object of arguments and the place it stands at (`http`, `authentication.oauth2`).
#[derive(Clone, Copy)]
pub(crate) struct Arguments<'a> {
    place: &'a str,
    object: &'a Object,
}

impl<'a> Arguments<'a> {
    pub(crate) fn of(place: &'a str, value: &'a Value) -> Result<Self, Fault> {
        match value.as_object() {
            Some(object) => Ok(Self { place, object }),
            None => Err(fault::validation(format!(
                "{place}: expected an object, got {}",
                value.type_name()
            ))),
        }
    }

    /// The property, where it is there and not null.
    pub(crate) fn value(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn required(&self, name: &str) -> Result<&'a Value, Fault> {
        self.value(name).ok_or_else(|| self.missing(name))
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, Fault> {
        self.value(name)
            .map(|v| v.as_str().ok_or_else(|| self.mistyped(name, "a string", v)))
            .transpose()
    }

    pub(crate) fn required_text(&self, name: &str) -> Result<&'a str, Fault> {
        self.text(name)?.ok_or_else(|| self.missing(name))
    }

    pub(crate) fn object(&self, name: &str) -> Result<Option<&'a Object>, Fault> {
        self.value(name)
            .map(|v| {
                v.as_object()
                    .ok_or_else(|| self.mistyped(name, "an object", v))
            })
            .transpose()
    }

    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, Fault> {
        self.value(name)
            .map(|v| {
                v.as_bool()
                    .ok_or_else(|| self.mistyped(name, "a boolean", v))
            })
            .transpose()
    }

    pub(crate) fn texts(&self, name: &str) -> Result<Vec<&'a str>, Fault> {
        let Some(value) = self.value(name) else {
            return Ok(Vec::new());
        };
        let wrong = || self.mistyped(name, "an array of strings", value);
        value
            .as_array()
            .ok_or_else(wrong)?
            .iter()
            .map(|item| item.as_str().ok_or_else(wrong))
            .collect()
    }

    pub(crate) fn missing(&self, name: &str) -> Fault {
        fault::validation(format!("{}: `{name}` is required", self.place))
    }

    fn mistyped(&self, name: &str, expected: &str, value: &Value) -> Fault {
        fault::validation(format!(
            "{}: `{name}` must be {expected}, not {}",
            self.place,
            value.type_name()
        ))
    }
}

/// A scalar as plain text: strings as they are, everything else as JSON.
pub(crate) fn plain_text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_json(), str::to_owned)
}
