//! Reading files and standard input, never more than a limit.

use std::io::Read;
use std::path::Path;

use ferrovia_expr::Value;

/// What an input, a list of events or a file of secrets may be long: as much as the answer of a service.
pub(crate) const INPUT_BYTES_MAX: u64 = 25 * 1024 * 1024;

/// Where a text comes from.
#[derive(Clone, Copy)]
pub(crate) enum Source<'p> {
    File(&'p Path),
    StandardInput,
}

impl Source<'_> {
    /// As messages name it.
    pub(crate) fn name(self) -> String {
        match self {
            Source::File(path) => path.display().to_string(),
            Source::StandardInput => "<stdin>".to_owned(),
        }
    }

    /// The whole text; the error says why there is none, without the name.
    pub(crate) fn text(self, bytes_max: u64) -> Result<String, String> {
        let mut bytes = Vec::new();
        let read = match self {
            Source::File(path) if path.is_dir() => {
                return Err("this is a directory; name a file in it".to_owned());
            }
            Source::File(path) => std::fs::File::open(path)
                .and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes)),
            Source::StandardInput => std::io::stdin()
                .lock()
                .take(bytes_max + 1)
                .read_to_end(&mut bytes),
        };
        read.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            std::io::ErrorKind::PermissionDenied => "this file may not be read".to_owned(),
            _ => error.to_string(),
        })?;
        if bytes.len() as u64 > bytes_max {
            return Err(format!("longer than {bytes_max} bytes, which is the limit"));
        }
        String::from_utf8(bytes).map_err(|error| {
            let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
            format!("not UTF-8 text: the bytes in line {line} are something else")
        })
    }

    /// One JSON text.
    pub(crate) fn json(self) -> anyhow::Result<Value> {
        let text = self
            .text(INPUT_BYTES_MAX)
            .map_err(|reason| anyhow::anyhow!("{}: {reason}", self.name()))?;
        Value::parse_json(&text)
            .map_err(|error| anyhow::anyhow!("{}: not JSON: {error}", self.name()))
    }
}
