//! Evaluation. A node is given an input and hands each output to a callback, so nothing is collected
//! that the expression does not collect itself, and `first` ends what it has no use for. Nodes that
//! always give one output take a direct way ([`single`]). The same code follows paths ([`item`]).

mod bind;
mod control;
mod item;
mod message;
mod operate;
mod path;
mod single;
mod update;

use std::cell::Cell;

pub(crate) use message::{cannot, described, raise};

use crate::builtin::prelude;
use crate::error::Limit;
use crate::meter::Meter;
use crate::program::{Def, DefId, Kind, Node};
use crate::syntax::Parsed;
use crate::{Scope, Value};
use item::Item;

/// Stack to have left before going one level deeper, and how much to add otherwise.
const STACK_RED_ZONE: usize = 192 * 1024;
const STACK_GROWTH: usize = 2 * 1024 * 1024;

/// Why an evaluation does not go on.
#[derive(Debug)]
pub(crate) enum Stop {
    Raised(Value),
    Limit(Limit),
    /// `break`, or a consumer that has enough; the number is that of the label.
    Break(u64),
    /// On the way to the `try` that has put the true reason aside.
    Aside,
}

pub(crate) type Flow = Result<(), Stop>;
type Out<'o, T> = &'o mut dyn FnMut(T) -> Flow;

/// The names bound at a place, innermost first. Lives on the stack.
#[derive(Clone, Copy)]
pub(crate) enum Env<'a> {
    Root,
    Variables(&'a [Value], &'a Env<'a>),
    Arguments(&'a [Argument<'a>], &'a Env<'a>),
    Label(u64, &'a Env<'a>),
}

#[derive(Clone)]
pub(crate) enum Argument<'a> {
    Value(Value),
    Filter(&'a Node, &'a Env<'a>),
}

impl<'a> Env<'a> {
    fn up(&'a self, frames: usize) -> &'a Env<'a> {
        let mut at = self;
        for _ in 0..frames {
            at = match at {
                Env::Root => return at,
                Env::Variables(_, outer) | Env::Arguments(_, outer) | Env::Label(_, outer) => outer,
            };
        }
        at
    }
}

pub(crate) struct Machine<'p> {
    program: &'p Parsed,
    pub(crate) scope: &'p dyn Scope,
    pub(crate) meter: Meter,
    labels: Cell<u64>,
}

impl<'p> Machine<'p> {
    pub(crate) fn new(program: &'p Parsed, scope: &'p dyn Scope) -> Self {
        Machine {
            program,
            scope,
            meter: Meter::new(),
            labels: Cell::new(0),
        }
    }

    /// Hands each output of the program to `out`.
    pub(crate) fn run(&self, input: Value, out: &mut dyn FnMut(Value) -> Flow) -> Flow {
        self.eval(&self.program.main, &Env::Root, input, out)
    }

    /// The first output of the program; none is `null`.
    pub(crate) fn run_first(&self, input: Value) -> Result<Value, Stop> {
        self.first(&self.program.main, &Env::Root, input)
            .map(Option::unwrap_or_default)
    }

    pub(crate) fn fresh_label(&self) -> u64 {
        self.labels.set(self.labels.get() + 1);
        self.labels.get()
    }

    pub(crate) fn first<T: Item>(
        &self,
        node: &Node,
        env: &Env<'_>,
        input: T,
    ) -> Result<Option<T>, Stop> {
        if !T::TRACKS && node.single() {
            return self
                .one(node, env, input.into_value())
                .map(|v| Some(T::computed(v)));
        }
        let enough = self.fresh_label();
        let mut found = None;
        let flow = self.eval(node, env, input, &mut |item| {
            found = Some(item);
            Err(Stop::Break(enough))
        });
        match flow {
            Err(Stop::Break(label)) if label == enough => Ok(found),
            Err(stop) => Err(stop),
            Ok(()) => Ok(None),
        }
    }

    /// All outputs.
    pub(crate) fn collect(
        &self,
        node: &Node,
        env: &Env<'_>,
        input: Value,
    ) -> Result<Vec<Value>, Stop> {
        let mut all = Vec::new();
        self.eval(node, env, input, &mut |value| {
            self.meter.build(size_of::<Value>())?;
            all.push(value);
            Ok(())
        })?;
        Ok(all)
    }

    pub(crate) fn eval<T: Item>(
        &self,
        node: &Node,
        env: &Env<'_>,
        input: T,
        out: Out<'_, T>,
    ) -> Flow {
        if !T::TRACKS && node.single() {
            return out(T::computed(self.one(node, env, input.into_value())?));
        }
        if let Kind::Identity = node.kind {
            return out(input);
        }
        self.meter.enter()?;
        // Outputs go through the callbacks of all nodes around; those need stack as well.
        let mut out = |item| {
            self.meter.leave_with_output()?;
            stacker::maybe_grow(STACK_RED_ZONE, STACK_GROWTH, || out(item))
        };
        let flow = stacker::maybe_grow(STACK_RED_ZONE, STACK_GROWTH, || {
            self.node(node, env, input, &mut out)
        });
        self.meter.leave();
        flow
    }

    /// Goes on in the last part of a node instead of going deeper, so a definition may call itself
    /// there as often as its fuel lasts.
    fn node<T: Item>(&self, node: &Node, env: &Env<'_>, input: T, out: Out<'_, T>) -> Flow {
        let (mut node, mut env, mut input) = (node, env, input);
        loop {
            match &node.kind {
                Kind::Pipe(left, right) if !T::TRACKS && left.single() => {
                    input = T::computed(self.one(left, env, input.into_value())?);
                    node = right;
                }
                Kind::Comma(left, right) => {
                    self.eval(left, env, input.clone(), out)?;
                    node = right;
                }
                Kind::If(condition, then, otherwise) if condition.single() => {
                    let holds = self.one(condition, env, input.value().clone())?;
                    node = if holds.is_truthy() { then } else { otherwise };
                }
                Kind::Call(id, up, args) if args.is_empty() => {
                    env = env.up(*up);
                    node = &self.def(*id).body;
                }
                _ => return self.branch(node, env, input, out),
            }
            self.meter.tick()?;
            if !T::TRACKS && node.single() {
                return out(T::computed(self.one(node, env, input.into_value())?));
            }
        }
    }

    fn branch<T: Item>(&self, node: &Node, env: &Env<'_>, input: T, out: Out<'_, T>) -> Flow {
        match &node.kind {
            Kind::Identity => out(input),
            Kind::Field(of, name) => self.eval(of, env, input, &mut |item| {
                item.may_enter(|| format!("access element {} of", Value::Str(name.clone())))?;
                let next = self.field(item.value(), name)?;
                out(item.step(|| Value::Str(name.clone()), next)?)
            }),
            Kind::Index(of, key) => self.eval(key, env, input.value().clone(), &mut |key| {
                self.eval(of, env, input.clone(), &mut |item| {
                    item.may_enter(|| format!("access element {key} of"))?;
                    let next = self.index(item.value(), &key)?;
                    out(item.step(|| key.clone(), next)?)
                })
            }),
            Kind::Slice(of, from, to) => {
                self.slices(of, (from.as_deref(), to.as_deref()), env, input, out)
            }
            Kind::Each(of) => self.eval(of, env, input, &mut |item| self.each(item, out)),
            Kind::Pipe(left, right) => self.eval(left, env, input, &mut |item| {
                self.eval(right, env, item, out)
            }),
            Kind::Alternative(left, right) => self.alternative(left, right, env, input, out),
            Kind::If(condition, then, otherwise) => {
                self.eval(condition, env, input.value().clone(), &mut |condition| {
                    let branch = if condition.is_truthy() {
                        then
                    } else {
                        otherwise
                    };
                    self.eval(branch, env, input.clone(), out)
                })
            }
            Kind::Try(body, handler) => self.attempt(body, handler.as_deref(), env, input, out),
            Kind::Reduce(binding, init, update) => {
                self.reduce((binding, init, update), env, input, out)
            }
            Kind::Foreach(binding, init, update, extract) => {
                self.foreach((binding, init, update, extract.as_deref()), env, input, out)
            }
            Kind::Bind(binding, body) => {
                self.eval(&binding.source, env, input.value().clone(), &mut |value| {
                    self.bind(binding, env, value, &mut |env| {
                        self.eval(body, env, input.clone(), out)
                    })
                })
            }
            Kind::Label(body) => {
                let label = self.fresh_label();
                match self.eval(body, &Env::Label(label, env), input, out) {
                    Err(Stop::Break(broken)) if broken == label => Ok(()),
                    flow => flow,
                }
            }
            Kind::Break(up) => match env.up(*up) {
                Env::Label(label, _) => Err(Stop::Break(*label)),
                _ => unreachable!("a break is compiled to the frame of its label"),
            },
            Kind::Filter(address) => match env.up(address.up) {
                Env::Arguments(args, _) => match &args[address.slot] {
                    Argument::Filter(node, env) => self.eval(node, env, input, out),
                    Argument::Value(value) => out(T::computed(value.clone())),
                },
                _ => unreachable!("a parameter is compiled to the frame of its call"),
            },
            Kind::Call(id, up, args) => self.call((*id, *up, args), env, input, out),
            Kind::Control(control, args) => self.control(*control, args, env, input, out),
            Kind::Update(update, path, right) => {
                self.update((*update, path, right), env, input.into_value(), out)
            }
            Kind::Modify(path, change) => {
                let changed = self.modify(path, change, env, input.into_value())?;
                out(T::computed(changed))
            }
            _ => self.computed(node, env, input.into_value(), &mut |value| {
                out(T::computed(value))
            }),
        }
    }

    /// Nodes whose outputs are new values, with several outputs.
    fn computed(&self, node: &Node, env: &Env<'_>, input: Value, out: Out<'_, Value>) -> Flow {
        match &node.kind {
            Kind::Math(math, left, right) => self.eval(right, env, input.clone(), &mut |r| {
                self.eval(left, env, input.clone(), &mut |l| {
                    out(self.math(*math, l, r.clone())?)
                })
            }),
            Kind::Compare(compare, left, right) => self.eval(right, env, input.clone(), &mut |r| {
                self.eval(left, env, input.clone(), &mut |l| {
                    out(self.compare(*compare, &l, &r)?.into())
                })
            }),
            Kind::And(left, right) => self.eval(left, env, input.clone(), &mut |l| {
                if !l.is_truthy() {
                    return out(false.into());
                }
                self.eval(right, env, input.clone(), &mut |r| {
                    out(r.is_truthy().into())
                })
            }),
            Kind::Or(left, right) => self.eval(left, env, input.clone(), &mut |l| {
                if l.is_truthy() {
                    return out(true.into());
                }
                self.eval(right, env, input.clone(), &mut |r| {
                    out(r.is_truthy().into())
                })
            }),
            Kind::Negate(of) => self.eval(of, env, input, &mut |value| out(self.negate(value)?)),
            Kind::Object(entries) => {
                self.objects(entries, crate::Object::default(), env, &input, out)
            }
            Kind::Text(format, parts) => {
                self.texts((format, parts), String::new(), env, &input, out)
            }
            Kind::Native(native, args) => {
                let mut values = vec![Value::Null; args.len()];
                self.arguments((native, args), &mut values, env, &input, out)
            }
            _ => out(self.one(node, env, input)?),
        }
    }

    fn slices<T: Item>(
        &self,
        of: &Node,
        (from, to): (Option<&Node>, Option<&Node>),
        env: &Env<'_>,
        input: T,
        out: Out<'_, T>,
    ) -> Flow {
        self.bounds(from, env, input.value(), &mut |from| {
            self.bounds(to, env, input.value(), &mut |to| {
                self.eval(of, env, input.clone(), &mut |item| {
                    item.may_enter(|| format!("access element {} of", bounds(&from, &to)))?;
                    let next = self.slice(item.value(), &from, &to)?;
                    out(item.step(|| bounds(&from, &to), next)?)
                })
            })
        })
    }

    fn bounds(
        &self,
        bound: Option<&Node>,
        env: &Env<'_>,
        input: &Value,
        out: Out<'_, Value>,
    ) -> Flow {
        match bound {
            Some(node) => self.eval(node, env, input.clone(), out),
            None => out(Value::Null),
        }
    }

    fn each<T: Item>(&self, item: T, out: Out<'_, T>) -> Flow {
        item.may_enter(|| "iterate through".to_owned())?;
        match item.value().clone() {
            Value::Array(items) => items.iter().enumerate().try_for_each(|(i, value)| {
                self.meter.tick()?;
                out(item.clone().step(|| i.into(), value.clone())?)
            }),
            Value::Object(object) => object.iter().try_for_each(|(key, value)| {
                self.meter.tick()?;
                out(item.clone().step(|| key.clone().into(), value.clone())?)
            }),
            other => Err(raise(format!("Cannot iterate over {}", described(&other)))),
        }
    }

    /// `left // right`: the true outputs of `left`, or else all of `right`.
    fn alternative<T: Item>(
        &self,
        left: &Node,
        right: &Node,
        env: &Env<'_>,
        input: T,
        out: Out<'_, T>,
    ) -> Flow {
        let mut any = false;
        self.eval(left, env, input.clone(), &mut |item| {
            if !item.value().is_truthy() {
                return Ok(());
            }
            any = true;
            out(item)
        })?;
        if any {
            return Ok(());
        }
        self.eval(right, env, input, out)
    }

    /// An error that the consumer of an output raises is not the body's, so it is not caught.
    fn attempt<T: Item>(
        &self,
        body: &Node,
        handler: Option<&Node>,
        env: &Env<'_>,
        input: T,
        out: Out<'_, T>,
    ) -> Flow {
        let mut aside = None;
        let flow = self.eval(body, env, input, &mut |item| {
            out(item).map_err(|stop| put_aside(&mut aside, stop))
        });
        match (aside, flow, handler) {
            (Some(stop), _, _) => Err(stop),
            (None, Err(Stop::Raised(_)), None) => Ok(()),
            (None, Err(Stop::Raised(error)), Some(handler)) => {
                self.eval(handler, env, T::computed(error), out)
            }
            (None, flow, _) => flow,
        }
    }

    fn def(&self, id: DefId) -> &'p Def {
        match id {
            DefId::Own(index) => &self.program.defs[index],
            DefId::Prelude(index) => &prelude().defs[index],
        }
    }
}

/// A slice as the element of a path.
fn bounds(from: &Value, to: &Value) -> Value {
    crate::value!({"start": from.clone(), "end": to.clone()})
}

fn put_aside(aside: &mut Option<Stop>, stop: Stop) -> Stop {
    *aside = Some(stop);
    Stop::Aside
}
