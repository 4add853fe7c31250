//! The workflows of the soak, and what each must come to.
//!
//! Every call tells the ledger its effect (run, task, round) and puts the receipt that it gets into the output, so an
//! output claims which requests were made.

use crate::support::definition;

/// What a completed run must have to show.
pub(crate) enum Shows {
    /// The receipts of these effects: the name in the output, the task, the round.
    Receipts(&'static [(&'static str, &'static str, i64)]),
    /// This many children, as `r0`, `r1`, …, each with its own id and receipt.
    Children(i64),
    /// Both events that were sent to it, once each, and a receipt.
    Heard,
    /// Nothing but its token: it publishes an event that starts another run.
    Told,
}

pub(crate) struct Flow {
    pub(crate) name: &'static str,
    pub(crate) shows: Shows,
    body: &'static str,
}

/// Its only call is sent at most once.
pub(crate) const CHARGE: &str = "charge";
/// The effect of that call.
pub(crate) const CHARGE_EFFECT: &str = "/do/0/a";
/// Started by events of the type `test.triggered`.
pub(crate) const TRIGGERED: &str = "triggered";
/// Waits for two events of the type `test.confirmed`.
pub(crate) const LISTENER: &str = "listener";
pub(crate) const TELLER: &str = "teller";
pub(crate) const PARENT: &str = "parent";
pub(crate) const CHILD: &str = "child";
pub(crate) const FLAKY: &str = "flaky";

/// What the load starts by itself. The first three are also cancelled and suspended. One comes twice: it is at risk only
/// while it is being sent.
pub(crate) const STARTED: [&str; 9] = [
    "waits", "loop", PARENT, "sequence", "forked", FLAKY, CHARGE, CHARGE, TELLER,
];
pub(crate) const CONTROLLED: usize = 3;

pub(crate) const FLOWS: [Flow; 11] = [
    Flow {
        name: "sequence",
        shows: Shows::Receipts(&[("a", "a", 0), ("b", "b", 0), ("c", "c", 0)]),
        body: "do:
  - a: CALL(a, plain)
  - b: CALL(b, plain)
  - c: CALL(c, plain)",
    },
    Flow {
        name: "loop",
        shows: Shows::Receipts(&[
            ("r0", "a", 0),
            ("r1", "a", 1),
            ("r2", "a", 2),
            ("r3", "a", 3),
        ]),
        body: "do:
  - again:
      for: { each: i, in: '${ [range(4)] }' }
      do:
        - a:
            call: http
            with: { method: post, endpoint: LEDGER/plain, body: { run: '${ $workflow.id }', task: a, round: '${ $i }' } }
            output: { as: '${ $input + { (\"r\" + ($i | tostring)): .receipt } }' }",
    },
    Flow {
        name: "forked",
        shows: Shows::Receipts(&[("a", "a", 0), ("b", "b", 0), ("c", "c", 0)]),
        body: "do:
  - side:
      fork:
        branches:
          - a: CALL(a, plain)
          - b: CALL(b, plain)
          - c: CALL(c, plain)
      output: { as: '${ .[0] + .[1] + .[2] }' }",
    },
    Flow {
        name: PARENT,
        shows: Shows::Children(3),
        body: "do:
  - again:
      for: { each: i, in: '${ [range(3)] }' }
      do:
        - a:
            run:
              workflow:
                namespace: test
                name: child
                version: 1.0.0
                input: { parent: '${ $workflow.id }', round: '${ $i }' }
            output: { as: '${ $input + { (\"r\" + ($i | tostring)): . } }' }",
    },
    Flow {
        name: CHILD,
        shows: Shows::Receipts(&[("a", "a", 0)]),
        body: "do:
  - a: CALL(a, plain)
  - show: { set: '${ . + { child: $workflow.id } }' }",
    },
    Flow {
        name: FLAKY,
        shows: Shows::Receipts(&[("a", "a", 0)]),
        body: "do:
  - insist:
      try:
        - a: CALL(a, flaky)
      catch:
        retry: { delay: { milliseconds: 5 }, limit: { attempt: { count: 100 } } }",
    },
    Flow {
        name: "waits",
        shows: Shows::Receipts(&[("a", "a", 0), ("b", "b", 0)]),
        body: "do:
  - first: { wait: { milliseconds: 30 } }
  - a: CALL(a, plain)
  - second: { wait: { milliseconds: 50 } }
  - b: CALL(b, plain)",
    },
    Flow {
        name: LISTENER,
        shows: Shows::Heard,
        body: "do:
  - first: LISTEN(e1)
  - a: CALL(a, plain)
  - second: LISTEN(e2)",
    },
    Flow {
        name: CHARGE,
        shows: Shows::Receipts(&[("a", "a", 0)]),
        body: "do:
  - a:
      call: http
      metadata: { delivery: at-most-once }
      with: { method: post, endpoint: LEDGER/plain, body: { run: '${ $workflow.id }', task: a, round: 0 } }
      output: { as: '${ $input + { a: .receipt } }' }",
    },
    Flow {
        name: TELLER,
        shows: Shows::Told,
        body: "do:
  - tell:
      emit: { event: { with: { type: test.triggered, data: { t: '${ \"told-\" + .t }' } } } }
      output: { as: '${ $input }' }",
    },
    Flow {
        name: TRIGGERED,
        shows: Shows::Receipts(&[("a", "a", 0)]),
        body: "schedule: { on: { one: { with: { type: test.triggered } } } }
do:
  - open: { set: { t: '${ .[0].t }' } }
  - a: CALL(a, plain)",
    },
];

/// The definitions, as files by name.
pub(crate) fn files(ledger: &str) -> Vec<(String, String)> {
    let file = |flow: &Flow| {
        let body = calls(flow.body).replace("LEDGER", ledger);
        let text = definition(flow.name, &body);
        (format!("{}.yaml", flow.name), text)
    };
    FLOWS.iter().map(file).collect()
}

pub(crate) fn flow(name: &str) -> &'static Flow {
    let found = FLOWS.iter().find(|flow| flow.name == name);
    found.expect("only these are served")
}

/// Writes out `CALL(task, path)` and `LISTEN(name)`.
fn calls(body: &str) -> String {
    let mut text = String::new();
    let mut rest = body;
    while let Some(at) = ["CALL(", "LISTEN("]
        .iter()
        .filter_map(|what| rest.find(what))
        .min()
    {
        let (before, from) = rest.split_at(at);
        let (what, after) = from.split_once(')').expect("it is closed");
        text += before;
        match what.split_once('(').expect("it has arguments") {
            ("CALL", arguments) => {
                let (task, path) = arguments.split_once(", ").expect("there are two");
                text += &format!(
                    "{{ call: http, with: {{ method: post, endpoint: LEDGER/{path}, \
                     body: {{ run: '${{ $workflow.id }}', task: {task}, round: 0 }} }}, \
                     output: {{ as: '${{ $input + {{ {task}: .receipt }} }}' }} }}"
                );
            }
            (_, name) => {
                text += &format!(
                    "{{ listen: {{ to: {{ one: {{ with: {{ type: test.confirmed }}, \
                     correlate: {{ run: {{ from: '${{ .data.t }}', expect: '${{ $workflow.input.t }}' }} }} }} }} }}, \
                     output: {{ as: '${{ $input + {{ {name}: .[0].n }} }}' }} }}"
                );
            }
        }
        rest = after;
    }
    text + rest
}
