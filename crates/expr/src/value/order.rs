//! jq's total order: null, false, true, numbers, strings, arrays, objects.

use std::cmp::Ordering;

use super::{Object, Value};

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// NaN sorts below every number. Unlike `==`, the order counts NaN as equal to itself, which sorting
/// needs; the operators of the language do not go through here for a NaN.
impl Eq for Value {}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Value::Int(a), Value::Int(b)) => a.cmp(b),
            (Value::Str(a), Value::Str(b)) => a.cmp(b),
            (Value::Array(a), Value::Array(b)) => a.iter().cmp(b.iter()),
            (Value::Object(a), Value::Object(b)) => compare_objects(a, b),
            (a, b) => match (a.as_f64(), b.as_f64()) {
                (Some(a), Some(b)) => compare_numbers(a, b),
                _ => rank(a).cmp(&rank(b)),
            },
        }
    }
}

fn compare_numbers(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b)
        .unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(false) => 1,
        Value::Bool(true) => 2,
        Value::Int(_) | Value::Float(_) => 3,
        Value::Str(_) => 4,
        Value::Array(_) => 5,
        Value::Object(_) => 6,
    }
}

/// First the sorted key sets, then the values key by key.
fn compare_objects(a: &Object, b: &Object) -> Ordering {
    let sorted = |o: &Object| {
        let mut keys: Vec<_> = o.iter().map(|(k, _)| k.clone()).collect();
        keys.sort_unstable();
        keys
    };
    let (keys, others) = (sorted(a), sorted(b));
    keys.cmp(&others).then_with(|| {
        let pairs = keys.iter().map(|k| a.get(k).cmp(&b.get(k)));
        pairs.fold(Ordering::Equal, Ordering::then)
    })
}
