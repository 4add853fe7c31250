//! Shell commands and Python scripts.

use std::time::Duration;

use ferrovia_connect::ConnectConfig;
use ferrovia_connect::config::ProcessLimits;
use ferrovia_runtime::port::{Fault, FaultKind};

use crate::support::{call, connectors, detail, execute, json, run};

#[tokio::test]
async fn a_command_gets_its_inputs_and_returns_what_was_asked_for() {
    for (arguments, expected) in [
        (r#"{"command": "echo hello"}"#, r#""hello""#),
        (r#"{"command": "printf 'a\n\n'"}"#, r#""a\n""#),
        (
            r#"{"command": "echo $1-$2 $#", "arguments": ["a b", 7]}"#,
            r#""a b-7 2""#,
        ),
        (
            r#"{"command": "echo $first $second", "arguments": {"first": "x", "second": true}}"#,
            r#""x true""#,
        ),
        (
            r#"{"command": "echo $A", "arguments": {"A": "named"}, "environment": {"A": "env"}}"#,
            r#""env""#,
        ),
        (
            r#"{"command": "printf '[%s]'", "arguments": ["a b", "$HOME", 7]}"#,
            r#""[a b][$HOME][7]""#,
        ),
        (
            r#"{"command": "echo one\necho two", "arguments": ["x"]}"#,
            r#""one\ntwo""#,
        ),
        (
            r#"{"command": "printf '[%s]'", "arguments": {"--user": "jo", "-n": 3, "only": null, "plain": "x"}}"#,
            r#""[--user=jo][-n][3][only][plain][x]""#,
        ),
        (
            r#"{"command": "printf '[%s]' $plain", "arguments": {"plain": "x", "other": "y", "--end": true}}"#,
            r#""[x][--end=true]""#,
        ),
        (
            r#"{"command": "cat", "stdin": "from stdin"}"#,
            r#""from stdin""#,
        ),
        (
            r#"{"command": "cat", "stdin": {"a": [1]}}"#,
            r#""{\"a\":[1]}""#,
        ),
        (r#"{"command": "cat"}"#, r#""""#),
        (
            r#"{"command": "echo out; echo err >&2; exit 3"}"#,
            r#""out""#,
        ),
        (
            r#"{"command": "echo out; echo err >&2; exit 3", "return": "stderr"}"#,
            r#""err""#,
        ),
        (r#"{"command": "exit 3", "return": "code"}"#, "3"),
        (r#"{"command": "kill -9 $$", "return": "code"}"#, "137"),
        (
            r#"{"command": "no-such-command-here", "return": "code"}"#,
            "127",
        ),
        (r#"{"command": "echo out", "return": "none"}"#, "null"),
        (
            r#"{"command": "echo out; echo err >&2; exit 3", "return": "all"}"#,
            r#"{"code": 3, "stdout": "out", "stderr": "err"}"#,
        ),
        (r#"{"command": "ls -A"}"#, r#""""#),
        (
            r#"{"command": "test \"$HOME\" = \"$PWD\" && env | cut -d= -f1 | sort | tr '\n' ' '"}"#,
            r#""HOME LANG PATH PWD TMPDIR ""#,
        ),
    ] {
        assert_eq!(
            run("shell", arguments).await.unwrap(),
            json(expected),
            "{arguments}"
        );
    }
}

#[tokio::test]
async fn wrong_arguments_are_named() {
    for (arguments, expected) in [
        (r#"{}"#, "`command` is required"),
        (r#"{"command": 1}"#, "`command` must be a string"),
        (
            r#"{"command": "true", "return": "both"}"#,
            "`return` must be",
        ),
        (
            r#"{"command": "true", "environment": {"A=B": "x"}}"#,
            "no name of a variable",
        ),
        (r#"{"command": "echo a\u0000b"}"#, "NUL"),
        (
            r#"{"command": "true", "arguments": "x"}"#,
            "`arguments` must be",
        ),
    ] {
        let fault = run("shell", arguments).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Validation, "{arguments}");
        assert!(detail(&fault).contains(expected), "{arguments}: {fault:?}");
    }
}

async fn shell_within(limits: ProcessLimits, command: &str) -> Result<ferrovia_expr::Value, Fault> {
    let connectors = connectors(&ConnectConfig {
        process: limits,
        ..ConnectConfig::default()
    });
    let arguments = ferrovia_expr::Object::from_iter([("command", command)]);
    let mut call = call("shell", arguments.into());
    call.time_limit = None;
    execute(&connectors, call)
        .await
        .map(|success| success.output)
}

fn tight() -> ProcessLimits {
    ProcessLimits {
        output_bytes_max: 100_000,
        time_limit: Duration::from_millis(1500),
        cpu_seconds_max: 1,
        memory_bytes_max: 256 * 1024 * 1024,
        file_bytes_max: 64 * 1024,
        processes_max: 20,
        concurrent_max: 4,
    }
}

#[tokio::test]
async fn what_exceeds_a_limit_ends_as_a_fault_with_that_name() {
    for (command, title) in [
        ("yes", "Output too large"),
        ("yes >&2", "Output too large"),
        ("sleep 60", "Time limit exceeded"),
        ("sleep 60 & sleep 60", "Time limit exceeded"),
        (
            "trap '' TERM INT HUP; while :; do sleep 0.1; done",
            "Time limit exceeded",
        ),
        (
            "bomb() { bomb | bomb & sleep 5; }; bomb",
            "Too many processes",
        ),
        (
            "for i in $(seq 40); do sleep 5 & done; wait",
            "Too many processes",
        ),
    ] {
        assert_eq!(
            shell_within(tight(), command).await.unwrap_err().title,
            title,
            "{command}"
        );
    }
}

#[tokio::test]
async fn limits_of_the_operating_system_end_the_process_alone() {
    let limits = ProcessLimits {
        time_limit: Duration::from_secs(15),
        ..tight()
    };
    for (command, expected) in [
        ("(while :; do :; done) 2>/dev/null; echo $?", "\"137\""),
        (
            "head -c 200000 /dev/zero > big 2>/dev/null; wc -c < big | tr -d ' '",
            "\"65536\"",
        ),
        (
            "head -c 1000000000 /dev/zero | tail 2>/dev/null | wc -c | tr -d ' '",
            "\"0\"",
        ),
    ] {
        assert_eq!(
            shell_within(limits, command).await.unwrap(),
            json(expected),
            "{command}"
        );
    }
}

#[tokio::test]
async fn nothing_of_a_command_outlives_it() {
    let left_running = shell_within(tight(), "sleep 987654 & echo $!")
        .await
        .unwrap();
    assert!(
        !is_alive(left_running.as_str().unwrap()),
        "a background process outlived its command"
    );

    // Daemons of all kinds; the last one forks twice and goes to another directory.
    for command in [
        "setsid sleep 987654 > /dev/null 2>&1 & echo $!",
        "setsid -f sh -c 'echo $$ > pid; exec sleep 987654'; until [ -s pid ]; do :; done; cat pid",
        "nohup setsid sleep 987654 > /dev/null 2>&1 & echo $!",
        "(cd / && setsid sh -c 'sleep 987654 > /dev/null 2>&1 & echo $!')",
        "cd / && env -i setsid sh -c 'cd \"$0\"; sleep 987654 > /dev/null 2>&1 & echo $!' \"$HOME\"",
    ] {
        let daemon = shell_within(tight(), command).await.unwrap();
        assert!(
            !is_alive(daemon.as_str().unwrap()),
            "a daemon outlived its command: {command}"
        );
    }

    let held_open = shell_within(tight(), "setsid sleep 987654 & echo done")
        .await
        .unwrap();
    assert_eq!(
        held_open.as_str(),
        Some("done"),
        "a process that left the group held the call"
    );

    let marker = tempfile::tempdir().unwrap();
    let file = marker.path().join("pid");
    let command = format!("echo $$ > {}; sleep 987654", file.display());
    let connectors = connectors(&ConnectConfig::default());
    let arguments = ferrovia_expr::Object::from_iter([("command", command)]);
    let running =
        tokio::spawn(async move { execute(&connectors, call("shell", arguments.into())).await });
    let pid = loop {
        match std::fs::read_to_string(&file) {
            Ok(text) if text.ends_with('\n') => break text.trim().to_owned(),
            _ => tokio::task::yield_now().await,
        }
    };
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    while is_alive(&pid) {
        tokio::task::yield_now().await;
    }
}

/// A zombie waiting to be reaped does not count.
fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, state)| !state.starts_with('Z') && !state.starts_with('X'))
}

#[tokio::test]
async fn texts_reach_a_command_as_they_are() {
    let odd = [
        "a b",
        "$(id)",
        "`id`",
        "; id",
        "| id",
        "&& id",
        "*",
        "~",
        "\"",
        "'",
        "\\",
        "-n",
        "--",
        "é😀",
        "",
        "\t",
        "a\nb",
        "${HOME}",
        "!x",
        "#x",
        "%s",
        "\u{1}\u{7f}",
    ];
    let arguments = serde_json::json!({
        "command": "for a in \"$@\"; do printf '<%s>' \"$a\"; done; printf '<%s>' \"$odd\"; cat",
        "arguments": odd,
        "environment": {"odd": odd.join("|")},
        "stdin": odd.join("|"),
    });
    let expected =
        odd.map(|text| format!("<{text}>")).concat() + &format!("<{0}>{0}", odd.join("|"));
    let output = run("shell", &arguments.to_string()).await.unwrap();
    assert_eq!(output.as_str(), Some(&*expected));
}

#[tokio::test]
async fn a_command_inherits_nothing_and_may_print_anything() {
    for (command, expected) in [
        (
            "env | sed 's/=.*//' | grep -v '^_$' | sort | tr '\n' ' '",
            r#""HOME LANG PATH PWD TMPDIR ""#,
        ),
        ("ls -A; pwd > /dev/null", r#""""#),
        (r"printf '\377\000a'", "\"\u{fffd}\\u0000a\""),
        ("kill -SEGV $$", r#""""#),
        ("cat", r#""""#),
        ("exec 1>&- 2>&-; sleep 0", r#""""#),
    ] {
        let arguments = serde_json::json!({ "command": command });
        let output = run("shell", &arguments.to_string()).await.unwrap();
        assert_eq!(output, json(expected), "{command}");
    }
    let killed = run("shell", r#"{"command": "kill -SEGV $$", "return": "code"}"#).await;
    assert_eq!(killed.unwrap(), json("139"));
}

#[tokio::test]
async fn python_gets_its_inputs_and_returns_what_was_asked_for() {
    for (arguments, expected) in [
        (r#"{"code": "print('hi')"}"#, r#""hi""#),
        (
            r#"{"code": "import sys; print(sys.argv[1:], sys.stdin.read())", "arguments": ["a", 2], "stdin": {"x": 1}}"#,
            r#""['a', '2'] {\"x\":1}""#,
        ),
        (
            r#"{"code": "import os, sys; print(sys.argv[1:], os.environ['name'])", "arguments": {"name": "Ada", "--raw": 1, "loud": true, "quiet": false, "none": null}}"#,
            r#""['--name', 'Ada', '--raw', '1', '--loud'] Ada""#,
        ),
        (
            r#"{"code": "import os; print(os.environ['A'], os.listdir('.'))", "environment": {"A": "é"}}"#,
            r#""é []""#,
        ),
        (
            r#"{"code": "import sys; print('no', file=sys.stderr); sys.exit(4)", "return": "all"}"#,
            r#"{"code": 4, "stdout": "", "stderr": "no"}"#,
        ),
        (r#"{"code": "1/0", "return": "code"}"#, "1"),
    ] {
        let arguments = format!(r#"{{"language": "python", {}"#, &arguments[1..]);
        assert_eq!(
            run("script", &arguments).await.unwrap(),
            json(expected),
            "{arguments}"
        );
    }
}
