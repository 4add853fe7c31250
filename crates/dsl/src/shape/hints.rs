//! What to write instead of a text or value that does not fit.

use ferrovia_expr::Value;

use super::forms::DSL_VERSIONS;
use super::suggest::{all, either};
use super::vocabulary::{Form, Object, Presence, Property, Shape, Variants};

const NEWEST_DSL: &str = DSL_VERSIONS[DSL_VERSIONS.len() - 1];

/// What to write instead of `text`, which is not of this form.
pub(super) fn for_form(form: Form, text: &str) -> Option<String> {
    match form {
        Form::Free => None,
        Form::NotEmpty => Some("write something, or leave the property out".to_owned()),
        Form::Name => name(text),
        Form::Version => version(text),
        Form::DslVersion => Some(format!(
            "write '{NEWEST_DSL}'; the versions 1.0.0 to {NEWEST_DSL} and their pre-releases are understood"
        )),
        Form::Uri => Some(uri(text)),
        Form::Duration => Some(duration(text)),
        Form::DateTime => Some("write date, time and zone, or an expression in `${ }`".to_owned()),
        Form::Host => Some("write the host alone, without scheme, port and path".to_owned()),
    }
}

fn name(text: &str) -> Option<String> {
    let mut words: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    words.retain(|word| !word.is_empty());
    let slug = words.join("-");
    let fits = text.is_ascii() && Form::Name.matches(&slug) && slug != text;
    fits.then(|| format!("write `{slug}`"))
        .or_else(|| Some("use the letters a to z, digits, and hyphens between them".to_owned()))
}

fn version(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches(['v', 'V']);
    let completed = match text.split('.').count() {
        1 => format!("{text}.0.0"),
        2 => format!("{text}.0"),
        _ => text.to_owned(),
    };
    let fits = Form::Version.matches(&completed);
    fits.then(|| format!("write '{completed}'"))
}

fn uri(text: &str) -> String {
    if text.contains("${") {
        "a text is either literal or one expression as a whole: write a template as in `https://shop.example/orders/{id}`, or '${ \"https://shop.example/orders/\" + .id }'".to_owned()
    } else if text.is_empty() {
        "write an address such as `https://shop.example/orders`".to_owned()
    } else {
        "a URI holds no white space; write `%20` for a space".to_owned()
    }
}

fn duration(text: &str) -> String {
    let text = text.trim();
    let upper = text.to_ascii_uppercase();
    if Form::Duration.matches(&upper) {
        return format!("write `{upper}`");
    }
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (amount, unit) = text.split_at(digits);
    let part = match unit.trim().to_ascii_lowercase().as_str() {
        "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => Some("milliseconds"),
        "s" | "sec" | "secs" | "second" | "seconds" => Some("seconds"),
        "m" | "min" | "mins" | "minute" | "minutes" => Some("minutes"),
        "h" | "hr" | "hour" | "hours" => Some("hours"),
        "d" | "day" | "days" => Some("days"),
        _ => None,
    };
    match part {
        Some(part) if digits > 0 => format!("write `{{ {part}: {amount} }}`"),
        _ => "write `{ minutes: 15 }` or `PT15M`, or an expression in `${ }`".to_owned(),
    }
}

/// What to write instead of a number or truth value where a text is wanted.
pub(super) fn quoted(form: Form, value: &Value) -> String {
    let plain = value.to_json();
    let text = match form {
        Form::DslVersion => NEWEST_DSL.to_owned(),
        Form::Version if plain.contains('.') => format!("{plain}.0"),
        Form::Version => format!("{plain}.0.0"),
        Form::Free
        | Form::NotEmpty
        | Form::Name
        | Form::Uri
        | Form::Duration
        | Form::DateTime
        | Form::Host => plain,
    };
    format!("quote it: '{text}'")
}

/// What to write instead of a value of the wrong type.
pub(super) fn for_type(shape: &Shape, value: Option<&Value>) -> Option<String> {
    let alternatives = match shape {
        Shape::OneOf(alternatives) => *alternatives,
        one => std::slice::from_ref(one),
    };
    let any = |test: fn(&Shape) -> bool| alternatives.iter().any(test);
    let number = matches!(value, Some(Value::Int(_) | Value::Float(_)));
    if number && any(|shape| matches!(shape, Shape::Dynamic(Form::Duration))) {
        let amount = value.map(Value::to_json).unwrap_or_default();
        return Some(format!("say the unit: `{{ seconds: {amount} }}`"));
    }
    if let Some(value @ (Value::Bool(_) | Value::Int(_) | Value::Float(_))) = value
        && any(|shape| matches!(shape, Shape::Expression))
    {
        return Some(format!(
            "write it as an expression: '${{ {} }}'",
            value.to_json()
        ));
    }
    if matches!(value, Some(Value::Str(_))) && any(|shape| matches!(shape, Shape::Boolean)) {
        return Some("write `true` or `false`, without quotes".to_owned());
    }
    if matches!(value, Some(Value::Str(_))) && any(|shape| matches!(shape, Shape::Integer { .. })) {
        return Some("write the number without quotes".to_owned());
    }
    alternatives.iter().find_map(|shape| content(shape, value))
}

/// What belongs into a container of this shape.
fn content(shape: &Shape, value: Option<&Value>) -> Option<String> {
    let empty = matches!(value, Some(Value::Null));
    match shape {
        Shape::Map { least: 0, .. } if empty => {
            Some("write `{}` if it is meant to be empty".to_owned())
        }
        Shape::Named(named) if empty && named.least == 0 => {
            Some("write `[]` if it is meant to be empty".to_owned())
        }
        Shape::List(_) if empty => Some("write `[]` if it is meant to be empty".to_owned()),
        Shape::Object(object) => Some(of_object(object, value)),
        Shape::Variants(family) => Some(of_variants(family, value)),
        Shape::Named(named) => Some(format!(
            "each item begins with `- ` and a name; under the name is the {}",
            named.noun
        )),
        _ => None,
    }
}

fn of_object(object: &Object, value: Option<&Value>) -> String {
    let optional = |property: &Property| property.presence == Presence::Optional;
    let may_be_empty = object.properties.iter().all(optional) && object.rules.is_empty();
    if may_be_empty && matches!(value, Some(Value::Null)) {
        return "write `{}` if it is meant to be empty".to_owned();
    }
    let listed = all(object.properties.iter().map(|property| property.name));
    match (object.properties, value) {
        ([first, _], Some(Value::Str(_))) => {
            format!("write `{{ {}: … }}`; it can have {listed}", first.name)
        }
        _ => format!("it can have {listed}"),
    }
}

fn of_variants(family: &Variants, value: Option<&Value>) -> String {
    let reference = family.variants.iter().any(|variant| variant.key == "use");
    match value {
        Some(Value::Str(name)) if reference => {
            format!(
                "write `{{ use: {name} }}` for the {} of that name",
                family.noun
            )
        }
        _ => format!("it needs one of {}", keys(family)),
    }
}

/// " It needs …." for a shape with required properties.
pub(super) fn needs(shape: &Shape) -> String {
    let Shape::Object(object) = shape else {
        return String::new();
    };
    let required = object
        .properties
        .iter()
        .filter(|p| p.presence == Presence::Required);
    let names: Vec<_> = required.map(|property| property.name).collect();
    if names.is_empty() {
        String::new()
    } else {
        format!(" It needs {}.", all(names))
    }
}

/// The keys by which variants are told apart.
pub(super) fn keys(family: &Variants) -> String {
    let mut keys: Vec<&str> = family.variants.iter().map(|variant| variant.key).collect();
    keys.dedup();
    either(keys)
}
