//! The direct way: nodes with exactly one output. This is where almost all expressions of workflows
//! run, so the cheap cases come first and inputs are moved, which lets containers change in place.

use std::sync::Arc;

use super::{Argument, Env, Machine, STACK_GROWTH, STACK_RED_ZONE, Stop, raise};
use crate::program::{Binding, Kind, Node, Param, Part, Pattern};
use crate::{Object, Value};

/// Arguments of a native function that need no allocation.
const ARGUMENTS_INLINE: usize = 3;

impl Machine<'_> {
    pub(crate) fn one(&self, node: &Node, env: &Env<'_>, input: Value) -> Result<Value, Stop> {
        match &node.kind {
            Kind::Identity => Ok(input),
            Kind::Literal(value) => Ok(value.clone()),
            Kind::Global(name) => self
                .scope
                .variable(name)
                .ok_or_else(|| raise(format!("${name} has no value here"))),
            Kind::Local(address) => match env.up(address.up) {
                Env::Variables(values, _) => Ok(values[address.slot].clone()),
                Env::Arguments(args, _) => match &args[address.slot] {
                    Argument::Value(value) => Ok(value.clone()),
                    Argument::Filter(..) => unreachable!("a value parameter is bound to a value"),
                },
                _ => unreachable!("a variable is compiled to the frame that binds it"),
            },
            _ => {
                self.meter.enter()?;
                let result = stacker::maybe_grow(STACK_RED_ZONE, STACK_GROWTH, || {
                    self.one_deep(node, env, input)
                });
                self.meter.leave();
                result
            }
        }
    }

    /// Goes on in the last part of a node instead of going deeper, as [`Machine::node`] does.
    fn one_deep(&self, node: &Node, env: &Env<'_>, input: Value) -> Result<Value, Stop> {
        let (mut node, mut env, mut input) = (node, env, input);
        loop {
            match &node.kind {
                Kind::Pipe(left, right) => {
                    input = self.one(left, env, input)?;
                    node = right;
                }
                Kind::If(condition, then, otherwise) => {
                    let holds = self.one(condition, env, input.clone())?;
                    node = if holds.is_truthy() { then } else { otherwise };
                }
                Kind::Call(id, up, args) if args.is_empty() => {
                    env = env.up(*up);
                    node = &self.def(*id).body;
                }
                Kind::Identity | Kind::Literal(_) | Kind::Global(_) | Kind::Local(_) => {
                    return self.one(node, env, input);
                }
                _ => return self.one_branch(node, env, input),
            }
            self.meter.tick()?;
        }
    }

    fn one_branch(&self, node: &Node, env: &Env<'_>, input: Value) -> Result<Value, Stop> {
        match &node.kind {
            Kind::Field(of, name) => match of.kind {
                Kind::Identity => self.field(&input, name),
                _ => self.field(&self.one(of, env, input)?, name),
            },
            Kind::Index(of, key) => {
                let key = self.one(key, env, input.clone())?;
                self.index(&self.one(of, env, input)?, &key)
            }
            Kind::Slice(of, from, to) => {
                let bound = |node: &Option<Box<Node>>| match node {
                    Some(node) => self.one(node, env, input.clone()),
                    None => Ok(Value::Null),
                };
                let (from, to) = (bound(from)?, bound(to)?);
                self.slice(&self.one(of, env, input)?, &from, &to)
            }
            Kind::Math(math, left, right) => {
                let right = self.one(right, env, input.clone())?;
                let left = self.one(left, env, input)?;
                self.math(*math, left, right)
            }
            Kind::Compare(compare, left, right) => {
                let right = self.one(right, env, input.clone())?;
                let left = self.one(left, env, input)?;
                Ok(self.compare(*compare, &left, &right)?.into())
            }
            Kind::And(left, right) => {
                let both = self.one(left, env, input.clone())?.is_truthy()
                    && self.one(right, env, input)?.is_truthy();
                Ok(both.into())
            }
            Kind::Or(left, right) => {
                let either = self.one(left, env, input.clone())?.is_truthy()
                    || self.one(right, env, input)?.is_truthy();
                Ok(either.into())
            }
            Kind::Alternative(left, right) => match self.one(left, env, input.clone()) {
                Ok(value) if !value.is_truthy() => self.one(right, env, input),
                result => result,
            },
            Kind::Negate(of) => self.negate(self.one(of, env, input)?),
            Kind::Bind(binding, body) => self.one_bind((binding, body), env, input),
            Kind::Call(id, up, args) => {
                let def = self.def(*id);
                let mut bound = Vec::with_capacity(args.len());
                for (param, arg) in def.params.iter().zip(args) {
                    bound.push(match param {
                        Param::Filter => Argument::Filter(arg, env),
                        Param::Value => Argument::Value(self.one(arg, env, input.clone())?),
                    });
                }
                self.one(&def.body, &Env::Arguments(&bound, env.up(*up)), input)
            }
            Kind::Update(update, path, right) => {
                let right = self.one(right, env, input.clone())?;
                self.updated((*update, path, &right), env, input)
            }
            Kind::Modify(path, change) => self.modify(path, change, env, input),
            Kind::Reduce(binding, init, update) => {
                let mut last = None;
                self.reduce((binding, init, update), env, input, &mut |value| {
                    last = Some(value);
                    Ok(())
                })?;
                Ok(last.unwrap_or_default())
            }
            Kind::Try(body, Some(handler)) => match self.one(body, env, input) {
                Err(Stop::Raised(error)) => self.one(handler, env, error),
                result => result,
            },
            Kind::Array(None) => Ok(Vec::new().into()),
            Kind::Array(Some(content)) => self.array(self.collect(content, env, input)?),
            Kind::Object(entries) => self.one_object(entries, env, input),
            Kind::Text(format, parts) => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        Part::Text(plain) => self.append(&mut text, plain)?,
                        Part::Node(node) => {
                            let value = self.one(node, env, input.clone())?;
                            let formatted = (format.run)(self, value, &[])?;
                            self.append(&mut text, formatted.as_str().unwrap_or_default())?;
                        }
                    }
                }
                Ok(text.into())
            }
            Kind::Native(native, args) if args.len() <= ARGUMENTS_INLINE => {
                let mut values: [Value; ARGUMENTS_INLINE] = Default::default();
                for (value, arg) in values.iter_mut().zip(args) {
                    *value = self.one(arg, env, input.clone())?;
                }
                (native.run)(self, input, &values[..args.len()])
            }
            Kind::Control(control, args) => self.one_control(*control, args, env, input),
            _ => Ok(self.first_of(node, env, input)?.unwrap_or_default()),
        }
    }

    /// For a node without a direct way.
    fn first_of(&self, node: &Node, env: &Env<'_>, input: Value) -> Result<Option<Value>, Stop> {
        let mut found = None;
        self.computed(node, env, input, &mut |value| {
            found.get_or_insert(value);
            Ok(())
        })?;
        Ok(found)
    }

    fn one_bind(
        &self,
        (binding, body): (&Binding, &Node),
        env: &Env<'_>,
        input: Value,
    ) -> Result<Value, Stop> {
        let value = self.one(&binding.source, env, input.clone())?;
        if let [Pattern::Variable(_)] = binding.patterns[..] {
            return self.one(body, &Env::Variables(&[value], env), input);
        }
        let mut found = None;
        self.bind(binding, env, value, &mut |env| {
            found = Some(self.one(body, env, input.clone())?);
            Ok(())
        })?;
        Ok(found.unwrap_or_default())
    }

    fn one_object(
        &self,
        entries: &[(Node, Node)],
        env: &Env<'_>,
        input: Value,
    ) -> Result<Value, Stop> {
        let mut object = Object::default();
        self.build_object(0)?;
        for (key, value) in entries {
            let key = match &key.kind {
                Kind::Literal(Value::Str(key)) => key.clone(),
                _ => key_of(self.one(key, env, input.clone())?)?,
            };
            let value = match value.kind {
                Kind::SameMember => self.field(&input, &key)?,
                _ => self.one(value, env, input.clone())?,
            };
            self.build_entry(&key)?;
            object.insert(key, value);
        }
        self.fits(Value::Object(object))
    }
}

/// A value as the key of an object under construction.
pub(super) fn key_of(key: Value) -> Result<Arc<str>, Stop> {
    match key {
        Value::Str(key) => Ok(key),
        other => Err(raise(format!(
            "Cannot use {} as object key",
            super::described(&other)
        ))),
    }
}
