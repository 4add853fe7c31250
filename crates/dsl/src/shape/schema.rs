//! The JSON Schema of the language, for editors: read from the same description as the check.

use std::collections::BTreeMap;

use ferrovia_expr::{Array, Object as Json, Value};

use super::forms::EXPRESSION_PATTERN;
use super::vocabulary::{Form, Object, Others, Presence, Property, Rule, Shape, Variant, Variants};
use super::workflow::DOCUMENT;

/// The schema in the draft of 2020-12. Every object of the language has a definition of its own.
pub fn json_schema() -> Value {
    let mut definitions = Definitions::default();
    let mut root = Json::default();
    root.insert("$schema", "https://json-schema.org/draft/2020-12/schema");
    root.insert("title", "Workflow");
    let body = definitions.object(&DOCUMENT);
    for (key, value) in body.iter() {
        root.insert(key.clone(), value.clone());
    }
    let known: Json = definitions.known.into_iter().collect();
    root.insert("$defs", Value::Object(known));
    Value::Object(root)
}

#[derive(Default)]
struct Definitions {
    known: BTreeMap<&'static str, Value>,
}

impl Definitions {
    fn shape(&mut self, shape: &Shape) -> Json {
        match shape {
            Shape::Any => Json::default(),
            Shape::Text(form) => text(*form),
            Shape::Dynamic(form) => match form.pattern() {
                None => text(*form),
                Some(_) => any_of([text(*form), expression()]),
            },
            Shape::Expression => text(Form::NotEmpty),
            Shape::Wrapped => expression(),
            Shape::Choice(choices) => one("enum", choices.iter().copied().collect::<Array>()),
            Shape::Boolean => one("type", "boolean"),
            Shape::Integer { min, max } => integer(*min, *max),
            Shape::Map { values, least } => {
                let mut json = one("type", "object");
                json.insert("additionalProperties", self.shape(values));
                if *least > 0 {
                    json.insert("minProperties", *least as i64);
                }
                json
            }
            Shape::List(items) => {
                let mut json = one("type", "array");
                json.insert("items", self.shape(items));
                json
            }
            Shape::Named(named) => {
                let mut item = one("type", "object");
                item.insert("minProperties", 1);
                item.insert("maxProperties", 1);
                item.insert("additionalProperties", self.shape(&named.items));
                let mut json = one("type", "array");
                json.insert("description", named.doc);
                json.insert("items", item);
                if named.least > 0 {
                    json.insert("minItems", named.least as i64);
                }
                json
            }
            Shape::Object(object) => self.refer(object.name, |all| all.object(object)),
            Shape::Variants(family) => self.refer(family.name, |all| all.variants(family)),
            Shape::OneOf(alternatives) => {
                let alternatives: Vec<_> =
                    alternatives.iter().map(|shape| self.shape(shape)).collect();
                any_of(alternatives)
            }
        }
    }

    /// A reference to a definition, which is written when it is first named.
    fn refer(&mut self, name: &'static str, write: impl FnOnce(&mut Self) -> Json) -> Json {
        if !self.known.contains_key(name) {
            // Marks the name as known before its definition is written, for it may name itself.
            self.known.insert(name, Value::Null);
            let definition = write(self);
            self.known.insert(name, Value::Object(definition));
        }
        one("$ref", format!("#/$defs/{name}"))
    }

    fn object(&mut self, object: &Object) -> Json {
        let mut json = self.closed(object.name, object.doc, object.properties.iter());
        if object.others != Others::Refused {
            json.insert("additionalProperties", true);
        }
        let rules: Array = object.rules.iter().map(rule).collect();
        if !rules.is_empty() {
            json.insert("allOf", rules);
        }
        json
    }

    fn variants(&mut self, family: &'static Variants) -> Json {
        let mut references = Vec::new();
        for variant in family.variants {
            references.push(self.refer(variant.name, |all| all.variant(family, variant)));
        }
        let mut json = any_of(references);
        json.insert("title", title(family.name));
        json.insert("description", family.doc);
        json
    }

    fn variant(&mut self, family: &'static Variants, variant: &'static Variant) -> Json {
        let properties = variant.properties.iter().chain(family.common);
        let mut json = self.closed(variant.name, variant.doc, properties);
        let siblings: Array = family
            .variants
            .iter()
            .filter(|sibling| sibling.key == variant.key)
            .filter_map(|sibling| sibling.value)
            .collect();
        let decides = match variant.value {
            Some(value) => one("const", value),
            None if siblings.is_empty() => return json,
            None => one("not", one("enum", siblings)),
        };
        let mut own = Json::default();
        own.insert(variant.key, decides);
        let mut rule = Json::default();
        rule.insert("properties", own);
        json.insert(
            "allOf",
            [Value::Object(rule)].into_iter().collect::<Array>(),
        );
        json
    }

    fn closed<'p>(
        &mut self,
        name: &str,
        doc: &str,
        properties: impl Iterator<Item = &'p Property> + Clone,
    ) -> Json {
        let mut described = Json::default();
        for property in properties.clone() {
            let mut json = self.shape(&property.shape);
            json.insert("title", title(property.name));
            json.insert("description", property.doc);
            described.insert(property.name, json);
        }
        let required: Array = properties
            .filter(|property| property.presence == Presence::Required)
            .map(|property| property.name)
            .collect();
        let mut json = one("type", "object");
        json.insert("title", title(name));
        json.insert("description", doc);
        json.insert("properties", described);
        json.insert("required", required);
        json.insert("additionalProperties", false);
        json
    }
}

fn one(key: &'static str, value: impl Into<Value>) -> Json {
    let mut json = Json::default();
    json.insert(key, value);
    json
}

fn any_of(alternatives: impl IntoIterator<Item = Json>) -> Json {
    one("anyOf", alternatives.into_iter().collect::<Array>())
}

fn text(form: Form) -> Json {
    let mut json = one("type", "string");
    if let Some(pattern) = form.pattern() {
        json.insert("pattern", pattern);
    }
    json
}

fn expression() -> Json {
    let mut json = one("type", "string");
    json.insert("pattern", EXPRESSION_PATTERN);
    json
}

fn integer(min: i64, max: i64) -> Json {
    let mut json = one("type", "integer");
    json.insert("minimum", min);
    if max != i64::MAX {
        json.insert("maximum", max);
    }
    json
}

fn rule(rule: &Rule) -> Json {
    let require =
        |names: &[&'static str]| one("required", names.iter().copied().collect::<Array>());
    match rule {
        Rule::OneGroup(groups) => {
            let groups: Vec<_> = groups.iter().map(|group| require(group)).collect();
            one("oneOf", groups.into_iter().collect::<Array>())
        }
        Rule::Some(names) => any_of(names.iter().map(|name| require(&[name]))),
        Rule::NotEmpty => one("minProperties", 1),
        Rule::Needs { property, other } => one(
            "dependentRequired",
            one(property, [*other].into_iter().collect::<Array>()),
        ),
        Rule::ExactlyWhen {
            property,
            other,
            value,
        } => {
            let mut condition = one("properties", one(other, one("const", *value)));
            condition.insert("required", [*other].into_iter().collect::<Array>());
            let mut json = one("if", condition);
            json.insert("then", require(&[property]));
            json.insert("else", one("not", require(&[property])));
            json
        }
    }
}

/// "exceptWhen" → "Except when".
fn title(name: &str) -> String {
    let mut title = String::with_capacity(name.len() + 4);
    for (at, letter) in name.char_indices() {
        match at {
            0 => title.extend(letter.to_uppercase()),
            _ if letter.is_uppercase() => {
                title.push(' ');
                title.extend(letter.to_lowercase());
            }
            _ => title.push(letter),
        }
    }
    title
}
