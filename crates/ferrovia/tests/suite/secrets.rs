//! `--secrets`: used where requests leave, printed nowhere.

use crate::support::Project;

const VALUE: &str = "s3cr3t-v4lu3";

fn project(use_secrets: &str) -> Project {
    let project = Project::flow(&format!(
        "{use_secrets}do: [ {{ sh: {{ run: {{ shell: {{ command: 'test \"$TOKEN\" = {VALUE} && echo good', environment: {{ TOKEN: '${{ $secrets.token }}' }} }} }} }} }} ]"
    ).replace(VALUE, &VALUE.chars().map(|c| format!("\"{c}\"")).collect::<String>()));
    project.write(
        "secrets.json",
        format!(r#"{{"token": "{VALUE}", "unused": "{VALUE}"}}"#).as_bytes(),
    );
    project
}

#[test]
fn a_secret_reaches_its_process_and_no_stream() {
    let project = project("use: { secrets: [ token ] }\n");
    for more in [&[][..], &["--trace"]] {
        let args = [&["--secrets", "secrets.json"], more].concat();
        let ran = project.run(&args);
        assert_eq!(ran.completed()["output"], "good", "{ran:#?}");
        assert!(
            !ran.stdout.contains(VALUE) && !ran.stderr.contains(VALUE),
            "{ran:#?}"
        );
    }
}

#[test]
fn a_secret_that_is_not_there_is_an_authorization_error() {
    let project = project("use: { secrets: [ token ] }\n");
    project.write("others.json", br#"{"other": "x"}"#);
    for args in [&[][..], &["--secrets", "others.json"]] {
        let ran = project.run(args);
        assert_eq!(ran.code(), 3, "{ran:#?}");
        assert_eq!(ran.object()["error"]["status"], 403);
        assert!(ran.stdout.contains("`token`"), "{ran:#?}");
    }
}

#[test]
fn a_secret_that_is_not_declared_stays_closed() {
    let project = project("");
    let ran = project.run(&["--secrets", "secrets.json", "--trace"]);
    assert!([2, 3].contains(&ran.code()), "{ran:#?}");
    assert!(
        !ran.stdout.contains(VALUE) && !ran.stderr.contains(VALUE),
        "{ran:#?}"
    );
}

#[test]
fn files_of_secrets_that_are_wrong_are_refused_without_their_content() {
    let project = project("use: { secrets: [ token ] }\n");
    for (text, message) in [
        (
            format!("[\"{VALUE}\"]"),
            "secrets are a JSON object by name",
        ),
        (format!("{{\"token\": \"{VALUE}\",}}"), "not JSON"),
        (format!("token: {VALUE}"), "not JSON"),
        (format!("{{\"token\": {VALUE}}}"), "not JSON"),
    ] {
        project.write("wrong.json", text.as_bytes());
        let ran = project.run(&["--secrets", "wrong.json"]);
        assert_eq!(ran.code(), 2, "{ran:#?}");
        assert!(ran.stderr.contains(message), "{ran:#?}");
        assert!(
            !ran.stdout.contains(VALUE) && !ran.stderr.contains(VALUE),
            "{ran:#?}"
        );
    }
}

#[test]
fn secrets_are_data_only_when_asked_for() {
    let project = Project::flow(
        "use: { secrets: [ token ] }\ndo: [ { a: { set: { copy: '${ $secrets.token }' } } } ]",
    );
    project.write(
        "secrets.json",
        format!(r#"{{"token": "{VALUE}"}}"#).as_bytes(),
    );
    let ran = project.run(&["--secrets", "secrets.json"]);
    assert_eq!(ran.code(), 2, "{ran:#?}");
    assert!(ran.stderr.contains("FV0406"), "{ran:#?}");
    let ran = project.run(&["--secrets", "secrets.json", "--secrets-in-data"]);
    assert_eq!(ran.completed()["output"]["copy"], VALUE);
}
