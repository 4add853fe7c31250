//! Shared arrays and objects. Both remember how deep they nest, so that an evaluation can refuse a
//! value that would be too deep without walking it.

use std::ops::Deref;
use std::sync::Arc;

use indexmap::IndexMap;

use super::Value;

/// A shared array. Dereferences to a slice.
#[derive(Clone, Debug, Default)]
pub struct Array(Arc<Items>);

#[derive(Clone, Debug, Default)]
struct Items {
    values: Vec<Value>,
    /// An upper bound of the deepest item.
    inner: u32,
}

impl Array {
    pub(crate) fn depth(&self) -> u32 {
        self.0.inner + 1
    }
    /// The items for changing; copies them first when they are shared.
    pub(crate) fn with_mut<R>(&mut self, change: impl FnOnce(&mut Vec<Value>) -> R) -> R {
        change(&mut Arc::make_mut(&mut self.0).values)
    }
    /// Whether a change would have to copy.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
    /// States that an item of this depth was put in by [`Self::with_mut`].
    pub(crate) fn deepen(&mut self, item: u32) {
        if item > self.0.inner {
            Arc::make_mut(&mut self.0).inner = item;
        }
    }
    pub fn push(&mut self, value: impl Into<Value>) {
        let value = value.into();
        self.deepen(value.depth());
        self.with_mut(|items| items.push(value));
    }
    pub(crate) fn into_vec(self) -> Vec<Value> {
        Arc::try_unwrap(self.0).map_or_else(|shared| shared.values.clone(), |own| own.values)
    }
}

impl From<Vec<Value>> for Array {
    fn from(values: Vec<Value>) -> Self {
        let inner = values.iter().map(Value::depth).max().unwrap_or(0);
        Array(Arc::new(Items { values, inner }))
    }
}

impl PartialEq for Array {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Deref for Array {
    type Target = [Value];
    fn deref(&self) -> &[Value] {
        &self.0.values
    }
}

impl<V: Into<Value>> FromIterator<V> for Array {
    fn from_iter<I: IntoIterator<Item = V>>(iter: I) -> Self {
        iter.into_iter().map(Into::into).collect::<Vec<_>>().into()
    }
}

type Map = IndexMap<Arc<str>, Value, foldhash::fast::RandomState>;

/// A shared object that keeps insertion order. Equality ignores order.
#[derive(Clone, Debug, Default)]
pub struct Object(Arc<Entries>);

#[derive(Clone, Debug, Default)]
struct Entries {
    map: Map,
    inner: u32,
}

impl Object {
    pub(crate) fn depth(&self) -> u32 {
        self.0.inner + 1
    }
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.map.get(key)
    }
    pub fn len(&self) -> usize {
        self.0.map.len()
    }
    pub fn is_empty(&self) -> bool {
        self.0.map.is_empty()
    }
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Value)> + Clone {
        self.0.map.iter()
    }
    /// Sets `key`, replacing an earlier value in place. Copies the object first when it is shared.
    pub fn insert(&mut self, key: impl Into<Arc<str>>, value: impl Into<Value>) {
        let value = value.into();
        let entries = Arc::make_mut(&mut self.0);
        entries.inner = entries.inner.max(value.depth());
        entries.map.insert(key.into(), value);
    }
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        Arc::make_mut(&mut self.0).map.shift_remove(key)
    }
    /// Takes the value at `key` out and leaves `null`, so that it can be changed without a copy.
    pub(crate) fn take(&mut self, key: &str) -> Option<Value> {
        let entries = Arc::make_mut(&mut self.0);
        entries.map.get_mut(key).map(std::mem::take)
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(k, v)| other.get(k) == Some(v))
    }
}

impl<K: Into<Arc<str>>, V: Into<Value>> FromIterator<(K, V)> for Object {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(iter: I) -> Self {
        let mut object = Object::default();
        for (key, value) in iter {
            object.insert(key, value);
        }
        object
    }
}
