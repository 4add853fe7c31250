//! Feature files, read. Owns the difference between Gherkin as the parser gives it and as the standard's kit writes it;
//! knows nothing of what steps mean.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use gherkin::GherkinEnv;

/// A scenario with this tag is known to fail. It is shown as failing, and a test says when it no longer does.
const KNOWN_FAILURE: &str = "known-failure";

pub struct Feature {
    pub name: String,
    /// Without directory.
    pub file: String,
    pub scenarios: Vec<Scenario>,
}

pub struct Scenario {
    pub name: String,
    pub known_failure: bool,
    pub steps: Vec<Sentence>,
}

/// A step as it is written.
pub struct Sentence {
    pub line: usize,
    /// Without its keyword.
    pub words: String,
    /// The doc string, without its media type.
    pub text: Option<String>,
}

/// Reads the feature files of a directory, in the order of their names.
pub fn read_directory(directory: &Path) -> anyhow::Result<Vec<Feature>> {
    let entries = std::fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "feature")
    });
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> anyhow::Result<Feature> {
    let parsed = gherkin::Feature::parse_path(path, GherkinEnv::default())
        .map_err(|error| anyhow!("{}: {error}", path.display()))?;
    let background = parsed
        .background
        .map(|background| background.steps)
        .unwrap_or_default();
    let scenarios = parsed.scenarios.into_iter().map(|scenario| Scenario {
        name: scenario.name,
        known_failure: scenario.tags.iter().any(|tag| tag == KNOWN_FAILURE),
        steps: background
            .iter()
            .chain(&scenario.steps)
            .map(sentence)
            .collect(),
    });
    Ok(Feature {
        name: parsed.name,
        file: path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        scenarios: scenarios.collect(),
    })
}

fn sentence(step: &gherkin::Step) -> Sentence {
    Sentence {
        line: step.position.line,
        words: step.value.clone(),
        text: step.docstring.as_deref().map(doc_string),
    }
}

/// The parser leaves the media type as the first line and, because of it, the indentation.
fn doc_string(raw: &str) -> String {
    let (_media_type, text) = raw.split_once('\n').unwrap_or((raw, ""));
    let indentation = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start().len())
        .min()
        .unwrap_or(0);
    let mut dedented: String = text
        .trim_end()
        .lines()
        .map(|line| line.get(indentation..).unwrap_or_default().to_owned() + "\n")
        .collect();
    if dedented.trim().is_empty() {
        dedented.clear();
    }
    dedented
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doc_strings_lose_media_type_and_indentation() {
        for (raw, expected) in [
            (
                "yaml\n    a:\n      b: 1\n\n    c: 2\n    ",
                "a:\n  b: 1\n\nc: 2\n",
            ),
            ("\n    text\n", "text\n"),
            ("yaml\n", ""),
        ] {
            assert_eq!(doc_string(raw), expected, "{raw:?}");
        }
    }
}
