//! What a running script and the program share: its output, its clock, and the reasons to stop.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use rquickjs::promise::PromiseState;
use rquickjs::{Array, Ctx, Exception, Function, Object, Promise, Result, Value};

use crate::config::JavaScriptLimits;
use crate::process::Inputs;

/// Why the interpreter is told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Halt {
    Exit(i64),
    Output(&'static str),
    TimeLimit,
    Cancelled,
}

#[derive(Clone)]
pub(super) struct Host {
    shared: Rc<Shared>,
}

struct Shared {
    started: Instant,
    deadline: Instant,
    call: Receiver<Infallible>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    halt: Option<Halt>,
}

/// The parts of a host that may travel to the interpreter's thread.
pub(super) struct Seed {
    pub(super) deadline: Instant,
    pub(super) call: Receiver<Infallible>,
}

impl Host {
    pub(super) fn new(seed: Seed) -> Self {
        let shared = Shared {
            started: Instant::now(),
            deadline: seed.deadline,
            call: seed.call,
            state: RefCell::default(),
        };
        Self {
            shared: Rc::new(shared),
        }
    }

    pub(super) fn halt(&self) -> Option<Halt> {
        self.shared.state.borrow().halt
    }

    /// Looks at clock and caller; true once the script must not go on.
    pub(super) fn must_stop(&self) -> bool {
        if self.halt().is_none() {
            if Instant::now() >= self.shared.deadline {
                self.stop(Halt::TimeLimit);
            } else if self.shared.call.try_recv() == Err(TryRecvError::Disconnected) {
                self.stop(Halt::Cancelled);
            }
        }
        self.halt().is_some()
    }

    /// The first reason stays.
    fn stop(&self, halt: Halt) {
        self.shared.state.borrow_mut().halt.get_or_insert(halt);
    }

    /// Waits, at most until the deadline or until the call is given up.
    pub(super) fn sleep(&self, wait: Duration) {
        let left = self
            .shared
            .deadline
            .saturating_duration_since(Instant::now());
        match self.shared.call.recv_timeout(wait.min(left)) {
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }

    pub(super) fn write_error(&self, text: &str) {
        self.shared
            .state
            .borrow_mut()
            .stderr
            .extend_from_slice(text.as_bytes());
    }

    pub(super) fn take_output(&self) -> (Vec<u8>, Vec<u8>) {
        let mut state = self.shared.state.borrow_mut();
        (
            std::mem::take(&mut state.stdout),
            std::mem::take(&mut state.stderr),
        )
    }

    fn write(&self, fd: i32, text: &str, bytes_max: usize) -> bool {
        let mut state = self.shared.state.borrow_mut();
        if state.halt.is_some() {
            return false;
        }
        let (name, stream) = match fd {
            2 => ("standard error", &mut state.stderr),
            _ => ("standard output", &mut state.stdout),
        };
        if stream.len() + text.len() > bytes_max {
            state.halt = Some(Halt::Output(name));
            return false;
        }
        stream.extend_from_slice(text.as_bytes());
        true
    }

    /// The object through which `node.js` reaches this side.
    pub(super) fn expose<'js>(
        &self,
        ctx: &Ctx<'js>,
        inputs: &Inputs,
        limits: &JavaScriptLimits,
    ) -> Result<Object<'js>> {
        let host = Object::new(ctx.clone())?;
        host.set("argv", inputs.of_script())?;
        let env = Object::new(ctx.clone())?;
        for (name, value) in &inputs.environment {
            env.set(name, value)?;
        }
        host.set("env", env)?;
        host.set(
            "stdin",
            String::from_utf8_lossy(inputs.stdin.as_deref().unwrap_or_default()).into_owned(),
        )?;
        let (this, bytes_max) = (self.clone(), limits.output_bytes_max);
        let write =
            move |ctx: Ctx<'js>, fd: i32, text: String| match this.write(fd, &text, bytes_max) {
                true => Ok(()),
                false => Err(Exception::throw_message(&ctx, "the script has ended")),
            };
        host.set("write", Function::new(ctx.clone(), write)?)?;
        let this = self.clone();
        // What runs between the exit and the interpreter's next look at the host can print nothing any more.
        let exit = move |ctx: Ctx<'js>, code: i32| -> Result<()> {
            this.stop(Halt::Exit(i64::from(code & 0xff)));
            Err(Exception::throw_message(&ctx, "the script has ended"))
        };
        host.set("exit", Function::new(ctx.clone(), exit)?)?;
        let started = self.shared.started;
        host.set(
            "now",
            Function::new(ctx.clone(), move || {
                started.elapsed().as_secs_f64() * 1000.0
            })?,
        )?;
        host.set(
            "encodeUtf8",
            Function::new(ctx.clone(), |text: String| text.into_bytes())?,
        )?;
        let decode = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        host.set("decodeUtf8", Function::new(ctx.clone(), decode)?)?;
        host.set("promiseState", Function::new(ctx.clone(), promise_state)?)?;
        Ok(host)
    }
}

/// `[state, result]`
fn promise_state<'js>(ctx: Ctx<'js>, promise: Promise<'js>) -> Result<Array<'js>> {
    let shown = Array::new(ctx.clone())?;
    let name = match promise.state() {
        PromiseState::Pending => "pending",
        PromiseState::Resolved => "resolved",
        PromiseState::Rejected => "rejected",
    };
    shown.set(0, name)?;
    match promise.result::<Value>() {
        None => {}
        Some(Ok(value)) => shown.set(1, value)?,
        Some(Err(_)) => shown.set(1, ctx.catch())?,
    }
    Ok(shown)
}
