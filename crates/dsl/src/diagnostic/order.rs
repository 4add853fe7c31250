//! Which findings are shown, and in which order.

use super::{Diagnostic, codes};

/// Findings in the order of the text. What is found again at the same place, as with an alias, is told once.
pub fn in_order(mut findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    // The finding that counts the others comes last, wherever it points.
    findings.sort_by_key(|d| (d.code == codes::MORE_FINDINGS, d.span.start, d.severity));
    findings.dedup_by(|a, b| {
        (a.code, a.span) == (b.code, b.span) && a.message == b.message && a.hint == b.hint
    });
    findings
}

/// At most `max` findings in the order of the text: errors before warnings if not all fit, and then a last one that
/// says how many are left out.
pub fn capped(findings: Vec<Diagnostic>, max: usize) -> Vec<Diagnostic> {
    let mut findings = in_order(findings);
    if findings.len() <= max {
        return findings;
    }
    findings.sort_by_key(|d| (d.severity, d.span.start));
    let left_out = findings.split_off(max.saturating_sub(1));
    let mut findings = in_order(findings);
    if let Some(last) = findings.last() {
        let more = more(left_out.len(), last);
        findings.push(more);
    }
    findings
}

/// Says after the last finding shown that there are more.
pub(crate) fn more(count: usize, last: &Diagnostic) -> Diagnostic {
    let findings = if count == 1 {
        "finding is"
    } else {
        "findings are"
    };
    Diagnostic::warning(
        codes::MORE_FINDINGS,
        last.span,
        last.pointer.clone(),
        format!("{count} more {findings} not shown"),
    )
    .label("the last one shown is here")
    .hint("repair what is shown and check again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Span;

    fn finding(at: u32, is_error: bool) -> Diagnostic {
        let span = Span {
            start: at,
            end: at + 1,
        };
        if is_error {
            Diagnostic::error(codes::UNKNOWN_TASK, span, "", "e")
        } else {
            Diagnostic::warning(codes::UNREACHABLE, span, "", "w")
        }
    }

    fn shown(findings: &[Diagnostic]) -> Vec<(u32, bool)> {
        findings
            .iter()
            .map(|d| (d.span.start, d.is_error()))
            .collect()
    }

    #[test]
    fn findings_are_in_the_order_of_the_text_and_told_once() {
        let given = vec![finding(5, true), finding(1, false), finding(5, true)];
        assert_eq!(shown(&capped(given, 9)), [(1, false), (5, true)]);
    }

    #[test]
    fn errors_are_kept_before_warnings_and_the_rest_is_counted() {
        let mut given: Vec<_> = (0..8).map(|at| finding(at, false)).collect();
        given.push(finding(9, true));
        let capped = capped(given, 4);
        let expected = [(0, false), (1, false), (9, true), (9, false)];
        assert_eq!(shown(&capped), expected);
        assert_eq!(capped[3].message, "6 more findings are not shown");
    }
}
