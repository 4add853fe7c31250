//! Functions that take filters and run them as often as they need.

use super::item::{Item, Tracked};
use super::{Env, Flow, Machine, Out, Stop, raise};
use crate::Value;
use crate::builtin::Control;
use crate::program::Node;

/// Puts what is below an item on the stack.
type Below<'b, T> = &'b mut dyn FnMut(T, &mut Vec<Result<T, Stop>>) -> Flow;

/// Keys of a path that is only read; beyond, jq refuses too.
const PATH_KEYS_MAX: usize = 10_000;

#[derive(Clone, Copy, PartialEq)]
enum Goal {
    While,
    Until,
}

impl Machine<'_> {
    pub(super) fn control<T: Item>(
        &self,
        control: Control,
        args: &[Node],
        env: &Env<'_>,
        input: T,
        out: Out<'_, T>,
    ) -> Flow {
        match control {
            Control::Empty => Ok(()),
            Control::Select => self.eval(&args[0], env, input.value().clone(), &mut |keep| {
                if keep.is_truthy() {
                    out(input.clone())
                } else {
                    Ok(())
                }
            }),
            Control::RecurseAll => self.walk(
                input,
                &mut |item, below| match item.value() {
                    Value::Array(_) | Value::Object(_) => {
                        self.each(item, &mut |child| self.keep(below, Ok(child)))
                    }
                    _ => Ok(()),
                },
                out,
            ),
            Control::Recurse => self.walk(
                input,
                &mut |item, below| {
                    self.eval(&args[0], env, item, &mut |child| {
                        self.keep(below, Ok(child))
                    })
                },
                out,
            ),
            Control::Repeat => loop {
                self.meter.tick()?;
                self.eval(&args[0], env, input.clone(), out)?;
            },
            Control::While => self.go_on((&args[0], &args[1]), Goal::While, env, input, out),
            Control::Until => self.go_on((&args[0], &args[1]), Goal::Until, env, input, out),
            Control::Range => self.range(args, env, input.value(), &mut |n| out(T::computed(n))),
            Control::First => match self.first(&args[0], env, input)? {
                Some(item) => out(item),
                None => Ok(()),
            },
            Control::Last => {
                let mut last = None;
                self.eval(&args[0], env, input, &mut |item| {
                    last = Some(item);
                    Ok(())
                })?;
                last.map_or(Ok(()), out)
            }
            Control::Limit => self.eval(&args[0], env, input.value().clone(), &mut |count| {
                self.limit(
                    &self.count(&count, "limit")?,
                    &args[1],
                    env,
                    input.clone(),
                    out,
                )
            }),
            Control::Skip => self.eval(&args[0], env, input.value().clone(), &mut |count| {
                let mut left = self.count(&count, "skip")?;
                self.eval(&args[1], env, input.clone(), &mut |item| {
                    if left > 0.0 {
                        left -= 1.0;
                        return Ok(());
                    }
                    out(item)
                })
            }),
            Control::GetPath => self.eval(&args[0], env, input.value().clone(), &mut |path| {
                let Value::Array(path) = path else {
                    return Err(raise("Path must be specified as an array"));
                };
                if path.len() > PATH_KEYS_MAX {
                    return Err(raise("Path too deep"));
                }
                let mut at = input.clone();
                for key in path.iter() {
                    at.may_enter(|| format!("access element {key} of"))?;
                    let next = self.get_path(at.value(), std::slice::from_ref(key))?;
                    at = at.step(|| key.clone(), next)?;
                }
                out(at)
            }),
            Control::Path => {
                let root = Tracked::root(input.into_value());
                self.eval(&args[0], env, root, &mut |item: Tracked| {
                    out(T::computed(self.array(item.into_path()?)?))
                })
            }
            _ => out(T::computed(self.one_control(
                control,
                args,
                env,
                input.into_value(),
            )?)),
        }
    }

    /// Functions with exactly one output.
    pub(super) fn one_control(
        &self,
        control: Control,
        args: &[Node],
        env: &Env<'_>,
        input: Value,
    ) -> Result<Value, Stop> {
        match control {
            Control::Map => {
                let mut items = Vec::new();
                self.each(input, &mut |item| {
                    self.eval(&args[0], env, item, &mut |item| self.keep(&mut items, item))
                })?;
                self.array(items)
            }
            Control::IsEmpty => Ok(self.first(&args[0], env, input)?.is_none().into()),
            Control::Delete => {
                let paths = self.paths(&args[0], env, input.clone())?;
                self.delete_paths(input, paths)
            }
            Control::SortBy
            | Control::GroupBy
            | Control::UniqueBy
            | Control::MinBy
            | Control::MaxBy => self.by_key(control, &args[0], env, input),
            _ => Ok(self
                .first_control(control, args, env, input)?
                .unwrap_or_default()),
        }
    }

    fn first_control(
        &self,
        control: Control,
        args: &[Node],
        env: &Env<'_>,
        input: Value,
    ) -> Result<Option<Value>, Stop> {
        let mut found = None;
        self.control(control, args, env, input, &mut |value| {
            found = Some(value);
            Ok(())
        })?;
        Ok(found)
    }

    fn keep<T>(&self, kept: &mut Vec<T>, item: T) -> Flow {
        self.meter.build(size_of::<T>())?;
        kept.push(item);
        Ok(())
    }

    /// Each item before what is below it. Keeps its own stack, so it may go on for long. An error on
    /// the way to what is below counts when it is reached.
    fn walk<T: Item>(&self, root: T, below: Below<'_, T>, out: Out<'_, T>) -> Flow {
        let mut open = vec![Ok(root)];
        while let Some(item) = open.pop() {
            let item = item?;
            self.meter.tick()?;
            out(item.clone())?;
            let mark = open.len();
            if let Err(stop) = below(item, &mut open) {
                open.push(Err(stop));
            }
            open[mark..].reverse();
        }
        Ok(())
    }

    /// `while` and `until`.
    fn go_on<T: Item>(
        &self,
        (condition, next): (&Node, &Node),
        goal: Goal,
        env: &Env<'_>,
        root: T,
        out: Out<'_, T>,
    ) -> Flow {
        if !condition.single() {
            return self.go_on_each((condition, next), goal, env, root, out);
        }
        let mut open: Vec<Result<T, Stop>> = vec![Ok(root)];
        while let Some(item) = open.pop() {
            let item = item?;
            self.meter.tick()?;
            let holds = self.one(condition, env, item.value().clone())?.is_truthy();
            if holds {
                out(item.clone())?;
            }
            if holds == (goal == Goal::Until) {
                continue;
            }
            let mark = open.len();
            let flow = self.eval(next, env, item, &mut |child| {
                self.keep(&mut open, Ok(child))
            });
            if let Err(stop) = flow {
                open.push(Err(stop));
            }
            open[mark..].reverse();
        }
        Ok(())
    }

    /// The same for a condition that may have several outputs.
    fn go_on_each<T: Item>(
        &self,
        (condition, next): (&Node, &Node),
        goal: Goal,
        env: &Env<'_>,
        item: T,
        out: Out<'_, T>,
    ) -> Flow {
        self.eval(condition, env, item.value().clone(), &mut |holds| {
            let holds = holds.is_truthy();
            if holds {
                out(item.clone())?;
            }
            if holds == (goal == Goal::Until) {
                return Ok(());
            }
            self.eval(next, env, item.clone(), &mut |child| {
                self.go_on_each((condition, next), goal, env, child, out)
            })
        })
    }

    fn range(&self, args: &[Node], env: &Env<'_>, input: &Value, out: Out<'_, Value>) -> Flow {
        let zero = Node::literal(0);
        let one = Node::literal(1);
        let (from, to, by) = match args {
            [to] => (&zero, to, &one),
            [from, to] => (from, to, &one),
            [from, to, by] => (from, to, by),
            _ => unreachable!("range takes one to three arguments"),
        };
        self.eval(from, env, input.clone(), &mut |from| {
            self.eval(to, env, input.clone(), &mut |to| {
                self.eval(by, env, input.clone(), &mut |by| {
                    self.count_up((&from, &to, &by), out)
                })
            })
        })
    }

    fn count_up(&self, (from, to, by): (&Value, &Value, &Value), out: Out<'_, Value>) -> Flow {
        let (Some(mut at), Some(to), Some(by)) = (from.as_f64(), to.as_f64(), by.as_f64()) else {
            return Err(raise("Range bounds must be numeric"));
        };
        while (by > 0.0 && at < to) || (by < 0.0 && at > to) {
            self.meter.tick()?;
            out(Value::from(at))?;
            at += by;
        }
        Ok(())
    }

    fn count(&self, count: &Value, name: &str) -> Result<f64, Stop> {
        match count.as_f64() {
            Some(count) if count < 0.0 => {
                Err(raise(format!("{name} doesn't support negative count")))
            }
            Some(count) => Ok(count),
            None => Err(raise(format!(
                "{name} takes a number, not {}",
                super::described(count)
            ))),
        }
    }

    fn limit<T: Item>(
        &self,
        count: &f64,
        node: &Node,
        env: &Env<'_>,
        input: T,
        out: Out<'_, T>,
    ) -> Flow {
        let mut left = *count;
        if left <= 0.0 {
            return Ok(());
        }
        let enough = self.fresh_label();
        let flow = self.eval(node, env, input, &mut |item| {
            left -= 1.0;
            out(item)?;
            if left <= 0.0 {
                Err(Stop::Break(enough))
            } else {
                Ok(())
            }
        });
        match flow {
            Err(Stop::Break(label)) if label == enough => Ok(()),
            flow => flow,
        }
    }

    fn by_key(
        &self,
        control: Control,
        by: &Node,
        env: &Env<'_>,
        input: Value,
    ) -> Result<Value, Stop> {
        let Value::Array(items) = input else {
            return Err(match &input {
                Value::Object(_) => {
                    super::cannot(&input, "cannot be sorted, as it is not an array")
                }
                other => raise(format!("Cannot iterate over {}", super::described(other))),
            });
        };
        let mut keyed = Vec::with_capacity(items.len());
        for item in items.iter() {
            let key = if by.single() {
                self.one(by, env, item.clone())?
            } else {
                self.array(self.collect(by, env, item.clone())?)?
            };
            self.meter.build(4 * size_of::<Value>())?;
            keyed.push((key, item.clone()));
        }
        self.sort(&mut keyed, |(key, _)| key)?;
        if control == Control::SortBy {
            return self.array(keyed.into_iter().map(|(_, item)| item).collect());
        }
        let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
        for (key, item) in keyed {
            match groups.last_mut() {
                Some((last, group)) if self.order(last, &key)?.is_eq() => group.push(item),
                _ => groups.push((key, vec![item])),
            }
        }
        match control {
            Control::GroupBy => {
                let groups = groups.into_iter().map(|(_, group)| self.array(group));
                self.array(groups.collect::<Result<_, _>>()?)
            }
            Control::UniqueBy => self.array(
                groups
                    .into_iter()
                    .map(|(_, mut group)| group.swap_remove(0))
                    .collect(),
            ),
            Control::MinBy => Ok(groups
                .into_iter()
                .next()
                .map(|(_, mut group)| group.swap_remove(0))
                .unwrap_or_default()),
            _ => Ok(groups
                .pop()
                .and_then(|(_, mut group)| group.pop())
                .unwrap_or_default()),
        }
    }
}
