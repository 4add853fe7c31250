//! Regular expressions. Backtracking and the compiled size are bounded.

use std::cell::RefCell;

use fancy_regex::{Regex, RegexBuilder};

use super::{Native, native_fn};
use crate::Value;
use crate::eval::{Machine, Stop, cannot, raise};

/// Steps back that one search may take.
const BACKTRACKS_MAX: usize = 100_000;
/// Bytes of one compiled expression.
const COMPILED_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of the text of one expression.
const PATTERN_BYTES_MAX: usize = 4 * 1024;
/// Steps that compiling costs.
const COMPILE_STEPS: u64 = 2_000;
/// Compiled expressions that a thread keeps.
const KEPT_MAX: usize = 32;

pub(super) const FUNCTIONS: &[Native] = &[native_fn("_match", 2, matches)];

thread_local! {
    static KEPT: RefCell<Vec<(String, Regex)>> = const { RefCell::new(Vec::new()) };
}

fn matches(machine: &Machine<'_>, value: Value, args: &[Value]) -> Result<Value, Stop> {
    let Value::Str(text) = &value else {
        return Err(cannot(&value, "cannot be matched, as it is not a string"));
    };
    let Value::Str(pattern) = &args[0] else {
        return Err(cannot(&args[0], "cannot be matched, as it is not a string"));
    };
    let flags = match &args[1] {
        Value::Null => "",
        Value::Str(flags) => flags,
        other => return Err(cannot(other, "is not a string")),
    };
    let regex = compiled(machine, pattern, flags)?;
    let all = flags.contains('g');
    let mut found = Vec::new();
    let mut offsets = Offsets {
        text,
        bytes: 0,
        chars: 0,
    };
    machine.meter.text(text.len() * 8)?;
    for captures in regex.captures_iter::<str>(text) {
        machine.meter.text(128)?;
        let captures =
            captures.map_err(|_| raise("the regular expression takes too many steps back"))?;
        let whole = captures.get(0).expect("a match has its whole text");
        if flags.contains('n') && whole.as_str().is_empty() {
            continue;
        }
        let offset = offsets.at(whole.start());
        let mut groups = Vec::new();
        for (name, group) in regex.capture_names().zip(captures.iter()).skip(1) {
            machine.meter.build(300)?;
            let (at, text) = match group {
                Some(group) => {
                    let before = group.start().checked_sub(whole.start());
                    let inside = before.and_then(|before| whole.as_str().get(..before));
                    let at = offset + inside.map_or(0, |s| s.chars().count());
                    (Value::from(at), machine.text(group.as_str().to_owned())?)
                }
                None => (Value::Int(-1), Value::Null),
            };
            let length = text.as_str().map_or(0, |s| s.chars().count());
            groups.push(crate::value!({"offset": at, "length": length, "string": text, "name": name.map(Value::from)}));
        }
        let string = machine.text(whole.as_str().to_owned())?;
        machine.meter.build(300)?;
        let length = whole.as_str().chars().count();
        found.push(crate::value!({"offset": offset, "length": length, "string": string, "captures": groups}));
        if !all {
            break;
        }
    }
    machine.array(found)
}

/// Places in characters for rising places in bytes.
struct Offsets<'t> {
    text: &'t str,
    bytes: usize,
    chars: usize,
}

impl Offsets<'_> {
    fn at(&mut self, bytes: usize) -> usize {
        self.chars += self.text[self.bytes..bytes].chars().count();
        self.bytes = bytes;
        self.chars
    }
}

fn compiled(machine: &Machine<'_>, pattern: &str, flags: &str) -> Result<Regex, Stop> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(raise(format!(
            "a regular expression is longer than {PATTERN_BYTES_MAX} bytes"
        )));
    }
    let mut inline = String::new();
    for flag in flags.chars() {
        match flag {
            'g' | 'n' => {}
            'i' | 'x' => inline.push(flag),
            's' => inline.push('s'),
            'p' => inline.push('s'),
            'l' => {}
            _ => return Err(raise(format!("{flags} is not a valid modifier string"))),
        }
    }
    let source = if inline.is_empty() {
        pattern.to_owned()
    } else {
        format!("(?{inline}){pattern}")
    };
    machine.meter.text(pattern.len())?;
    KEPT.with_borrow_mut(|kept| {
        if let Some((_, regex)) = kept.iter().find(|(text, _)| *text == source) {
            return Ok(regex.clone());
        }
        let regex = RegexBuilder::new(&source)
            .backtrack_limit(BACKTRACKS_MAX)
            .delegate_size_limit(COMPILED_BYTES_MAX)
            .delegate_dfa_size_limit(COMPILED_BYTES_MAX)
            .build()
            .map_err(|error| {
                raise(format!(
                    "{pattern} is not a valid regular expression: {error}"
                ))
            })?;
        if kept.len() == KEPT_MAX {
            kept.remove(0);
        }
        kept.push((source, regex.clone()));
        Ok(regex)
    })
    .and_then(|regex| machine.meter.steps(COMPILE_STEPS).map(|()| regex))
}
