//! The command line: configuration, composition, and how results are shown. Everything else lives in the crates below.

mod args;
mod backup;
mod bench;
mod check;
mod commands;
mod config;
mod data;
mod definitions;
mod dev;
mod document;
mod durable;
mod events;
mod exit;
mod explain;
mod follow;
mod hooks;
mod init;
mod keys;
mod links;
mod notify;
mod out;
mod progress;
mod provider;
mod read;
mod remote;
mod replay;
mod result;
mod run;
mod runs;
mod secrets;
mod serve;
mod steer;
mod stored;
mod trace;
mod users;

use args::{Cli, Command};
use exit::Exit;

/// Values are made in one thread and dropped in another; the allocator of the system makes threads wait for each other
/// then.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
        Command::Serve(args) => serve::serve(args, serve::Mode::Serve).await,
        Command::Dev(args) => serve::serve(args, serve::Mode::Dev).await,
        Command::Runs(args) => runs::runs(args).await,
        Command::Events(args) => events::events(args).await,
        Command::Secrets(args) => secrets::secrets(args).await,
        Command::Init(args) => init::init(&args),
        Command::Users(args) => users::users(args).await,
        Command::Keys(args) => keys::keys(args).await,
        Command::Replay(args) => replay::replay(&args),
        Command::Backup(args) => backup::backup(&args),
        Command::Restore(args) => backup::restore(&args),
        Command::Config(args) => config::config(&args),
        Command::Bench(args) => bench::bench(args).await,
        Command::Explain(args) => explain::explain(&args),
        Command::Schema => out::result(
            &ferrovia_dsl::shape::json_schema().to_json_pretty(),
            Exit::Completed,
        ),
        Command::Version(args) => commands::version(args.output),
        Command::Completions(args) => commands::completions(args.shell),
    }
}
