//! JavaScript (ES2024, with the part of Node.js that short scripts use) in this process.
//!
//! A script has no access to files or the network. Its time, memory, stack and output are bounded; the interpreter runs
//! on a blocking thread and stops soon after the call is dropped.

mod host;
mod modules;

use std::convert::Infallible;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use ferrovia_runtime::port::Fault;
use rquickjs::context::EvalOptions;
use rquickjs::promise::PromiseState;
use rquickjs::runtime::RejectionTracker;
use rquickjs::{
    CatchResultExt, CaughtError, Context, Ctx, Error, Function, Module, Object, Persistent,
    Promise, Runtime, Value,
};
use tokio::sync::OwnedSemaphorePermit;

use super::Script;
use crate::config::JavaScriptLimits;
use crate::fault;
use crate::process::{Finished, is_identifier, output_too_large};
use host::{Halt, Host, Seed};

/// How long after its time limit a script is waited for: the interpreter looks at the clock between the steps of a script,
/// but not within the single steps of its built-in functions.
const STOP_GRACE: Duration = Duration::from_secs(1);
/// How traces name the script.
const SCRIPT_NAME: &str = "script.js";
const INSPECT: &str = include_str!("inspect.js");
const NODE: &str = include_str!("node.js");
/// The exit codes of Node.js for an uncaught exception and for a top-level `await` that never settles.
const UNCAUGHT: i64 = 1;
const UNSETTLED: i64 = 13;

pub(super) async fn run(
    script: Script,
    limits: JavaScriptLimits,
    time_limit: Option<Duration>,
    slot: OwnedSemaphorePermit,
) -> Result<Finished, Fault> {
    let limit = time_limit.unwrap_or(limits.time_limit);
    let deadline = Instant::now() + limit;
    // Held while the call lives; the interpreter stops when it is dropped.
    let (_alive, call) = mpsc::channel::<Infallible>();
    let running = tokio::task::spawn_blocking(move || {
        let ended = interpret(script, &limits, Seed { deadline, call });
        // The slot is the thread's: it may go on for a moment after the call was dropped.
        drop(slot);
        ended
    });
    // A thread that is stuck in one long step is left to itself, with its slot.
    let Ok(running) = tokio::time::timeout(limit + STOP_GRACE, running).await else {
        return Err(out_of_time(limit));
    };
    let ended = running.map_err(|error| fault::runtime("Interpreter failed", error.to_string()))?;
    ended.map_err(|stop| match stop {
        Stop::TimeLimit => out_of_time(limit),
        Stop::Memory => fault::runtime(
            "Memory limit exceeded",
            format!(
                "the script needs more than {} bytes",
                limits.memory_bytes_max
            ),
        ),
        Stop::Output(name) => output_too_large(name, limits.output_bytes_max),
        Stop::Cancelled => fault::runtime("Cancelled", "the call was given up"),
        Stop::Interpreter(reason) => fault::runtime("Interpreter failed", reason),
    })
}

fn out_of_time(limit: Duration) -> Fault {
    fault::timeout(format!(
        "the script did not end within {} ms",
        limit.as_millis()
    ))
}

/// Why a script has no result.
enum Stop {
    TimeLimit,
    Memory,
    Output(&'static str),
    Cancelled,
    Interpreter(String),
}

impl From<rquickjs::Error> for Stop {
    fn from(error: rquickjs::Error) -> Self {
        match error {
            rquickjs::Error::Allocation => Stop::Memory,
            other => Stop::Interpreter(other.to_string()),
        }
    }
}

fn interpret(script: Script, limits: &JavaScriptLimits, seed: Seed) -> Result<Finished, Stop> {
    let host = Host::new(seed);
    let runtime = Runtime::new()?;
    runtime.set_memory_limit(limits.memory_bytes_max);
    runtime.set_max_stack_size(limits.stack_bytes_max);
    let watched = host.clone();
    runtime.set_interrupt_handler(Some(Box::new(move || watched.must_stop())));
    runtime.set_loader(modules::Builtins, modules::Builtins);
    let context = Context::full(&runtime)?;
    let node = context.with(|ctx| {
        Ok::<_, Stop>(Persistent::save(
            &ctx,
            install(&ctx, &script, &host, limits)?,
        ))
    })?;
    runtime.set_host_promise_rejection_tracker(Some(tracker(node.clone())));
    let run = Run {
        runtime: &runtime,
        context: &context,
        node,
        host: &host,
    };
    let code = run.finish(&script.code);
    runtime.set_host_promise_rejection_tracker(None);
    let code = match (host.halt(), code) {
        (Some(Halt::Exit(code)), _) => code,
        (Some(Halt::Output(name)), _) => return Err(Stop::Output(name)),
        (Some(Halt::TimeLimit), _) => return Err(Stop::TimeLimit),
        (Some(Halt::Cancelled), _) => return Err(Stop::Cancelled),
        (None, code) => code?,
    };
    let (stdout, stderr) = host.take_output();
    Ok(Finished {
        code,
        stdout,
        stderr,
    })
}

/// Notes rejected promises until somebody handles them.
fn tracker(node: Persistent<Object<'static>>) -> RejectionTracker {
    Box::new(move |ctx, promise, reason, handled| {
        let track = node
            .clone()
            .restore(&ctx)
            .and_then(|node| node.get::<_, Function>("trackRejection"));
        // Failing to note a rejection loses a message, not a result.
        let _ = track.and_then(|track| track.call::<_, ()>((promise, reason, handled)));
    })
}

/// Gives the global object what Node.js scripts expect; returns the object that holds our side of it.
fn install<'js>(
    ctx: &Ctx<'js>,
    script: &Script,
    host: &Host,
    limits: &JavaScriptLimits,
) -> Result<Object<'js>, Stop> {
    let exposed = host.expose(ctx, &script.inputs, limits)?;
    let node = Object::new(ctx.clone())?;
    for source in [INSPECT, NODE] {
        let setup: Function = ctx.eval(source)?;
        setup.call::<_, ()>((exposed.clone(), node.clone()))?;
    }
    name_arguments(ctx, script)?;
    let registry: Object = node.get("modules")?;
    ctx.globals().prop(
        modules::REGISTRY,
        rquickjs::object::Property::from(registry).configurable(),
    )?;
    Ok(node)
}

/// Named arguments are global variables, unless the name is taken.
fn name_arguments<'js>(ctx: &Ctx<'js>, script: &Script) -> Result<(), Stop> {
    let globals = ctx.globals();
    for (name, value) in &script.inputs.named {
        if is_identifier(name) && !globals.contains_key(name.as_str())? {
            globals.set(name.as_str(), ctx.json_parse(value.to_json())?)?;
        }
    }
    Ok(())
}

/// A script on its way to the end.
struct Run<'a> {
    runtime: &'a Runtime,
    context: &'a Context,
    node: Persistent<Object<'static>>,
    host: &'a Host,
}

/// Whether a script goes on, or has ended with an exit code.
enum Progress<T> {
    On(T),
    Ended(i64),
}

impl Run<'_> {
    /// The exit code. Returns early, with whatever code, once the host wants a halt.
    fn finish(self, code: &str) -> Result<i64, Stop> {
        let started = self.context.with(|ctx| match start(&ctx, code) {
            Ok(main) => Ok(Progress::On(Persistent::save(&ctx, main))),
            Err(error) => self.uncaught(&ctx, error).map(Progress::Ended),
        })?;
        let main = match started {
            Progress::On(main) => main,
            Progress::Ended(code) => return Ok(code),
        };
        loop {
            let progress = match self.run_jobs()? {
                Progress::On(()) => self.context.with(|ctx| self.after_jobs(&ctx, &main))?,
                Progress::Ended(code) => Progress::Ended(code),
            };
            let wait = match progress {
                Progress::On(wait) => wait,
                Progress::Ended(code) => return Ok(code),
            };
            self.host.sleep(wait);
            if let Progress::Ended(code) = self.context.with(|ctx| self.fire_timer(&ctx))? {
                return Ok(code);
            }
        }
    }

    /// Runs what promises and microtasks have queued.
    fn run_jobs(&self) -> Result<Progress<()>, Stop> {
        loop {
            if self.host.must_stop() {
                return Ok(Progress::Ended(UNCAUGHT));
            }
            match self.runtime.execute_pending_job() {
                Ok(true) => {}
                Ok(false) => return Ok(Progress::On(())),
                Err(job) => {
                    let ended = job.0.with(|ctx| {
                        self.uncaught(&ctx, CaughtError::from_error(&ctx, Error::Exception))
                    });
                    return ended.map(Progress::Ended);
                }
            }
        }
    }

    /// How long to wait for the next timer, or how the script ended.
    fn after_jobs(
        &self,
        ctx: &Ctx<'_>,
        main: &Persistent<Promise<'static>>,
    ) -> Result<Progress<Duration>, Stop> {
        let main = main.clone().restore(ctx)?;
        if main.state() == PromiseState::Rejected {
            let failed = main.result::<Value>().map(|result| result.catch(ctx));
            let error = failed
                .and_then(Result::err)
                .expect("a rejected promise has a reason");
            return self.uncaught(ctx, error).map(Progress::Ended);
        }
        let node = self.node.clone().restore(ctx)?;
        if let Some(unhandled) = node
            .get::<_, Function>("unhandled")?
            .call::<_, Option<Object>>(())?
        {
            let error = CaughtError::Value(unhandled.get("reason")?);
            return self.uncaught(ctx, error).map(Progress::Ended);
        }
        let wait_ms: f64 = node.get::<_, Function>("untilNextTimer")?.call(())?;
        if wait_ms >= 0.0 {
            let wait = Duration::try_from_secs_f64(wait_ms / 1000.0);
            return Ok(Progress::On(wait.unwrap_or(Duration::MAX)));
        }
        let process: Object = node.get("process")?;
        let exit_code: Option<f64> = process.get("exitCode").unwrap_or_default();
        Ok(Progress::Ended(match exit_code {
            Some(code) => code as i64,
            None if main.state() == PromiseState::Pending => UNSETTLED,
            None => 0,
        }))
    }

    fn fire_timer(&self, ctx: &Ctx<'_>) -> Result<Progress<()>, Stop> {
        if self.host.must_stop() {
            return Ok(Progress::Ended(UNCAUGHT));
        }
        let node = self.node.clone().restore(ctx)?;
        let fired = node.get::<_, Function>("fireTimer")?.call::<_, ()>(());
        match fired.catch(ctx) {
            Ok(()) => Ok(Progress::On(())),
            Err(error) => self.uncaught(ctx, error).map(Progress::Ended),
        }
    }

    /// Prints an error as Node.js does for one that nobody caught.
    fn uncaught<'js>(&self, ctx: &Ctx<'js>, error: CaughtError<'js>) -> Result<i64, Stop> {
        if self.host.halt().is_some() {
            return Ok(UNCAUGHT);
        }
        let value = match error {
            CaughtError::Exception(exception) => {
                if exception
                    .message()
                    .is_some_and(|message| message == "out of memory")
                {
                    return Err(Stop::Memory);
                }
                exception.into_object().into_value()
            }
            // What the interpreter throws when there is no memory left for an error. That a script throws null itself is
            // rarer than that, and no success either.
            CaughtError::Value(value) if value.is_null() => return Err(Stop::Memory),
            CaughtError::Value(value) => value,
            CaughtError::Error(error) => return Err(error.into()),
        };
        let describe: Function = self.node.clone().restore(ctx)?.get("uncaughtText")?;
        // The only thing that goes wrong in describing an error is that there is no memory left to do so.
        let text: String = describe.call((value,)).map_err(|_| Stop::Memory)?;
        self.host.write_error(&format!("{text}\n"));
        Ok(UNCAUGHT)
    }
}

/// Evaluates as a module; what is no valid module (a top-level `return`, sloppy mode) as a CommonJS script.
fn start<'js>(ctx: &Ctx<'js>, code: &str) -> Result<Promise<'js>, CaughtError<'js>> {
    match Module::declare(ctx.clone(), SCRIPT_NAME, code).catch(ctx) {
        Ok(module) => module.eval().map(|(_, promise)| promise).catch(ctx),
        Err(not_a_module) => {
            let wrapped = format!("(async function (require, module, exports) {{{code}\n}})");
            match ctx
                .eval_with_options::<Function, _>(wrapped, sloppy())
                .catch(ctx)
            {
                Ok(script) => call_script(ctx, &script).catch(ctx),
                Err(_) => Err(not_a_module),
            }
        }
    }
}

fn call_script<'js>(ctx: &Ctx<'js>, script: &Function<'js>) -> rquickjs::Result<Promise<'js>> {
    let module = Object::new(ctx.clone())?;
    let exports = Object::new(ctx.clone())?;
    module.set("exports", exports.clone())?;
    let require: Function = ctx.globals().get("require")?;
    script.call((require, module, exports))
}

fn sloppy() -> EvalOptions {
    let mut options = EvalOptions::default();
    options.strict = false;
    options.filename = Some(SCRIPT_NAME.to_owned());
    options
}
