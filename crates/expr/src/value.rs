//! The value every part of Ferrovia passes around: JSON data whose clone is a pointer.

mod container;
mod convert;
mod json;
mod order;

use std::fmt;
use std::sync::Arc;

pub use container::{Array, Object};
pub use json::{JsonError, VALUE_DEPTH_MAX};

/// A JSON value. Cloning is O(1): strings, arrays and objects are shared and immutable once shared.
#[derive(Clone, Debug, Default)]
pub enum Value {
    #[default]
    Null,
    Bool(bool),
    /// A number without fraction in the range of `i64`.
    Int(i64),
    /// Any other number. Never an integral number within ±2^53 (those are `Int`).
    Float(f64),
    Str(Arc<str>),
    Array(Array),
    Object(Object),
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b,
            (Value::Int(a), Value::Float(b)) | (Value::Float(b), Value::Int(a)) => *a as f64 == *b,
            (Value::Str(a), Value::Str(b)) => a == b,
            (Value::Array(a), Value::Array(b)) => a == b,
            (Value::Object(a), Value::Object(b)) => a == b,
            _ => false,
        }
    }
}

impl Value {
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
    /// jq truthiness: everything but `null` and `false`.
    pub fn is_truthy(&self) -> bool {
        !matches!(self, Value::Null | Value::Bool(false))
    }
    pub fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(b) = self {
            Some(*b)
        } else {
            None
        }
    }
    pub fn as_i64(&self) -> Option<i64> {
        if let Value::Int(i) = self {
            Some(*i)
        } else {
            None
        }
    }
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(i) => Some(*i as f64),
            Value::Float(f) => Some(*f),
            _ => None,
        }
    }
    pub fn as_str(&self) -> Option<&str> {
        if let Value::Str(s) = self {
            Some(s)
        } else {
            None
        }
    }
    pub fn as_array(&self) -> Option<&Array> {
        if let Value::Array(a) = self {
            Some(a)
        } else {
            None
        }
    }
    pub fn as_object(&self) -> Option<&Object> {
        if let Value::Object(o) = self {
            Some(o)
        } else {
            None
        }
    }
    /// The member `key` of an object; `None` for anything else.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_object()?.get(key)
    }
    /// The name of the JSON type, as error messages use it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Int(_) | Value::Float(_) => "number",
            Value::Str(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        }
    }
    /// The value at an RFC 6901 JSON pointer.
    pub fn pointer(&self, pointer: &str) -> Option<&Value> {
        let Some(rest) = pointer.strip_prefix('/') else {
            return pointer.is_empty().then_some(self);
        };
        rest.split('/').try_fold(self, |at, token| {
            let token = token.replace("~1", "/").replace("~0", "~");
            match at {
                Value::Object(object) => object.get(&token),
                Value::Array(items) => items.get(array_index(&token)?),
                _ => None,
            }
        })
    }
    /// How many containers are nested in each other at the deepest place; 0 for a scalar.
    pub(crate) fn depth(&self) -> u32 {
        match self {
            Value::Array(a) => a.depth(),
            Value::Object(o) => o.depth(),
            _ => 0,
        }
    }
}

/// RFC 6901 forbids leading zeros and signs.
fn array_index(token: &str) -> Option<usize> {
    let plain = token == "0" || token.starts_with(|c: char| ('1'..='9').contains(&c));
    if plain { token.parse().ok() } else { None }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}
