//! Everything that a release ever wrote is read for ever (G9). `golden/v1` holds it: bytes, and beside them as JSON what
//! they mean.
//!
//! Setting `WRITE_GOLDEN` writes files that are missing, for new kinds of content. A file that is there never changes.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ferrovia_dsl::compile::{Links, Options, compile};
use ferrovia_dsl::plan::PlanHash;
use ferrovia_engine::{
    Cx, EffectOutput, ErrorType, Fault, Input, ObligationId, Outcome, Run, RuntimeInfo, step,
};
use ferrovia_expr::{Value, value};
use ferrovia_store::format::v1::{
    Digest, Moved, Record, Stamped, State, decode_event, decode_input, decode_outcome,
    encode_event, encode_input, encode_outcome,
};
use ferrovia_store::{RunId, StoreError};
use serde::Serialize;

/// 2026-01-01T00:00:00Z.
const EPOCH_MS: i64 = 1_767_225_600_000;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1")
}

/// A kind of content, with how it is written and read.
struct Kind<T> {
    encode: fn(&T) -> Vec<u8>,
    decode: fn(&[u8]) -> Result<T, StoreError>,
}

impl<T: Serialize + Debug> Kind<T> {
    /// The file means what stands beside it, and is what would be written for that today.
    fn check_file(&self, name: &str, today: impl FnOnce() -> T) {
        let file = directory().join(name).with_extension("bin");
        let meaning = file.with_extension("json");
        if std::env::var_os("WRITE_GOLDEN").is_some() && !file.exists() {
            let bytes = (self.encode)(&today());
            let read = (self.decode)(&bytes).expect("it was written just now");
            std::fs::create_dir_all(directory()).expect("it is writable");
            std::fs::write(&file, bytes).expect("it is writable");
            std::fs::write(&meaning, json(&read)).expect("it is writable");
        }
        let bytes = std::fs::read(&file).unwrap_or_else(|why| panic!("{name}: {why}"));
        let text = std::fs::read_to_string(meaning).expect("its meaning stands beside it");
        let read = (self.decode)(&bytes).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(json(&read), text, "{name} does not mean what it did");
        assert!(
            (self.encode)(&read) == bytes,
            "{name} is written in another way today"
        );
        self.check_damage(name, &bytes);
    }

    /// As `check_file`, for content that no behaviour of the engine is in.
    fn check(&self, name: &str, content: T) {
        let bytes = (self.encode)(&content);
        self.check_file(name, || content);
        let file = directory().join(name).with_extension("bin");
        let golden = std::fs::read(file).expect("it was read before");
        assert!(golden == bytes, "{name} is written in another way today");
    }

    fn check_damage(&self, name: &str, bytes: &[u8]) {
        let damaged = |bytes: &[u8], how: String| {
            let read = (self.decode)(bytes);
            assert!(
                matches!(read, Err(StoreError::Damaged { .. })),
                "{name}, {how}: {read:?}"
            );
        };
        for at in 0..bytes.len() {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= 1 << (at % 8);
            damaged(&flipped, format!("byte {at}"));
        }
        for length in [0, 1, 5, 6, bytes.len() / 2, bytes.len() - 1] {
            damaged(&bytes[..length], format!("{length} bytes"));
        }
        damaged(&[bytes, &[0]].concat(), "longer".to_owned());
    }
}

fn json(content: &impl Serialize) -> String {
    serde_json::to_string_pretty(content).expect("JSON can say it") + "\n"
}

const RECORD: Kind<Record> = Kind {
    encode: Record::encode,
    decode: Record::decode,
};
const STATE: Kind<State> = Kind {
    encode: State::encode,
    decode: State::decode,
};
const INPUT: Kind<Value> = Kind {
    encode: encode_input,
    decode: decode_input,
};
const EVENT: Kind<Value> = Kind {
    encode: encode_event,
    decode: decode_event,
};
const OUTCOME: Kind<Outcome> = Kind {
    encode: encode_outcome,
    decode: decode_outcome,
};

/// Values that are easily written wrong. JSON shows neither NaN nor infinities; the bytes keep them.
fn odd_values() -> Value {
    let mut deep = value!("deep");
    for level in 0..60 {
        deep = if level % 2 == 0 {
            value!([deep, level])
        } else {
            value!({ "in": deep })
        };
    }
    value!({
        "nan": Value::Float(f64::NAN),
        "infinity": Value::Float(f64::INFINITY),
        "minus infinity": Value::Float(f64::NEG_INFINITY),
        "minus zero": -0.0,
        "smallest": 5e-324,
        "largest": f64::MAX,
        "third": 1.0 / 3.0,
        "integers": [0, 127, 128, 255, 256, 65_535, 65_536, -1, -32, -33, -128, -129, -32_769,
                     4_294_967_296_i64, 9_007_199_254_740_993_i64, i64::MAX, i64::MIN],
        "beyond integers": 18_446_744_073_709_551_616.0,
        "text": "😀 \u{10ffff} ä\u{301} \u{0} \u{2028} \"\\",
        "long text": "x".repeat(300),
        "": null,
        "flags": [true, false],
        "empty": [[], {}],
        "z before a": 1,
        "a after z": 2,
        "deep": deep
    })
}

fn record(inputs: Vec<Input>) -> Record {
    let stamped = (0..).zip(inputs).map(|(n, input)| Stamped {
        at_ms: EPOCH_MS + n,
        input,
        reused: false,
    });
    Record {
        inputs: stamped.collect(),
        release: None,
        identity: None,
        moved: None,
        digest: Digest(0x0123_4567_89ab_cdef_0011_2233_4455_6677),
    }
}

fn settled(value: Value) -> Outcome {
    Outcome::Completed(EffectOutput {
        value,
        authorization_scheme: None,
    })
}

fn fault() -> Outcome {
    Outcome::Failed(Fault {
        kind: ErrorType::Communication,
        status: Some(503),
        title: None,
        detail: Some("nobody answers".into()),
    })
}

#[test]
fn records_of_every_input() {
    let id = || ObligationId("/do/0/call@1".into());
    let inputs = [
        (
            "start",
            Input::Start {
                input: odd_values(),
                secrets: None,
            },
        ),
        (
            "start-with-secrets",
            Input::Start {
                input: value!({}),
                secrets: Some(value!({ "key": "k" })),
            },
        ),
        (
            "effect-settled",
            Input::EffectSettled {
                id: id(),
                outcome: Outcome::Completed(EffectOutput {
                    value: odd_values(),
                    authorization_scheme: Some("Bearer".into()),
                }),
            },
        ),
        (
            "effect-failed",
            Input::EffectSettled {
                id: id(),
                outcome: fault(),
            },
        ),
        ("timer-fired", Input::TimerFired { id: id() }),
        (
            "message-arrived",
            Input::MessageArrived {
                event: value!({ "id": "1", "data": [1.5, "ä"] }),
            },
        ),
        (
            "child-settled",
            Input::ChildSettled {
                id: id(),
                outcome: settled(value!({ "sum": 15 })),
            },
        ),
        ("proceed", Input::Proceed),
        (
            "cancel",
            Input::Cancel {
                reason: Some("asked".into()),
            },
        ),
        ("cancel-silently", Input::Cancel { reason: None }),
        ("suspend", Input::Suspend),
        ("resume", Input::Resume),
    ];
    for (name, input) in &inputs {
        // A variant that is added has to be added here.
        match input {
            Input::Start { .. }
            | Input::EffectSettled { .. }
            | Input::TimerFired { .. }
            | Input::MessageArrived { .. }
            | Input::ChildSettled { .. }
            | Input::Proceed
            | Input::Cancel { .. }
            | Input::Suspend
            | Input::Resume => RECORD.check(&format!("record-{name}"), record(vec![input.clone()])),
        }
    }
    let all = inputs.into_iter().map(|(_, input)| input).collect();
    let first = Record {
        release: Some("0.1.0".into()),
        ..record(all)
    };
    RECORD.check("record-of-all-with-release", first);
    let none = Record {
        digest: Digest(u128::MAX),
        ..record(vec![])
    };
    RECORD.check("record-of-nothing", none);
    let mut fork = Record {
        release: Some("0.1.0".into()),
        identity: Some(RunId(7)),
        ..record(vec![Input::Resume, Input::Proceed])
    };
    fork.inputs[1].reused = true;
    RECORD.check("record-of-a-fork", fork);
    let moved = Record {
        moved: Some(Moved {
            from: PlanHash([1; 32]),
            to: PlanHash([2; 32]),
        }),
        ..record(vec![])
    };
    RECORD.check("record-that-moves", moved);
}

#[test]
fn inputs_events_and_outcomes() {
    INPUT.check("input", odd_values());
    INPUT.check("input-null", Value::Null);
    INPUT.check("input-long", value!(["x".repeat(70_000)]));
    EVENT.check(
        "event",
        value!({
            "specversion": "1.0", "id": "1", "source": "/desk", "type": "order.placed",
            "time": "2026-01-01T00:00:00Z", "data": odd_values()
        }),
    );
    OUTCOME.check("outcome-completed", settled(odd_values()));
    OUTCOME.check("outcome-failed", fault());
    for kind in ErrorType::ALL {
        let fault = Fault {
            kind,
            status: None,
            title: Some("a title".into()),
            detail: None,
        };
        OUTCOME.check(
            &format!("outcome-failed-{}", kind.name()),
            Outcome::Failed(fault),
        );
    }
    let raised = "do: [ { fail: { raise: { error: { type: 'https://example.com/no', status: 418, title: No, detail: Never } } } } ]";
    OUTCOME.check_file("outcome-faulted", || {
        let state = play(raised, &[]);
        match state.run.ending() {
            Some(ferrovia_engine::Ending::Faulted(error)) => Outcome::Faulted(error.clone()),
            other => panic!("it raises an error: {other:?}"),
        }
    });
}

const LOOP: &str = "
do:
  - loop:
      for: { each: id, in: .ids }
      do:
        - get: { call: http, with: { method: get, endpoint: { uri: '${ \"http://x/\\($id)\" }' } } }
";
const RACE: &str = "
do:
  - race:
      fork:
        compete: true
        branches:
          - a: { call: http, with: { method: get, endpoint: 'http://x/a' } }
          - b: { do: [ { w: { wait: PT1H } }, { s: { set: { late: true } } } ] }
";
const HEAR: &str = "
do:
  - hear:
      listen: { to: { any: [ { with: { type: tick } } ], until: $context.count >= 5 } }
      foreach:
        item: e
        at: i
        do:
          - call: { call: http, with: { method: post, endpoint: 'http://x', body: { n: '${ $e.n }' } } }
        export: { as: '{ count: (($context.count // 0) + 1) }' }
";
const GUARD: &str = "
do:
  - guarded:
      try:
        - get: { call: http, with: { method: get, endpoint: 'http://x' } }
      catch:
        errors: { with: { status: 503 } }
        as: problem
        retry: { delay: PT1S, backoff: { exponential: {} }, limit: { attempt: { count: 2 } } }
        do:
          - note: { set: { gaveUp: '${ $problem.status }' } }
";

fn settle(id: &str, outcome: Outcome) -> Input {
    Input::EffectSettled {
        id: ObligationId(id.into()),
        outcome,
    }
}

fn tick(n: i64) -> Input {
    Input::MessageArrived {
        event: value!({ "id": (n.to_string()), "source": "/s", "type": "tick", "data": { "n": n } }),
    }
}

/// The state of a run after some inputs.
fn play(tasks: &str, inputs: &[Input]) -> State {
    let tasks = tasks.trim_start();
    let text = format!(
        "document: {{ dsl: '1.0.3', namespace: test, name: case, version: '1.0.0' }}\n{tasks}"
    );
    let root = ferrovia_dsl::source::parse(&text).expect("it is YAML");
    let plan = compile(&text, &root, &Links::default(), Options::default());
    let plan = Arc::new(plan.expect("it is a workflow").plan);
    let runtime = RuntimeInfo {
        name: "Ferrovia".into(),
        version: "0.1.0".into(),
        metadata: Value::Null,
    };
    let mut run = Run::new("06e8jvd4r3x0g", 7);
    let start = Input::Start {
        input: value!({ "ids": [1, 2, 3], "odd": 0.1 }),
        secrets: None,
    };
    let mut at_ms = EPOCH_MS;
    for input in std::iter::once(&start).chain(inputs) {
        at_ms += 10;
        let cx = Cx {
            now_ms: at_ms,
            runtime: &runtime,
        };
        step(&plan, &mut run, input.clone(), &cx).expect("it is what the run waits for");
    }
    State {
        run,
        digest: Digest(42),
        at_ms,
        release: "0.1.0".into(),
    }
}

#[test]
fn snapshots_of_runs_in_the_middle() {
    let first = settle("/do/0/loop/do/0/get@0", settled(value!({ "v": 10 })));
    let failed = settle("/do/0/guarded/try/0/get", fault());
    let retried = Input::TimerFired {
        id: ObligationId("/do/0/guarded@t1#retry".into()),
    };
    let heard = settle("/do/0/hear/foreach/do/0/call@0", settled(Value::Null));
    let cases: [(&str, &str, Vec<Input>); 9] = [
        ("for", LOOP, vec![first.clone()]),
        ("for-suspended", LOOP, vec![Input::Suspend, first]),
        ("fork", RACE, vec![]),
        ("listen", HEAR, vec![tick(1)]),
        ("listen-mailbox", HEAR, vec![tick(1), tick(2), tick(3)]),
        ("listen-next", HEAR, vec![tick(1), tick(2), heard]),
        ("try-waits", GUARD, vec![failed.clone()]),
        ("try-again", GUARD, vec![failed, retried]),
        ("cancelled", RACE, vec![Input::Cancel { reason: None }]),
    ];
    for (name, tasks, inputs) in cases {
        STATE.check_file(&format!("snapshot-{name}"), || play(tasks, &inputs));
    }
}

#[test]
fn no_file_is_left_alone() {
    // Each of them is named in a test above; files of another kind would be read by none.
    let files = std::fs::read_dir(directory()).expect("the files are there");
    let names: Vec<String> = files
        .map(|file| {
            file.expect("it is readable")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    for name in &names {
        let (stem, extension) = name.rsplit_once('.').expect("it has an extension");
        assert!(["bin", "json"].contains(&extension), "{name}");
        assert!(names.contains(&format!("{stem}.bin")), "{name}");
        let kinds = ["record-", "snapshot-", "input", "event", "outcome-"];
        assert!(kinds.iter().any(|kind| stem.starts_with(kind)), "{name}");
    }
    assert_eq!(names.len(), 2 * 40);
}
