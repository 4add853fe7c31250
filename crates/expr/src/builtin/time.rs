//! Dates. Always UTC, and `now` is the journal's clock, so an evaluation can be repeated.

use std::fmt::Write as _;

use super::{Native, native_fn};
use crate::Value;
use crate::eval::{Machine, Stop, raise};

type Answer = Result<Value, Stop>;

const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAY_SECONDS: i64 = 86_400;
/// Steps that one specifier of a format costs.
const SPECIFIER_STEPS: u64 = 8;
/// Years that dates may have, either side of zero.
const YEAR_MAX: f64 = 100_000.0;

pub(super) const FUNCTIONS: &[Native] = &[
    native_fn("now", 0, |m, _, _| {
        Ok(Value::from(m.scope.now_ms() as f64 / 1_000.0))
    }),
    native_fn("gmtime", 0, |m, v, _| from_seconds(&v)?.broken_down(m)),
    native_fn("localtime", 0, |m, v, _| from_seconds(&v)?.broken_down(m)),
    native_fn("mktime", 0, |_, v, _| match &v {
        Value::Array(_) => Ok(Value::Int(Moment::from_parts(&v, "mktime")?.seconds())),
        _ => Err(raise("mktime requires array inputs")),
    }),
    native_fn("strftime", 1, |m, v, a| {
        strftime(m, &v, &a[0], "strftime/1")
    }),
    native_fn("strflocaltime", 1, |m, v, a| {
        strftime(m, &v, &a[0], "strflocaltime/1")
    }),
    native_fn("strptime", 1, strptime),
];

/// A civil time. `month` counts from 0, as in the language.
#[derive(Default)]
struct Moment {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: f64,
}

/// Days since 1970 of a civil date, month from 1 (Hinnant, "chrono-compatible low-level date algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (
        year + era * 400 + i64::from(month <= 2),
        month,
        of_year - (153 * shifted + 2) / 5 + 1,
    )
}

impl Moment {
    fn days(&self) -> i64 {
        let months = self.year * 12 + self.month;
        days_from_civil(months.div_euclid(12), months.rem_euclid(12) + 1, 1) + self.day - 1
    }
    fn seconds(&self) -> i64 {
        self.days() * DAY_SECONDS
            + self.hour * 3_600
            + self.minute * 60
            + self.second.floor() as i64
    }
    fn weekday(&self) -> i64 {
        (self.days() + 4).rem_euclid(7)
    }
    fn yearday(&self) -> i64 {
        self.days() - days_from_civil(self.year, 1, 1)
    }
    fn broken_down(&self, machine: &Machine<'_>) -> Answer {
        machine.array(vec![
            self.year.into(),
            self.month.into(),
            self.day.into(),
            self.hour.into(),
            self.minute.into(),
            self.second.into(),
            self.weekday().into(),
            self.yearday().into(),
        ])
    }
    /// Parts that are missing count as zero.
    fn from_parts(value: &Value, name: &str) -> Result<Moment, Stop> {
        let wrong = || raise(format!("{name} requires parsed datetime inputs"));
        let parts = value.as_array().ok_or_else(wrong)?;
        if parts
            .iter()
            .take(8)
            .any(|part| part.as_f64().is_none_or(f64::is_nan))
        {
            return Err(wrong());
        }
        let mut numbers = [1900.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        for (number, part) in numbers.iter_mut().zip(parts.iter()) {
            *number = part.as_f64().filter(|n| n.abs() <= 1e9).ok_or_else(wrong)?;
        }
        let [year, month, day, hour, minute, second] = numbers;
        if year.abs() > YEAR_MAX {
            return Err(raise("the year is out of range"));
        }
        let [year, month, day, hour, minute] =
            [year, month, day, hour, minute].map(|n| n.floor() as i64);
        Ok(Moment {
            year,
            month,
            day,
            hour,
            minute,
            second,
        })
    }
}

fn from_seconds(value: &Value) -> Result<Moment, Stop> {
    let seconds = value
        .as_f64()
        .ok_or_else(|| raise("gmtime() requires numeric inputs"))?;
    if seconds.is_nan() || seconds.abs() > YEAR_MAX * 366.0 * DAY_SECONDS as f64 {
        return Err(raise(
            "error converting number of seconds since epoch to datetime",
        ));
    }
    // Towards zero, and the fraction counted from below: so does jq.
    let whole = seconds.trunc();
    let (days, rest) = (
        (whole as i64).div_euclid(DAY_SECONDS),
        (whole as i64).rem_euclid(DAY_SECONDS),
    );
    let (year, month, day) = civil_from_days(days);
    let second = (rest % 60) as f64 + (seconds - seconds.floor());
    Ok(Moment {
        year,
        month: month - 1,
        day,
        hour: rest / 3_600,
        minute: rest / 60 % 60,
        second,
    })
}

fn strftime(machine: &Machine<'_>, value: &Value, format: &Value, name: &str) -> Answer {
    let (Value::Int(_) | Value::Float(_) | Value::Array(_)) = value else {
        return Err(raise(format!("{name} requires parsed datetime inputs")));
    };
    let Value::Str(format) = format else {
        return Err(raise(format!("{name} requires a string format")));
    };
    let moment = match value {
        // Parts may be beyond their range, such as the 30th of February.
        Value::Array(_) => from_seconds(&Moment::from_parts(value, name)?.seconds().into())?,
        _ => from_seconds(value)?,
    };
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            machine.append(&mut out, c.encode_utf8(&mut [0; 4]))?;
            continue;
        }
        let specifier = chars.next().unwrap_or('%');
        machine.meter.steps(SPECIFIER_STEPS)?;
        let text = specified(&moment, specifier)
            .ok_or_else(|| raise(format!("strftime/1: unknown format %{specifier}")))?;
        machine.append(&mut out, &text)?;
    }
    Ok(out.into())
}

fn specified(m: &Moment, specifier: char) -> Option<String> {
    let day = DAYS[m.weekday() as usize];
    let month = MONTHS[m.month.rem_euclid(12) as usize];
    let second = m.second.floor() as i64;
    let twelve = if m.hour % 12 == 0 { 12 } else { m.hour % 12 };
    let mut out = String::new();
    let mut several = |specifiers: &str| {
        specifiers.chars().try_for_each(|c| {
            if c.is_ascii_alphabetic() {
                out.push_str(&specified(m, c)?)
            } else {
                out.push(c)
            }
            Some(())
        })?;
        Some(std::mem::take(&mut out))
    };
    Some(match specifier {
        'Y' => m.year.to_string(),
        'C' => format!("{:02}", m.year.div_euclid(100)),
        'y' => format!("{:02}", m.year.rem_euclid(100)),
        'G' => iso_week(m).0.to_string(),
        'g' => format!("{:02}", iso_week(m).0.rem_euclid(100)),
        'V' => format!("{:02}", iso_week(m).1),
        'm' => format!("{:02}", m.month + 1),
        'B' => month.to_owned(),
        'b' | 'h' => month[..3].to_owned(),
        'd' => format!("{:02}", m.day),
        'e' => format!("{:2}", m.day),
        'j' => format!("{:03}", m.yearday() + 1),
        'A' => day.to_owned(),
        'a' => day[..3].to_owned(),
        'u' => (if m.weekday() == 0 { 7 } else { m.weekday() }).to_string(),
        'w' => m.weekday().to_string(),
        'U' => format!("{:02}", (m.yearday() + 7 - m.weekday()) / 7),
        'W' => format!("{:02}", (m.yearday() + 7 - (m.weekday() + 6) % 7) / 7),
        'H' => format!("{:02}", m.hour),
        'k' => format!("{:2}", m.hour),
        'I' => format!("{twelve:02}"),
        'l' => format!("{twelve:2}"),
        'M' => format!("{:02}", m.minute),
        'S' => format!("{second:02}"),
        'p' => (if m.hour < 12 { "AM" } else { "PM" }).to_owned(),
        'P' => (if m.hour < 12 { "am" } else { "pm" }).to_owned(),
        's' => m.seconds().to_string(),
        'Z' => "UTC".to_owned(),
        'z' => "+0000".to_owned(),
        'n' => "\n".to_owned(),
        't' => "\t".to_owned(),
        '%' => "%".to_owned(),
        'F' => several("Y-m-d")?,
        'T' | 'X' => several("H:M:S")?,
        'R' => several("H:M")?,
        'r' => several("I:M:S p")?,
        'D' | 'x' => several("m/d/y")?,
        'c' => several("a b e H:M:S Y")?,
        _ => return None,
    })
}

/// The year and number of the ISO 8601 week.
fn iso_week(m: &Moment) -> (i64, i64) {
    let monday_based = (m.weekday() + 6) % 7;
    let thursday = m.days() - monday_based + 3;
    let (year, _, _) = civil_from_days(thursday);
    (year, (thursday - days_from_civil(year, 1, 1)) / 7 + 1)
}

fn strptime(machine: &Machine<'_>, value: Value, args: &[Value]) -> Answer {
    let Value::Str(text) = &value else {
        return Err(raise("strptime/1 requires string inputs and arguments"));
    };
    let Value::Str(format) = &args[0] else {
        return Err(raise("strptime/1 requires string inputs and arguments"));
    };
    machine.meter.text(text.len() + format.len())?;
    let mut reader = Reader {
        rest: text,
        moment: Moment {
            year: 1900,
            day: 1,
            ..Moment::default()
        },
        offset: 0,
        afternoon: None,
        epoch: None,
    };
    let matched = reader.read(format).filter(|()| reader.rest.is_empty());
    if matched.is_none() {
        let mut message = String::new();
        write!(
            message,
            "date \"{text}\" does not match format \"{format}\""
        )
        .expect("a string takes all text");
        return Err(raise(message));
    }
    if let Some(afternoon) = reader.afternoon {
        reader.moment.hour = reader.moment.hour % 12 + if afternoon { 12 } else { 0 };
    }
    // jq leaves the offset of %z out of the broken down time, and so do we.
    match reader.epoch {
        Some(seconds) => from_seconds(&seconds.into())?.broken_down(machine),
        None => reader.moment.broken_down(machine),
    }
}

struct Reader<'t> {
    rest: &'t str,
    moment: Moment,
    offset: i64,
    afternoon: Option<bool>,
    epoch: Option<i64>,
}

impl Reader<'_> {
    fn read(&mut self, format: &str) -> Option<()> {
        let mut chars = format.chars();
        while let Some(c) = chars.next() {
            match c {
                '%' => self.specified(chars.next()?)?,
                c if c.is_whitespace() => self.rest = self.rest.trim_start(),
                c => self.rest = self.rest.strip_prefix(c)?,
            }
        }
        Some(())
    }

    fn number(&mut self, digits: usize) -> Option<i64> {
        let text = self.rest.trim_start_matches(' ');
        let length = text
            .bytes()
            .take(digits)
            .take_while(u8::is_ascii_digit)
            .count();
        let number = text.get(..length)?.parse().ok()?;
        self.rest = &text[length..];
        Some(number)
    }

    fn bounded(&mut self, digits: usize, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        self.number(digits).filter(|n| range.contains(n))
    }

    /// A name or its first three letters, in any case; its place in `names`.
    fn name(&mut self, names: &[&str]) -> Option<i64> {
        let fits = |part: &str| {
            self.rest
                .get(..part.len())
                .is_some_and(|text| text.eq_ignore_ascii_case(part))
        };
        let found = names.iter().enumerate().find_map(|(i, name)| {
            let length = if fits(name) {
                name.len()
            } else if fits(&name[..3]) {
                3
            } else {
                return None;
            };
            Some((i, length))
        });
        let (at, length) = found?;
        self.rest = &self.rest[length..];
        Some(at as i64)
    }

    fn specified(&mut self, specifier: char) -> Option<()> {
        match specifier {
            'Y' => self.moment.year = self.number(4)?,
            'y' => {
                let year = self.bounded(2, 0..=99)?;
                self.moment.year = year + if year < 69 { 2_000 } else { 1_900 };
            }
            'm' => self.moment.month = self.bounded(2, 1..=12)? - 1,
            'B' | 'b' | 'h' => self.moment.month = self.name(&MONTHS)?,
            'd' | 'e' => self.moment.day = self.bounded(2, 1..=31)?,
            'j' => {
                self.moment.month = 0;
                self.moment.day = self.bounded(3, 1..=366)?;
            }
            'A' | 'a' => drop(self.name(&DAYS)?),
            'u' | 'w' => drop(self.bounded(1, 0..=7)?),
            'H' | 'k' => self.moment.hour = self.bounded(2, 0..=23)?,
            'I' | 'l' => self.moment.hour = self.bounded(2, 1..=12)?,
            'M' => self.moment.minute = self.bounded(2, 0..=59)?,
            'S' => self.moment.second = self.bounded(2, 0..=60)? as f64,
            'p' | 'P' => {
                self.afternoon = Some(self.rest.get(..2)?.eq_ignore_ascii_case("pm"));
                self.rest = &self.rest[2..];
            }
            's' => self.epoch = Some(self.number(12)?),
            'Z' => {
                self.rest = self
                    .rest
                    .trim_start_matches(|c: char| c.is_ascii_alphabetic())
            }
            'z' => self.zone()?,
            'T' => self.read("%H:%M:%S")?,
            'R' => self.read("%H:%M")?,
            'F' => self.read("%Y-%m-%d")?,
            'D' => self.read("%m/%d/%y")?,
            'c' => self.read("%a %b %e %H:%M:%S %Y")?,
            'n' | 't' => self.rest = self.rest.trim_start(),
            '%' => self.rest = self.rest.strip_prefix('%')?,
            _ => return None,
        }
        Some(())
    }

    fn zone(&mut self) -> Option<()> {
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Some(());
        }
        let sign = if self.rest.starts_with('-') { -1 } else { 1 };
        self.rest = self.rest.strip_prefix(['+', '-'])?;
        let hours = self.bounded(2, 0..=23)?;
        self.rest = self.rest.strip_prefix(':').unwrap_or(self.rest);
        self.offset = sign * (hours * 60 + self.bounded(2, 0..=59)?);
        Some(())
    }
}
