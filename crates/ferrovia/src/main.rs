//! The command line: configuration, composition, and how results are shown. Everything else lives in the crates below.

mod args;
mod check;
mod commands;
mod definitions;
mod document;
mod exit;
mod explain;
mod links;
mod out;
mod progress;
mod read;
mod result;
mod run;
mod serve;
mod trace;

use args::{Cli, Command};
use exit::Exit;

/// Stack of the threads that step runs: deeply nested data is walked recursively.
const THREAD_STACK_BYTES: usize = 8 * 1024 * 1024;

fn main() -> std::process::ExitCode {
    let cli = match commands::parse() {
        Ok(cli) => cli,
        Err(exit) => return exit.into(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_stack_size(THREAD_STACK_BYTES)
        .enable_all()
        .build();
    let exit = match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(async { tokio::spawn(dispatch(cli)).await });
            runtime.shutdown_background();
            exit.unwrap_or(Exit::Internal)
        }
        Err(error) => {
            out::note(format_args!(
                "error: the async runtime cannot be started: {error}"
            ));
            Exit::Internal
        }
    };
    exit.into()
}

async fn dispatch(cli: Cli) -> Exit {
    match cli.command {
        Command::Check(args) => check::check(args).await,
        Command::Run(args) => run::run(args).await,
        Command::Serve(args) => serve::serve(args).await,
        Command::Explain(args) => explain::explain(&args),
        Command::Schema => out::result(
            &ferrovia_dsl::shape::json_schema().to_json_pretty(),
            Exit::Completed,
        ),
        Command::Version(args) => commands::version(args.output),
        Command::Completions(args) => commands::completions(args.shell),
    }
}
