//! Regular expressions. Backtracking and the compiled size are bounded.

use std::cell::RefCell;

use fancy_regex::{Captures, Regex, RegexBuilder};

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
/// Entries of the object for a match or a group, its keys and texts counted as entries as well.
const MATCH_ENTRIES: usize = 8;
/// Compiled expressions that a thread keeps.
const KEPT_MAX: usize = 32;

pub(super) const FUNCTIONS: &[Native] = &[
    native_fn("_match", 2, matches),
    native_fn("_test", 2, |machine, value, args| {
        let (regex, text, flags) = prepared(machine, &value, args)?;
        machine.meter.text(text.len() * 8)?;
        let mut found = Search::new(&regex, text, flags).next();
        Ok(found.take().transpose()?.is_some().into())
    }),
    native_fn("_replace", 1, replaced),
];

thread_local! {
    static KEPT: RefCell<Vec<(String, Regex)>> = const { RefCell::new(Vec::new()) };
}

/// The expression, the text and the flags, if they are what they should be.
fn prepared<'v>(
    machine: &Machine<'_>,
    value: &'v Value,
    args: &'v [Value],
) -> Result<(Regex, &'v str, &'v str), Stop> {
    let Value::Str(text) = value else {
        return Err(cannot(value, "cannot be matched, as it is not a string"));
    };
    let Value::Str(pattern) = &args[0] else {
        return Err(cannot(&args[0], "is not a string"));
    };
    let flags = match &args[1] {
        Value::Null => "",
        Value::Str(flags) => flags,
        other => return Err(cannot(other, "is not a string")),
    };
    Ok((compiled(machine, pattern, flags)?, text, flags))
}

/// The matches of a text, one after the other. After a match the search goes on where it ended, so
/// that an empty one may follow it; an empty match steps over one character.
struct Search<'s> {
    regex: &'s Regex,
    text: &'s str,
    at: Option<usize>,
    skips_empty: bool,
}

impl<'s> Search<'s> {
    fn new(regex: &'s Regex, text: &'s str, flags: &str) -> Search<'s> {
        Search {
            regex,
            text,
            at: Some(0),
            skips_empty: flags.contains('n'),
        }
    }
}

impl<'s> Iterator for Search<'s> {
    type Item = Result<Captures<'s, str>, Stop>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let found = self.regex.captures_from_pos::<str>(self.text, self.at?);
            let Ok(captures) = found else {
                self.at = None;
                return Some(Err(raise(
                    "the regular expression takes too many steps back",
                )));
            };
            let whole = captures.as_ref().and_then(|captures| captures.get(0));
            let (Some(whole), Some(captures)) = (whole, captures) else {
                self.at = None;
                return None;
            };
            let rest = self.text[whole.end()..].chars().next();
            let is_empty = whole.start() == whole.end();
            self.at = match is_empty {
                true => rest.map(|c| whole.end() + c.len_utf8()),
                false => Some(whole.end()),
            };
            if !(is_empty && self.skips_empty) {
                return Some(Ok(captures));
            }
        }
    }
}

/// The text with what is between `[from, to, [new, …]]` replaced: one text for each place in the
/// lists of new ones.
fn replaced(machine: &Machine<'_>, value: Value, args: &[Value]) -> Result<Value, Stop> {
    let (Value::Str(text), Some(edits)) = (&value, args[0].as_array()) else {
        return Err(cannot(&value, "cannot be matched, as it is not a string"));
    };
    let mut places = Places {
        text,
        bytes: 0,
        chars: 0,
    };
    let mut outputs: Vec<String> = Vec::new();
    let mut done = 0;
    for edit in edits.iter() {
        let number = |at: usize| {
            let place = edit.as_array().and_then(|edit| edit.get(at)?.as_i64());
            place
                .and_then(|place| usize::try_from(place).ok())
                .unwrap_or_default()
        };
        let (from, to) = (places.byte(number(0)), places.byte(number(1)));
        let new = edit.as_array().and_then(|edit| edit.get(2)?.as_array());
        for (at, new) in new.iter().flat_map(|new| new.iter()).enumerate() {
            if at == outputs.len() {
                outputs.push(String::new());
            }
            let output = &mut outputs[at];
            machine.append(output, &text[done.min(from)..from])?;
            match new {
                Value::Str(new) => machine.append(output, new)?,
                Value::Null => {}
                other => {
                    let before = Value::from(std::mem::take(output));
                    machine.math(crate::program::Math::Add, before, other.clone())?;
                }
            }
        }
        done = to;
    }
    let mut whole = Vec::new();
    for mut output in outputs {
        machine.append(&mut output, &text[done..])?;
        whole.push(output.into());
    }
    machine.array(whole)
}

fn matches(machine: &Machine<'_>, value: Value, args: &[Value]) -> Result<Value, Stop> {
    let (regex, text, flags) = prepared(machine, &value, args)?;
    let all = flags.contains('g');
    let mut found = Vec::new();
    let mut places = Places {
        text,
        bytes: 0,
        chars: 0,
    };
    machine.meter.text(text.len() * 8)?;
    for captures in Search::new(&regex, text, flags) {
        machine.meter.text(128)?;
        let captures = captures?;
        let whole = captures.get(0).expect("a match has its whole text");
        let offset = places.char(whole.start());
        let mut groups = Vec::new();
        for (name, group) in regex.capture_names().zip(captures.iter()).skip(1) {
            machine.build_object(MATCH_ENTRIES)?;
            let (at, text) = match group {
                Some(group) => {
                    let at = match group.start().checked_sub(whole.start()) {
                        Some(_) => offset + count(&text[whole.start()..group.start()]),
                        // A group inside a look-behind begins before its match.
                        None => offset - count(&text[group.start()..whole.start()]),
                    };
                    (Value::from(at), machine.text(group.as_str().to_owned())?)
                }
                None => (Value::Int(-1), Value::Null),
            };
            let length = text.as_str().map_or(0, |s| s.chars().count());
            groups.push(crate::value!({"offset": at, "length": length, "string": text, "name": name.map(Value::from)}));
        }
        let string = machine.text(whole.as_str().to_owned())?;
        machine.build_object(MATCH_ENTRIES)?;
        let length = whole.as_str().chars().count();
        found.push(crate::value!({"offset": offset, "length": length, "string": string, "captures": groups}));
        if !all {
            break;
        }
    }
    machine.array(found)
}

fn count(text: &str) -> usize {
    text.chars().count()
}

/// Places in characters for rising places in bytes, and the other way round.
struct Places<'t> {
    text: &'t str,
    bytes: usize,
    chars: usize,
}

impl Places<'_> {
    fn char(&mut self, bytes: usize) -> usize {
        self.chars += count(&self.text[self.bytes..bytes]);
        self.bytes = bytes;
        self.chars
    }
    fn byte(&mut self, chars: usize) -> usize {
        let rest = &self.text[self.bytes..];
        let step = chars.saturating_sub(self.chars);
        let bytes = rest
            .char_indices()
            .nth(step)
            .map_or(rest.len(), |(at, _)| at);
        self.bytes += bytes;
        self.chars = chars.max(self.chars);
        self.bytes
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
            // What these two let `.` match, it matches line ends with `m` and `p` only.
            'm' | 'p' => inline.push('s'),
            's' | 'l' => {}
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
