//! `listen` and `schedule`: consumption strategies, filters, correlation.

use croner::parser::{CronParser, Seconds, Year};
use ferrovia_expr::Value;

use super::Compiler;
use super::expression::enclosed;
use super::site::{At, Site};
use crate::diagnostic::{Diagnostic, codes};
use crate::plan::{
    AttributeMatch, Consumption, Correlation, EventFilter, EventRead, Iterator, Kind, Listen,
    Matcher, Schedule, Strategy, Template, Until,
};

impl<'n> Compiler<'n> {
    pub(super) fn listen(&mut self, at: &At<'n>, body: &At<'n>) -> Kind {
        let to = body.get("to").unwrap_or_else(|| body.clone());
        let strategy = self.strategy(&to, Site::Definition);
        self.note_interests(&strategy);
        Kind::Listen(Listen {
            strategy,
            read: read(body),
            each: at.get("foreach").map(|each| self.iterator(&each)),
        })
    }

    /// `foreach` of a `listen` or of a subscription: `item` and `index` unless named otherwise.
    pub(super) fn iterator(&mut self, at: &At<'n>) -> Iterator {
        let item = at.text("item").unwrap_or_else(|| "item".into());
        let index = at.text("at").unwrap_or_else(|| "index".into());
        let (body, output, export) = self.with_locals([item.clone(), index.clone()], |compiler| {
            let body = at.get("do").map(|tasks| compiler.list(&tasks));
            let output = compiler.output(at.get("output").as_ref(), Site::OutputAs);
            let export = compiler.output(at.get("export").as_ref(), Site::ExportAs);
            (body, output, export)
        });
        let body = body.unwrap_or_else(|| self.add_list(Vec::new()));
        Iterator {
            item,
            at: index,
            body,
            output,
            export,
        }
    }

    fn strategy(&mut self, at: &At<'n>, site: Site) -> Strategy {
        let (consumption, filters) = if let Some(one) = at.get("one") {
            (Consumption::One, vec![self.filter(&one, site)])
        } else if let Some(all) = at.get("all") {
            (Consumption::All, self.filters(&all, site))
        } else {
            let any = at.get("any");
            (
                Consumption::Any,
                any.map(|any| self.filters(&any, site)).unwrap_or_default(),
            )
        };
        let until = at.get("until").and_then(|until| match until.node.as_str() {
            Some(_) => self.condition(&until, site).map(Until::Condition),
            None => Some(Until::Consumed(self.strategy(&until, site))),
        });
        Strategy {
            consumption,
            filters: filters.into(),
            until: until.map(Box::new),
        }
    }

    fn filters(&mut self, at: &At<'n>, site: Site) -> Vec<EventFilter> {
        at.items()
            .map(|filter| self.filter(&filter, site))
            .collect()
    }

    fn filter(&mut self, at: &At<'n>, site: Site) -> EventFilter {
        let mut with = Vec::new();
        for (key, attribute) in at
            .get("with")
            .iter()
            .flat_map(|with| with.entries().collect::<Vec<_>>())
        {
            if let Some(matcher) = self.matcher(&attribute, site) {
                with.push(AttributeMatch {
                    attribute: key.name.clone(),
                    matcher,
                });
            }
        }
        let mut correlate = Vec::new();
        for (key, correlation) in at
            .get("correlate")
            .iter()
            .flat_map(|c| c.entries().collect::<Vec<_>>())
        {
            let Some(from) = correlation
                .get("from")
                .and_then(|from| self.condition(&from, site))
            else {
                continue;
            };
            let expect = correlation
                .get("expect")
                .map(|expect| self.expectation(&expect, site));
            correlate.push(Correlation {
                name: key.name.clone(),
                from,
                expect,
            });
        }
        EventFilter { with, correlate }
    }

    /// A constant or an expression. A path such as `.order.id` or `$context.order` is an expression without `${ }` too: as
    /// a constant it could not be meant.
    fn expectation(&mut self, at: &At<'n>, site: Site) -> Template {
        let path = at.node.as_str().filter(|text| is_path(text));
        match path.and_then(|source| self.expr(source, at, site)) {
            Some(expr) => Template::Expr(expr),
            None => self.template(at, site),
        }
    }

    fn matcher(&mut self, at: &At<'n>, site: Site) -> Option<Matcher> {
        if let Some(source) = at.node.as_str().and_then(enclosed) {
            return self.expr(source, at, site).map(Matcher::Expr);
        }
        let value = at.node.to_value();
        let pattern = value
            .as_str()
            .and_then(|text| regex::Regex::new(&format!("^(?:{text})$")).ok());
        Some(Matcher::Literal { value, pattern })
    }

    fn note_interests(&mut self, strategy: &Strategy) {
        self.interests.extend(strategy.filters.iter().cloned());
        if strategy.filters.is_empty() && strategy.consumption == Consumption::Any {
            self.interests.push(EventFilter {
                with: Vec::new(),
                correlate: Vec::new(),
            });
        }
        if let Some(Until::Consumed(until)) = strategy.until.as_deref() {
            self.interests.extend(until.filters.iter().cloned());
        }
    }

    pub(super) fn schedule(&mut self, at: &At<'n>) -> Schedule {
        let cron = at.text("cron");
        if let Some(place) = at.get("cron") {
            self.check_cron(&place);
        }
        let mut duration = |key| {
            at.get(key)
                .and_then(|d| self.duration(&d, Site::ScheduleEvent))
        };
        let (every, after) = (duration("every"), duration("after"));
        let on = at
            .get("on")
            .map(|on| (self.strategy(&on, Site::ScheduleEvent), read(at)));
        Schedule {
            every,
            cron,
            after,
            on,
        }
    }
}

/// The fields of a cron expression.
const CRON_FIELDS: [&str; 5] = [
    "a minute (0 to 59)",
    "an hour (0 to 23)",
    "a day of the month (1 to 31)",
    "a month (1 to 12, or JAN to DEC)",
    "a day of the week (0 to 7, or SUN to SAT)",
];

impl<'n> Compiler<'n> {
    fn check_cron(&mut self, at: &At<'n>) {
        let Some(pattern) = at.node.as_str().filter(|pattern| !is_cron(pattern)) else {
            return;
        };
        let fields: Vec<&str> = pattern.split_whitespace().collect();
        let wrong = fields.iter().enumerate().find(|(index, field)| {
            let alone = std::array::from_fn(|at| if at == *index { **field } else { "*" });
            let alone: [&str; CRON_FIELDS.len()] = alone;
            !is_cron(&alone.join(" "))
        });
        let (part, label) = match wrong {
            Some((index, field)) if fields.len() == CRON_FIELDS.len() => {
                let start = field.as_ptr() as usize - pattern.as_ptr() as usize;
                (
                    start..start + field.len(),
                    format!("not {}", CRON_FIELDS[index]),
                )
            }
            _ => (
                0..pattern.len(),
                format!("has {} fields, not 5", fields.len()),
            ),
        };
        let hint = match fields.len() {
            6 => "there is no field for seconds: minute, hour, day of month, month, day of week",
            _ => {
                "five fields: minute, hour, day of month, month, day of week; `0 6 * * 1-5` is 06:00 on weekdays"
            }
        };
        self.report(
            Diagnostic::error(
                codes::INVALID_CRON,
                self.span_within(at, pattern, part),
                &at.pointer,
                "this is not a cron expression",
            )
            .label(label)
            .hint(hint),
        );
    }
}

fn is_cron(pattern: &str) -> bool {
    CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .build()
        .parse(pattern)
        .is_ok()
}

/// `.name` or `$name`, perhaps with more of the kind behind it.
fn is_path(text: &str) -> bool {
    let text = text.trim();
    text.starts_with(['.', '$'])
        && text[1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text[1..]
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.[]".contains(&b))
}

fn read(at: &At<'_>) -> EventRead {
    match at
        .node
        .get("read")
        .and_then(|read| read.as_scalar().and_then(Value::as_str))
    {
        Some("envelope") => EventRead::Envelope,
        Some("raw") => EventRead::Raw,
        _ => EventRead::Data,
    }
}
