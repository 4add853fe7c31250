//! Transcripts: a definition, what happens to its run, and everything the engine says to it.
//!
//! Each file under `transcripts/` is a definition, a line `=====`, then inputs (lines that begin with `>`), each
//! followed by what came of it. Setting `UPDATE_TRANSCRIPTS` writes the files anew; read them before you keep them.

mod harness;

use ferrovia_engine::{EffectOutput, ErrorType, Input, ObligationId, Outcome};
use ferrovia_expr::Value;
use harness::{EPOCH_MS, Session, describe, ending, plan, workflow};

#[test]
fn every_transcript_is_what_the_engine_says() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut files: Vec<_> = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() > 20, "the transcripts are missing");
    let update = std::env::var_os("UPDATE_TRANSCRIPTS").is_some();
    let mut wrong = Vec::new();
    for file in files {
        let recorded = std::fs::read_to_string(&file).unwrap();
        let actual = transcript(&recorded);
        if actual != recorded {
            if update {
                std::fs::write(&file, &actual).unwrap();
            } else {
                wrong.push(format!(
                    "{}\n--- recorded\n{recorded}\n--- actual\n{actual}",
                    file.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Plays the inputs of a transcript and writes down what comes of them.
fn transcript(recorded: &str) -> String {
    let (definition, script) = recorded
        .split_once("=====\n")
        .expect("a transcript has two parts");
    let comments: String = definition
        .lines()
        .take_while(|line| line.starts_with('#'))
        .map(|l| format!("{l}\n"))
        .collect();
    let mut session = Session::new(plan(&workflow(&definition[comments.len()..])));
    let mut out = format!("{definition}=====\n");
    for line in script.lines().filter(|line| line.starts_with('>')) {
        out.push_str(line);
        out.push('\n');
        for input in inputs(&mut session, line) {
            match session.apply(input) {
                Ok(step) => describe(&session.plan, &step, &mut out),
                Err(refusal) => out.push_str(&format!("  refused: {refusal}\n")),
            }
        }
    }
    out.push_str(&format!("= {}\n", ending(&session.run)));
    session.check_determinism();
    out
}

/// The inputs that a line of a script stands for.
fn inputs(session: &mut Session, line: &str) -> Vec<Input> {
    let mut words = line[1..].trim().splitn(2, ' ');
    let (verb, rest) = (
        words.next().expect("a line has a verb"),
        words.next().unwrap_or("").trim(),
    );
    let json =
        |text: &str| Value::parse_json(text).unwrap_or_else(|error| panic!("{line}: {error}"));
    let (id, argument) = rest.split_once(' ').unwrap_or((rest, "null"));
    let id = ObligationId(id.into());
    vec![match verb {
        "start" => Input::Start {
            input: if rest.is_empty() {
                json("{}")
            } else {
                json(rest)
            },
            secrets: None,
        },
        "settle" => Input::EffectSettled {
            id,
            outcome: Outcome::Completed(EffectOutput {
                value: json(argument),
                authorization_scheme: None,
            }),
        },
        "fail" => {
            let (kind, status) = argument.split_once(' ').expect("fail ID TYPE STATUS");
            let kind = ErrorType::ALL
                .into_iter()
                .find(|k| k.name() == kind)
                .expect("a standard type");
            let fault = ferrovia_engine::Fault {
                kind,
                status: status.parse().ok(),
                title: None,
                detail: Some("as scripted".into()),
            };
            Input::EffectSettled {
                id,
                outcome: Outcome::Failed(fault),
            }
        }
        "fire" => Input::TimerFired { id },
        "event" => Input::MessageArrived { event: json(rest) },
        "cancel" => Input::Cancel {
            reason: Some("asked".into()),
        },
        "suspend" => Input::Suspend,
        "resume" => Input::Resume,
        "at" => {
            session.now_ms = EPOCH_MS + rest.parse::<i64>().expect("at MILLISECONDS");
            return Vec::new();
        }
        other => panic!("no such input: {other}"),
    }]
}
