//! Figures as they come, and all of them at the end: lines for people, JSON for programs.

use std::time::Duration;

use ferrovia_expr::{Object, Value};

use super::bed::Base;
use crate::args::Output;
use crate::exit::Exit;
use crate::out;

/// All that was measured, and where.
pub(super) struct Report {
    machine: Object,
    warnings: Vec<Value>,
    figures: Vec<(String, Object)>,
}

impl Report {
    pub(super) fn new(base: &Base) -> Report {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let mut machine = Object::default();
        machine.insert("cores", cores);
        machine.insert("fileSystem", base.file_system());
        Report {
            machine,
            warnings: Vec::new(),
            figures: Vec::new(),
        }
    }

    pub(super) fn warn(&mut self, warning: &str) {
        out::note(format_args!("warning: {warning}"));
        self.warnings.push(warning.into());
    }

    /// Takes a figure in, and shows it at once to who waits.
    pub(super) fn add(&mut self, scenario: &str, line: &str, members: Object) {
        let line = format!("{scenario:8}  {line}");
        out::note(&line);
        let mut figure = Object::default();
        figure.insert("scenario", scenario);
        members
            .iter()
            .for_each(|(name, value)| figure.insert(name.clone(), value.clone()));
        self.figures.push((line, figure));
    }

    pub(super) fn print(self, output: Output) -> Exit {
        let text = match output {
            Output::Text => {
                let lines: Vec<_> = self.figures.into_iter().map(|(line, _)| line).collect();
                lines.join("\n")
            }
            Output::Json => {
                let figures = self.figures.into_iter().map(|(_, figure)| figure.into());
                let mut report = Object::default();
                report.insert("ferrovia", env!("CARGO_PKG_VERSION"));
                report.insert("machine", self.machine);
                report.insert("warnings", self.warnings);
                report.insert("figures", figures.collect::<Vec<Value>>());
                Value::from(report).to_json_pretty()
            }
        };
        out::result(&text, Exit::Completed)
    }
}

/// Says what goes on while nothing can be shown yet.
pub(super) fn progress(text: impl std::fmt::Display) {
    out::note(format_args!("  {text}"));
}

/// The figure at a share of a sorted list; zero if it is empty.
pub(super) fn quantile<T: Copy + Default>(sorted: &[T], share: f64) -> T {
    let last = sorted.len().saturating_sub(1);
    sorted
        .get((last as f64 * share) as usize)
        .copied()
        .unwrap_or_default()
}

pub(super) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    quantile(&figures, 0.5)
}

/// In thousandths, which is as exact as measuring is.
pub(super) fn milliseconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1e3
}

/// `1234567.8` as `1,234,568`.
pub(super) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && digits.as_bytes()[at - 1] != b'-' {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [
            (0.0, "0"),
            (999.4, "999"),
            (1e3, "1,000"),
            (-123456.0, "-123,456"),
            (1234567.8, "1,234,568"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn quantiles_of_few_figures_are_among_them() {
        assert_eq!(quantile::<u8>(&[], 0.5), 0);
        assert_eq!(quantile(&[7], 0.99), 7);
        assert_eq!(quantile(&[1, 2, 3], 0.5), 2);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
    }
}
