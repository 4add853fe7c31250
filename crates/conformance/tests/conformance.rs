//! Each scenario of our own features is a test, and so is each of the standard's kit and each of its examples where
//! `FERROVIA_SPECIFICATION` names a copy of its repository. The scenarios in `wrong/` must fail.

use std::path::Path;

use ferrovia_conformance::feature::{self, Feature, Scenario};
use ferrovia_conformance::program::Program;
use ferrovia_conformance::scenario::play;
use ferrovia_conformance::{SPECIFICATION, examples, own_features, page, page_path, suite};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::from_args();
    let mut trials = scenarios("own", feature::read_directory(&own_features())?);
    trials.push(Trial::test("page::is_what_the_features_give", || {
        block_on(page_is_current())
    }));
    let wrong = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrong");
    trials.extend(wrong_scenarios(feature::read_directory(&wrong)?));
    match std::env::var_os(SPECIFICATION).filter(|directory| !directory.is_empty()) {
        Some(directory) => trials.extend(standard(Path::new(&directory))?),
        None => trials.push(
            Trial::test(format!("standard::needs_{SPECIFICATION}"), || Ok(()))
                .with_ignored_flag(true),
        ),
    }
    libtest_mimic::run(&arguments, trials).exit()
}

fn standard(directory: &Path) -> anyhow::Result<Vec<Trial>> {
    let mut trials = scenarios(
        "kit",
        feature::read_directory(&directory.join("ctk/features"))?,
    );
    for example in examples::read_directory(&directory.join("examples"))? {
        let name = format!("example::{}", identifier(&example.name));
        trials.push(Trial::test(name, || {
            block_on(async {
                let result = suite::try_one(example, &Program::find()?).await;
                result.checked?;
                result
                    .example
                    .plan
                    .ok_or("examples.yaml does not know it")?;
                Ok(result.ran.transpose().map(drop)?)
            })
        }));
    }
    Ok(trials)
}

fn scenarios(suite: &str, features: Vec<Feature>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for feature in features {
        let file = feature.file.trim_end_matches(".feature").to_owned();
        for scenario in feature.scenarios {
            let name = format!("{suite}::{file}::{}", identifier(&scenario.name));
            trials.push(Trial::test(name, || block_on(plays(scenario))));
        }
    }
    trials
}

/// Expectations that do not hold must not be met.
fn wrong_scenarios(features: Vec<Feature>) -> impl Iterator<Item = Trial> {
    let scenarios = features.into_iter().flat_map(|feature| feature.scenarios);
    scenarios.map(|scenario| {
        let name = format!("runner::refuses::{}", identifier(&scenario.name));
        Trial::test(name, || {
            block_on(async move {
                match play(&scenario, &Program::find()?).await {
                    Err(_) => Ok(()),
                    Ok(()) => Err("it passed".into()),
                }
            })
        })
    })
}

async fn plays(scenario: Scenario) -> Result<(), Failed> {
    let result = play(&scenario, &Program::find()?).await;
    match (result, scenario.known_failure) {
        (Ok(()), false) | (Err(_), true) => Ok(()),
        (Err(why), false) => Err(why.into()),
        (Ok(()), true) => Err("it passes: take the tag known-failure away".into()),
    }
}

async fn page_is_current() -> Result<(), Failed> {
    let own = suite::play_all(feature::read_directory(&own_features())?, &Program::find()?).await;
    let given = page::own_part(&own);
    let written = std::fs::read_to_string(page_path())?;
    let (written, _) = page::split(&written);
    match given.lines().zip(written.lines()).find(|(a, b)| a != b) {
        None if given.trim_end() == written.trim_end() => Ok(()),
        different => Err(format!(
            "docs/conformance.md is not up to date, run `make conformance`: {different:?}"
        )
        .into()),
    }
}

fn identifier(name: &str) -> String {
    let words = name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_").to_lowercase()
}

fn block_on(test: impl Future<Output = Result<(), Failed>>) -> Result<(), Failed> {
    tokio::runtime::Runtime::new()?.block_on(test)
}
