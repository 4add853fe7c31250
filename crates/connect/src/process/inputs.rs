//! What shell commands and scripts are given: arguments, environment and standard input.
//!
//! `arguments` is a list since version 1.0.3 of the language and was an object before. How either reaches a command or a
//! script is decided here; what they do with it is not.

use ferrovia_expr::Value;
use ferrovia_runtime::port::Fault;

use crate::arguments::{Arguments, plain_text};
use crate::fault;

pub(crate) struct Inputs {
    /// `arguments` as a list.
    pub(crate) positional: Vec<String>,
    /// `arguments` as an object. Those whose names are fit for it are in the environment too.
    pub(crate) named: Vec<(String, Value)>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) stdin: Option<Vec<u8>>,
}

impl Inputs {
    /// Values that are no strings are given as JSON. In the environment, `environment` wins over named arguments.
    pub(crate) fn parse(arguments: Arguments<'_>) -> Result<Self, Fault> {
        let mut inputs = Inputs {
            positional: Vec::new(),
            named: Vec::new(),
            environment: Vec::new(),
            stdin: arguments
                .value("stdin")
                .map(|value| plain_text(value).into_bytes()),
        };
        match arguments.value("arguments") {
            None => {}
            Some(Value::Array(items)) => inputs.positional.extend(items.iter().map(plain_text)),
            Some(Value::Object(named)) => {
                let named = named
                    .iter()
                    .map(|(name, value)| (name.to_string(), value.clone()));
                inputs.named.extend(named);
            }
            Some(other) => {
                let detail = format!(
                    "`arguments` must be an array or an object, not {}",
                    other.type_name()
                );
                return Err(fault::validation(detail));
            }
        }
        let variables = inputs
            .named
            .iter()
            .filter(|(name, value)| is_identifier(name) && !value.is_null())
            .map(|(name, value)| (name.clone(), plain_text(value)));
        inputs.environment.extend(variables);
        inputs.environment.extend(environment(arguments)?);
        Ok(inputs)
    }

    /// The arguments of `sh -c command`, and whether the command must be completed by them because it refers to none.
    pub(super) fn of_command(&self, command: &str) -> (Vec<String>, bool) {
        let mut given = self.positional.clone();
        // A command that reads one as a variable reads the others so, if at all.
        let as_variables = self.named.iter().any(|(name, _)| names(command, name));
        for (name, value) in &self.named {
            if as_variables && is_identifier(name) {
                continue;
            }
            match value {
                Value::Null => given.push(name.clone()),
                value if name.starts_with("--") => {
                    given.push(format!("{name}={}", plain_text(value)));
                }
                value if name.is_empty() => given.push(plain_text(value)),
                value => given.extend([name.clone(), plain_text(value)]),
            }
        }
        // A script of several lines has no place where it would be plain that arguments belong.
        let one_line = !command.trim_end().contains('\n');
        let complete = !given.is_empty() && one_line && !takes_positional(command);
        (given, complete)
    }

    /// The arguments of a script, named ones as options: `--name value`, `--name` alone for true, nothing for false and
    /// null.
    pub(crate) fn of_script(&self) -> Vec<String> {
        let mut given = self.positional.clone();
        for (name, value) in &self.named {
            let option = match name.starts_with('-') {
                true => name.clone(),
                false => format!("--{name}"),
            };
            match value {
                Value::Null | Value::Bool(false) => {}
                Value::Bool(true) => given.push(option),
                value => given.extend([option, plain_text(value)]),
            }
        }
        given
    }
}

fn environment(arguments: Arguments<'_>) -> Result<Vec<(String, String)>, Fault> {
    let Some(value) = arguments.value("environment") else {
        return Ok(Vec::new());
    };
    let named = value.as_object();
    let named = named.ok_or_else(|| {
        fault::validation(format!(
            "`environment` must be an object, not {}",
            value.type_name()
        ))
    })?;
    let variables = named.iter().map(|(name, value)| {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(fault::validation(format!(
                "`{}` is no name of a variable",
                name.escape_debug()
            )));
        }
        Ok((name.to_string(), plain_text(value)))
    });
    variables.collect()
}

/// Whether shell and JavaScript can read it as a variable.
pub(crate) fn is_identifier(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// What follows each `$` of a command, without an opening brace.
fn references(command: &str) -> impl Iterator<Item = &str> {
    command
        .split('$')
        .skip(1)
        .map(|rest| rest.strip_prefix('{').unwrap_or(rest))
}

/// Whether the command refers to the variable.
fn names(command: &str, name: &str) -> bool {
    is_identifier(name)
        && references(command).any(|rest| {
            let after = rest.strip_prefix(name);
            after.is_some_and(|after| {
                !after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            })
        })
}

/// Whether the command refers to `$1`, `$@`, `$*` or `$#`. One in single quotes counts, as in `awk '{ print $1 }'`: then
/// nothing is added, and the author can write `"$@"`.
fn takes_positional(command: &str) -> bool {
    references(command)
        .any(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || "@*#".contains(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_of_commands_are_found() {
        for (command, positional, named) in [
            ("echo", false, false),
            ("echo $1", true, false),
            ("echo \"${2:-x}\" $NAME", true, true),
            ("for a in \"$@\"; do :; done", true, false),
            ("echo ${NAME}", false, true),
            ("echo $NAMES $(date)", false, false),
        ] {
            assert_eq!(takes_positional(command), positional, "{command}");
            assert_eq!(names(command, "NAME"), named, "{command}");
        }
    }
}
