//! Arrays, objects and what holds for all values.

use std::cmp::Ordering;

use super::{Native, native_fn};
use crate::eval::{Machine, Stop, cannot, described, raise};
use crate::{Object, Value};

type Given<'a> = &'a [Value];
type Answer = Result<Value, Stop>;

pub(super) const FUNCTIONS: &[Native] = &[
    native_fn("not", 0, |_, v, _| Ok((!v.is_truthy()).into())),
    native_fn("type", 0, |_, v, _| Ok(v.type_name().into())),
    native_fn("error", 0, |_, v, _| Err(Stop::Raised(v))),
    native_fn("error", 1, |_, _, a| Err(Stop::Raised(a[0].clone()))),
    native_fn("length", 0, length),
    native_fn("keys", 0, |m, v, _| match &v {
        Value::Object(object) => {
            m.array(m.sorted_keys(object)?.into_iter().map(Value::Str).collect())
        }
        _ => keys_unsorted(m, v, &[]),
    }),
    native_fn("keys_unsorted", 0, keys_unsorted),
    native_fn("has", 1, |_, v, a| match (&v, &a[0]) {
        (Value::Object(object), Value::Str(key)) => Ok(object.get(key).is_some().into()),
        (Value::Array(items), Value::Int(_) | Value::Float(_)) => {
            let at = a[0].as_f64().unwrap_or(-1.0).trunc();
            Ok((at >= 0.0 && at < items.len() as f64).into())
        }
        (Value::Null, _) => Ok(false.into()),
        (v, key) => Err(raise(format!(
            "Cannot check whether {} has a {} key",
            v.type_name(),
            key.type_name()
        ))),
    }),
    native_fn("contains", 1, |m, v, a| {
        if v.type_name() != a[0].type_name() {
            return Err(raise(format!(
                "{} and {} cannot have their containment checked",
                described(&v),
                described(&a[0])
            )));
        }
        contains(m, &v, &a[0]).map(Value::from)
    }),
    native_fn("indices", 1, indices),
    native_fn("_indices", 1, indices),
    native_fn("add", 0, |m, v, _| fold(m, &v)),
    native_fn("to_entries", 0, |m, v, _| match &v {
        Value::Object(object) => {
            let mut entries = Vec::new();
            for (key, value) in object.iter() {
                m.meter.steps(2)?;
                m.build_object(4)?;
                entries.push(crate::value!({"key": key.clone(), "value": value.clone()}));
            }
            m.array(entries)
        }
        Value::Array(items) => {
            let mut entries = Vec::new();
            for (key, value) in items.iter().enumerate() {
                m.meter.steps(2)?;
                m.build_object(4)?;
                entries.push(crate::value!({"key": key, "value": value.clone()}));
            }
            m.array(entries)
        }
        other => Err(cannot(other, "has no keys")),
    }),
    native_fn("from_entries", 0, from_entries),
    native_fn("reverse", 0, |m, v, _| match v {
        Value::Null => Ok(Vec::new().into()),
        Value::Str(s) => m.text(s.chars().rev().collect()),
        Value::Array(items) => m.array(items.iter().rev().cloned().collect()),
        other => Err(cannot(&other, "cannot be reversed, as it is not an array")),
    }),
    native_fn("sort", 0, |m, v, _| m.array(sorted(m, v)?)),
    native_fn("unique", 0, |m, v, _| {
        let mut unique: Vec<Value> = Vec::new();
        for item in sorted(m, v)? {
            let repeated = match unique.last() {
                Some(last) => m.order(last, &item)?.is_eq(),
                None => false,
            };
            if !repeated {
                unique.push(item);
            }
        }
        m.array(unique)
    }),
    native_fn("min", 0, |m, v, _| extreme(m, v, Ordering::Less)),
    native_fn("max", 0, |m, v, _| extreme(m, v, Ordering::Greater)),
    native_fn("flatten", 0, |m, v, _| flatten(m, &v, f64::INFINITY)),
    native_fn("flatten", 1, |m, v, a| match a[0].as_f64() {
        Some(depth) if depth < 0.0 => Err(raise("flatten depth must not be negative")),
        Some(depth) => flatten(m, &v, depth),
        None => Err(cannot(&a[0], "is no depth")),
    }),
    native_fn("transpose", 0, transpose),
    native_fn("bsearch", 1, bsearch),
    native_fn("setpath", 2, |m, v, a| match &a[0] {
        Value::Array(path) => m.set_path(v, path, &a[1]),
        _ => Err(raise("Path must be specified as an array")),
    }),
    native_fn("delpaths", 1, |m, v, a| {
        let Value::Array(paths) = &a[0] else {
            return Err(raise("Paths must be specified as an array"));
        };
        let paths = paths.iter().map(|path| match path {
            Value::Array(path) => Ok(path.to_vec()),
            other => Err(raise(format!(
                "Path must be specified as array, not {}",
                other.type_name()
            ))),
        });
        m.delete_paths(v, paths.collect::<Result<_, _>>()?)
    }),
];

fn length(machine: &Machine<'_>, value: Value, _: Given<'_>) -> Answer {
    match &value {
        Value::Null => Ok(0.into()),
        Value::Bool(_) => Err(cannot(&value, "has no length")),
        Value::Int(i) => Ok(i
            .checked_abs()
            .map_or_else(|| Value::from(-(*i as f64)), Value::Int)),
        Value::Float(f) => Ok(Value::Float(f.abs())),
        Value::Str(s) => {
            machine.meter.text(s.len())?;
            Ok(s.chars().count().into())
        }
        Value::Array(items) => Ok(items.len().into()),
        Value::Object(object) => Ok(object.len().into()),
    }
}

fn keys_unsorted(machine: &Machine<'_>, value: Value, _: Given<'_>) -> Answer {
    match &value {
        Value::Object(object) => machine.array(
            object
                .iter()
                .map(|(key, _)| Value::Str(key.clone()))
                .collect(),
        ),
        Value::Array(items) => machine.array((0..items.len()).map(Value::from).collect()),
        other => Err(cannot(other, "has no keys")),
    }
}

fn contains(machine: &Machine<'_>, whole: &Value, part: &Value) -> Result<bool, Stop> {
    machine.meter.tick()?;
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            for (key, part) in part.iter() {
                match whole.get(key) {
                    Some(whole) if contains(machine, whole, part)? => {}
                    _ => return Ok(false),
                }
            }
            Ok(true)
        }
        (Value::Array(whole), Value::Array(part)) => {
            'parts: for part in part.iter() {
                for whole in whole.iter() {
                    if whole.type_name() == part.type_name() && contains(machine, whole, part)? {
                        continue 'parts;
                    }
                }
                return Ok(false);
            }
            Ok(true)
        }
        (Value::Str(whole), Value::Str(part)) => {
            machine.meter.text(whole.len())?;
            Ok(whole.contains(&**part))
        }
        (whole, part) => Ok(machine.order(whole, part)?.is_eq()),
    }
}

fn indices(machine: &Machine<'_>, value: Value, args: Given<'_>) -> Answer {
    match (&value, &args[0]) {
        (Value::Array(items), Value::Array(part)) => machine.places_of(items, part),
        (Value::Array(items), item) => {
            machine.places_of(items, &[item.clone()].into_iter().collect())
        }
        (Value::Str(text), Value::Str(part)) => {
            machine.meter.text(text.len())?;
            let mut places = Vec::new();
            let (mut chars, mut at) = (0, 0);
            while let Some(found) = text[at..].find(&**part).filter(|_| !part.is_empty()) {
                machine.meter.text(found)?;
                chars += text[at..at + found].chars().count();
                places.push(Value::from(chars));
                at += found;
                at += text[at..].chars().next().map_or(1, char::len_utf8);
                chars += 1;
            }
            machine.array(places)
        }
        (value, key) => machine.index(value, key),
    }
}

fn fold(machine: &Machine<'_>, value: &Value) -> Answer {
    let add = |sum: Value, item: &Value| machine.math(crate::program::Math::Add, sum, item.clone());
    match value {
        Value::Array(items)
            if items.iter().all(|item| item.as_str().is_some()) && !items.is_empty() =>
        {
            let mut text = String::new();
            items.iter().try_for_each(|item| {
                machine.append(&mut text, item.as_str().unwrap_or_default())
            })?;
            Ok(text.into())
        }
        Value::Array(items) => items.iter().try_fold(Value::Null, |sum, item| {
            machine.meter.tick()?;
            add(sum, item)
        }),
        Value::Object(object) => object
            .iter()
            .try_fold(Value::Null, |sum, (_, item)| add(sum, item)),
        other => Err(raise(format!("Cannot iterate over {}", described(other)))),
    }
}

fn from_entries(machine: &Machine<'_>, value: Value, _: Given<'_>) -> Answer {
    let entries: Vec<&Value> = match &value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(object) => object.iter().map(|(_, item)| item).collect(),
        other => return Err(raise(format!("Cannot iterate over {}", described(other)))),
    };
    let mut object = Object::default();
    machine.build_object(0)?;
    for entry in entries {
        machine.meter.steps(2)?;
        machine.meter.build(100)?;
        let first = |names: &[&str]| -> Answer {
            let mut last = Value::Null;
            for name in names {
                last = machine.field(entry, name)?;
                if last.is_truthy() {
                    break;
                }
            }
            Ok(last)
        };
        let mut key = Value::Null;
        for name in ["key", "k", "name", "Name", "Key", "K"] {
            let found = machine.field(entry, name)?;
            if !found.is_null() {
                key = found;
                if key.is_truthy() {
                    break;
                }
            }
        }
        let key = match key {
            Value::Str(key) => key,
            Value::Null => "null".into(),
            Value::Bool(_) | Value::Int(_) | Value::Float(_) => key.to_json().into(),
            other => return Err(cannot(&other, "cannot be used as an object key")),
        };
        let value = match entry.get("value") {
            Some(value) => value.clone(),
            None => first(&["v", "Value", "V"])?,
        };
        object.insert(key, value);
    }
    machine.fits(object.into())
}

fn sorted(machine: &Machine<'_>, value: Value) -> Result<Vec<Value>, Stop> {
    let Value::Array(items) = value else {
        return Err(cannot(&value, "cannot be sorted, as it is not an array"));
    };
    machine.meter.build(items.len() * size_of::<Value>())?;
    let mut items = items.into_vec();
    machine.sort(&mut items, |item| item)?;
    Ok(items)
}

fn extreme(machine: &Machine<'_>, value: Value, wanted: Ordering) -> Answer {
    let Value::Array(items) = &value else {
        let shown = described(&value);
        return Err(raise(format!(
            "{shown} and {shown} cannot be iterated over"
        )));
    };
    let mut best: Option<&Value> = None;
    for item in items.iter() {
        let better = match best {
            Some(best) => {
                let order = machine.order(item, best)?;
                order == wanted || (order.is_eq() && wanted == Ordering::Greater)
            }
            None => true,
        };
        if better {
            best = Some(item);
        }
    }
    Ok(best.cloned().unwrap_or_default())
}

fn flatten(machine: &Machine<'_>, value: &Value, depth: f64) -> Answer {
    fn into(
        machine: &Machine<'_>,
        items: &[Value],
        depth: f64,
        flat: &mut Vec<Value>,
    ) -> Result<(), Stop> {
        for item in items {
            machine.meter.tick()?;
            match item {
                Value::Array(inner) if depth > 0.0 => into(machine, inner, depth - 1.0, flat)?,
                item => {
                    machine.meter.build(size_of::<Value>())?;
                    flat.push(item.clone());
                }
            }
        }
        Ok(())
    }
    let mut flat = Vec::new();
    match value {
        Value::Array(items) => into(machine, items, depth, &mut flat)?,
        Value::Object(object) => {
            let items: Vec<_> = object.iter().map(|(_, item)| item.clone()).collect();
            into(machine, &items, depth, &mut flat)?;
        }
        other => return Err(raise(format!("Cannot iterate over {}", described(other)))),
    }
    machine.array(flat)
}

fn transpose(machine: &Machine<'_>, value: Value, _: Given<'_>) -> Answer {
    let Value::Array(rows) = &value else {
        return Err(raise(format!("Cannot iterate over {}", described(&value))));
    };
    let mut width = 0;
    for row in rows.iter() {
        width = width.max(length(machine, row.clone(), &[])?.as_i64().unwrap_or(0));
    }
    let mut columns = Vec::new();
    for at in 0..width {
        machine.meter.steps(rows.len() as u64)?;
        let column = rows.iter().map(|row| machine.index(row, &at.into()));
        columns.push(machine.array(column.collect::<Result<_, _>>()?)?);
    }
    machine.array(columns)
}

fn bsearch(machine: &Machine<'_>, value: Value, args: Given<'_>) -> Answer {
    let Value::Array(items) = &value else {
        return Err(cannot(&value, "cannot be searched from"));
    };
    let (mut low, mut high) = (0, items.len());
    while low < high {
        let middle = low + (high - low) / 2;
        match machine.order(&items[middle], &args[0])? {
            Ordering::Equal => return Ok(middle.into()),
            Ordering::Less => low = middle + 1,
            Ordering::Greater => high = middle,
        }
    }
    Ok(Value::Int(-1 - low as i64))
}
