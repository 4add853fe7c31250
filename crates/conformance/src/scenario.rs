//! One scenario: arranges a directory, lets the program act, and compares.

use std::path::Path;

use anyhow::Context;
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::expect::{at, covers, equal};
use crate::feature::Scenario;
use crate::program::{Arguments, Checked, Outcome, Program, Report, Status};
use crate::step::{Act, Arrange, Assert, Order, Step, TaskEnd, Verdict, understand};
use crate::stub::Stub;

/// File name of the definition under test.
const DEFINITION: &str = "workflow.yaml";

/// Plays a scenario. `Err` says which step failed and why, in words that are the same each time.
pub async fn play(scenario: &Scenario, program: &Program) -> Result<(), String> {
    let mut world = World::new().await.map_err(|error| format!("{error:#}"))?;
    for sentence in &scenario.steps {
        let done = match understand(sentence) {
            Ok(step) => world.take(step, program).await,
            Err(why) => Err(why),
        };
        done.map_err(|why| {
            let why = world.anywhere(&why);
            format!("line {}, “{}”: {why}", sentence.line, sentence.words)
        })?;
    }
    match world.came {
        Came::Nothing => Err("the scenario has no `When`".to_owned()),
        Came::Outcome(_) | Came::Checked(_) => Ok(()),
    }
}

struct World {
    directory: TempDir,
    stub: Stub,
    arguments: Arguments,
    came: Came,
}

enum Came {
    Nothing,
    Outcome(Outcome),
    Checked(Checked),
}

impl World {
    async fn new() -> anyhow::Result<World> {
        Ok(World {
            directory: tempfile::tempdir()?,
            stub: Stub::start().await?,
            arguments: Arguments::default(),
            came: Came::Nothing,
        })
    }

    async fn take(&mut self, step: Step, program: &Program) -> Result<(), String> {
        match step {
            Step::Arrange(arrange) => self.arrange(arrange),
            Step::Act(act) => {
                let acted = self.act(act, program).await;
                self.came = acted.map_err(|error| format!("{error:#}"))?;
                Ok(())
            }
            Step::Assert(assert) => self.assert(assert),
        }
    }

    fn arrange(&mut self, arrange: Arrange) -> Result<(), String> {
        match arrange {
            Arrange::Definition(text) => self.write(DEFINITION, &text),
            Arrange::File { path, text } => self.write(&path, &text),
            Arrange::Input(input) => {
                self.arguments.input = Some(self.localised(&input)?);
                Ok(())
            }
            Arrange::Events(events) => {
                self.arguments.events = events;
                Ok(())
            }
            Arrange::Secrets(secrets) => {
                self.arguments.secrets = Some(self.localised(&secrets)?);
                Ok(())
            }
        }
    }

    /// A message without what differs each time: the port of the services and the directory.
    fn anywhere(&self, message: &str) -> String {
        let directory = format!("{}/", self.directory.path().display());
        self.stub.globalise(message).replace(&directory, "")
    }

    fn write(&self, path: &str, text: &str) -> Result<(), String> {
        write_below(self.directory.path(), path, &self.stub.localise(text))
            .map_err(|error| format!("{error:#}"))
    }

    fn localised(&self, value: &Json) -> Result<Json, String> {
        let text = self.stub.localise(&value.to_string());
        serde_json::from_str(&text).map_err(|error| error.to_string())
    }

    async fn act(&self, act: Act, program: &Program) -> anyhow::Result<Came> {
        let definition = self.directory.path().join(DEFINITION);
        Ok(match act {
            Act::Execute => Came::Outcome(program.run(&definition, &self.arguments).await?),
            Act::Check => Came::Checked(program.check(&definition).await?),
        })
    }

    fn assert(&self, assert: Assert) -> Result<(), String> {
        match assert {
            Assert::Completed => self.ended(Status::Completed).map(drop),
            Assert::Faulted => self.ended(Status::Faulted).map(drop),
            Assert::Cancelled => self.ended(Status::Cancelled).map(drop),
            Assert::Waiting => self.ended(Status::Waiting).map(drop),
            Assert::CompletedWith(expected) => {
                let expected = self.localised(&expected)?;
                let output = self.output()?;
                expect(equal(output, &expected), || {
                    format!("the output is {output}")
                })
            }
            Assert::FaultedWith(expected) => {
                let expected = self.localised(&expected)?;
                let error = &self.ended(Status::Faulted)?.error;
                expect(covers(error, &expected), || format!("the error is {error}"))
            }
            Assert::Properties(paths) => {
                let output = self.output()?;
                let missing: Vec<_> = paths
                    .iter()
                    .filter(|path| at(output, path).is_none())
                    .collect();
                expect(missing.is_empty(), || {
                    format!("{missing:?} not in {output}")
                })
            }
            Assert::Property { path, value } => {
                let expected = self.localised(&value)?;
                let found = at(self.output()?, &path);
                expect(found.is_some_and(|found| equal(found, &expected)), || {
                    format!("it is {}", shown(found))
                })
            }
            Assert::Items { path, count } => {
                let found = at(self.output()?, &path);
                let items = found.and_then(Json::as_array).map(Vec::len);
                expect(items == Some(count), || format!("it is {}", shown(found)))
            }
            Assert::Order(order) => assert_order(&order, &self.report()?.tasks),
            Assert::TaskEnded(task, end) => {
                let trace = &self.report()?.trace;
                expect(task_ended(trace, &task, end), || {
                    "the trace does not tell of it".to_owned()
                })
            }
            Assert::Published(event) => {
                let events = &self.report()?.events;
                expect(events.iter().any(|e| covers(e, &event)), || {
                    format!("published were {}", Json::from(events.clone()))
                })
            }
            Assert::PublishedCount(count) => {
                let published = self.report()?.events.len();
                expect(published == count, || format!("{published} were published"))
            }
            Assert::Requests { path, count } => {
                let requests = self.stub.requests(&path);
                expect(requests == count, || {
                    format!("it was asked {requests} times")
                })
            }
            Assert::Verdict(verdict) => assert_verdict(&verdict, self.checked()?),
        }
    }

    fn checked(&self) -> Result<&Checked, String> {
        match &self.came {
            Came::Checked(checked) => Ok(checked),
            Came::Nothing | Came::Outcome(_) => Err("nothing was checked".to_owned()),
        }
    }

    fn report(&self) -> Result<&Report, String> {
        match &self.came {
            Came::Outcome(Outcome::Ran(report)) => Ok(report),
            Came::Outcome(Outcome::Refused(findings)) => {
                Err(format!("the definition was refused: {findings}"))
            }
            Came::Nothing | Came::Checked(_) => Err("nothing was executed".to_owned()),
        }
    }

    fn ended(&self, expected: Status) -> Result<&Report, String> {
        let report = self.report()?;
        expect(report.status == expected, || report.ending())?;
        Ok(report)
    }

    fn output(&self) -> Result<&Json, String> {
        Ok(&self.ended(Status::Completed)?.output)
    }
}

/// Writes a file of a definition's directory, with the directories around it.
pub(crate) fn write_below(directory: &Path, path: &str, text: &str) -> anyhow::Result<()> {
    let path = directory.join(path);
    let around = path.parent().unwrap_or(directory);
    std::fs::create_dir_all(around).with_context(|| around.display().to_string())?;
    std::fs::write(&path, text).with_context(|| path.display().to_string())
}

fn assert_verdict(verdict: &Verdict, checked: &Checked) -> Result<(), String> {
    let holds = match verdict {
        Verdict::Accepted => checked.valid,
        Verdict::RefusedWith(code) => !checked.valid && checked.codes.contains(code),
        Verdict::WarnedOf(code) => checked.valid && checked.codes.contains(code),
    };
    expect(holds, || {
        format!("valid: {}, findings: {:?}", checked.valid, checked.codes)
    })
}

fn assert_order(order: &Order, tasks: &[String]) -> Result<(), String> {
    let position = |name: &String| tasks.iter().position(|task| task == name);
    let holds = match order {
        Order::First(task) => tasks.first() == Some(task),
        Order::Last(task) => tasks.last() == Some(task),
        Order::Before(earlier, later) => position(earlier)
            .zip(position(later))
            .is_some_and(|(earlier, later)| earlier < later),
        Order::Times(task, count) => tasks.iter().filter(|name| *name == task).count() == *count,
    };
    expect(holds, || {
        format!("tasks started in this order: {}", tasks.join(", "))
    })
}

/// Whether the trace tells of such an end: a line has the time, the task's pointer and what happened.
fn task_ended(trace: &str, task: &str, end: TaskEnd) -> bool {
    let happened = match end {
        TaskEnd::Completed => "completed with",
        TaskEnd::Faulted => "faulted:",
        TaskEnd::Dropped => "dropped:",
    };
    trace.lines().any(|line| {
        let line = line
            .trim_start()
            .split_once(" ms ")
            .map(|(_, rest)| rest.trim_start());
        let told = line.and_then(|line| line.split_once(' '));
        told.is_some_and(|(pointer, what)| {
            pointer
                .rsplit_once('/')
                .is_some_and(|(_, name)| name == task)
                && what.starts_with(happened)
        })
    })
}

fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn shown(value: Option<&Json>) -> String {
    value.map_or_else(|| "not there".to_owned(), Json::to_string)
}
