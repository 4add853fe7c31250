//! What somebody may have meant.

/// Longer names are no misspelling of anything.
const GIVEN_BYTES_MAX: usize = 256;
/// A document may name thousands of things and get each of them wrong; only so many are compared with each.
const CANDIDATES_MAX: usize = 200;

/// Names from other languages and habits, with the words for them here.
const SYNONYMS: &[(&str, &str)] = &[
    ("action", "call"),
    ("args", "arguments"),
    ("args", "with"),
    ("arguments", "with"),
    ("auth", "authentication"),
    ("cases", "switch"),
    ("choice", "switch"),
    ("condition", "if"),
    ("condition", "when"),
    ("data", "body"),
    ("default", "then"),
    ("delay", "wait"),
    ("details", "detail"),
    ("env", "environment"),
    ("error", "raise"),
    ("event", "emit"),
    ("except", "catch"),
    ("foreach", "for"),
    ("function", "call"),
    ("goto", "then"),
    ("id", "name"),
    ("hrs", "hours"),
    ("items", "in"),
    ("iterate", "for"),
    ("loop", "for"),
    ("millis", "milliseconds"),
    ("mins", "minutes"),
    ("ms", "milliseconds"),
    ("next", "then"),
    ("onError", "catch"),
    ("operation", "operationId"),
    ("parallel", "fork"),
    ("params", "parameters"),
    ("params", "query"),
    ("parameters", "with"),
    ("payload", "body"),
    ("publish", "emit"),
    ("sec", "seconds"),
    ("secs", "seconds"),
    ("sequence", "do"),
    ("sleep", "wait"),
    ("steps", "do"),
    ("step", "do"),
    ("subflow", "run"),
    ("tasks", "do"),
    ("throw", "raise"),
    ("transition", "then"),
    ("uri", "endpoint"),
    ("url", "endpoint"),
    ("url", "uri"),
    ("verb", "method"),
    ("when", "if"),
];

/// The candidate `given` was most likely meant to be.
pub(super) fn closest<'c>(
    given: &str,
    candidates: impl Iterator<Item = &'c str> + Clone,
) -> Option<&'c str> {
    respelled(given, candidates.clone()).or_else(|| {
        let meant = |name: &str| SYNONYMS.contains(&(given, name));
        candidates.clone().find(|name| meant(name))
    })
}

/// The candidate of which `given` is a misspelling.
pub(crate) fn respelled<'c>(
    given: &str,
    candidates: impl Iterator<Item = &'c str> + Clone,
) -> Option<&'c str> {
    if given.len() > GIVEN_BYTES_MAX {
        return None;
    }
    let candidates = candidates.take(CANDIDATES_MAX);
    let folded = fold(given);
    if let Some(same) = candidates.clone().find(|name| fold(name) == folded) {
        return Some(same);
    }
    candidates
        .map(|name| (strsim::osa_distance(given, name), name))
        .filter(|(distance, name)| *distance <= tolerance(given, name))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// The names of which none is only another spelling of one before it.
pub(super) fn without_respellings<'c>(names: &[&'c str]) -> Vec<&'c str> {
    let folded: Vec<_> = names.iter().map(|name| fold(name)).collect();
    let first = |at: &usize| !folded[..*at].contains(&folded[*at]);
    (0..names.len()).filter(first).map(|at| names[at]).collect()
}

/// Without capitals and separators.
fn fold(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '-' | '_' | ' '))
        .flat_map(char::to_lowercase)
        .collect()
}

/// How many slips of the finger are plausible: two in a long word, in two letters only one too many.
fn tolerance(given: &str, name: &str) -> usize {
    let (given, name) = (given.chars().count(), name.chars().count());
    match given.min(name) {
        0..=1 => 0,
        2 => usize::from(given != name),
        3..=5 => 1,
        _ => 2,
    }
}

/// "`a`, `b` or `c`".
pub(super) fn either<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    joined(names, "or")
}

/// "`a`, `b` and `c`".
pub(super) fn all<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    joined(names, "and")
}

fn joined<'n>(names: impl IntoIterator<Item = &'n str>, word: &str) -> String {
    let mut quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    let Some(last) = quoted.pop() else {
        return String::new();
    };
    if quoted.is_empty() {
        last
    } else {
        format!("{} {word} {last}", quoted.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_found() {
        let names = [
            "call",
            "with",
            "then",
            "endpoint",
            "exceptWhen",
            "if",
            "for",
        ];
        let cases = [
            ("cal", Some("call")),
            ("wiht", Some("with")),
            ("THEN", Some("then")),
            ("end-point", Some("endpoint")),
            ("exceptwhen", Some("exceptWhen")),
            ("goto", Some("then")),
            ("of", None),
            ("iff", Some("if")),
            ("banana", None),
        ];
        for (given, expected) in cases {
            assert_eq!(closest(given, names.into_iter()), expected, "{given}");
        }
    }

    #[test]
    fn names_are_listed_as_people_write_them() {
        assert_eq!(either(["a"]), "`a`");
        assert_eq!(either(["a", "b"]), "`a` or `b`");
        assert_eq!(all(["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
