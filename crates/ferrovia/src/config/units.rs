//! Durations and rates as people write them.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::args::duration;

/// `90d`, `12h`, `PT30M`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

/// A number in a second: `10/s`, `300/m`, `5000/h`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate(pub(crate) f64);

const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

impl Span {
    fn text(self) -> String {
        let ms = self.0.as_millis() as u64;
        let exact = UNITS.iter().find(|(_, scale)| ms.is_multiple_of(*scale));
        let (unit, scale) = exact.copied().unwrap_or(("ms", 1));
        format!("{}{unit}", ms / scale)
    }
}

impl Rate {
    fn read(text: &str) -> Result<Rate, String> {
        let refused =
            || format!("`{text}` is not a rate; write for instance 10/s, 300/m or 5000/h");
        let (number, unit) = text.split_once('/').ok_or_else(refused)?;
        let seconds = match unit.trim() {
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return Err(refused()),
        };
        let number: f64 = number.trim().parse().map_err(|_| refused())?;
        if number.is_finite() && number > 0.0 {
            Ok(Rate(number / seconds))
        } else {
            Err(refused())
        }
    }

    fn text(self) -> String {
        let units = [("s", 1.0), ("m", 60.0), ("h", 3_600.0), ("d", 86_400.0)];
        let whole = units
            .iter()
            .map(|(unit, seconds)| (unit, self.0 * seconds))
            .find(|(_, number)| (number - number.round()).abs() < 1e-9);
        match whole {
            Some((unit, number)) => format!("{}/{unit}", number.round()),
            None => format!("{}/s", self.0),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        duration(&text).map(Span).map_err(de::Error::custom)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["20s", "90d", "PT1H30M"] })
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Rate::read(&text).map_err(de::Error::custom)
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9.]+/[smhd]$", "examples": ["10/s", "300/m"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_written() {
        for (text, expected) in [
            ("10/s", Some((10.0, "10/s"))),
            ("300/m", Some((5.0, "5/s"))),
            ("1/m", Some((1.0 / 60.0, "1/m"))),
            ("0.5/s", Some((0.5, "30/m"))),
            ("0/s", None),
            ("-1/s", None),
            ("inf/s", None),
            ("10", None),
            ("10/w", None),
        ] {
            let read = Rate::read(text).ok();
            let written = read.map(|rate| (rate.0, rate.text()));
            let expected = expected.map(|(rate, text)| (rate, text.to_owned()));
            assert_eq!(written, expected, "{text}");
        }
    }

    #[test]
    fn durations_are_written_in_their_largest_unit() {
        for (ms, text) in [(86_400_000, "1d"), (90_000, "90s"), (1_500, "1500ms")] {
            assert_eq!(Span(Duration::from_millis(ms)).text(), text);
        }
    }
}
