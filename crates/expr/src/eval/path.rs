//! Changing a value at a path, in place wherever nobody else holds it.

use super::operate::{ARRAY_BYTES, position, slice_bounds, span};
use super::{Machine, Stop, raise};
use crate::value::VALUE_DEPTH_MAX;
use crate::{Array, Object, Value};

/// Items of one array that an index may create.
const FILL_MAX: f64 = 1_000_000.0;

const NOT_AN_ARRAY: &str = "A slice of an array can only be assigned another array";

type Change<'c> = &'c mut dyn FnMut(Value) -> Result<Value, Stop>;

impl Machine<'_> {
    pub(crate) fn get_path(&self, value: &Value, path: &[Value]) -> Result<Value, Stop> {
        path.iter()
            .try_fold(value.clone(), |at, key| self.index(&at, key))
    }

    pub(crate) fn set_path(
        &self,
        value: Value,
        path: &[Value],
        new: &Value,
    ) -> Result<Value, Stop> {
        self.update_path(value, path, &mut |_| Ok(new.clone()))
    }

    pub(crate) fn update_path(
        &self,
        value: Value,
        path: &[Value],
        change: Change<'_>,
    ) -> Result<Value, Stop> {
        self.meter.tick()?;
        if path.len() > VALUE_DEPTH_MAX as usize {
            return Err(raise("Path too deep"));
        }
        let Some((key, rest)) = path.split_first() else {
            return change(value);
        };
        match (value, key) {
            (Value::Object(object), Value::Str(name)) => {
                self.update_field(object, name, rest, change)
            }
            (Value::Null, Value::Str(name)) => {
                self.build_object(0)?;
                self.update_field(Object::default(), name, rest, change)
            }
            (Value::Array(items), Value::Int(_) | Value::Float(_)) => {
                self.update_item(items, key, rest, change)
            }
            (Value::Null, Value::Int(_) | Value::Float(_)) => {
                self.meter.build(ARRAY_BYTES)?;
                self.update_item(Array::default(), key, rest, change)
            }
            (Value::Array(items), Value::Object(bounds)) => {
                self.update_slice(items, bounds, rest, change)
            }
            (Value::Null, Value::Object(_)) => {
                match self.update_path(Value::Null, rest, change)? {
                    Value::Array(new) => Ok(Value::Array(new)),
                    _ => Err(raise(NOT_AN_ARRAY)),
                }
            }
            (value, key) => {
                self.index(&value, key)?;
                if value.as_str().is_some() {
                    return Err(raise("Cannot update string slices"));
                }
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
            self.build_object(object.len())?;
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
        let at = key.as_f64().unwrap_or_default().trunc();
        let at = if at < 0.0 { at + length } else { at };
        if at < 0.0 {
            return Err(raise("Out of bounds negative array index"));
        }
        if at.is_nan() {
            return Err(raise("Cannot set array element at NaN index"));
        }
        if at - length >= FILL_MAX {
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
            return Err(raise(NOT_AN_ARRAY));
        };
        let (from, to) = span(&start, &end, items.len());
        let all = items[..from].iter().chain(new.iter()).chain(&items[to..]);
        self.array(all.cloned().collect())
    }

    /// Deletes what is at the paths. All of them count from the value as it is given.
    pub(crate) fn delete_paths(&self, value: Value, paths: Vec<Vec<Value>>) -> Result<Value, Stop> {
        let mut paths: Vec<Value> = paths.into_iter().map(Value::from).collect();
        self.sort(&mut paths, |path| path)?;
        let paths: Vec<&[Value]> = paths
            .iter()
            .filter_map(|path| path.as_array().map(|path| &path[..]))
            .collect();
        match paths.first() {
            None => Ok(value),
            Some([]) => Ok(Value::Null),
            Some(_) => self.delete_below(value, &paths),
        }
    }

    /// `paths` are sorted and none is empty.
    fn delete_below(&self, mut value: Value, paths: &[&[Value]]) -> Result<Value, Stop> {
        let mut gone = Vec::new();
        let mut rest = paths;
        while let Some([key, below @ ..]) = rest.first() {
            self.meter.tick()?;
            let mut same = 1;
            while let Some([other, ..]) = rest.get(same) {
                if self.order(key, other)?.is_ne() {
                    break;
                }
                same += 1;
            }
            if below.is_empty() {
                gone.push(key);
            } else if !self.index(&value, key)?.is_null() {
                let inner: Vec<&[Value]> = rest[..same].iter().map(|path| &path[1..]).collect();
                value = self.update_path(value, std::slice::from_ref(key), &mut |inside| {
                    self.delete_below(inside, &inner)
                })?;
            }
            rest = &rest[same..];
        }
        self.delete_keys(value, &gone)
    }

    fn delete_keys(&self, value: Value, keys: &[&Value]) -> Result<Value, Stop> {
        if keys.is_empty() {
            return Ok(value);
        }
        match value {
            Value::Null => Ok(Value::Null),
            Value::Object(mut object) => {
                if object.is_shared() {
                    self.build_object(object.len())?;
                }
                for key in keys {
                    self.meter.steps(1 + object.len() as u64 / 4)?;
                    let Value::Str(name) = key else {
                        return Err(raise(format!(
                            "Cannot delete {} field of object",
                            key.type_name()
                        )));
                    };
                    object.remove(name);
                }
                Ok(Value::Object(object))
            }
            Value::Array(items) => self.delete_items(items, keys),
            other => Err(raise(format!(
                "Cannot delete fields from {}",
                other.type_name()
            ))),
        }
    }

    fn delete_items(&self, mut items: Array, keys: &[&Value]) -> Result<Value, Stop> {
        self.meter.steps(items.len() as u64 / 8)?;
        self.meter.build(items.len())?;
        if items.is_shared() {
            self.meter.build(items.len() * size_of::<Value>())?;
        }
        let mut gone = vec![false; items.len()];
        for key in keys {
            match key {
                Value::Int(_) | Value::Float(_) => {
                    if let Some(at) = position(key, items.len()) {
                        gone[at] = true;
                    }
                }
                Value::Object(bounds) => {
                    let bound = |name| bounds.get(name).cloned().unwrap_or_default();
                    let (start, end) = (bound("start"), bound("end"));
                    slice_bounds(&start, &end)?;
                    let (from, to) = span(&start, &end, items.len());
                    self.meter.steps((to - from) as u64 / 8)?;
                    gone[from..to].fill(true);
                }
                key => {
                    return Err(raise(format!(
                        "Cannot delete {} element of array",
                        key.type_name()
                    )));
                }
            }
        }
        let mut gone = gone.into_iter();
        items.with_mut(|items| items.retain(|_| !gone.next().unwrap_or_default()));
        Ok(Value::Array(items))
    }
}
