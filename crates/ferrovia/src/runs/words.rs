//! What an entry of a trace says, in the words of `run --trace`: here the entry is what a server tells of it.

use ferrovia_expr::Value;

use crate::out::harmless;

/// How much of a value a line shows.
const VALUE_CHARS_MAX: usize = 120;

pub(super) fn words(entry: &Value) -> String {
    let what = text(entry, "what");
    let with = |name: &str| shown(entry.get(name).unwrap_or(&Value::Null));
    let words = match what {
        "task-started" => format!("started with {}", with("input")),
        "task-skipped" => "skipped, because its condition is false".to_owned(),
        "task-completed" => format!("completed with {}", with("output")),
        "task-faulted" => format!("faulted: {}", error(entry)),
        "case-taken" => match entry.get("case").and_then(Value::as_str) {
            Some(case) => format!("took case `{case}`"),
            None => "took no case: none held".to_owned(),
        },
        "iteration-started" => format!("round {}", with("index")),
        "error-caught" => format!("caught: {}", error(entry)),
        "retry-planned" => {
            let (attempt, delay) = (with("attempt"), with("delay_ms"));
            format!("retry {attempt} in {delay} ms, because of {}", error(entry))
        }
        "effect-requested" => format!("requested effect {}", text(entry, "id")),
        "event-consumed" => format!("consumed {}", with("event")),
        "event-dropped" => format!("dropped, mailbox full: {}", with("event")),
        "context-changed" => format!("context is now {}", with("context")),
        "branch-lost" => "dropped: another branch was first".to_owned(),
        "run-completed" => format!("run completed with {}", with("output")),
        "run-faulted" => format!("run faulted: {}", error(entry)),
        "run-cancelled" => {
            let reason = entry.get("reason").and_then(Value::as_str);
            format!("run cancelled: {}", reason.unwrap_or("no reason given"))
        }
        // `run started` and the like; and what a later server may tell.
        other => other.replace('-', " "),
    };
    harmless(&format!("{words}{}", then(entry)))
}

/// Where the workflow goes next, if that is not the next task.
fn then(entry: &Value) -> String {
    match entry.get("flow").and_then(Value::as_str) {
        None | Some("continue") => String::new(),
        Some(target) => format!(" → {target}"),
    }
}

fn error(entry: &Value) -> String {
    let error = entry.get("error").unwrap_or(&Value::Null);
    let status = error.get("status").and_then(Value::as_i64).unwrap_or(0);
    let (title, place) = (text(error, "title"), text(error, "instance"));
    match text(error, "detail") {
        "" => format!("{title} ({status}) at {place}"),
        detail => format!("{title} ({status}) at {place}: {detail}"),
    }
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn shown(value: &Value) -> String {
    let text = value.to_json();
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferrovia_expr::value;

    #[test]
    fn entries_speak_as_a_trace_does() {
        let error = value!({ "type": "t", "status": 409, "title": "Empty", "instance": "/do/0/a" });
        for (entry, expected) in [
            (value!({ "what": "run-started" }), "run started"),
            (
                value!({ "what": "task-started", "input": { "n": 1 } }),
                "started with {\"n\":1}",
            ),
            (
                value!({ "what": "task-completed", "output": null, "flow": "continue" }),
                "completed with null",
            ),
            (
                value!({ "what": "task-completed", "output": 1, "flow": "pack" }),
                "completed with 1 → pack",
            ),
            (
                value!({ "what": "case-taken", "case": "big", "flow": "end" }),
                "took case `big` → end",
            ),
            (
                value!({ "what": "case-taken", "case": null }),
                "took no case: none held",
            ),
            (
                value!({ "what": "run-cancelled", "reason": null }),
                "run cancelled: no reason given",
            ),
            (
                value!({ "what": "run-cancelled", "reason": "\u{1b}[2J" }),
                "run cancelled: \u{fffd}[2J",
            ),
            (
                value!({ "what": "retry-planned", "attempt": 2, "delay_ms": 50, "error": (error.clone()) }),
                "retry 2 in 50 ms, because of Empty (409) at /do/0/a",
            ),
            (
                value!({ "what": "run-faulted", "error": (error) }),
                "run faulted: Empty (409) at /do/0/a",
            ),
        ] {
            assert_eq!(words(&entry), expected);
        }
    }
}
