//! `=`, `|=` and their kin: which paths an update changes, and into what.

use super::item::{Item, Tracked};
use super::{Env, Flow, Machine, Out, Stop};
use crate::Value;
use crate::program::{Node, Update};

impl Machine<'_> {
    /// The paths that `node` leads to.
    pub(crate) fn paths(
        &self,
        node: &Node,
        env: &Env<'_>,
        input: Value,
    ) -> Result<Vec<Vec<Value>>, Stop> {
        let mut paths = Vec::new();
        self.eval(node, env, Tracked::root(input), &mut |item: Tracked| {
            let path = item.into_path()?;
            self.meter.build(size_of::<Value>() * (path.len() + 1))?;
            paths.push(path);
            Ok(())
        })?;
        Ok(paths)
    }

    pub(super) fn update<T: Item>(
        &self,
        (update, path, right): (Update, &Node, &Node),
        env: &Env<'_>,
        input: Value,
        out: Out<'_, T>,
    ) -> Flow {
        if right.single() {
            // Nobody else needs the input then, so it can change in place.
            let right = self.one(right, env, input.clone())?;
            return out(T::computed(self.updated(
                (update, path, &right),
                env,
                input,
            )?));
        }
        self.eval(right, env, input.clone(), &mut |right| {
            out(T::computed(self.updated(
                (update, path, &right),
                env,
                input.clone(),
            )?))
        })
    }

    pub(crate) fn updated(
        &self,
        (update, path, right): (Update, &Node, &Value),
        env: &Env<'_>,
        mut value: Value,
    ) -> Result<Value, Stop> {
        for path in self.paths(path, env, value.clone())? {
            value = self.update_path(value, &path, &mut |old| match update {
                Update::Set => Ok(right.clone()),
                Update::Math(math) => self.math(math, old, right.clone()),
                Update::Default => Ok(if old.is_truthy() { old } else { right.clone() }),
            })?;
        }
        Ok(value)
    }

    /// `path |= change`: the first output replaces, none deletes.
    pub(crate) fn modify(
        &self,
        path: &Node,
        change: &Node,
        env: &Env<'_>,
        mut input: Value,
    ) -> Result<Value, Stop> {
        let mut deleted = Vec::new();
        for path in self.paths(path, env, input.clone())? {
            // What is not there must not come to be only to be deleted.
            if self.get_path(&input, &path)?.is_null() && !change.single() {
                match self.first(change, env, Value::Null)? {
                    Some(new) => input = self.set_path(input, &path, &new)?,
                    None => deleted.push(path),
                }
                continue;
            }
            input = self.update_path(input, &path, &mut |old| {
                Ok(self.first(change, env, old)?.unwrap_or_else(|| {
                    deleted.push(path.clone());
                    Value::Null
                }))
            })?;
        }
        self.delete_paths(input, deleted)
    }
}
