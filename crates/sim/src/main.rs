//! Runs simulations by seed: `cargo run -p ferrovia-sim --release -- --seed 42 [--count 1000] [--starts 60]`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (mut seed, mut count, mut starts) = (0u64, 1u64, 40u64);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().and_then(|value| value.parse().ok());
        match (argument.as_str(), value) {
            ("--seed", Some(value)) => seed = value,
            ("--count", Some(value)) => count = value,
            ("--starts", Some(value)) => starts = value,
            _ => {
                eprintln!("usage: sim [--seed N] [--count N] [--starts N]");
                return ExitCode::from(2);
            }
        }
    }
    let (mut hours, mut crashes, mut records) = (0.0, 0, 0);
    for seed in seed..seed.saturating_add(count) {
        let outcome = ferrovia_sim::simulate(seed, starts, None, None);
        hours += outcome.hours;
        crashes += outcome.crashes;
        records += outcome.records;
        if !outcome.violations.is_empty() {
            println!("seed {seed} violates:");
            outcome
                .violations
                .iter()
                .take(20)
                .for_each(|violation| println!("  {violation}"));
            println!("again: cargo run -p ferrovia-sim -- --seed {seed} --starts {starts}");
            return ExitCode::FAILURE;
        }
    }
    println!(
        "{count} simulations, {hours:.0} simulated hours, {crashes} crashes, {records} records: nothing violated"
    );
    ExitCode::SUCCESS
}
