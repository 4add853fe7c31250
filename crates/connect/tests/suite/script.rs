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
        // On a busy machine, memory fills slowly.
        if title == "Time limit exceeded" {
            call.time_limit = None;
        }
        let ended = execute(&connectors, call).await;
        assert_eq!(
            ended.map_err(|fault| fault.title),
            Err(title.to_owned()),
            "{code}"
        );
    }
}

#[tokio::test]
async fn hostile_scripts_end_and_leave_the_host_alone() {
    let javascript = JavaScriptLimits {
        memory_bytes_max: 16 * 1024 * 1024,
        output_bytes_max: 10_000,
        time_limit: Duration::from_millis(300),
        ..JavaScriptLimits::default()
    };
    let connectors = connectors(&ConnectConfig {
        javascript,
        ..ConnectConfig::default()
    });
    for code in [
        // One long step of a built-in function.
        "Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)",
        "new Array(2 ** 32 - 1).lastIndexOf(1)",
        "Array.prototype.fill.call({ length: 2 ** 53 - 1 }, 0)",
        "'x'.repeat(2 ** 30)",
        "'x'.padEnd(2 ** 30)",
        "('x'.repeat(2 ** 20)).replace(/x/g, 'y'.repeat(2 ** 20))",
        "/^(([a-z])+.)+[A-Z]([a-z])+$/.test('a'.repeat(50))",
        "/(x+x+)+y/.test('x'.repeat(60))",
        "'a'.repeat(100000).match(/(.*)*b/)",
        "Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0)",
        "JSON.parse('['.repeat(1000000))",
        "const a = []; a[0] = a; JSON.stringify(a)",
        "let o = {}; for (let i = 0; i < 100000; i++) o = { o }; JSON.stringify(o)",
        "let o = {}; for (let i = 0; i < 100000; i++) o = { o }; console.log(o)",
        "let o = {}; for (let i = 0; i < 100000; i++) o = { o }; structuredClone(o)",
        "let s = 'x'; for (;;) s += s",
        "new Function('for (;;) {}')()",
        "eval('(' .repeat(100000))",
        "function* g() { yield* g() } for (const x of g()) {}",
        "const g = (function* () { for (;;) yield 1 })(); [...g]",
        "class A { static { for (;;) {} } }",
        "await new Promise(() => {}); for (;;) {}",
        "const p = new Proxy({}, { get: () => p, has: () => true, ownKeys: () => { for (;;) {} } }); Object.keys(p)",
        "Object.defineProperty(globalThis, 'x', { get() { for (;;) {} } }); x",
        "throw { toString() { for (;;) {} }, get stack() { for (;;) {} }, get message() { for (;;) {} } }",
        "throw new Proxy({}, { get() { throw 1 }, ownKeys() { throw 2 }, getPrototypeOf() { throw 3 } })",
        "throw Symbol('s')",
        "throw undefined",
        "Promise.reject(null); Promise.reject(new Error('x'))",
        // What the host calls back into has been replaced.
        "Array.prototype.push = Array.from = Map.prototype.get = () => { for (;;) {} }; console.log({ a: [1] }); setTimeout(() => {}, 1)",
        "Map.prototype[Symbol.iterator] = () => { throw 1 }; setTimeout(() => {}, 1)",
        "Map.prototype.values = () => { throw 1 }; Promise.reject(1)",
        "delete globalThis.__ferrovia_modules; await import('node:fs')",
        "globalThis.__ferrovia_modules = null; await import('node:fs')",
        "process.exit = null; process.exitCode = { valueOf() { for (;;) {} } }",
        "process.exitCode = NaN",
        "process.exitCode = 1e300",
        "process.exit(Symbol())",
        "Function.prototype.call = Function.prototype.apply = null; console.log(1)",
        "Object.prototype.get = 1; Object.prototype.set = 1; Object.prototype.then = (r) => r(1); await 1",
        "Object.freeze(globalThis); setTimeout(() => console.log(1), 1)",
        // Ways out.
        "await import('fs/promises')",
        "await import('/etc/passwd')",
        "await import('file:///etc/passwd')",
        "await import('http://127.0.0.1/x.js')",
        "await import('data:text/javascript,for(;;);')",
        "require('child_process').execSync('id')",
        "require('fs').readFileSync('/etc/passwd')",
        "require('__proto__'); require('constructor')('return 1')()",
        "process.binding('fs')",
        "fetch('http://127.0.0.1')",
        "std.loadFile('/etc/passwd')",
        "os.exec(['id'])",
        "new Worker('x')",
        "Deno.exit()",
        "console.log('\\ud800'); process.stdout.write('\\udfff')",
    ] {
        let arguments = Object::from_iter([("language", "js"), ("code", code), ("return", "all")]);
        let mut call = call("script", arguments.into());
        call.time_limit = None;
        let ended = execute(&connectors, call).await;
        match &ended {
            Ok(success) => assert!(
                !success.output.to_json().contains("root:"),
                "{code}: {success:?}"
            ),
            Err(fault) => assert!(
                matches!(
                    &*fault.title,
                    "Time limit exceeded"
                        | "Memory limit exceeded"
                        | "Output too large"
                        | "Interpreter failed"
                ),
                "{code}: {fault:?}"
            ),
        }
    }
    let after = Object::from_iter([("language", "js"), ("code", "console.log([1].concat(2))")]);
    let after = execute(&connectors, call("script", after.into()))
        .await
        .unwrap();
    assert_eq!(after.output.as_str(), Some("[ 1, 2 ]"));
}

#[test]
fn a_script_within_one_endless_step_is_left_to_itself() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let title = runtime.block_on(async {
        let javascript = JavaScriptLimits {
            time_limit: Duration::from_millis(100),
            ..JavaScriptLimits::default()
        };
        let connectors = connectors(&ConnectConfig {
            javascript,
            ..ConnectConfig::default()
        });
        let code = "Array.prototype.reverse.call({ length: 2 ** 53 - 1 })";
        let arguments = Object::from_iter([("language", "js"), ("code", code)]);
        let mut call = call("script", arguments.into());
        call.time_limit = None;
        execute(&connectors, call).await.unwrap_err().title
    });
    assert_eq!(title, "Time limit exceeded");
    // The thread goes on; nobody waits for it.
    runtime.shutdown_background();
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
