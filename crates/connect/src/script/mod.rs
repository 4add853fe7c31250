//! `run: script`: JavaScript in this process, Python in a child process.

mod javascript;
mod python;

use std::sync::Arc;

use async_trait::async_trait;
use ferrovia_expr::Value;
use ferrovia_runtime::port::{Call, Executor, Fault, Success};
use tokio::sync::Semaphore;

use crate::arguments::Arguments;
use crate::config::JavaScriptLimits;
use crate::fault;
use crate::process::{Inputs, Processes, ReturnForm};
use crate::resource::Loader;

/// Carries out effects of kind `script`.
pub(crate) struct ScriptExecutor {
    loader: Loader,
    processes: Arc<Processes>,
    javascript: JavaScriptLimits,
    slots: Arc<Semaphore>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    JavaScript,
    Python,
}

/// What to run, and with what.
struct Script {
    code: String,
    inputs: Inputs,
}

impl ScriptExecutor {
    pub(crate) fn new(
        loader: Loader,
        processes: Arc<Processes>,
        javascript: JavaScriptLimits,
    ) -> Self {
        let slots = Arc::new(Semaphore::new(javascript.concurrent_max));
        Self {
            loader,
            processes,
            javascript,
            slots,
        }
    }

    async fn code(&self, arguments: Arguments<'_>) -> Result<String, Fault> {
        match (arguments.text("code")?, arguments.value("source")) {
            (Some(code), None) => Ok(code.to_owned()),
            (None, Some(source)) => self.load(source).await,
            (Some(_), Some(_)) | (None, None) => Err(fault::configuration(
                "script: exactly one of `code` and `source` is required",
            )),
        }
    }

    async fn load(&self, source: &Value) -> Result<String, Fault> {
        let endpoint = Arguments::of("script source", source)?.required("endpoint")?;
        let (uri, authentication) = match endpoint.as_str() {
            Some(uri) => (uri, None),
            None => {
                let endpoint = Arguments::of("script source endpoint", endpoint)?;
                (
                    endpoint.required_text("uri")?,
                    endpoint.value("authentication"),
                )
            }
        };
        let resource = self.loader.load(uri, authentication, None).await?;
        String::from_utf8(resource.bytes.to_vec())
            .map_err(|_| fault::configuration("script: the source is not UTF-8 text"))
    }
}

#[async_trait]
impl Executor for ScriptExecutor {
    async fn execute(&self, call: Call) -> Result<Success, Fault> {
        let arguments = Arguments::of("script", &call.arguments)?;
        let language = match arguments
            .required_text("language")?
            .to_ascii_lowercase()
            .as_str()
        {
            "js" | "javascript" => Language::JavaScript,
            "python" => Language::Python,
            other => {
                return Err(fault::configuration(format!(
                    "script: `{other}` is not supported: write js or python"
                )));
            }
        };
        let form = ReturnForm::parse(arguments)?;
        let script = Script {
            code: self.code(arguments).await?,
            inputs: Inputs::parse(arguments)?,
        };
        let finished = match language {
            Language::JavaScript => {
                let slot = Arc::clone(&self.slots).acquire_owned().await;
                let slot = slot.expect("the semaphore is never closed");
                javascript::run(script, self.javascript, call.time_limit, slot).await?
            }
            Language::Python => python::run(script, &self.processes, call.time_limit).await?,
        };
        Ok(Success {
            output: form.output(&finished),
            authorization_scheme: None,
        })
    }

    fn connection(&self, _call: &Call) -> Option<Arc<str>> {
        Some("script".into())
    }
}
