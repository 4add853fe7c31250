//! Where a catalog keeps a function.

use url::Url;

/// Branch taken where a repository's address names none.
const BRANCH_DEFAULT: &str = "main";

/// An endpoint that cannot be a catalog's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    #[error("`{0}` cannot be the base of a catalog's files")]
    NoBase(Url),
    #[error("`{0}` cannot be part of a function's path")]
    BadName(String),
}

/// The address of `functions/NAME/VERSION/function.yaml` below a catalog's endpoint.
///
/// Pages of GitHub and GitLab are rewritten to the raw files behind them. A repository's root means its branch `main`;
/// every other endpoint is taken as it is.
pub fn function_uri(endpoint: &Url, name: &str, version: &str) -> Result<Url, CatalogError> {
    for part in [name, version] {
        let clean = !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.+".contains(c));
        if !clean || part.chars().all(|c| c == '.') {
            return Err(CatalogError::BadName(part.to_owned()));
        }
    }
    let mut base = raw_base(endpoint);
    base.set_fragment(None);
    base.path_segments_mut()
        .map_err(|()| CatalogError::NoBase(endpoint.clone()))?
        .pop_if_empty()
        .extend(["functions", name, version, "function.yaml"]);
    Ok(base)
}

fn raw_base(endpoint: &Url) -> Url {
    let host = endpoint.host_str().unwrap_or_default();
    let segments: Vec<&str> = endpoint
        .path_segments()
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();
    let path = match host {
        "github.com" | "www.github.com" => github_path(&segments),
        _ if host == "gitlab.com" || host.starts_with("gitlab.") => gitlab_path(&segments),
        _ => None,
    };
    let Some(path) = path else {
        return endpoint.clone();
    };
    let mut raw = endpoint.clone();
    raw.set_query(None);
    if host.ends_with("github.com") {
        raw.set_host(Some("raw.githubusercontent.com"))
            .expect("the name is a valid host");
    }
    raw.set_path(&path.join("/"));
    raw
}

/// `OWNER/REPO[/tree|blob|raw/BRANCH[/PATH…]]` → `OWNER/REPO/BRANCH[/PATH…]`
fn github_path<'a>(segments: &[&'a str]) -> Option<Vec<&'a str>> {
    match segments {
        [owner, repository] => Some(vec![
            owner,
            repository.trim_end_matches(".git"),
            BRANCH_DEFAULT,
        ]),
        [
            owner,
            repository,
            "tree" | "blob" | "raw",
            branch,
            path @ ..,
        ] => Some([&[*owner, *repository, *branch], path].concat()),
        _ => None,
    }
}

/// `GROUP…/REPO[/-/tree|blob|raw/BRANCH[/PATH…]]` → `GROUP…/REPO/-/raw/BRANCH[/PATH…]`
fn gitlab_path<'a>(segments: &[&'a str]) -> Option<Vec<&'a str>> {
    match segments.iter().position(|part| *part == "-") {
        None if segments.len() >= 2 => Some([segments, &["-", "raw", BRANCH_DEFAULT]].concat()),
        None => None,
        Some(dash) => match &segments[dash + 1..] {
            ["tree" | "blob" | "raw", rest @ ..] if !rest.is_empty() => {
                Some([&segments[..dash], &["-", "raw"], rest].concat())
            }
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_below_a_catalogs_endpoint() {
        let tail = "functions/log/1.0.0/function.yaml";
        for (endpoint, expected) in [
            (
                "https://github.com/acme/catalog",
                "https://raw.githubusercontent.com/acme/catalog/main",
            ),
            (
                "https://github.com/acme/catalog/",
                "https://raw.githubusercontent.com/acme/catalog/main",
            ),
            (
                "https://github.com/acme/catalog/tree/v2",
                "https://raw.githubusercontent.com/acme/catalog/v2",
            ),
            (
                "https://github.com/acme/catalog/tree/main/sub/dir",
                "https://raw.githubusercontent.com/acme/catalog/main/sub/dir",
            ),
            (
                "https://github.com/acme/catalog/blob/main",
                "https://raw.githubusercontent.com/acme/catalog/main",
            ),
            (
                "https://raw.githubusercontent.com/a/b/main",
                "https://raw.githubusercontent.com/a/b/main",
            ),
            (
                "https://gitlab.com/a/b",
                "https://gitlab.com/a/b/-/raw/main",
            ),
            (
                "https://gitlab.com/g/sub/b/-/tree/dev",
                "https://gitlab.com/g/sub/b/-/raw/dev",
            ),
            (
                "https://gitlab.example.com/g/b/-/blob/dev/x",
                "https://gitlab.example.com/g/b/-/raw/dev/x",
            ),
            ("https://catalog.example.com", "https://catalog.example.com"),
            ("http://localhost:8080/base/", "http://localhost:8080/base"),
        ] {
            let uri = function_uri(&endpoint.parse().unwrap(), "log", "1.0.0").unwrap();
            assert_eq!(uri.as_str(), format!("{expected}/{tail}"), "{endpoint}");
        }
    }

    #[test]
    fn names_cannot_lead_elsewhere() {
        let endpoint = "https://catalog.example.com/x".parse().unwrap();
        for (name, version) in [
            ("..", "1"),
            ("a/b", "1"),
            ("a", ".."),
            ("", "1"),
            ("a", "1%2f.."),
        ] {
            assert!(
                function_uri(&endpoint, name, version).is_err(),
                "{name}:{version}"
            );
        }
    }
}
