//! The sentences that steps are written in: those of the standard's kit, and those our own features need beyond.

use serde_json::Value as Json;

use crate::feature::Sentence;

#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    Arrange(Arrange),
    Act(Act),
    Assert(Assert),
}

#[derive(Debug, PartialEq)]
pub(crate) enum Arrange {
    Definition(String),
    /// A file beside the definition.
    File {
        path: String,
        text: String,
    },
    Input(Json),
    /// CloudEvents that arrive while the workflow runs, in this order.
    Events(Vec<Json>),
    Secrets(Json),
}

#[derive(Debug, PartialEq)]
pub(crate) enum Act {
    Execute,
    Check,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Assert {
    Completed,
    CompletedWith(Json),
    Faulted,
    FaultedWith(Json),
    Cancelled,
    Waiting,
    Properties(Vec<String>),
    Property { path: String, value: Json },
    Items { path: String, count: usize },
    Order(Order),
    TaskEnded(String, TaskEnd),
    Published(Json),
    PublishedCount(usize),
    Requests { path: String, count: usize },
    Verdict(Verdict),
}

/// When tasks started.
#[derive(Debug, PartialEq)]
pub(crate) enum Order {
    First(String),
    Last(String),
    Before(String, String),
    Times(String, usize),
}

/// What `check` should say; the texts are codes of findings.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    Accepted,
    RefusedWith(String),
    WarnedOf(String),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum TaskEnd {
    Completed,
    Faulted,
    Dropped,
}

/// What a sentence asks for; `Err` says why it is not understood.
pub(crate) fn understand(sentence: &Sentence) -> Result<Step, String> {
    let words = sentence.words.trim().trim_end_matches(':');
    let words = words.strip_prefix("given ").unwrap_or(words);
    arrange(words, sentence)
        .map(|step| step.map(Step::Arrange))
        .or_else(|| act(words).map(|act| Ok(Step::Act(act))))
        .or_else(|| workflow(words, sentence).map(|step| step.map(Step::Assert)))
        .or_else(|| task(words).map(|step| step.map(Step::Assert)))
        .unwrap_or_else(|| Err("this step is not known".to_owned()))
}

type Understood<T> = Option<Result<T, String>>;

fn arrange(words: &str, sentence: &Sentence) -> Understood<Arrange> {
    if let Some([path]) = captures("the file '{}' is", words) {
        return Some(text(sentence).map(|text| Arrange::File { path, text }));
    }
    Some(match words {
        "a workflow with definition" => text(sentence).map(Arrange::Definition),
        "the workflow input is" => yaml(sentence).map(Arrange::Input),
        "the secrets are" => yaml(sentence).map(Arrange::Secrets),
        "these events arrive" => yaml(sentence).and_then(|events| match events {
            Json::Array(events) => Ok(Arrange::Events(events)),
            _ => Err("events are a list".to_owned()),
        }),
        _ => return None,
    })
}

fn act(words: &str) -> Option<Act> {
    match words {
        "the workflow is executed" => Some(Act::Execute),
        "the workflow is checked" => Some(Act::Check),
        _ => None,
    }
}

fn workflow(words: &str, sentence: &Sentence) -> Understood<Assert> {
    if let Some(paths) = words.strip_prefix("the workflow output should have properties ") {
        let paths = paths.split(',').map(|path| path.trim().trim_matches('\''));
        return Some(Ok(Assert::Properties(paths.map(str::to_owned).collect())));
    }
    let output = "the workflow output should have a '{}' property";
    if let Some([path]) = captures(&format!("{output} with value"), words) {
        return Some(yaml(sentence).map(|value| Assert::Property { path, value }));
    }
    if let Some([path, count]) = captures(&format!("{output} containing {{}} items"), words) {
        return Some(number(&count).map(|count| Assert::Items { path, count }));
    }
    if let Some([count]) = captures("{} events should be published", words) {
        return Some(number(&count).map(Assert::PublishedCount));
    }
    if let Some([path, count]) = captures("the services should get '{}' {} times", words) {
        return Some(number(&count).map(|count| Assert::Requests { path, count }));
    }
    if let Some([code]) = captures("the definition should be refused with '{}'", words) {
        return Some(Ok(Assert::Verdict(Verdict::RefusedWith(code))));
    }
    if let Some([code]) = captures("the check should warn of '{}'", words) {
        return Some(Ok(Assert::Verdict(Verdict::WarnedOf(code))));
    }
    Some(match words {
        "the workflow should complete" => Ok(Assert::Completed),
        "the workflow should complete with output" => yaml(sentence).map(Assert::CompletedWith),
        "the workflow should fault" => Ok(Assert::Faulted),
        "the workflow should fault with error" => yaml(sentence).map(Assert::FaultedWith),
        "the workflow should cancel" => Ok(Assert::Cancelled),
        "the workflow should still be waiting" => Ok(Assert::Waiting),
        "an event should be published with" => yaml(sentence).map(Assert::Published),
        "the definition should be accepted" => Ok(Assert::Verdict(Verdict::Accepted)),
        _ => return None,
    })
}

fn task(words: &str) -> Understood<Assert> {
    if let Some([task, count]) = captures("{} should run {} times", words) {
        return Some(number(&count).map(|count| Assert::Order(Order::Times(task, count))));
    }
    if let Some([later, earlier]) = captures("{} should run after {}", words) {
        return Some(Ok(Assert::Order(Order::Before(earlier, later))));
    }
    if let Some([earlier, later]) = captures("{} should run before {}", words) {
        return Some(Ok(Assert::Order(Order::Before(earlier, later))));
    }
    let (task, what) = words.split_once(' ')?;
    let task = task.to_owned();
    Some(Ok(match what {
        "should run first" => Assert::Order(Order::First(task)),
        "should run last" => Assert::Order(Order::Last(task)),
        "should not run" => Assert::Order(Order::Times(task, 0)),
        "should complete" => Assert::TaskEnded(task, TaskEnd::Completed),
        "should fault" => Assert::TaskEnded(task, TaskEnd::Faulted),
        "should cancel" => Assert::TaskEnded(task, TaskEnd::Dropped),
        _ => return None,
    }))
}

/// What stands in the places `{}` of a pattern. No capture is empty.
fn captures<const N: usize>(pattern: &str, words: &str) -> Option<[String; N]> {
    let mut literals = pattern.split("{}");
    let mut rest = words.strip_prefix(literals.next()?)?;
    let mut found = Vec::with_capacity(N);
    for literal in literals {
        let end = if literal.is_empty() {
            rest.len()
        } else {
            rest.find(literal)?
        };
        found.push(rest[..end].to_owned());
        rest = &rest[end + literal.len()..];
    }
    let whole = rest.is_empty() && found.iter().all(|text| !text.is_empty());
    found.try_into().ok().filter(|_| whole)
}

fn number(text: &str) -> Result<usize, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not a number"))
}

fn text(sentence: &Sentence) -> Result<String, String> {
    sentence
        .text
        .clone()
        .ok_or_else(|| "a doc string belongs below this step".to_owned())
}

/// YAML read by another library than the program's own, so that one cannot hide a defect of the other.
fn yaml(sentence: &Sentence) -> Result<Json, String> {
    serde_saphyr::from_str(&text(sentence)?).map_err(|error| format!("not YAML: {error}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn understood(words: &str, text: Option<&str>) -> Result<Step, String> {
        understand(&Sentence {
            line: 1,
            words: words.to_owned(),
            text: text.map(str::to_owned),
        })
    }

    #[test]
    fn sentences_of_the_kit_are_understood() {
        let assertions = [
            ("the workflow should complete", None, Assert::Completed),
            (
                "the workflow should complete with output:",
                Some("a: [ 1 ]"),
                Assert::CompletedWith(json!({"a": [1]})),
            ),
            (
                "the workflow should fault with error:",
                Some("status: 400"),
                Assert::FaultedWith(json!({"status": 400})),
            ),
            (
                "the workflow output should have properties 'id', 'pet.name'",
                None,
                Assert::Properties(vec!["id".into(), "pet.name".into()]),
            ),
            (
                "the workflow output should have a 'colors' property containing 1 items",
                None,
                Assert::Items {
                    path: "colors".into(),
                    count: 1,
                },
            ),
            (
                "the workflow output should have a 'source' property with value:",
                Some("https://fake-source.com\n"),
                Assert::Property {
                    path: "source".into(),
                    value: json!("https://fake-source.com"),
                },
            ),
            (
                "setRed should run first",
                None,
                Assert::Order(Order::First("setRed".into())),
            ),
            (
                "setGreen should run after setRed",
                None,
                Assert::Order(Order::Before("setRed".into(), "setGreen".into())),
            ),
            (
                "setRed should cancel",
                None,
                Assert::TaskEnded("setRed".into(), TaskEnd::Dropped),
            ),
        ];
        for (words, text, expected) in assertions {
            assert_eq!(
                understood(words, text),
                Ok(Step::Assert(expected)),
                "{words}"
            );
        }
        let input = understood("given the workflow input is:", Some("a: 1"));
        assert_eq!(input, Ok(Step::Arrange(Arrange::Input(json!({"a": 1})))));
    }

    #[test]
    fn what_is_not_understood_is_no_success() {
        assert!(understood("the workflow should succeed", None).is_err());
        assert!(understood("the workflow should complete with output", None).is_err());
        assert!(understood("setRed should run many times", None).is_err());
    }
}
