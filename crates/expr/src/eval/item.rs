//! What flows through an evaluation: a value alone, or a value with the path that led to it.

use std::rc::Rc;

use super::{Stop, message, raise};
use crate::Value;
use crate::error::Limit;
use crate::value::VALUE_DEPTH_MAX;

pub(crate) trait Item: Clone {
    const TRACKS: bool;
    fn value(&self) -> &Value;
    fn into_value(self) -> Value;
    /// A value that is no part of the input.
    fn computed(value: Value) -> Self;
    /// Goes on to `next`, which is at `key`.
    fn step(self, key: impl FnOnce() -> Value, next: Value) -> Result<Self, Stop>;
    /// Refuses to follow a path into a computed value.
    fn may_enter(&self, to: impl FnOnce() -> String) -> Result<(), Stop>;
}

impl Item for Value {
    const TRACKS: bool = false;
    fn value(&self) -> &Value {
        self
    }
    fn into_value(self) -> Value {
        self
    }
    fn computed(value: Value) -> Self {
        value
    }
    fn step(self, _: impl FnOnce() -> Value, next: Value) -> Result<Self, Stop> {
        Ok(next)
    }
    fn may_enter(&self, _: impl FnOnce() -> String) -> Result<(), Stop> {
        Ok(())
    }
}

#[derive(Clone)]
pub(crate) struct Tracked {
    value: Value,
    place: Place,
}

#[derive(Clone)]
enum Place {
    Computed,
    Root,
    Below(Rc<Link>),
}

struct Link {
    key: Value,
    above: Place,
    length: u32,
}

impl Tracked {
    pub(crate) fn root(value: Value) -> Tracked {
        Tracked {
            value,
            place: Place::Root,
        }
    }

    pub(crate) fn into_path(self) -> Result<Vec<Value>, Stop> {
        let mut path = Vec::new();
        let mut at = &self.place;
        loop {
            match at {
                Place::Root => break,
                Place::Below(link) => {
                    path.push(link.key.clone());
                    at = &link.above;
                }
                Place::Computed => {
                    return Err(raise(format!(
                        "Invalid path expression with result {}",
                        message::shown(&self.value)
                    )));
                }
            }
        }
        path.reverse();
        Ok(path)
    }
}

impl Item for Tracked {
    const TRACKS: bool = true;
    fn value(&self) -> &Value {
        &self.value
    }
    fn into_value(self) -> Value {
        self.value
    }
    fn computed(value: Value) -> Self {
        Tracked {
            value,
            place: Place::Computed,
        }
    }
    fn step(self, key: impl FnOnce() -> Value, next: Value) -> Result<Self, Stop> {
        let length = match &self.place {
            Place::Below(link) => link.length + 1,
            _ => 1,
        };
        if length > VALUE_DEPTH_MAX {
            return Err(Stop::Limit(Limit::Depth));
        }
        let link = Link {
            key: key(),
            above: self.place,
            length,
        };
        Ok(Tracked {
            value: next,
            place: Place::Below(Rc::new(link)),
        })
    }
    fn may_enter(&self, to: impl FnOnce() -> String) -> Result<(), Stop> {
        match self.place {
            Place::Computed => Err(raise(format!(
                "Invalid path expression near attempt to {} {}",
                to(),
                message::shown(&self.value)
            ))),
            _ => Ok(()),
        }
    }
}
