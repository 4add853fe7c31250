//! Carries one effect out: finds who does it, waits for a turn, and makes an outcome of what comes.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;

use ferrovia_engine::{EffectOutput, ErrorType, Fault, Outcome};

use crate::lane::Lanes;
use crate::port::{Call, Executor, Success};

pub(crate) async fn execute(
    executor: Option<Arc<dyn Executor>>,
    lanes: &Lanes,
    call: Call,
) -> Outcome {
    let Some(executor) = executor else {
        let detail = format!(
            "this build of Ferrovia has nothing that carries out `{}`",
            call.kind
        );
        return Outcome::Failed(Fault {
            kind: ErrorType::Configuration,
            status: None,
            title: None,
            detail: Some(detail.into()),
        });
    };
    let connection = executor.connection(&call);
    let _turn = lanes.turn(connection.as_deref()).await;
    let secrets = call.secrets.clone();
    outcome(carried_out(&*executor, call).await, &secrets)
}

/// What an executor gave, as the run hears it: no fault quotes a secret.
pub(crate) fn outcome(
    result: Result<Success, crate::port::Fault>,
    secrets: &crate::port::Secrets,
) -> Outcome {
    match result {
        Ok(success) => Outcome::Completed(EffectOutput {
            value: success.output,
            authorization_scheme: success.authorization_scheme.map(Into::into),
        }),
        Err(mut fault) => {
            fault.title = secrets.mask(&fault.title);
            fault.detail = fault.detail.map(|detail| secrets.mask(&detail));
            Outcome::Failed(fault.into())
        }
    }
}

/// A defect of an executor is a fault of the one task that met it: without an outcome its run would wait for ever.
async fn carried_out(executor: &dyn Executor, call: Call) -> Result<Success, crate::port::Fault> {
    let mut running = executor.execute(call);
    let ended = poll_fn(|context| {
        match catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(ended)) => Poll::Ready(Some(ended)),
            Err(_panic) => Poll::Ready(None),
        }
    });
    ended.await.unwrap_or_else(|| {
        Err(crate::port::Fault {
            kind: ErrorType::Runtime,
            status: None,
            title: "Internal defect".to_owned(),
            detail: Some(
                "the connector failed in a way it should not; please report this".to_owned(),
            ),
        })
    })
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use ferrovia_expr::Value;

    use super::*;
    use crate::lane::Limits;
    use crate::port::{Fault as PortFault, Secrets};

    /// Fails in the way that the arguments name, quoting them.
    struct Failing;

    #[async_trait]
    impl Executor for Failing {
        async fn execute(&self, call: Call) -> Result<Success, PortFault> {
            let quoted = call.arguments.to_json();
            assert_ne!(quoted, "null", "a defect");
            Err(PortFault {
                kind: ErrorType::Communication,
                status: None,
                title: format!("about {quoted}"),
                detail: Some(quoted),
            })
        }
    }

    async fn failure(arguments: Value) -> Fault {
        let call = Call {
            kind: "http".into(),
            secrets: Secrets::of([&arguments]),
            arguments,
            idempotency_key: "run/effect".into(),
            time_limit: None,
        };
        match execute(
            Some(Arc::new(Failing)),
            &Lanes::new(Limits::default()),
            call,
        )
        .await
        {
            Outcome::Failed(fault) => fault,
            other => panic!("not a failure: {other:?}"),
        }
    }

    #[tokio::test]
    async fn faults_quote_no_secret() {
        let fault = failure("hush-hush".into()).await;
        assert_eq!(fault.title.as_deref(), Some("about \"***\""));
        assert_eq!(fault.detail.as_deref(), Some("\"***\""));
    }

    #[tokio::test]
    async fn a_defect_of_an_executor_is_a_fault_of_the_task() {
        let fault = failure(Value::Null).await;
        assert_eq!(fault.kind, ErrorType::Runtime);
        assert_eq!(fault.title.as_deref(), Some("Internal defect"));
    }
}
