//! Which workflows a setting or a reader means: `namespace/name`, with `*` for any part of either.

use std::str::FromStr;

/// A pattern of workflows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    namespace: Box<str>,
    name: Box<str>,
}

/// A text that is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write `namespace/name`, with `*` for any part of either")]
pub struct NoSelection;

impl FromStr for Selection {
    type Err = NoSelection;

    fn from_str(text: &str) -> Result<Selection, NoSelection> {
        let (namespace, name) = match text {
            "*" => ("*", "*"),
            _ => text.split_once('/').ok_or(NoSelection)?,
        };
        if namespace.is_empty() || name.is_empty() || name.contains('/') {
            return Err(NoSelection);
        }
        Ok(Selection {
            namespace: namespace.into(),
            name: name.into(),
        })
    }
}

impl Selection {
    pub fn takes(&self, namespace: &str, name: &str) -> bool {
        fits(&self.namespace, namespace) && fits(&self.name, name)
    }
}

/// Parts of a pattern are taken at their first place, the last one at the end.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_part() {
        for (pattern, takes, leaves) in [
            (
                "shop/order",
                &["shop/order"][..],
                &["shop/orders", "shops/order"][..],
            ),
            ("shop/*", &["shop/order", "shop/x"], &["shops/order"]),
            ("*", &["a/b"], &[]),
            ("*/pay-*", &["a/pay-1", "b/pay-"], &["a/repay-1"]),
            (
                "a*b*c/*",
                &["abc/x", "axbxc/x", "abcbc/x"],
                &["ab/x", "ac/x", "abcd/x"],
            ),
        ] {
            let selection: Selection = pattern.parse().expect("it is a pattern");
            let takes_it = |workflow: &&str| {
                let (namespace, name) = workflow.split_once('/').expect("a test writes both");
                selection.takes(namespace, name)
            };
            assert!(takes.iter().all(takes_it), "{pattern}");
            assert!(!leaves.iter().any(takes_it), "{pattern}");
        }
        for text in ["", "shop", "shop/", "/order", "a/b/c"] {
            assert_eq!(text.parse::<Selection>(), Err(NoSelection), "{text}");
        }
    }
}
