//! Many scenarios and examples, side by side.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::examples::{self, Example, Plan};
use crate::feature::Feature;
use crate::page::{ExampleResult, Results};
use crate::program::Program;
use crate::scenario::play;

/// Programs that run at the same time.
const CONCURRENCY_MAX: usize = 8;

/// Plays all scenarios. Results are in the order of the features.
pub async fn play_all(features: Vec<Feature>, program: &Program) -> Vec<Results> {
    let room = Arc::new(Semaphore::new(CONCURRENCY_MAX));
    let mut started = Vec::new();
    for feature in features {
        let scenarios = feature.scenarios.into_iter().map(|scenario| {
            let (room, program) = (room.clone(), program.clone());
            tokio::spawn(async move {
                let _turn = room.acquire_owned().await;
                let result = play(&scenario, &program).await;
                (scenario, result)
            })
        });
        started.push((feature.name, feature.file, scenarios.collect::<Vec<_>>()));
    }
    let mut played = Vec::new();
    for (name, file, tasks) in started {
        let (mut scenarios, mut results) = (Vec::new(), Vec::new());
        for task in tasks {
            let (scenario, result) = task.await.expect("playing a scenario does not panic");
            scenarios.push(scenario);
            results.push(result);
        }
        let feature = Feature {
            name,
            file,
            scenarios,
        };
        played.push(Results { feature, results });
    }
    played
}

/// Checks all examples and runs those that can run, in their order.
pub async fn try_all(examples: Vec<Example>, program: &Program) -> Vec<ExampleResult> {
    let room = Arc::new(Semaphore::new(CONCURRENCY_MAX));
    let tasks = examples.into_iter().map(|example| {
        let (room, program) = (room.clone(), program.clone());
        tokio::spawn(async move {
            let _turn = room.acquire_owned().await;
            try_one(example, &program).await
        })
    });
    let mut tried = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        tried.push(task.await.expect("trying an example does not panic"));
    }
    tried
}

/// Checks an example and runs it if it can run.
pub async fn try_one(example: Example, program: &Program) -> ExampleResult {
    let checked = examples::check(&example, program).await;
    let ran = match &example.plan {
        Some(Plan::Run(trial)) => {
            let ran = examples::run(&example, trial, program).await;
            Some(ran.map_err(|error| format!("{error:#}")))
        }
        Some(Plan::Needs { .. }) | None => None,
    };
    ExampleResult {
        example,
        checked,
        ran,
    }
}

impl ExampleResult {
    /// Accepted, and where it ran, as expected.
    pub fn is_sound(&self) -> bool {
        self.checked.is_ok() && self.example.plan.is_some() && !matches!(self.ran, Some(Err(_)))
    }
}
