//! What was expected against what came: values, properties by path, the order of tasks.

use serde_json::Value as Json;

/// Equality of JSON: `1` and `1.0` are the same number.
pub(crate) fn equal(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, value)| b.get(key).is_some_and(|other| equal(value, other)))
        }
        _ => a == b,
    }
}

/// Whether an object has all expected members; it may have more. Other values must be equal.
pub(crate) fn covers(actual: &Json, expected: &Json) -> bool {
    match (actual, expected) {
        (Json::Object(actual), Json::Object(expected)) => expected
            .iter()
            .all(|(key, value)| actual.get(key).is_some_and(|found| covers(found, value))),
        _ => equal(actual, expected),
    }
}

/// The value at a path such as `content.id` or `.[0].id`; a number is a key of an object or a place in an array.
pub(crate) fn at<'v>(value: &'v Json, path: &str) -> Option<&'v Json> {
    let steps = path.split(['.', '[', ']']).filter(|step| !step.is_empty());
    steps
        .into_iter()
        .try_fold(value, |value, step| match value {
            Json::Object(members) => members.get(step),
            Json::Array(items) => items.get(step.parse::<usize>().ok()?),
            _ => None,
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_equal_by_value_and_objects_by_members() {
        assert!(equal(
            &json!({"a": [1.0], "b": null}),
            &json!({"b": null, "a": [1]})
        ));
        assert!(!equal(&json!({"a": 1}), &json!({"a": 1, "b": null})));
        assert!(!equal(&json!([1, 2]), &json!([2, 1])));
        assert!(!equal(&json!("1"), &json!(1)));
    }

    #[test]
    fn covering_allows_more_but_nothing_else() {
        let actual = json!({"a": {"b": 1, "c": 2}, "d": [1]});
        assert!(covers(&actual, &json!({"a": {"b": 1}})));
        assert!(!covers(&actual, &json!({"a": {"b": 2}})));
        assert!(!covers(&actual, &json!({"d": []})));
        assert!(!covers(&actual, &json!({"e": null})));
    }

    #[test]
    fn paths_lead_through_objects_and_arrays() {
        let value = json!({"a": [{"b": 1}], "c": null});
        assert_eq!(at(&value, "a[0].b"), Some(&json!(1)));
        assert_eq!(at(&value, "c"), Some(&Json::Null));
        assert_eq!(at(&value, "a.1"), None);
        assert_eq!(at(&value, "c.d"), None);
    }
}
