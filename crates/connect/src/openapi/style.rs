//! How arrays and objects are written into paths, queries, headers and cookies (OpenAPI 3.1, 4.8.12; RFC 6570).

use ferrovia_expr::Value;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::arguments::plain_text;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `a,b` and `k,v,l,w`
    Simple,
    /// `a,b` and `k=v,l=w`
    SimpleExploded,
    /// `name=a,b` with this delimiter
    Delimited(&'static str),
    /// `name=a&name=b` and `k=v&l=w`
    Repeated,
    /// `name[k]=v`
    DeepObject,
    /// `.a,b`
    Label,
    /// `.a.b` and `.k=v.l=w`
    LabelExploded,
    /// `;name=a,b`
    Matrix,
    /// `;name=a;name=b` and `;k=v;l=w`
    MatrixExploded,
    Json,
}

/// How single characters are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    /// Everything but letters, digits and `-._~`.
    Url,
    /// What may stand in a query with its meaning stays.
    UrlReserved,
    /// As it is: headers.
    Plain,
}

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
const RESERVED: &AsciiSet = &UNRESERVED
    .remove(b':')
    .remove(b'/')
    .remove(b'?')
    .remove(b'[')
    .remove(b']')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=');

impl Escape {
    pub(super) fn text(self, text: &str) -> String {
        match self {
            Escape::Url => utf8_percent_encode(text, UNRESERVED).to_string(),
            Escape::UrlReserved => utf8_percent_encode(text, RESERVED).to_string(),
            Escape::Plain => text.to_owned(),
        }
    }

    fn value(self, value: &Value) -> String {
        self.text(&plain_text(value))
    }
}

impl Style {
    /// The value as one text: for paths and headers.
    pub(super) fn single(self, name: &str, value: &Value, escape: Escape) -> String {
        let name = escape.text(name);
        match self {
            Style::Simple => items(value, escape, ",").join(","),
            Style::Delimited(delimiter) => items(value, escape, ",").join(delimiter),
            Style::SimpleExploded | Style::Repeated | Style::DeepObject => {
                items(value, escape, "=").join(",")
            }
            Style::Label => format!(".{}", items(value, escape, ",").join(",")),
            Style::LabelExploded => format!(".{}", items(value, escape, "=").join(".")),
            Style::Matrix => format!(";{name}={}", items(value, escape, ",").join(",")),
            Style::MatrixExploded => match value {
                Value::Object(_) => items(value, escape, "=")
                    .iter()
                    .map(|item| format!(";{item}"))
                    .collect(),
                _ => items(value, escape, "=")
                    .iter()
                    .map(|item| format!(";{name}={item}"))
                    .collect(),
            },
            Style::Json => escape.text(&value.to_json()),
        }
    }

    /// The value as `name=value` pairs, escaped: for queries and cookies.
    pub(super) fn pairs(self, name: &str, value: &Value, escape: Escape) -> Vec<String> {
        let key = escape.text(name);
        match (self, value) {
            (Style::DeepObject, Value::Object(object)) => object
                .iter()
                .flat_map(|(member, value)| deep(&format!("{name}[{member}]"), value, escape))
                .collect(),
            (Style::Repeated | Style::SimpleExploded, Value::Object(_)) => {
                items(value, escape, "=")
            }
            (Style::Repeated | Style::SimpleExploded | Style::DeepObject, Value::Array(items)) => {
                items
                    .iter()
                    .map(|item| format!("{key}={}", escape.value(item)))
                    .collect()
            }
            (Style::Json, _) => vec![format!("{key}={}", escape.text(&value.to_json()))],
            (Style::Delimited(delimiter), _) => vec![format!(
                "{key}={}",
                items(value, escape, delimiter).join(delimiter)
            )],
            _ => vec![format!("{key}={}", items(value, escape, ",").join(","))],
        }
    }
}

/// Nested members as `name[a][b]=v`, arrays as repeated `name[a]=v`: what servers commonly read.
fn deep(path: &str, value: &Value, escape: Escape) -> Vec<String> {
    match value {
        Value::Object(object) => object
            .iter()
            .flat_map(|(member, value)| deep(&format!("{path}[{member}]"), value, escape))
            .collect(),
        Value::Array(items) => items
            .iter()
            .flat_map(|item| deep(path, item, escape))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Str(_) => {
            vec![format!("{}={}", escape.text(path), escape.value(value))]
        }
    }
}

/// The escaped elements of an array, the members of an object (name and value joined by `link`), or the one scalar.
fn items(value: &Value, escape: Escape, link: &str) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().map(|item| escape.value(item)).collect(),
        Value::Object(object) => object
            .iter()
            .map(|(name, value)| format!("{}{link}{}", escape.text(name), escape.value(value)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Str(_) => {
            vec![escape.value(value)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the table in OpenAPI 3.1, 4.8.12.4.
    #[test]
    fn values_are_written_as_the_standards_table_shows() {
        let array = Value::parse_json(r#"["blue","black","brown"]"#).unwrap();
        let object = Value::parse_json(r#"{"R":100,"G":200,"B":150}"#).unwrap();
        for (style, of_array, of_object) in [
            (
                Style::Matrix,
                ";color=blue,black,brown",
                ";color=R,100,G,200,B,150",
            ),
            (
                Style::MatrixExploded,
                ";color=blue;color=black;color=brown",
                ";R=100;G=200;B=150",
            ),
            (Style::Label, ".blue,black,brown", ".R,100,G,200,B,150"),
            (
                Style::LabelExploded,
                ".blue.black.brown",
                ".R=100.G=200.B=150",
            ),
            (Style::Simple, "blue,black,brown", "R,100,G,200,B,150"),
            (
                Style::SimpleExploded,
                "blue,black,brown",
                "R=100,G=200,B=150",
            ),
        ] {
            assert_eq!(
                style.single("color", &array, Escape::Url),
                of_array,
                "{style:?}"
            );
            assert_eq!(
                style.single("color", &object, Escape::Url),
                of_object,
                "{style:?}"
            );
        }
        for (style, of_array, of_object) in [
            (
                Style::Delimited(","),
                "color=blue,black,brown",
                "color=R,100,G,200,B,150",
            ),
            (
                Style::Repeated,
                "color=blue&color=black&color=brown",
                "R=100&G=200&B=150",
            ),
            (
                Style::Delimited("%20"),
                "color=blue%20black%20brown",
                "color=R%20100%20G%20200%20B%20150",
            ),
            (
                Style::Delimited("|"),
                "color=blue|black|brown",
                "color=R|100|G|200|B|150",
            ),
            (
                Style::DeepObject,
                "color=blue&color=black&color=brown",
                "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150",
            ),
        ] {
            assert_eq!(
                style.pairs("color", &array, Escape::Url).join("&"),
                of_array,
                "{style:?}"
            );
            assert_eq!(
                style.pairs("color", &object, Escape::Url).join("&"),
                of_object,
                "{style:?}"
            );
        }
    }
}
