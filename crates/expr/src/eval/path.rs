//! Changing a value at a path, in place wherever nobody else holds it.

use super::operate::span;
use super::{Machine, Stop, raise};
use crate::{Array, Object, Value};

/// Items of one array that an index may create.
const FILL_MAX: f64 = 1_000_000.0;

type Change<'c> = &'c mut dyn FnMut(Value) -> Result<Value, Stop>;

impl Machine<'_> {
    pub(crate) fn get_path(&self, value: &Value, path: &[Value]) -> Result<Value, Stop> {
        path.iter().try_fold(value.clone(), |at, key| match at {
            Value::Null => Ok(Value::Null),
            at => self.index(&at, key),
        })
    }

    pub(crate) fn update_path(
        &self,
        value: Value,
        path: &[Value],
        change: Change<'_>,
    ) -> Result<Value, Stop> {
        self.meter.tick()?;
        let Some((key, rest)) = path.split_first() else {
            return change(value);
        };
        match (value, key) {
            (Value::Object(object), Value::Str(name)) => {
                self.update_field(object, name, rest, change)
            }
            (Value::Null, Value::Str(name)) => {
                self.update_field(Object::default(), name, rest, change)
            }
            (Value::Array(items), Value::Int(_) | Value::Float(_)) => {
                self.update_item(items, key, rest, change)
            }
            (Value::Null, Value::Int(_) | Value::Float(_)) => {
                self.update_item(Array::default(), key, rest, change)
            }
            (Value::Array(items), Value::Object(bounds)) => {
                self.update_slice(items, bounds, rest, change)
            }
            (Value::Null, Value::Object(bounds)) => {
                self.update_slice(Array::default(), bounds, rest, change)
            }
            (value, key) => {
                self.index(&value, key)?;
                Err(raise(format!(
                    "Cannot update field at {} index of {}",
                    key.type_name(),
                    value.type_name()
                )))
            }
        }
    }

    fn update_field(
        &self,
        mut object: Object,
        name: &str,
        rest: &[Value],
        change: Change<'_>,
    ) -> Result<Value, Stop> {
        if object.is_shared() {
            self.meter.steps(object.len() as u64)?;
            self.meter.build(object.len() * 72)?;
        }
        let old = object.take(name);
        if old.is_none() {
            self.build_entry(name)?;
        }
        let new = self.update_path(old.unwrap_or_default(), rest, change)?;
        object.insert(name, new);
        self.fits(Value::Object(object))
    }

    fn update_item(
        &self,
        mut items: Array,
        key: &Value,
        rest: &[Value],
        change: Change<'_>,
    ) -> Result<Value, Stop> {
        let length = items.len() as f64;
        let at = key.as_f64().unwrap_or_default().floor();
        let at = if at < 0.0 { at + length } else { at };
        if at < 0.0 {
            return Err(raise("Out of bounds negative array index"));
        }
        if at.is_nan() || at - length >= FILL_MAX {
            return Err(raise("Array index too large"));
        }
        let at = at as usize;
        if items.is_shared() {
            self.meter.steps(items.len() as u64 / 8)?;
            self.meter.build(items.len() * size_of::<Value>())?;
        }
        let fill = (at + 1).saturating_sub(items.len());
        self.meter.build(fill * size_of::<Value>())?;
        self.meter.steps(fill as u64 / 8)?;
        let old = items.with_mut(|items| {
            items.resize(items.len() + fill, Value::Null);
            std::mem::take(&mut items[at])
        });
        let new = self.update_path(old, rest, change)?;
        items.deepen(new.depth());
        items.with_mut(|items| items[at] = new);
        self.fits(Value::Array(items))
    }

    fn update_slice(
        &self,
        items: Array,
        bounds: &Object,
        rest: &[Value],
        change: Change<'_>,
    ) -> Result<Value, Stop> {
        let bound = |name| bounds.get(name).cloned().unwrap_or_default();
        let (start, end) = (bound("start"), bound("end"));
        let old = self.slice(&Value::Array(items.clone()), &start, &end)?;
        let Value::Array(new) = self.update_path(old, rest, change)? else {
            return Err(raise(
                "A slice of an array can only be assigned another array",
            ));
        };
        let (from, to) = span(&start, &end, items.len());
        let all = items[..from].iter().chain(new.iter()).chain(&items[to..]);
        self.array(all.cloned().collect())
    }

    /// Deletes what is at the paths, the last first, so that indices stay right.
    pub(crate) fn delete_paths(&self, value: Value, paths: Vec<Vec<Value>>) -> Result<Value, Stop> {
        let mut paths: Vec<Value> = paths.into_iter().map(Value::from).collect();
        self.sort(&mut paths, |path| path)?;
        paths.dedup();
        paths
            .iter()
            .rev()
            .try_fold(value, |value, path| match path {
                Value::Array(path) => self.delete_path(value, path),
                _ => Err(raise("Path must be specified as an array")),
            })
    }

    fn delete_path(&self, value: Value, path: &[Value]) -> Result<Value, Stop> {
        self.meter.tick()?;
        match path {
            [] => Ok(Value::Null),
            [key] => self.delete_key(value, key),
            [key, rest @ ..] => {
                let inner = match &value {
                    Value::Null => return Ok(Value::Null),
                    value => self.index(value, key)?,
                };
                if inner.is_null() {
                    return Ok(value);
                }
                drop(inner);
                self.update_path(value, std::slice::from_ref(key), &mut |inner| {
                    self.delete_path(inner, rest)
                })
            }
        }
    }

    fn delete_key(&self, value: Value, key: &Value) -> Result<Value, Stop> {
        match (value, key) {
            (Value::Null, _) => Ok(Value::Null),
            (Value::Object(mut object), Value::Str(name)) => {
                self.meter.steps(object.len() as u64 / 4)?;
                self.meter.build(if object.is_shared() {
                    object.len() * 72
                } else {
                    0
                })?;
                object.remove(name);
                Ok(Value::Object(object))
            }
            (Value::Array(items), Value::Int(_) | Value::Float(_)) => {
                let at = key.as_f64().unwrap_or_default().floor();
                let at = if at < 0.0 {
                    at + items.len() as f64
                } else {
                    at
                };
                if at < 0.0 || at >= items.len() as f64 {
                    return Ok(Value::Array(items));
                }
                let mut items = items;
                self.meter.steps(items.len() as u64 / 8)?;
                self.meter.build(if items.is_shared() {
                    items.len() * size_of::<Value>()
                } else {
                    0
                })?;
                items.with_mut(|items| items.remove(at as usize));
                Ok(Value::Array(items))
            }
            (Value::Array(items), Value::Object(_)) => {
                self.update_path(Value::Array(items), std::slice::from_ref(key), &mut |_| {
                    Ok(Vec::new().into())
                })
            }
            (value @ Value::Object(_), key) => Err(raise(format!(
                "Cannot delete field at object index of {}",
                key_kind(&value, key)
            ))),
            (value, key) => Err(raise(format!("Cannot delete {}", key_kind(&value, key)))),
        }
    }
}

fn key_kind(value: &Value, key: &Value) -> String {
    format!("{} element of {}", key.type_name(), value.type_name())
}
