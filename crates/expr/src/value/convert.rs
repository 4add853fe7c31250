//! From Rust types to values, the `value!` macro, and serde.

use std::fmt;
use std::sync::Arc;

use super::{Array, Object, Value};

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Value::Bool(b)
    }
}
impl From<i64> for Value {
    fn from(i: i64) -> Self {
        Value::Int(i)
    }
}
impl From<f64> for Value {
    fn from(f: f64) -> Self {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if f.fract() == 0.0 && f.abs() <= EXACT {
            Value::Int(f as i64)
        } else {
            Value::Float(f)
        }
    }
}
impl From<&str> for Value {
    fn from(s: &str) -> Self {
        Value::Str(s.into())
    }
}
impl From<String> for Value {
    fn from(s: String) -> Self {
        Value::Str(s.into())
    }
}
impl From<Arc<str>> for Value {
    fn from(s: Arc<str>) -> Self {
        Value::Str(s)
    }
}
impl From<Array> for Value {
    fn from(a: Array) -> Self {
        Value::Array(a)
    }
}
impl From<Vec<Value>> for Value {
    fn from(v: Vec<Value>) -> Self {
        Value::Array(v.into())
    }
}
impl From<Object> for Value {
    fn from(o: Object) -> Self {
        Value::Object(o)
    }
}

impl From<i32> for Value {
    fn from(i: i32) -> Self {
        Value::Int(i64::from(i))
    }
}
impl From<u32> for Value {
    fn from(i: u32) -> Self {
        Value::Int(i64::from(i))
    }
}
impl From<usize> for Value {
    fn from(i: usize) -> Self {
        i64::try_from(i).map_or(Value::Float(i as f64), Value::Int)
    }
}
impl From<&String> for Value {
    fn from(s: &String) -> Self {
        Value::Str(s.as_str().into())
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// Builds a [`Value`](crate::Value) from JSON-like text: `value!({"a": [1, null], "b": some_expression})`.
#[macro_export]
macro_rules! value {
    (null) => { $crate::Value::Null };
    ([ $($items:tt)* ]) => { $crate::Value::from($crate::value!(@array [] $($items)*)) };
    ({ $($entries:tt)* }) => {{
        #[allow(unused_mut)]
        let mut object = $crate::Object::default();
        $crate::value!(@object object $($entries)*);
        $crate::Value::Object(object)
    }};
    (@array [$($done:expr,)*]) => { vec![$($done,)*] as Vec<$crate::Value> };
    (@array [$($done:expr,)*] null $(, $($rest:tt)*)?) => { $crate::value!(@array [$($done,)* $crate::Value::Null,] $($($rest)*)?) };
    (@array [$($done:expr,)*] [$($inner:tt)*] $(, $($rest:tt)*)?) => { $crate::value!(@array [$($done,)* $crate::value!([$($inner)*]),] $($($rest)*)?) };
    (@array [$($done:expr,)*] {$($inner:tt)*} $(, $($rest:tt)*)?) => { $crate::value!(@array [$($done,)* $crate::value!({$($inner)*}),] $($($rest)*)?) };
    (@array [$($done:expr,)*] $next:expr $(, $($rest:tt)*)?) => { $crate::value!(@array [$($done,)* $crate::Value::from($next),] $($($rest)*)?) };
    (@object $object:ident) => {};
    (@object $object:ident $key:literal : null $(, $($rest:tt)*)?) => { $object.insert($key, $crate::Value::Null); $crate::value!(@object $object $($($rest)*)?); };
    (@object $object:ident $key:literal : [$($inner:tt)*] $(, $($rest:tt)*)?) => { $object.insert($key, $crate::value!([$($inner)*])); $crate::value!(@object $object $($($rest)*)?); };
    (@object $object:ident $key:literal : {$($inner:tt)*} $(, $($rest:tt)*)?) => { $object.insert($key, $crate::value!({$($inner)*})); $crate::value!(@object $object $($($rest)*)?); };
    (@object $object:ident $key:literal : $value:expr $(, $($rest:tt)*)?) => { $object.insert($key, $crate::Value::from($value)); $crate::value!(@object $object $($($rest)*)?); };
    ($other:expr) => { $crate::Value::from($other) };
}

impl serde::Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => s.serialize_unit(),
            Value::Bool(b) => s.serialize_bool(*b),
            Value::Int(i) => s.serialize_i64(*i),
            // JSON has neither; binary formats keep a value as it is, so that a run read back is the run written.
            Value::Float(f) if !s.is_human_readable() => s.serialize_f64(*f),
            Value::Float(f) if f.is_nan() => s.serialize_unit(),
            Value::Float(f) => s.serialize_f64(f.clamp(f64::MIN, f64::MAX)),
            Value::Str(t) => s.serialize_str(t),
            Value::Array(a) => s.collect_seq(a.iter()),
            Value::Object(o) => s.collect_map(o.iter()),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Value {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }
            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }
            fn visit_none<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }
            fn visit_bool<E>(self, b: bool) -> Result<Value, E> {
                Ok(Value::Bool(b))
            }
            fn visit_i64<E>(self, i: i64) -> Result<Value, E> {
                Ok(Value::Int(i))
            }
            fn visit_u64<E>(self, u: u64) -> Result<Value, E> {
                Ok(i64::try_from(u).map_or(Value::Float(u as f64), Value::Int))
            }
            fn visit_f64<E>(self, f: f64) -> Result<Value, E> {
                Ok(Value::from(f))
            }
            fn visit_str<E>(self, s: &str) -> Result<Value, E> {
                Ok(Value::from(s))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut a: A) -> Result<Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = a.next_element::<Value>()? {
                    items.push(item);
                }
                Ok(items.into())
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut a: A) -> Result<Value, A::Error> {
                let mut object = Object::default();
                while let Some((k, v)) = a.next_entry::<String, Value>()? {
                    object.insert(k, v);
                }
                Ok(object.into())
            }
        }
        d.deserialize_any(Visitor)
    }
}
