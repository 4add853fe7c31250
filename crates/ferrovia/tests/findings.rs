//! What the program says about wrong definitions and failed runs.

use std::path::PathBuf;
use std::process::{Command, Output};

const WRONG: &str = "\
document: { dsl: '1.0.3', namespace: shop, name: orders, version: '1.0.0' }
do:
  - greet:
      set: { text: 'Dear ${ .name }', total: '${ .lines | lenght }' }
  - sort:
      switch:
        - big: { when: '${ .total > 3 }', then: packPalet }
  - packPallet:
      set: { packed: true }
";

/// A directory of its own for each test, with these files.
fn directory(test: &str, files: &[(&str, &str)]) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("findings-{}", std::process::id()))
        .join(test);
    std::fs::create_dir_all(&directory).expect("the test's own directory can be made");
    for (name, text) in files {
        std::fs::write(directory.join(name), text).expect("a file can be written there");
    }
    directory
}

fn ferrovia(directory: &PathBuf, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ferrovia"))
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the program prints UTF-8")
}

#[test]
fn findings_are_text_in_the_order_of_the_document_without_colours_in_a_pipe() {
    let directory = directory("text", &[("orders.yaml", WRONG)]);
    let output = ferrovia(&directory, &["check", "orders.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stdout), "");
    let shown = text(&output.stderr);
    let titles: Vec<&str> = shown.lines().filter(|line| line.contains("[FV")).collect();
    assert_eq!(
        titles,
        [
            "warning[FV0407]: `${` inside a text is not evaluated",
            "error[FV0402]: there is no function lenght/0",
            "error[FV0305]: there is no task named `packPalet` in this list",
        ]
    );
    assert!(shown.ends_with("\n2 errors, 1 warning\n"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "{shown}");
}

#[test]
fn findings_as_json_are_one_list_of_files() {
    let sound = "\
document: { dsl: '1.0.3', namespace: shop, name: sound, version: '1.0.0' }
do:
  - greet: { set: { text: hello } }
";
    let files = [("orders.yaml", WRONG), ("sound.yaml", sound)];
    let directory = directory("json", &files);
    let arguments = [
        "check",
        "orders.yaml",
        "sound.yaml",
        "missing.yaml",
        "--output",
        "json",
    ];
    let output = ferrovia(&directory, &arguments);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stderr), "");
    assert_eq!(text(&output.stdout), include_str!("findings.json"));
}

#[test]
fn an_error_of_a_run_has_a_code_and_the_place_of_the_task() {
    let failing = "\
document: { dsl: '1.0.3', namespace: shop, name: failing, version: '1.0.0' }
use:
  functions:
    close:
      do:
        - refuse:
            raise:
              error: { type: 'https://shop.example/errors/closed', status: 409, title: Shop is closed }
do:
  - add:
      if: ${ .add }
      set: { sum: '${ .text + 1 }' }
  - shut: { call: close }
";
    let directory = directory("run", &[("failing.yaml", failing)]);
    let input = r#"{"add": true, "text": "a"}"#;
    let output = ferrovia(&directory, &["run", "failing.yaml", "--input", input]);
    assert_eq!(output.status.code(), Some(3));
    let shown = text(&output.stderr);
    assert!(shown.starts_with("error[FV1003]: "), "{shown}");
    assert!(shown.contains(" --> failing.yaml:10:5\n"), "{shown}");
    assert!(
        shown.contains("`ferrovia explain FV1003` says more"),
        "{shown}"
    );

    let output = ferrovia(&directory, &["run", "failing.yaml"]);
    assert_eq!(output.status.code(), Some(3));
    let shown = text(&output.stderr);
    assert!(
        shown.starts_with("error[FV1000]: Shop is closed\n"),
        "{shown}"
    );
    assert!(shown.contains(" --> failing.yaml:13:5\n"), "{shown}");
    assert!(shown.contains("= at: /do/1/shut/do/0/refuse\n"), "{shown}");
}

#[test]
fn a_code_is_explained_by_its_page() {
    let directory = directory("explain", &[]);
    let output = ferrovia(&directory, &["explain", "fv0407"]);
    assert_eq!(output.status.code(), Some(0));
    let page = text(&output.stdout);
    assert!(
        page.starts_with("# FV0407: an expression inside a text is not evaluated\n"),
        "{page}"
    );

    let output = ferrovia(&directory, &["explain", "FV9999"]);
    assert_eq!(output.status.code(), Some(2));
    let shown = text(&output.stderr);
    assert!(
        shown.starts_with("error: there is no code `FV9999`"),
        "{shown}"
    );
    assert!(
        shown.contains("\n  FV0301  a name refers to nothing\n"),
        "{shown}"
    );
}
