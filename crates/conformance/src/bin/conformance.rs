//! Runs all features, says what passed, and writes it down.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use ferrovia_conformance::feature::{self, Feature};
use ferrovia_conformance::page::{self, ExampleResult, Results};
use ferrovia_conformance::program::Program;
use ferrovia_conformance::{examples, own_features, suite};

/// Runs conformance features against the program `ferrovia`
#[derive(Parser)]
struct Cli {
    /// Write the results to this page
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Also run the conformance kit and the examples of this copy of the standard's repository
    #[arg(long, value_name = "DIRECTORY")]
    specification: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    let program = Program::find()?;
    let own = suite::play_all(feature::read_directory(&own_features())?, &program).await;
    show("own features", &own);
    let mut sound = sound(&own);
    let mut standard = None;
    if let Some(directory) = cli
        .specification
        .filter(|path| !path.as_os_str().is_empty())
    {
        let kit = feature::read_directory(&directory.join("ctk/features"))?;
        let kit = suite::play_all(kit, &program).await;
        show("conformance kit", &kit);
        let examples = examples::read_directory(&directory.join("examples"))?;
        let examples = suite::try_all(examples, &program).await;
        show_examples(&examples);
        sound &= self::sound(&kit) && examples.iter().all(ExampleResult::is_sound);
        standard = Some(page::standard_part(&kit, &examples));
    }
    if let Some(path) = cli.write {
        write(&path, &page::own_part(&own), standard)?;
    }
    Ok(if sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn write(path: &Path, own: &str, standard: Option<String>) -> anyhow::Result<()> {
    let kept = || {
        let before = std::fs::read_to_string(path).unwrap_or_default();
        page::split(&before).1.to_owned()
    };
    let page = own.to_owned() + &standard.unwrap_or_else(kept);
    std::fs::write(path, page.trim_end().to_owned() + "\n")
        .with_context(|| path.display().to_string())
}

fn show(what: &str, features: &[Results]) {
    let (passed, all) = page::count(features);
    println!("{what}: {passed} of {all} scenarios pass");
    for Results { feature, results } in features {
        let Feature {
            file, scenarios, ..
        } = feature;
        for (scenario, result) in scenarios.iter().zip(results) {
            if let Err(why) = result {
                println!("  {file}: {}: {why}", scenario.name);
            }
        }
    }
}

fn show_examples(examples: &[ExampleResult]) {
    let sound = examples.iter().filter(|example| example.is_sound()).count();
    println!("examples: {sound} of {} are as expected", examples.len());
    for result in examples {
        let name = &result.example.name;
        if let Err(why) = &result.checked {
            println!("  {name}: refused: {why}");
        }
        if let Some(Err(why)) = &result.ran {
            println!("  {name}: {why}");
        }
    }
}

/// Nothing fails but what is known to.
fn sound(features: &[Results]) -> bool {
    features.iter().all(|Results { feature, results }| {
        let mut results = feature.scenarios.iter().zip(results);
        results.all(|(scenario, result)| result.is_ok() != scenario.known_failure)
    })
}
