//! Runs and traces for people to read.

use ferrovia_expr::Value;
use jiff::Timestamp;

use super::words::words;
use crate::out::harmless;
use crate::trace::short;

/// Columns as wide as what is in them.
pub(super) fn list(found: &Value) -> String {
    let runs = found.get("runs").and_then(Value::as_array);
    let runs: &[Value] = runs.map_or(&[], |runs| runs);
    if runs.is_empty() {
        return "no runs".to_owned();
    }
    let mut rows = vec![["RUN", "WORKFLOW", "STATUS", "CREATED", "NOTE"].map(str::to_owned)];
    rows.extend(runs.iter().map(|run| {
        [
            text(run, "id"),
            text(run, "workflow"),
            text(run, "status"),
            time(run, "createdMs"),
            text(run, "reason"),
        ]
    }));
    let mut text = align(&rows);
    if let Some(before) = found.get("before").and_then(Value::as_str) {
        text.push_str(&format!("\nolder ones: --before {before}"));
    }
    text
}

pub(crate) fn align<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(&widths);
        let cells = cells.map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// One run, a property in each line.
pub(super) fn run(found: &Value) -> String {
    let mut rows = Vec::new();
    let mut row = |name: &str, text: String| {
        if !text.is_empty() {
            rows.push([name.to_owned(), text]);
        }
    };
    for name in [
        "id",
        "workflow",
        "status",
        "reason",
        "parent",
        "repairs",
        "forkedFrom",
    ] {
        let shown = if name == "forkedFrom" {
            "forked from"
        } else {
            name
        };
        row(shown, text(found, name));
    }
    row("created", time(found, "createdMs"));
    row("updated", time(found, "updatedMs"));
    row("wakes", time(found, "wakeMs"));
    let labels = found.get("labels").and_then(Value::as_object);
    for (name, value) in labels.iter().flat_map(|labels| labels.iter()) {
        let value = value.as_str().unwrap_or_default();
        row("label", harmless(&format!("{name}:{value}")));
    }
    for owed in items(found, "open") {
        let due = time(owed, "dueMs");
        let what = [
            text(owed, "what"),
            text(owed, "call"),
            text(owed, "workflow"),
            text(owed, "id"),
            due,
        ];
        let what: Vec<_> = what.into_iter().filter(|part| !part.is_empty()).collect();
        row("waits for", what.join(" "));
    }
    for child in items(found, "children") {
        let what = ["id", "workflow", "status"].map(|name| text(child, name));
        row("child", what.join(" "));
    }
    if let Some(effects) = found.get("effects") {
        for (name, effect) in [("reused", "reused"), ("executed", "carried out")] {
            for id in items(effects, name) {
                row(effect, harmless(id.as_str().unwrap_or_default()));
            }
        }
    }
    let mut shown = align(&rows);
    for name in ["output", "error"] {
        if let Some(value) = found.get(name) {
            shown.push_str(&format!("\n{name}:\n{}", value.to_json_pretty()));
        }
    }
    shown
}

/// What a fork or a repair is, or what it would be.
pub(super) fn forked(made: &Value, dry: bool) -> String {
    let mut rows = Vec::new();
    if let Some(run) = made.get("run") {
        for name in ["id", "workflow"] {
            let shown = if name == "id" { "run" } else { name };
            rows.push([shown.to_owned(), text(run, name)]);
        }
    }
    for id in items(made, "reused") {
        let id = harmless(id.as_str().unwrap_or_default());
        rows.push(["reused".to_owned(), id]);
    }
    let next = if dry {
        "would carry out"
    } else {
        "carries out"
    };
    for owed in items(made, "open") {
        let call = text(owed, "call");
        let what = if call.is_empty() {
            text(owed, "what")
        } else {
            call
        };
        rows.push([next.to_owned(), format!("{what} {}", text(owed, "id"))]);
    }
    if made.get("ended") == Some(&true.into()) {
        rows.push(["ends".to_owned(), "with nothing carried out".to_owned()]);
    }
    if rows.is_empty() {
        return "nothing is reused, and nothing is carried out at once".to_owned();
    }
    align(&rows)
}

/// How runs stand to another version.
pub(super) fn verdicts(verdicts: &[Value]) -> String {
    if verdicts.is_empty() {
        return "no live runs".to_owned();
    }
    let mut rows = vec![["RUN", "RESULT", "WHERE", "WAS", "WOULD BE"].map(str::to_owned)];
    rows.extend(verdicts.iter().map(|verdict| {
        let is = |name: &str| verdict.get(name) == Some(&true.into());
        let result = match (is("moved"), is("same"), verdict.get("why")) {
            (true, ..) => "moved",
            (false, true, _) => "same",
            (false, false, None) => "differs",
            (false, false, Some(_)) => "not compared",
        };
        let record = verdict.get("record").and_then(Value::as_i64);
        let record = record.map(|record| format!("record {record}"));
        let place: Vec<String> = [record.unwrap_or_default(), text(verdict, "task")]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect();
        let shown = |name: &str| short(&text(verdict, name));
        let was = match verdict.get("why") {
            Some(_) => shown("why"),
            None => shown("was"),
        };
        [
            text(verdict, "id"),
            result.to_owned(),
            place.join(" "),
            was,
            shown("wouldBe"),
        ]
    }));
    align(&rows)
}

pub(super) fn trace(entries: &Value) -> String {
    let entries = entries.as_array().map_or(&[][..], |entries| entries);
    entries.iter().map(entry).collect::<Vec<_>>().join("\n")
}

/// One line: when, where, what, and with which data.
pub(crate) fn entry(entry: &Value) -> String {
    let place = match entry.get("task").and_then(Value::as_str) {
        Some(task) => harmless(task),
        None => "-".to_owned(),
    };
    format!("{} {place} {}", time(entry, "atMs"), words(entry))
}

fn items<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    let items = value.get(name).and_then(Value::as_array);
    items.map_or(&[], |items| items)
}

pub(crate) fn text(value: &Value, name: &str) -> String {
    harmless(value.get(name).and_then(Value::as_str).unwrap_or_default())
}

pub(crate) fn time(value: &Value, name: &str) -> String {
    let ms = value.get(name).and_then(Value::as_i64);
    let time = ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.map_or_else(String::new, |time| format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferrovia_expr::value;

    #[test]
    fn runs_are_a_table_and_texts_cannot_steer_the_terminal() {
        let found = value!({
            "before": "0000000000001",
            "runs": [
                { "id": "0000000000002", "workflow": "shop/order:1.0.0", "status": "completed", "createdMs": 0 },
                { "id": "0000000000001", "workflow": "a/b:1.0.0", "status": "parked", "createdMs": 1500,
                  "reason": "\u{1b}[2Jgone" }
            ]
        });
        assert_eq!(
            list(&found),
            "RUN            WORKFLOW          STATUS     CREATED                   NOTE\n\
             0000000000002  shop/order:1.0.0  completed  1970-01-01T00:00:00.000Z\n\
             0000000000001  a/b:1.0.0         parked     1970-01-01T00:00:01.500Z  \u{fffd}[2Jgone\n\
             older ones: --before 0000000000001"
        );
    }

    #[test]
    fn a_fork_says_what_it_reuses_and_what_it_carries_out() {
        let made = value!({
            "reused": ["/do/0/a"], "ended": false,
            "open": [{ "id": "/do/1/b", "what": "effect", "call": "http" }, { "id": "/do/2/c", "what": "child" }]
        });
        assert_eq!(
            forked(&made, true),
            "reused           /do/0/a\n\
             would carry out  http /do/1/b\n\
             would carry out  child /do/2/c"
        );
    }

    #[test]
    fn a_run_that_differs_shows_where_first() {
        let found = [
            value!({ "id": "1", "same": true, "moved": true }),
            value!({ "id": "2", "same": false, "moved": false, "record": 3, "task": "/do/1/b", "was": "a",
                     "wouldBe": "b" }),
            value!({ "id": "3", "same": false, "why": "no" }),
        ];
        assert_eq!(
            verdicts(&found),
            "RUN  RESULT        WHERE             WAS  WOULD BE\n\
             1    moved\n\
             2    differs       record 3 /do/1/b  a    b\n\
             3    not compared                    no"
        );
    }

    #[test]
    fn an_entry_says_when_where_what_and_with_which_data() {
        let line = entry(&value!({
            "record": 1, "atMs": 1, "task": "/do/0/a", "what": "task-started", "input": { "n": 1 }
        }));
        assert_eq!(
            line,
            "1970-01-01T00:00:00.001Z /do/0/a started with {\"n\":1}"
        );
    }
}
