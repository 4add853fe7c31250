//! Variables, folds, calls, and the constructors that multiply the outputs of their parts.

use super::item::Item;
use super::single::key_of;
use super::{Argument, Env, Flow, Machine, Out, Stop};
use crate::builtin::Native;
use crate::program::{Binding, DefId, Entry, Kind, Node, Param, Part, Pattern};
use crate::{Object, Value};

type InEnv<'o> = &'o mut dyn FnMut(&Env<'_>) -> Flow;
type WithSlots<'o> = &'o mut dyn FnMut(&mut Vec<Value>) -> Flow;

impl Machine<'_> {
    /// Binds the variables of the first pattern that fits. With `?//` an error, also one of `then`,
    /// goes on to the next pattern.
    pub(super) fn bind(
        &self,
        binding: &Binding,
        env: &Env<'_>,
        value: Value,
        then: InEnv<'_>,
    ) -> Flow {
        self.meter.tick()?;
        let last = binding.patterns.len() - 1;
        for (i, pattern) in binding.patterns.iter().enumerate() {
            let mut slots = vec![Value::Null; binding.variables];
            let flow = match pattern {
                Pattern::Variable(slot) => {
                    slots[*slot] = value.clone();
                    then(&Env::Variables(&slots, env))
                }
                _ => self.take_apart(pattern, env, value.clone(), &mut slots, &mut |slots| {
                    then(&Env::Variables(slots, env))
                }),
            };
            match flow {
                Err(Stop::Raised(_)) if i < last => {}
                flow => return flow,
            }
        }
        Ok(())
    }

    fn take_apart(
        &self,
        pattern: &Pattern,
        env: &Env<'_>,
        value: Value,
        slots: &mut Vec<Value>,
        then: WithSlots<'_>,
    ) -> Flow {
        self.meter.tick()?;
        match pattern {
            Pattern::Variable(slot) => {
                slots[*slot] = value;
                then(slots)
            }
            Pattern::Array(items) => self.take_items(items, 0, env, &value, slots, then),
            Pattern::Object(entries) => self.take_entries(entries, env, &value, slots, then),
        }
    }

    fn take_items(
        &self,
        items: &[Pattern],
        at: usize,
        env: &Env<'_>,
        value: &Value,
        slots: &mut Vec<Value>,
        then: WithSlots<'_>,
    ) -> Flow {
        let Some(pattern) = items.get(at) else {
            return then(slots);
        };
        let item = self.index(value, &at.into())?;
        self.take_apart(pattern, env, item, slots, &mut |slots| {
            self.take_items(items, at + 1, env, value, slots, then)
        })
    }

    fn take_entries(
        &self,
        entries: &[Entry],
        env: &Env<'_>,
        value: &Value,
        slots: &mut Vec<Value>,
        then: WithSlots<'_>,
    ) -> Flow {
        let Some((entry, rest)) = entries.split_first() else {
            return then(slots);
        };
        self.eval(&entry.key, env, Value::Null, &mut |key| {
            let item = self.index(value, &key)?;
            if let Some(slot) = entry.variable {
                slots[slot] = item.clone();
            }
            match &entry.pattern {
                None => self.take_entries(rest, env, value, slots, then),
                Some(pattern) => self.take_apart(pattern, env, item, slots, &mut |slots| {
                    self.take_entries(rest, env, value, slots, then)
                }),
            }
        })
    }

    /// The last output of the update is the next state; none makes it `null`.
    pub(super) fn reduce<T: Item>(
        &self,
        (binding, init, update): (&Binding, &Node, &Node),
        env: &Env<'_>,
        input: T,
        out: Out<'_, T>,
    ) -> Flow {
        let source = input.value().clone();
        self.eval(init, env, input, &mut |init| {
            let mut state = Some(init);
            self.eval(&binding.source, env, source.clone(), &mut |value| {
                self.bind(binding, env, value, &mut |env| {
                    let before = state.take().unwrap_or_else(|| T::computed(Value::Null));
                    self.eval(update, env, before, &mut |after| {
                        state = Some(after);
                        Ok(())
                    })
                })
            })?;
            out(state.unwrap_or_else(|| T::computed(Value::Null)))
        })
    }

    pub(super) fn foreach<T: Item>(
        &self,
        (binding, init, update, extract): (&Binding, &Node, &Node, Option<&Node>),
        env: &Env<'_>,
        input: T,
        out: Out<'_, T>,
    ) -> Flow {
        let source = input.value().clone();
        self.eval(init, env, input, &mut |init| {
            let mut state = init;
            self.eval(&binding.source, env, source.clone(), &mut |value| {
                self.bind(binding, env, value, &mut |env| {
                    let before = state.clone();
                    self.eval(update, env, before, &mut |after| {
                        state = after.clone();
                        match extract {
                            Some(extract) => self.eval(extract, env, after, out),
                            None => out(after),
                        }
                    })
                })
            })
        })
    }

    pub(super) fn call<T: Item>(
        &self,
        (id, up, args): (DefId, usize, &[Node]),
        env: &Env<'_>,
        input: T,
        out: Out<'_, T>,
    ) -> Flow {
        let def = self.def(id);
        let outer = env.up(up);
        if def.params.is_empty() {
            return self.eval(&def.body, outer, input, out);
        }
        if def.params.iter().all(|param| *param == Param::Filter) {
            let bound: Vec<_> = args.iter().map(|arg| Argument::Filter(arg, env)).collect();
            return self.eval(&def.body, &Env::Arguments(&bound, outer), input, out);
        }
        let mut bound = Vec::with_capacity(args.len());
        self.bind_arguments(
            (&def.params, args),
            env,
            input.value(),
            &mut bound,
            &mut |bound| self.eval(&def.body, &Env::Arguments(bound, outer), input.clone(), out),
        )
    }

    fn bind_arguments<'e>(
        &self,
        (params, args): (&[Param], &'e [Node]),
        env: &'e Env<'e>,
        input: &Value,
        bound: &mut Vec<Argument<'e>>,
        then: &mut dyn FnMut(&[Argument<'e>]) -> Flow,
    ) -> Flow {
        let at = bound.len();
        let Some(arg) = args.get(at) else {
            return then(bound);
        };
        if params[at] == Param::Filter {
            bound.push(Argument::Filter(arg, env));
            let flow = self.bind_arguments((params, args), env, input, bound, then);
            bound.pop();
            return flow;
        }
        self.eval(arg, env, input.clone(), &mut |value| {
            bound.push(Argument::Value(value));
            let flow = self.bind_arguments((params, args), env, input, bound, then);
            bound.pop();
            flow
        })
    }

    pub(super) fn objects(
        &self,
        entries: &[(Node, Node)],
        object: Object,
        env: &Env<'_>,
        input: &Value,
        out: Out<'_, Value>,
    ) -> Flow {
        let Some(((key, value), rest)) = entries.split_first() else {
            return out(self.fits(Value::Object(object))?);
        };
        self.eval(key, env, input.clone(), &mut |key| {
            let key = key_of(key)?;
            let mut add = |value: Value| {
                let mut object = object.clone();
                self.build_object(object.len())?;
                self.build_entry(&key)?;
                object.insert(key.clone(), value);
                self.objects(rest, object, env, input, out)
            };
            match value.kind {
                Kind::SameMember => add(self.field(input, &key)?),
                _ => self.eval(value, env, input.clone(), &mut add),
            }
        })
    }

    /// The parts of the text from the last to the first, so that the first varies fastest.
    pub(super) fn texts(
        &self,
        (format, parts): (&Native, &[Part]),
        after: String,
        env: &Env<'_>,
        input: &Value,
        out: Out<'_, Value>,
    ) -> Flow {
        let Some((part, before)) = parts.split_last() else {
            return out(after.into());
        };
        let mut prepend = |text: &str| {
            let mut whole = String::new();
            self.append(&mut whole, text)?;
            self.append(&mut whole, &after)?;
            self.texts((format, before), whole, env, input, out)
        };
        match part {
            Part::Text(text) => prepend(text),
            Part::Node(node) => self.eval(node, env, input.clone(), &mut |value| {
                let text = (format.run)(self, value, &[])?;
                prepend(text.as_str().unwrap_or_default())
            }),
        }
    }

    /// Calls `native` for each combination of its arguments, the first varying fastest.
    pub(super) fn arguments(
        &self,
        (native, args): (&Native, &[Node]),
        values: &mut [Value],
        env: &Env<'_>,
        input: &Value,
        out: Out<'_, Value>,
    ) -> Flow {
        let Some((last, before)) = args.split_last() else {
            return out((native.run)(self, input.clone(), values)?);
        };
        self.eval(last, env, input.clone(), &mut |value| {
            values[before.len()] = value;
            self.arguments((native, before), values, env, input, out)
        })
    }
}
