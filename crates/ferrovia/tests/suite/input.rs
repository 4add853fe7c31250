//! `--input` in all its forms, the definition on standard input, and `--timeout`.

use serde_json::json;

use crate::support::{Project, definition};

const ECHO: &str = "do: [ { a: { set: { got: '${ . }' } } } ]";

#[test]
fn an_input_comes_as_json_from_a_file_or_from_standard_input() {
    let project = Project::flow(ECHO);
    project.write("in.json", br#"{"from": "file"}"#);
    project.write("in.yaml", b"from: [ yaml ]\n");
    for (args, expected) in [
        (
            &["--input", r#"{"a": [1, -2.5, null, "ü"]}"#][..],
            json!({"a": [1, -2.5, null, "ü"]}),
        ),
        (&["--input", "-5"], json!(-5)),
        (&["--input=\"text\""], json!("text")),
        (&["--input", "@in.json"], json!({"from": "file"})),
        (&["--input", "@in.yaml"], json!({"from": ["yaml"]})),
        (&["--input", "-"], json!({"from": "stdin"})),
        (&[], json!({})),
    ] {
        let args = [&["run", "flow.yaml", "--output", "json"], args].concat();
        let ran = project.ferrovia_reading(br#"{"from": "stdin"}"#, &args);
        assert_eq!(ran.completed()["output"]["got"], expected, "{args:?}");
    }
}

#[test]
fn a_definition_may_come_from_standard_input() {
    let project = Project::new(&[]);
    let text = definition("flow", ECHO);
    let ran = project.ferrovia_reading(
        text.as_bytes(),
        &["run", "-", "--input", "1", "--output", "json"],
    );
    assert_eq!(ran.completed()["output"], json!({"got": 1}));
    let ran = project.ferrovia_reading(b"do: 1", &["run", "-"]);
    assert_eq!(ran.code(), 2, "{ran:#?}");
    assert!(ran.stderr.contains("<stdin>:1:"), "{ran:#?}");
    let ran = project.ferrovia_reading(text.as_bytes(), &["run", "-", "--input", "-"]);
    assert_eq!(ran.code(), 2, "{ran:#?}");
    assert!(
        ran.stderr.contains("cannot both come from standard input"),
        "{ran:#?}"
    );
}

#[test]
fn a_wrong_input_is_refused_with_its_place() {
    let project = Project::flow(ECHO);
    project.write("broken.json", b"{\"a\":\n 1,}");
    project.write("broken.yaml", b"a: [ 1\n");
    project.write("latin.json", b"{\"a\":\n\"\xfc\"}");
    project.write("words.txt", b"just words");
    project.write(
        "deep.json",
        format!("{}{}", "[".repeat(300), "]".repeat(300)).as_bytes(),
    );
    project.write("large.json", " ".repeat(26 * 1024 * 1024).as_bytes());
    for (input, message) in [
        (
            "{\"a\":1,}",
            "--input is not JSON: trailing comma at line 1 column 8",
        ),
        ("", "--input is not JSON"),
        ("in.json", "--input @FILE"),
        (
            "@broken.json",
            "broken.json: not JSON: trailing comma at line 2 column 4",
        ),
        ("@broken.yaml", "broken.yaml:"),
        (
            "@latin.json",
            "latin.json: not UTF-8 text: the bytes in line 2",
        ),
        ("@words.txt", "words.txt: not JSON"),
        (
            "@deep.json",
            "recursion limit exceeded at line 1 column 128",
        ),
        ("@large.json", "large.json: longer than 26214400 bytes"),
        ("@missing.json", "missing.json: there is no such file"),
        ("@.", ".: this is a directory"),
        ("-", "<stdin>: not JSON: trailing comma at line 1 column 4"),
    ] {
        let ran = project.ferrovia_reading(
            b"[1,]",
            &["run", "flow.yaml", "--input", input, "--output", "json"],
        );
        assert_eq!(ran.code(), 2, "{input}: {ran:#?}");
        assert!(ran.stderr.contains(message), "{input}: {ran:#?}");
        assert_eq!(ran.object()["status"], "refused", "{input}");
    }
}

#[test]
fn an_input_that_the_schema_refuses_faults_the_run() {
    let project = Project::flow(
        "input: { schema: { document: { type: object, required: [ id ] } } }\ndo: [ { a: { set: { x: 1 } } } ]",
    );
    let ran = project.run(&["--input", "{}"]);
    assert_eq!(ran.code(), 3, "{ran:#?}");
    let object = ran.object();
    assert_eq!(object["error"]["status"], 400);
    assert_eq!(object["tasks"], json!([]));
}

#[test]
fn time_limits_are_written_with_a_unit() {
    let project = Project::flow("do: [ { w: { wait: PT1H } } ]");
    for (limit, code) in [
        ("0s", 5),
        ("1ms", 5),
        ("PT0.001S", 5),
        ("20", 2),
        ("soon", 2),
        ("-1s", 2),
        ("", 2),
        ("1.5s", 2),
    ] {
        let ran = project.ferrovia(&["run", "flow.yaml", "--timeout", limit]);
        assert_eq!(ran.code(), code, "{limit}: {ran:#?}");
    }
    let project = Project::flow(ECHO);
    for limit in ["2h", "3d", "100000000000d", "P1D"] {
        project.run(&["--timeout", limit]).completed();
    }
}
