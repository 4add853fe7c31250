//! Parameters as a document declares them.

use ferrovia_expr::Value;
use ferrovia_runtime::port::Fault;

use super::document::Node;
use super::style::Style;
use crate::fault;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Path,
    Query,
    Header,
    Cookie,
}

/// One parameter outside the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) required: bool,
    pub(super) style: Style,
    /// Characters with a meaning in URLs are sent as they are.
    pub(super) allow_reserved: bool,
}

impl Parameter {
    pub(super) fn of_openapi(node: &Node) -> Result<Self, Fault> {
        let (name, place) = identity(node)?;
        let default = match place {
            Place::Path | Place::Header => "simple",
            Place::Query | Place::Cookie => "form",
        };
        let style = node.text("style").unwrap_or(default);
        let explode = node.flag("explode").unwrap_or(style == "form");
        let style = match (node.value.get("content"), style, explode) {
            // Declared by media type instead of style: JSON text.
            (Some(_), ..) => Style::Json,
            (None, "simple", false) => Style::Simple,
            (None, "simple", true) => Style::SimpleExploded,
            (None, "form", false) => Style::Delimited(","),
            (None, "form", true) => Style::Repeated,
            (None, "spaceDelimited" | "pipeDelimited", true) => Style::Repeated,
            (None, "spaceDelimited", false) => Style::Delimited("%20"),
            (None, "pipeDelimited", false) => Style::Delimited("|"),
            (None, "deepObject", _) => Style::DeepObject,
            (None, "label", false) => Style::Label,
            (None, "label", true) => Style::LabelExploded,
            (None, "matrix", false) => Style::Matrix,
            (None, "matrix", true) => Style::MatrixExploded,
            (None, other, _) => {
                return Err(fault::configuration(format!(
                    "parameter `{name}` has the unknown style `{other}`"
                )));
            }
        };
        let required = place == Place::Path || node.flag("required").unwrap_or(false);
        Ok(Self {
            name,
            place,
            required,
            style,
            allow_reserved: node.flag("allowReserved").unwrap_or(false),
        })
    }

    pub(super) fn of_swagger(node: &Node) -> Result<Self, Fault> {
        let (name, place) = identity(node)?;
        let style = match (node.text("collectionFormat").unwrap_or("csv"), place) {
            ("multi", Place::Query) => Style::Repeated,
            ("csv" | "multi", Place::Path | Place::Header) => Style::Simple,
            ("ssv", _) => Style::Delimited("%20"),
            ("tsv", _) => Style::Delimited("%09"),
            ("pipes", _) => Style::Delimited("|"),
            _ => Style::Delimited(","),
        };
        let required = place == Place::Path || node.flag("required").unwrap_or(false);
        Ok(Self {
            name,
            place,
            required,
            style,
            allow_reserved: false,
        })
    }
}

fn identity(node: &Node) -> Result<(String, Place), Fault> {
    let name = node.value.get("name").and_then(Value::as_str);
    let name =
        name.ok_or_else(|| fault::configuration("a parameter of the document has no name"))?;
    let place = match node.text("in") {
        Some("path") => Place::Path,
        Some("query") => Place::Query,
        Some("header") => Place::Header,
        Some("cookie") => Place::Cookie,
        other => {
            let place = other.unwrap_or("nowhere");
            return Err(fault::configuration(format!(
                "parameter `{name}` is in `{place}`, which is unknown"
            )));
        }
    };
    Ok((name.to_owned(), place))
}
