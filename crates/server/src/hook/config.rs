//! What a webhook's configuration says of its scheme: a name, or an object with more.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{self, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::{WINDOW_SECONDS, WINDOW_SECONDS_MAX};

/// How deliveries prove where they come from. In a configuration `github`, or `{ scheme: stripe, windowSeconds: 60 }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(
    tag = "scheme",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub enum Scheme {
    /// standardwebhooks.com, 1.0.0, with `v1` (HMAC-SHA256) and `v1a` (Ed25519).
    StandardWebhooks {
        window_seconds: WindowSeconds,
    },
    Github {},
    Stripe {
        window_seconds: WindowSeconds,
    },
    Slack {
        window_seconds: WindowSeconds,
    },
    Twilio {},
    /// A user and a password (RFC 7617). The body is not protected: whoever can change it in transit, does.
    Basic {},
    /// Whoever knows the URL is let in.
    None {},
}

/// How far a delivery's time may be from ours: from 1 to [`WINDOW_SECONDS_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct WindowSeconds(u32);

impl WindowSeconds {
    pub fn get(self) -> u32 {
        self.0
    }
}

impl Default for WindowSeconds {
    fn default() -> WindowSeconds {
        WindowSeconds(WINDOW_SECONDS)
    }
}

impl TryFrom<u32> for WindowSeconds {
    type Error = String;

    fn try_from(seconds: u32) -> Result<WindowSeconds, String> {
        if (1..=WINDOW_SECONDS_MAX).contains(&seconds) {
            Ok(WindowSeconds(seconds))
        } else {
            Err(format!(
                "a window has 1 to {WINDOW_SECONDS_MAX} seconds, not {seconds}"
            ))
        }
    }
}

impl From<WindowSeconds> for u32 {
    fn from(window: WindowSeconds) -> u32 {
        window.0
    }
}

/// The object form. Variants with braces refuse members that they do not have; those without would ignore them.
#[derive(Deserialize)]
#[serde(
    tag = "scheme",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
enum Written {
    StandardWebhooks {
        #[serde(default)]
        window_seconds: WindowSeconds,
    },
    Github {},
    Stripe {
        #[serde(default)]
        window_seconds: WindowSeconds,
    },
    Slack {
        #[serde(default)]
        window_seconds: WindowSeconds,
    },
    Twilio {},
    Basic {},
    None {},
}

impl From<Written> for Scheme {
    fn from(written: Written) -> Scheme {
        match written {
            Written::StandardWebhooks { window_seconds } => {
                Scheme::StandardWebhooks { window_seconds }
            }
            Written::Github {} => Scheme::Github {},
            Written::Stripe { window_seconds } => Scheme::Stripe { window_seconds },
            Written::Slack { window_seconds } => Scheme::Slack { window_seconds },
            Written::Twilio {} => Scheme::Twilio {},
            Written::Basic {} => Scheme::Basic {},
            Written::None {} => Scheme::None {},
        }
    }
}

impl<'de> Deserialize<'de> for Scheme {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Scheme, D::Error> {
        struct NameOrObject;

        impl<'de> Visitor<'de> for NameOrObject {
            type Value = Scheme;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("the name of a scheme, or an object with `scheme`")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Scheme, E> {
                let scheme: StrDeserializer<'_, E> = name.into_deserializer();
                let object = de::value::MapDeserializer::new([("scheme", scheme)].into_iter());
                Written::deserialize(object).map(Scheme::from)
            }

            fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Scheme, A::Error> {
                Written::deserialize(MapAccessDeserializer::new(object)).map(Scheme::from)
            }
        }

        deserializer.deserialize_any(NameOrObject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Scheme, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_is_enough() {
        let window_seconds = WindowSeconds::default();
        for (name, scheme) in [
            (
                "standard-webhooks",
                Scheme::StandardWebhooks { window_seconds },
            ),
            ("github", Scheme::Github {}),
            ("stripe", Scheme::Stripe { window_seconds }),
            ("slack", Scheme::Slack { window_seconds }),
            ("twilio", Scheme::Twilio {}),
            ("basic", Scheme::Basic {}),
            ("none", Scheme::None {}),
        ] {
            assert_eq!(read(&format!("\"{name}\"")), Ok(scheme));
            assert_eq!(read(&format!("{{\"scheme\":\"{name}\"}}")), Ok(scheme));
            let written = serde_json::to_string(&scheme).unwrap();
            assert_eq!(read(&written), Ok(scheme), "{written}");
        }
    }

    #[test]
    fn the_window_can_be_set_where_a_time_is_signed() {
        let read_window = read(r#"{"scheme":"stripe","windowSeconds":60}"#);
        let window_seconds = WindowSeconds(60);
        assert_eq!(read_window, Ok(Scheme::Stripe { window_seconds }));
        for wrong in [
            r#"{"scheme":"github","windowSeconds":60}"#,
            r#"{"scheme":"stripe","windowSeconds":0}"#,
            r#"{"scheme":"stripe","windowSeconds":3601}"#,
            r#"{"scheme":"stripe","windowSeconds":-1}"#,
            r#"{"scheme":"stripe","window":60}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nothing_else_is_a_scheme() {
        for wrong in [
            "\"\"",
            "\"GitHub\"",
            "\"hmac\"",
            "null",
            "{}",
            "[]",
            "1",
            "true",
            r#"{"scheme":"none","x":1}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        // Not the absence of a scheme: that has to be said.
        assert!(read("null").is_err());
    }
}
