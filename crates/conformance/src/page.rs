//! The page docs/conformance.md: results as tables. The same results give the same page, without dates and durations.

use std::fmt::Write;

use crate::examples::{Example, Plan};
use crate::feature::Feature;

/// What came of each scenario of a feature; `Err` says why it failed.
pub struct Results {
    pub feature: Feature,
    pub results: Vec<Result<(), String>>,
}

/// What came of an example.
pub struct ExampleResult {
    pub example: Example,
    pub checked: Result<(), String>,
    /// `None` when it was not run.
    pub ran: Option<Result<(), String>>,
}

const OPENING: &str = "\
# Conformance

<!-- Written by `make conformance`. What is changed by hand is lost. -->

What of the standard Ferrovia is tested to do, scenario by scenario, through the program's command line. A row that says
**fails** is a defect that is known. Services that scenarios call run on the machine that tests.

";
const OWN: &str = "\
## Ferrovia's own features

Written for Ferrovia, in [crates/conformance/features](../crates/conformance/features/). They cover what the standard's
kit covers, and beyond. The test suite runs them and compares this part of the page.

";
/// Everything from here on comes from files of the standard, which are not part of this repository.
const STANDARD: &str = "\
## The standard's files

From the text of 29 July 2026 of the DSL 1.0.3. To run them again, name a copy of the standard's repository:
`make conformance SPECIFICATION=DIRECTORY`. Without one, this part is left as it is.

";

/// The page's part about our own features, and all that stands before it.
pub fn own_part(own: &[Results]) -> String {
    let mut page = OPENING.to_owned() + OWN;
    features(&mut page, own);
    page
}

/// The page's part about the files of the standard.
pub fn standard_part(kit: &[Results], examples: &[ExampleResult]) -> String {
    let mut page = STANDARD.to_owned();
    page.push_str("### Conformance kit\n\n");
    features(&mut page, kit);
    page.push_str("### Examples\n\n");
    table_of_examples(&mut page, examples);
    page
}

/// Both parts of a page that was written.
pub fn split(page: &str) -> (&str, &str) {
    page.split_at(page.find(STANDARD).unwrap_or(page.len()))
}

/// How many of the results are good, and how many there are.
pub fn count(features: &[Results]) -> (usize, usize) {
    let results = || features.iter().flat_map(|feature| &feature.results);
    (
        results().filter(|result| result.is_ok()).count(),
        results().count(),
    )
}

fn features(page: &mut String, features: &[Results]) {
    let (passed, all) = count(features);
    line(page, &format!("{passed} of {all} scenarios pass.\n"));
    line(page, "| feature | scenario | result |\n|---|---|---|");
    for Results { feature, results } in features {
        for (scenario, result) in feature.scenarios.iter().zip(results) {
            let result = match result {
                Ok(()) => "passes".to_owned(),
                Err(why) => format!("**fails**: {}", cell(why)),
            };
            line(
                page,
                &format!(
                    "| {} | {} | {result} |",
                    cell(&feature.name),
                    cell(&scenario.name)
                ),
            );
        }
    }
    page.push('\n');
}

fn table_of_examples(page: &mut String, examples: &[ExampleResult]) {
    let valid = examples
        .iter()
        .filter(|example| example.checked.is_ok())
        .count();
    let ran = examples
        .iter()
        .filter(|example| matches!(example.ran, Some(Ok(()))))
        .count();
    line(
        page,
        &format!(
            "`check` accepts {valid} of {}, and {ran} run to the end that is expected of them. The others need what tests do\n\
             not reach, or what is not carried out yet.\n",
            examples.len()
        ),
    );
    line(page, "| example | `check` | `run` |\n|---|---|---|");
    for ExampleResult {
        example,
        checked,
        ran,
    } in examples
    {
        let checked = match checked {
            Ok(()) => "ok".to_owned(),
            Err(codes) => format!("**refused**: {}", cell(codes)),
        };
        let ran = match (&example.plan, ran) {
            (_, Some(Err(why))) => format!("**fails**: {}", cell(why)),
            (Some(Plan::Run(trial)), _) => match &trial.note {
                Some(note) => format!("{}, {}", trial.ending(), cell(note)),
                None => trial.ending().to_owned(),
            },
            (Some(Plan::Needs { needs }), _) => format!("not run: it needs {}", cell(needs)),
            (None, _) => "not run: nothing is known about it".to_owned(),
        };
        line(
            page,
            &format!("| {} | {checked} | {ran} |", cell(&example.name)),
        );
    }
}

fn line(page: &mut String, text: &str) {
    writeln!(page, "{text}").expect("a String takes everything");
}

/// A text on one line that does not end its cell.
fn cell(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feature::Scenario;

    fn results(results: Vec<Result<(), String>>) -> Vec<Results> {
        let scenario = |(index, _)| Scenario {
            name: format!("scenario {index}"),
            known_failure: false,
            steps: Vec::new(),
        };
        let feature = Feature {
            name: "A | B".into(),
            file: "a.feature".into(),
            scenarios: results.iter().enumerate().map(scenario).collect(),
        };
        vec![Results { feature, results }]
    }

    #[test]
    fn failures_are_counted_and_shown() {
        let page = own_part(&results(vec![Ok(()), Err("a | b\nc".into())]));
        assert!(page.contains("1 of 2 scenarios pass.\n"), "{page}");
        assert!(
            page.contains("| A \\| B | scenario 0 | passes |\n"),
            "{page}"
        );
        assert!(
            page.contains("| scenario 1 | **fails**: a \\| b c |\n"),
            "{page}"
        );
    }

    #[test]
    fn a_written_page_comes_apart_again() {
        let (own, standard) = (own_part(&results(vec![Ok(())])), standard_part(&[], &[]));
        let page = format!("{own}{standard}");
        assert_eq!(split(&page), (own.as_str(), standard.as_str()));
        assert_eq!(split(&own), (own.as_str(), ""));
    }
}
