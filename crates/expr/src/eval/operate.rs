//! Operators on values, with jq's meanings and messages, metered.

use std::cmp::Ordering;
use std::sync::Arc;

use super::message::{cannot, cannot_both, described, raise, shown};
use super::{Machine, Stop};
use crate::error::Limit;
use crate::meter::MEMORY_BYTES_MAX;
use crate::program::{Compare, Math};
use crate::value::VALUE_DEPTH_MAX;
use crate::{Array, Object, Value};

/// What one entry of an object takes beyond its key.
const ENTRY_BYTES: usize = 72;
/// What the smallest object takes beyond its entries: its table, and room for the first ones.
const OBJECT_BYTES: usize = 260;
/// What an array takes beyond its items: its header, and room that is not used.
pub(super) const ARRAY_BYTES: usize = 160;

impl Machine<'_> {
    /// The value at `name` of an object or `null`.
    pub(crate) fn field(&self, value: &Value, name: &str) -> Result<Value, Stop> {
        match value {
            Value::Object(object) => Ok(object.get(name).cloned().unwrap_or_default()),
            Value::Null => Ok(Value::Null),
            other => Err(raise(format!(
                "Cannot index {} with string ({})",
                other.type_name(),
                shown(&name.into())
            ))),
        }
    }

    pub(crate) fn index(&self, value: &Value, key: &Value) -> Result<Value, Stop> {
        match (value, key) {
            (_, Value::Str(name)) => self.field(value, name),
            (Value::Array(items), Value::Int(_) | Value::Float(_)) => {
                let at = position(key, items.len());
                Ok(at.and_then(|at| items.get(at)).cloned().unwrap_or_default())
            }
            (Value::Null, Value::Int(_) | Value::Float(_)) => Ok(Value::Null),
            (Value::Array(_) | Value::Str(_) | Value::Null, Value::Object(bounds)) => {
                let bound = |name| bounds.get(name).cloned().unwrap_or_default();
                self.slice(value, &bound("start"), &bound("end"))
            }
            (Value::Array(items), Value::Array(part)) => self.places_of(items, part),
            _ => Err(raise(format!(
                "Cannot index {} with {}",
                value.type_name(),
                described(key)
            ))),
        }
    }

    pub(crate) fn places_of(&self, items: &Array, part: &Array) -> Result<Value, Stop> {
        let mut places = Vec::new();
        if !part.is_empty() {
            for (at, window) in items.windows(part.len()).enumerate() {
                self.meter.steps(1)?;
                let mut equal = true;
                for (a, b) in window.iter().zip(part.iter()) {
                    equal = self.order(a, b)?.is_eq();
                    if !equal {
                        break;
                    }
                }
                if equal {
                    places.push(at.into());
                }
            }
        }
        self.array(places)
    }

    pub(crate) fn slice(&self, value: &Value, from: &Value, to: &Value) -> Result<Value, Stop> {
        if !value.is_null() {
            slice_bounds(from, to)?;
        }
        match value {
            Value::Null => Ok(Value::Null),
            Value::Array(items) => {
                let (from, to) = span(from, to, items.len());
                self.array(items[from..to].to_vec())
            }
            Value::Str(text) => {
                self.meter.text(text.len())?;
                let (from, to) = span(from, to, text.chars().count());
                self.text(text.chars().skip(from).take(to - from).collect())
            }
            other => Err(raise(format!(
                "Cannot index {} with object ({})",
                other.type_name(),
                shown(&super::bounds(from, to))
            ))),
        }
    }

    pub(crate) fn math(&self, math: Math, left: Value, right: Value) -> Result<Value, Stop> {
        match (math, left, right) {
            (Math::Add, Value::Null, other) | (Math::Add, other, Value::Null) => Ok(other),
            (math, Value::Int(a), Value::Int(b)) => integers(math, a, b),
            (Math::Add, Value::Str(a), Value::Str(b)) => {
                let mut text = String::new();
                self.meter.build(a.len() + b.len())?;
                text.reserve_exact(a.len() + b.len());
                text.push_str(&a);
                self.append(&mut text, &b)?;
                Ok(text.into())
            }
            (Math::Add, Value::Array(a), Value::Array(b)) => self.concatenate(a, &b),
            (Math::Add, Value::Object(a), Value::Object(b)) => self.merge(a, &b),
            (Math::Subtract, Value::Array(a), Value::Array(b)) => {
                let mut kept = Vec::new();
                'items: for item in a.iter() {
                    for gone in b.iter() {
                        if self.order(item, gone)? == Ordering::Equal {
                            continue 'items;
                        }
                    }
                    kept.push(item.clone());
                }
                self.array(kept)
            }
            (Math::Multiply, Value::Str(text), n @ (Value::Int(_) | Value::Float(_)))
            | (Math::Multiply, n @ (Value::Int(_) | Value::Float(_)), Value::Str(text)) => {
                self.repeat(&text, &n)
            }
            (Math::Multiply, Value::Object(a), Value::Object(b)) => self.merge_deep(a, &b),
            (Math::Divide, Value::Str(a), Value::Str(b)) => self.split(&a, &b),
            (math, left, right) => match (left.as_f64(), right.as_f64()) {
                (Some(a), Some(b)) => floats(math, a, b),
                _ => Err(cannot_both(
                    &left,
                    &right,
                    match math {
                        Math::Add => "cannot be added",
                        Math::Subtract => "cannot be subtracted",
                        Math::Multiply => "cannot be multiplied",
                        Math::Divide => "cannot be divided",
                        Math::Remainder => "cannot be divided (remainder)",
                    },
                )),
            },
        }
    }

    fn concatenate(&self, mut a: Array, b: &Array) -> Result<Value, Stop> {
        if a.is_shared() {
            self.meter.build(a.len() * size_of::<Value>())?;
            self.meter.steps(a.len() as u64 / 8)?;
        }
        self.meter.build(b.len() * size_of::<Value>())?;
        self.meter.steps(b.len() as u64 / 8)?;
        let deepest = b.depth() - 1;
        a.with_mut(|items| items.extend(b.iter().cloned()));
        a.deepen(deepest);
        self.fits(Value::Array(a))
    }

    fn merge(&self, mut a: Object, b: &Object) -> Result<Value, Stop> {
        if a.is_shared() {
            self.build_object(a.len())?;
            self.meter.steps(a.len() as u64)?;
        }
        for (key, value) in b.iter() {
            self.meter.tick()?;
            self.meter.build(ENTRY_BYTES)?;
            a.insert(key.clone(), value.clone());
        }
        self.fits(Value::Object(a))
    }

    fn merge_deep(&self, mut a: Object, b: &Object) -> Result<Value, Stop> {
        self.build_object(a.len())?;
        for (key, value) in b.iter() {
            self.meter.tick()?;
            self.meter.build(ENTRY_BYTES)?;
            let merged = match (a.get(key), value) {
                (Some(Value::Object(x)), Value::Object(y)) => self.merge_deep(x.clone(), y)?,
                _ => value.clone(),
            };
            a.insert(key.clone(), merged);
        }
        self.fits(Value::Object(a))
    }

    /// `text * n`: `null` when `n` is negative; a part does not count.
    fn repeat(&self, text: &str, n: &Value) -> Result<Value, Stop> {
        let n = n.as_f64().unwrap_or_default();
        if n.is_nan() || n < 0.0 {
            return Ok(Value::Null);
        }
        let bytes = text.len().saturating_mul(n as usize);
        if bytes as u64 > MEMORY_BYTES_MAX {
            return Err(raise("Repeat string result too long"));
        }
        self.meter.build(bytes.saturating_mul(2))?;
        self.meter.text(bytes)?;
        Ok(text
            .repeat(if text.is_empty() { 0 } else { n as usize })
            .into())
    }

    pub(crate) fn split(&self, text: &str, separator: &str) -> Result<Value, Stop> {
        self.meter.text(text.len())?;
        let mut parts = Vec::new();
        if text.is_empty() {
            return self.array(parts);
        }
        let mut add = |part: &str| {
            self.meter.tick()?;
            parts.push(self.text(part.to_owned())?);
            Ok::<(), Stop>(())
        };
        if separator.is_empty() {
            text.char_indices()
                .try_for_each(|(at, c)| add(&text[at..at + c.len_utf8()]))?;
        } else {
            text.split(separator).try_for_each(add)?;
        }
        self.array(parts)
    }

    pub(crate) fn negate(&self, value: Value) -> Result<Value, Stop> {
        match &value {
            Value::Int(i) => Ok(i
                .checked_neg()
                .map_or_else(|| Value::from(-(*i as f64)), Value::Int)),
            Value::Float(f) => Ok(Value::Float(-f)),
            other => Err(cannot(other, "cannot be negated")),
        }
    }

    pub(crate) fn compare(
        &self,
        compare: Compare,
        left: &Value,
        right: &Value,
    ) -> Result<bool, Stop> {
        let is_nan = |v: &Value| matches!(v, Value::Float(f) if f.is_nan());
        let order = match is_nan(left) && is_nan(right) {
            true => Ordering::Less,
            false => self.order(left, right)?,
        };
        Ok(match compare {
            Compare::Equal => order.is_eq(),
            Compare::NotEqual => order.is_ne(),
            Compare::Less => order.is_lt(),
            Compare::LessEqual => order.is_le(),
            Compare::Greater => order.is_gt(),
            Compare::GreaterEqual => order.is_ge(),
        })
    }

    /// jq's order, counted per element.
    pub(crate) fn order(&self, left: &Value, right: &Value) -> Result<Ordering, Stop> {
        match (left, right) {
            (Value::Array(a), Value::Array(b)) => {
                self.meter.tick()?;
                for (a, b) in a.iter().zip(b.iter()) {
                    let order = self.order(a, b)?;
                    if order.is_ne() {
                        return Ok(order);
                    }
                }
                Ok(a.len().cmp(&b.len()))
            }
            (Value::Object(a), Value::Object(b)) => {
                self.meter.tick()?;
                let (keys, others) = (self.sorted_keys(a)?, self.sorted_keys(b)?);
                if keys != others {
                    return Ok(keys.cmp(&others));
                }
                let (empty, mut order) = (Value::Null, Ordering::Equal);
                for key in &keys {
                    let at = |o: &Object| o.get(key).cloned();
                    order =
                        self.order(&at(a).unwrap_or_default(), at(b).as_ref().unwrap_or(&empty))?;
                    if order.is_ne() {
                        break;
                    }
                }
                Ok(order)
            }
            (Value::Str(a), Value::Str(b)) => {
                self.meter.text(a.len().min(b.len()))?;
                Ok(a.cmp(b))
            }
            _ => {
                self.meter.tick()?;
                Ok(left.cmp(right))
            }
        }
    }

    pub(crate) fn sorted_keys(&self, object: &Object) -> Result<Vec<Arc<str>>, Stop> {
        self.meter.steps(2 * object.len() as u64)?;
        let mut keys: Vec<_> = object.iter().map(|(key, _)| key.clone()).collect();
        keys.sort_unstable();
        Ok(keys)
    }

    /// Sorts by jq's order, keeping equal items in their order.
    pub(crate) fn sort<T>(&self, items: &mut [T], key: impl Fn(&T) -> &Value) -> Result<(), Stop> {
        let mut stopped = None;
        items.sort_by(|a, b| {
            if stopped.is_some() {
                return Ordering::Equal;
            }
            self.order(key(a), key(b)).unwrap_or_else(|stop| {
                stopped = Some(stop);
                Ordering::Equal
            })
        });
        stopped.map_or(Ok(()), Err)
    }

    // Building, counted.

    pub(crate) fn append(&self, text: &mut String, more: &str) -> Result<(), Stop> {
        self.meter.text(more.len())?;
        // A text that grows has room to spare, and is copied once it is complete.
        self.meter.build(2 * more.len())?;
        text.push_str(more);
        Ok(())
    }

    pub(crate) fn text(&self, text: String) -> Result<Value, Stop> {
        self.meter.text(text.len())?;
        self.meter.build(text.len() + size_of::<Value>())?;
        Ok(text.into())
    }

    pub(crate) fn array(&self, items: Vec<Value>) -> Result<Value, Stop> {
        self.meter.steps(1 + items.len() as u64 / 8)?;
        self.meter
            .build(ARRAY_BYTES + items.len() * size_of::<Value>())?;
        self.fits(items.into())
    }

    /// Counts an object with room for `entries`.
    pub(crate) fn build_object(&self, entries: usize) -> Result<(), Stop> {
        self.meter.build(OBJECT_BYTES + entries * ENTRY_BYTES)
    }

    pub(super) fn build_entry(&self, key: &str) -> Result<(), Stop> {
        self.meter.tick()?;
        self.meter.build(ENTRY_BYTES + key.len())
    }

    /// The value, unless it nests too deeply.
    pub(crate) fn fits(&self, value: Value) -> Result<Value, Stop> {
        if value.depth() > VALUE_DEPTH_MAX {
            Err(Stop::Limit(Limit::Depth))
        } else {
            Ok(value)
        }
    }

    /// Counts what writing the value takes, and returns its size in bytes. Shared parts count each
    /// time: a small value can stand for a very long text.
    pub(crate) fn measure(&self, value: &Value) -> Result<usize, Stop> {
        self.meter.tick()?;
        Ok(match value {
            Value::Null | Value::Bool(_) => 5,
            Value::Int(_) | Value::Float(_) => 20,
            Value::Str(text) => {
                self.meter.text(text.len())?;
                text.len() + 2
            }
            Value::Array(items) => items
                .iter()
                .try_fold(2, |sum, item| Ok::<_, Stop>(sum + 1 + self.measure(item)?))?,
            Value::Object(object) => object.iter().try_fold(2, |sum, (key, item)| {
                Ok::<_, Stop>(sum + 4 + key.len() + self.measure(item)?)
            })?,
        })
    }

    pub(crate) fn json(&self, value: &Value) -> Result<String, Stop> {
        let bytes = self.measure(value)?;
        self.meter.build(bytes)?;
        Ok(value.to_json())
    }
}

pub(super) fn slice_bounds(from: &Value, to: &Value) -> Result<(), Stop> {
    let is_bound = |bound: &Value| bound.is_null() || bound.as_f64().is_some();
    if is_bound(from) && is_bound(to) {
        return Ok(());
    }
    Err(raise(
        "Start and end indices of an array slice must be numbers",
    ))
}

/// Where `key` points in `length` items; negative counts from the end.
pub(super) fn position(key: &Value, length: usize) -> Option<usize> {
    let at = key.as_f64()?.trunc();
    let at = if at < 0.0 { at + length as f64 } else { at };
    (at >= 0.0 && at < length as f64).then_some(at as usize)
}

/// The bounds of a slice within `length`.
pub(super) fn span(from: &Value, to: &Value, length: usize) -> (usize, usize) {
    let place = |bound: f64| {
        let at = if bound < 0.0 {
            bound + length as f64
        } else {
            bound
        };
        at.clamp(0.0, length as f64)
    };
    let from = from.as_f64().map_or(0, |f| place(f).floor() as usize);
    let to = to.as_f64().filter(|to| !to.is_nan());
    let to = to.map_or(length, |t| place(t).ceil() as usize);
    (from, to.max(from))
}

fn integers(math: Math, a: i64, b: i64) -> Result<Value, Stop> {
    let exact = match math {
        Math::Add => a.checked_add(b),
        Math::Subtract => a.checked_sub(b),
        Math::Multiply => a.checked_mul(b),
        Math::Divide if b != 0 && a.checked_rem(b) == Some(0) => a.checked_div(b),
        Math::Remainder if b != 0 => return Ok(remainder(a, b)),
        Math::Divide | Math::Remainder => None,
    };
    exact.map_or_else(|| floats(math, a as f64, b as f64), |i| Ok(Value::Int(i)))
}

fn remainder(a: i64, b: i64) -> Value {
    let rest = a.unsigned_abs() % b.unsigned_abs();
    let rest = i64::try_from(rest).unwrap_or(i64::MAX);
    Value::Int(if a < 0 { -rest } else { rest })
}

fn floats(math: Math, a: f64, b: f64) -> Result<Value, Stop> {
    Ok(Value::from(match math {
        Math::Add => a + b,
        Math::Subtract => a - b,
        Math::Multiply => a * b,
        Math::Divide if b == 0.0 => {
            let (a, b) = (Value::from(a), Value::from(b));
            return Err(cannot_both(
                &a,
                &b,
                "cannot be divided because the divisor is zero",
            ));
        }
        Math::Divide => a / b,
        Math::Remainder if a.is_nan() || b.is_nan() => f64::NAN,
        Math::Remainder if b as i64 == 0 => {
            let (a, b) = (Value::from(a), Value::from(b));
            return Err(cannot_both(
                &a,
                &b,
                "cannot be divided (remainder) because the divisor is zero",
            ));
        }
        Math::Remainder => return Ok(remainder(a as i64, b as i64)),
    }))
}
