//! Query parameters given as an object, merged with the URI's own.

use ferrovia_expr::{Object, Value};
use url::Url;

use crate::arguments::plain_text;

/// Appends `query` behind the parameters the URI has. Arrays repeat the name, nulls are left out, objects are sent as JSON.
pub(crate) fn append_query(url: &mut Url, query: &Object) {
    if query.is_empty() {
        return;
    }
    let mut pairs = url.query_pairs_mut();
    for (name, value) in query.iter() {
        match value {
            Value::Null => {}
            Value::Array(items) => {
                for item in items.iter().filter(|item| !item.is_null()) {
                    pairs.append_pair(name, &plain_text(item));
                }
            }
            _ => {
                pairs.append_pair(name, &plain_text(value));
            }
        }
    }
    drop(pairs);
    if url.query() == Some("") {
        url.set_query(None);
    }
}
