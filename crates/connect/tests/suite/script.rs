//! JavaScript in process. The expected outputs under `tests/javascript` were printed by Node.js 20.

use std::path::Path;
use std::time::Duration;

use ferrovia_connect::ConnectConfig;
use ferrovia_connect::config::JavaScriptLimits;
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::port::FaultKind;

use crate::support::{call, connectors, detail, execute, json, run};

#[tokio::test]
async fn scripts_print_what_node_prints() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/javascript");
    let mut checked = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "mjs") {
            continue;
        }
        let arguments: Object = [
            ("language", Value::from("js")),
            ("code", std::fs::read_to_string(&path).unwrap().into()),
            ("stdin", "Hello Workflow".into()),
            ("environment", json(r#"{"foo": "bar"}"#)),
            ("arguments", json(r#"["hello", "two words"]"#)),
        ]
        .into_iter()
        .collect();
        let connectors = connectors(&ConnectConfig::default());
        let output = execute(&connectors, call("script", arguments.into()))
            .await
            .unwrap()
            .output;
        let expected = std::fs::read_to_string(path.with_extension("out")).unwrap();
        let (mut given, mut expected) = (output.as_str().unwrap().lines(), expected.lines());
        let mut differences = Vec::new();
        for line in 1.. {
            match (given.next(), expected.next()) {
                (None, None) => break,
                (given, expected) if given == expected => {}
                (given, expected) => {
                    differences.push(format!("line {line}\n  {given:?}\n  {expected:?}"))
                }
            }
        }
        assert!(
            differences.is_empty(),
            "{}: ours and Node's differ\n{}",
            path.display(),
            differences.join("\n")
        );
        checked += 1;
    }
    assert!(checked >= 3);
}

#[tokio::test]
async fn scripts_end_as_in_node() {
    for (code, expected) in [
        (
            "console.log(1); process.exit(3); console.log(2)",
            r#"{"code": 3, "stdout": "1", "stderr": ""}"#,
        ),
        (
            "try { process.exit(3) } catch { } console.log(2)",
            r#"{"code": 3, "stdout": "", "stderr": ""}"#,
        ),
        (
            "process.exitCode = 4",
            r#"{"code": 4, "stdout": "", "stderr": ""}"#,
        ),
        (
            "console.error('bad'); console.warn('worse')",
            r#"{"code": 0, "stdout": "", "stderr": "bad\nworse"}"#,
        ),
        (
            "process.stdout.write('a'); process.stderr.write('b')",
            r#"{"code": 0, "stdout": "a", "stderr": "b"}"#,
        ),
        (
            "queueMicrotask(() => { throw 7 })",
            r#"{"code": 1, "stdout": "", "stderr": "Uncaught 7"}"#,
        ),
        (
            "throw 'x'",
            r#"{"code": 1, "stdout": "", "stderr": "Uncaught 'x'"}"#,
        ),
        (
            "Promise.reject(5)",
            r#"{"code": 1, "stdout": "", "stderr": "Uncaught 5"}"#,
        ),
        (
            "setTimeout(() => { throw 6 }, 1)",
            r#"{"code": 1, "stdout": "", "stderr": "Uncaught 6"}"#,
        ),
        (
            "await new Promise(() => {})",
            r#"{"code": 13, "stdout": "", "stderr": ""}"#,
        ),
        (
            "const p = Promise.reject(5); p.catch(() => {}); console.log('ok')",
            r#"{"code": 0, "stdout": "ok", "stderr": ""}"#,
        ),
        (
            "const fs = require('fs'); if (true) { console.log('cjs'); return } console.log('no')",
            r#"{"code": 0, "stdout": "cjs", "stderr": ""}"#,
        ),
        (
            "var r = console.log(await 7)",
            r#"{"code": 0, "stdout": "7", "stderr": ""}"#,
        ),
    ] {
        let arguments = format!(
            r#"{{"language": "javascript", "return": "all", "code": {}}}"#,
            Value::from(code).to_json()
        );
        assert_eq!(
            run("script", &arguments).await.unwrap(),
            json(expected),
            "{code}"
        );
    }
}

#[tokio::test]
async fn uncaught_errors_tell_what_and_where() {
    for (code, expected) in [
        (
            "const a = 1;\nnull.x;",
            &["Uncaught TypeError: ", "script.js:2"][..],
        ),
        ("let a = ;", &["Uncaught SyntaxError: ", "script.js:1"]),
        (
            "import x from 'node:http'",
            &["scripts can import only node:fs"],
        ),
        (
            "import { readFileSync } from 'fs'; readFileSync('/etc/passwd')",
            &["file access is not available"],
        ),
        (
            "require('child_process')",
            &["Cannot find module 'child_process'"],
        ),
    ] {
        let arguments = format!(
            r#"{{"language": "js", "return": "all", "code": {}}}"#,
            Value::from(code).to_json()
        );
        let output = run("script", &arguments).await.unwrap();
        assert_eq!(output.get("code"), Some(&Value::Int(1)), "{code}");
        for part in expected {
            let stderr = output.get("stderr").unwrap().as_str().unwrap();
            assert!(stderr.contains(part), "{code}: {stderr}");
        }
    }
}

#[tokio::test]
async fn scripts_that_exceed_a_limit_fault_with_its_name() {
    let javascript = JavaScriptLimits {
        memory_bytes_max: 16 * 1024 * 1024,
        output_bytes_max: 10_000,
        time_limit: Duration::from_millis(500),
        ..JavaScriptLimits::default()
    };
    let connectors = connectors(&ConnectConfig {
        javascript,
        ..ConnectConfig::default()
    });
    for (code, title) in [
        ("for (;;) {}", "Time limit exceeded"),
        (
            "for (;;) { try { for (;;) {} } catch {} }",
            "Time limit exceeded",
        ),
        (
            "await new Promise((r) => setTimeout(r, 1e9))",
            "Time limit exceeded",
        ),
        (
            "const f = () => { queueMicrotask(f) }; f()",
            "Time limit exceeded",
        ),
        (
            "const f = () => Promise.resolve().then(f); await f()",
            "Memory limit exceeded",
        ),
        ("setInterval(() => {}, 1)", "Time limit exceeded"),
        ("/(a+)+$/.test('a'.repeat(40) + 'b')", "Time limit exceeded"),
        (
            "const a = []; for (;;) a.push('x'.repeat(10000) + a.length)",
            "Memory limit exceeded",
        ),
        ("new Uint8Array(1e9)", "Memory limit exceeded"),
        ("for (;;) console.log('spam')", "Output too large"),
        (
            "for (;;) { try { console.error('spam') } catch {} }",
            "Output too large",
        ),
    ] {
        let arguments = Object::from_iter([("language", "js"), ("code", code), ("return", "all")]);
        let mut call = call("script", arguments.into());
        call.time_limit = None;
        let ended = execute(&connectors, call).await;
        assert_eq!(
            ended.map_err(|fault| fault.title),
            Err(title.to_owned()),
            "{code}"
        );
    }
}

#[tokio::test]
async fn a_script_stops_when_its_call_is_dropped() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("endless.js"), "for (;;) {}").unwrap();
    let config = ConnectConfig {
        base_dir: Some(directory.path().to_owned()),
        ..ConnectConfig::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    let ended = runtime.spawn(async move {
        let connectors = connectors(&config);
        let endless = call(
            "script",
            json(r#"{"language": "js", "source": {"endpoint": {"uri": "endless.js"}}}"#),
        );
        let dropped =
            tokio::time::timeout(Duration::from_millis(100), execute(&connectors, endless)).await;
        assert!(dropped.is_err());
        // There is one thread for scripts: the next one runs only when the first has stopped.
        execute(
            &connectors,
            call(
                "script",
                json(r#"{"language": "js", "code": "console.log(1)"}"#),
            ),
        )
        .await
    });
    assert_eq!(ended.await.unwrap().unwrap().output.as_str(), Some("1"));
    runtime.shutdown_background();
}

#[tokio::test]
async fn endless_recursion_is_an_error_of_the_script() {
    let code = "const f = () => f() + 1; try { f() } catch (e) { console.log(e.name) }";
    let arguments = format!(r#"{{"language": "js", "code": "{code}"}}"#);
    let output = run("script", &arguments).await.unwrap();
    assert!(
        matches!(output.as_str(), Some("RangeError" | "InternalError")),
        "{output}"
    );
}

#[tokio::test]
async fn named_arguments_are_variables_and_options() {
    let arguments = r#"{
        "language": "js",
        "arguments": {"who": "Ada", "times": [1, 2], "console": "taken", "--flag": true},
        "code": "console.log(who, times.length, process.env.who, process.argv.slice(2).join(' '))"
    }"#;
    assert_eq!(
        run("script", arguments)
            .await
            .expect("the script does not fail"),
        json(r#""Ada 2 Ada --who Ada --times [1,2] --console taken --flag""#)
    );
}

#[tokio::test]
async fn wrong_arguments_are_named() {
    for (arguments, expected) in [
        (r#"{"code": "1"}"#, "`language` is required"),
        (
            r#"{"language": "ruby", "code": "1"}"#,
            "`ruby` is not supported",
        ),
        (
            r#"{"language": "js"}"#,
            "exactly one of `code` and `source`",
        ),
        (
            r#"{"language": "js", "code": "1", "source": {"endpoint": "x.js"}}"#,
            "exactly one of `code` and `source`",
        ),
        (
            r#"{"language": "js", "source": {"endpoint": "x.js"}}"#,
            "no project directory",
        ),
    ] {
        let fault = run("script", arguments).await.unwrap_err();
        assert!(
            matches!(fault.kind, FaultKind::Validation | FaultKind::Configuration),
            "{fault:?}"
        );
        assert!(detail(&fault).contains(expected), "{arguments}: {fault:?}");
    }
}
