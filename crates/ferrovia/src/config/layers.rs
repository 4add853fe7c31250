//! Puts settings together, and remembers where each came from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::{Map, Value};

use super::{Config, FILE};

/// Settings in the environment: `FERROVIA__SERVER__LISTEN` is `server.listen`.
const ENVIRONMENT: &str = "FERROVIA__";
/// A file of settings.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Settings from the command line: name and value.
pub(crate) type Given = Vec<(&'static str, Value)>;

/// Settings as they hold.
pub(crate) struct Loaded {
    pub(crate) config: Config,
    /// The directory of the project: that of the file, or the current one.
    pub(crate) directory: PathBuf,
    /// By name, what holds and where it comes from.
    pub(super) origins: BTreeMap<String, (Value, String)>,
}

/// Reads all settings. `file` names the file of settings; without it, `ferrovia.toml` is looked for in the current
/// directory and in those above it.
pub(crate) fn load(file: Option<&Path>, given: Given) -> anyhow::Result<Loaded> {
    let environment: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with(ENVIRONMENT))
        .collect();
    let file = match file {
        Some(file) => Some(file.to_owned()),
        None => find(&std::env::current_dir()?),
    };
    let file = file
        .map(|path| {
            let text = crate::read::Source::File(&path).text(FILE_BYTES_MAX);
            let text = text.map_err(|why| anyhow::anyhow!("{}: {why}", path.display()))?;
            anyhow::Ok((path, text))
        })
        .transpose()?;
    together(file, environment, given)
}

fn find(from: &Path) -> Option<PathBuf> {
    let places = from.ancestors().map(|directory| directory.join(FILE));
    let mut places = places.filter(|path| path.is_file());
    let found = places.next()?;
    // Shown and joined as a person would write it.
    match found.parent() {
        Some(parent) if parent == from => Some(PathBuf::from(FILE)),
        _ => Some(found),
    }
}

fn together(
    file: Option<(PathBuf, String)>,
    mut environment: Vec<(String, String)>,
    given: Given,
) -> anyhow::Result<Loaded> {
    let mut origins = BTreeMap::new();
    let mut merged = serde_json::to_value(Config::default())?;
    note(&mut origins, "", &merged, "default");
    let mut directory = PathBuf::from(".");
    let mut file_name = String::new();
    if let Some((path, text)) = file {
        file_name = path.display().to_string();
        // Its own reader knows the place of a mistake.
        toml::from_str::<Config>(&text).map_err(|error| anyhow::anyhow!("{file_name}: {error}"))?;
        let layer: Value = toml::from_str(&text)?;
        lay(&mut merged, &layer);
        note(&mut origins, "", &layer, &file_name);
        directory = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .map_or_else(|| PathBuf::from("."), Path::to_owned);
    }
    environment.sort();
    for (variable, text) in environment {
        let name = variable[ENVIRONMENT.len()..]
            .to_lowercase()
            .replace("__", ".");
        set(&mut merged, &mut origins, &name, literal(&text), &variable)
            .with_context(|| format!("the environment variable {variable}"))?;
    }
    for (name, value) in given {
        set(&mut merged, &mut origins, name, value, "command line")?;
    }
    let mut config: Config = serde_json::from_value(merged)?;
    config.seen_from(&directory, |name| {
        origins
            .get(name)
            .is_some_and(|(_, origin)| *origin == file_name)
    });
    Ok(Loaded {
        config,
        directory,
        origins,
    })
}

/// What is written like a value of TOML is one, everything else is text.
fn literal(text: &str) -> Value {
    let parsed: Result<Map<String, Value>, _> = toml::from_str(&format!("value = {text}"));
    let parsed = parsed.ok().and_then(|mut parsed| parsed.remove("value"));
    parsed.unwrap_or_else(|| text.into())
}

/// Sets one value, if the settings are valid with it.
fn set(
    merged: &mut Value,
    origins: &mut BTreeMap<String, (Value, String)>,
    name: &str,
    value: Value,
    origin: &str,
) -> anyhow::Result<()> {
    let layer = name.rsplit('.').fold(value, |inner, part| {
        Value::Object(Map::from_iter([(part.to_owned(), inner)]))
    });
    let mut tried = merged.clone();
    lay(&mut tried, &layer);
    if let Err(error) = serde_json::from_value::<Config>(tried.clone()) {
        bail!("`{name}`: {error}");
    }
    *merged = tried;
    note(origins, "", &layer, origin);
    Ok(())
}

/// Lays one over the other: members of tables take the place of their like, everything else is replaced.
fn lay(below: &mut Value, above: &Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (name, value) in above {
                lay(below.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above.clone(),
    }
}

fn note(
    origins: &mut BTreeMap<String, (Value, String)>,
    prefix: &str,
    layer: &Value,
    origin: &str,
) {
    match layer.as_object() {
        Some(table) => {
            for (name, value) in table {
                // A name with a point would otherwise look like two.
                let name = if name.contains('.') {
                    format!("{prefix}\"{name}\"")
                } else {
                    format!("{prefix}{name}")
                };
                match value {
                    Value::Object(_) => note(origins, &format!("{name}."), value, origin),
                    _ => drop(origins.insert(name, (value.clone(), origin.to_owned()))),
                }
            }
        }
        None => drop(origins.insert(prefix.to_owned(), (layer.clone(), origin.to_owned()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str, environment: &[(&str, &str)], given: Given) -> Result<Loaded, String> {
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let file = (!file.is_empty()).then(|| (PathBuf::from("/p/ferrovia.toml"), file.to_owned()));
        together(file, environment.collect(), given).map_err(|error| format!("{error:#}"))
    }

    fn origin(loaded: &Loaded, name: &str) -> String {
        loaded.origins[name].1.clone()
    }

    #[test]
    fn what_is_said_later_holds() {
        let file = "[server]\nlisten = '127.0.0.1:1'\nhosts = ['a']\n[retention]\nruns = '90d'";
        let environment = [
            ("FERROVIA__SERVER__LISTEN", "127.0.0.1:2"),
            ("FERROVIA__LIMITS__CONCURRENT", "7"),
        ];
        let given = vec![("server.listen", "127.0.0.1:3".into())];
        let loaded = check(file, &environment, given).expect("it is valid");
        assert_eq!(loaded.config.server.listen.port(), 3);
        assert_eq!(loaded.config.server.hosts, ["a"]);
        assert_eq!(loaded.config.limits.concurrent, 7);
        assert_eq!(loaded.config.limits.each.concurrent, 128);
        assert_eq!(origin(&loaded, "server.listen"), "command line");
        assert_eq!(origin(&loaded, "server.hosts"), "/p/ferrovia.toml");
        assert_eq!(
            origin(&loaded, "limits.concurrent"),
            "FERROVIA__LIMITS__CONCURRENT"
        );
        assert_eq!(origin(&loaded, "retention.newest"), "default");
        let runs = loaded.config.retention.retention().runs;
        assert_eq!(runs.map(|span| span.as_secs()), Some(90 * 86_400));
    }

    #[test]
    fn relative_paths_of_the_file_are_seen_from_it_and_others_are_not() {
        let loaded = check(
            "[secrets]\nfile = 's.json'",
            &[],
            vec![("data.directory", "d".into())],
        );
        let config = loaded.expect("it is valid").config;
        assert_eq!(config.secrets.file, Some(PathBuf::from("/p/s.json")));
        assert_eq!(config.data.directory, PathBuf::from("d"));
    }

    #[test]
    fn limits_of_a_connection_have_its_name() {
        let file = "[limits.connections.\"api.example.com\"]\nconcurrent = 4\nrate = '10/s'";
        let loaded = check(file, &[], Vec::new()).expect("it is valid");
        let limits = loaded.config.limits.limits();
        let limit = limits.connections["api.example.com"];
        assert_eq!((limit.concurrent, limit.per_second), (4, Some(10.0)));
        assert_eq!(
            origin(&loaded, "limits.connections.\"api.example.com\".rate"),
            "/p/ferrovia.toml"
        );
    }

    #[test]
    fn mistakes_are_refused_with_their_place() {
        for (file, environment, expected) in [
            ("[server]\nlisten = 8080", None, "line 2"),
            ("[sever]", None, "unknown field `sever`"),
            ("[retention]\nruns = 'long'", None, "not a duration"),
            (
                "",
                Some(("FERROVIA__SERVER__PORT", "1")),
                "FERROVIA__SERVER__PORT",
            ),
            (
                "",
                Some(("FERROVIA__LIMITS__EACH__RATE", "fast")),
                "not a rate",
            ),
        ] {
            let refused = check(file, environment.as_slice(), Vec::new());
            let refused = refused.err().unwrap_or_default();
            assert!(
                refused.contains(expected),
                "{file} {environment:?}: {refused}"
            );
        }
    }
}
