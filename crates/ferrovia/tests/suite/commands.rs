//! Help, versions, completions, `check` and `schema`.

use serde_json::{Value, json};

use crate::support::{Project, definition};

#[test]
fn every_command_has_help_with_examples() {
    let project = Project::new(&[]);
    for command in ["check", "run", "bench", "schema", "version", "completions"] {
        let ran = project.ferrovia(&[command, "--help"]);
        assert_eq!(ran.code(), 0, "{ran:#?}");
        assert!(ran.stdout.contains("Examples:\n"), "{ran:#?}");
        assert!(
            ran.stdout.contains(&format!("ferrovia {command}")),
            "{ran:#?}"
        );
    }
    let ran = project.ferrovia(&["--help"]);
    assert!(ran.stdout.contains("Examples:\n"), "{ran:#?}");
}

#[test]
fn versions_are_told_to_people_and_programs() {
    let project = Project::new(&[]);
    let ran = project.ferrovia(&["version", "--output", "json"]);
    let versions: Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
    assert_eq!(
        versions,
        json!({"ferrovia": env!("CARGO_PKG_VERSION"), "dsl": "1.0.3", "semantics": 1})
    );
    let ran = project.ferrovia(&["version"]);
    assert!(ran.stdout.contains("DSL 1.0.3"), "{ran:#?}");
}

#[test]
fn completions_know_commands_and_flags() {
    let project = Project::new(&[]);
    for shell in ["bash", "zsh", "fish"] {
        let ran = project.ferrovia(&["completions", shell]);
        assert_eq!(ran.code(), 0, "{ran:#?}");
        for word in ["check", "completions", "secrets-in-data"] {
            assert!(ran.stdout.contains(word), "{shell} lacks {word}");
        }
    }
    assert_eq!(project.ferrovia(&["completions", "cobol"]).code(), 2);
}

#[test]
fn check_answers_for_each_file() {
    let project = Project::new(&[
        (
            "good.yaml",
            &definition("good", "do: [ { a: { set: { x: 1 } } } ]"),
        ),
        ("bad.yaml", &definition("bad", "do: [ { a: { sit: 1 } } ]")),
    ]);
    let ran = project.ferrovia(&["check", "good.yaml"]);
    assert_eq!(
        (ran.code(), &*ran.stdout),
        (0, "good.yaml: ok\n"),
        "{ran:#?}"
    );
    let ran = project.ferrovia(&[
        "check",
        "good.yaml",
        "bad.yaml",
        "none.yaml",
        "--output",
        "json",
    ]);
    assert_eq!(ran.code(), 2, "{ran:#?}");
    let files: Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
    let valid: Vec<_> = files
        .as_array()
        .expect("it is a list")
        .iter()
        .map(|file| file["valid"].clone())
        .collect();
    assert_eq!(valid, [true, false, false]);
    assert_eq!(files[1]["findings"][0]["code"], "FV0202");
    assert_eq!(files[2]["error"], "there is no such file");
}

#[test]
fn the_schema_is_a_json_schema() {
    let ran = Project::new(&[]).ferrovia(&["schema"]);
    let schema: Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
    assert!(schema["$schema"].is_string() && schema["properties"]["do"].is_object());
}

#[test]
fn every_scenario_of_the_benchmark_measures_something() {
    let project = Project::new(&[]);
    let small = [
        "bench",
        "--seconds",
        "1",
        "--repeat",
        "1",
        "--clients",
        "2",
        "--runs",
        "20",
        "--rounds",
        "30",
        "--data",
        ".",
        "--output",
        "json",
    ];
    let ran = project.ferrovia(&small);
    assert_eq!(ran.code(), 0, "{ran:#?}");
    let report: Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
    let figures = report["figures"].as_array().expect("it is a list");
    for scenario in ["start", "steps", "set", "loop", "sleepers"] {
        assert!(
            figures.iter().any(|figure| figure["scenario"] == scenario),
            "{scenario}: {report:#}"
        );
    }
    let rates = figures
        .iter()
        .filter_map(|figure| figure["runsPerSecond"].as_f64());
    assert_eq!(rates.clone().count(), 6, "{report:#}");
    assert!(rates.clone().all(|rate| rate > 0.0), "{report:#}");
    let left = std::fs::read_dir(project.path(".")).expect("the directory is there");
    assert_eq!(left.count(), 0, "the directories of the benchmark are gone");
    let ran = project.ferrovia(&["bench", "steps", "--clients", "1000000"]);
    assert_eq!(ran.code(), 2, "sizes are bounded: {ran:#?}");
}
