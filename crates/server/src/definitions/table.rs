//! The ways in to definitions.

use serde_json::{Value, json};

use super::{
    diff, list, pause, publish, resume, roll_back, validate, version, versions, workflows,
};
use crate::access::Action;
use crate::route::{Doc, In, Route, Rule, Section, Where, get, post, schema};

const NAMESPACE: Where = Where::Path("namespace");

pub(crate) fn section() -> Section {
    let mut routes = reading();
    routes.extend(changing());
    Section {
        name: "definitions",
        about: "Workflows and their versions. A version never changes; what `latest` means moves by publishing and by \
                rolling back.",
        routes,
        schemas: schemas(),
    }
}

fn reading() -> Vec<Route> {
    vec![
        Route::new(
            get("/api/v1/definitions"),
            Rule::Needs(Action::ReadDefinitions, Where::List),
            list,
            Doc::new("listDefinitions", "All versions of all workflows").gives(
                200,
                "Versions in order of their names",
                schema::named("DefinitionPage"),
            ),
        ),
        Route::new(
            get("/api/v1/workflows"),
            Rule::Needs(Action::ReadDefinitions, Where::List),
            workflows,
            Doc::new("listWorkflows", "Workflows, with their versions").gives(
                200,
                "Workflows in order of their names",
                schema::object(
                    &["workflows"],
                    json!({ "workflows": schema::list(&schema::named("Workflow")) }),
                ),
            ),
        ),
        Route::new(
            get("/api/v1/definitions/{namespace}/{name}"),
            Rule::Needs(Action::ReadDefinitions, NAMESPACE),
            versions,
            of_workflow("getWorkflow", "A workflow and its versions"),
        ),
        Route::new(
            get("/api/v1/definitions/{namespace}/{name}/{version}"),
            Rule::Needs(Action::ReadDefinitions, NAMESPACE),
            version,
            naming("getDefinition", "One version, as text and as JSON")
                .with(In::Path, "version", "The version, or `latest`", schema::text())
                .gives(200, "The version", schema::named("Definition")),
        ),
        Route::new(
            get("/api/v1/definitions/{namespace}/{name}/diff"),
            Rule::Needs(Action::ReadDefinitions, NAMESPACE),
            diff,
            naming("diffDefinitions", "What differs between two versions")
                .with(In::Query, "from", "A version, or `latest`", schema::text())
                .with(In::Query, "to", "A version, or `latest`", schema::text())
                .gives(
                    200,
                    "A unified diff of their texts",
                    schema::object(
                        &["from", "to", "diff"],
                        json!({ "from": schema::text(), "to": schema::text(), "diff": schema::text() }),
                    ),
                ),
        ),
    ]
}

fn changing() -> Vec<Route> {
    vec![
        Route::new(
            post("/api/v1/definitions"),
            Rule::Needs(Action::PublishDefinitions, Where::Body),
            publish,
            text(Doc::new("publishDefinition", "Publish a version of a workflow"))
                .about(
                    "The body is the definition, in YAML or JSON; its namespace, name and version are in it. Runs that \
                     are there go on with the version they have.",
                )
                .with(In::Query, "dryRun", "Only say what would come of it", json!({ "type": "boolean" }))
                .gives(201, "It is published, durably", schema::named("Definition"))
                .gives(200, "It was, with this content", schema::named("Definition"))
                .refuses(409, "The version has other content"),
        ),
        Route::new(
            post("/api/v1/definitions/validate"),
            Rule::Needs(Action::ValidateDefinitions, Where::Body),
            validate,
            text(Doc::new("validateDefinition", "Check a definition")).gives(
                200,
                "It can run; `findings` has warnings",
                schema::named("Checked"),
            ),
        ),
        Route::new(
            post("/api/v1/definitions/{namespace}/{name}/roll-back"),
            Rule::Needs(Action::RollBackDefinitions, NAMESPACE),
            roll_back,
            of_workflow("rollBackWorkflow", "Let `latest` mean an earlier version")
                .about(
                    "It means that one until a higher one than that is published. Runs that are there go on with the \
                     version they have.",
                )
                .takes(schema::order(&["version"], json!({ "version": schema::text() }))),
        ),
        Route::new(
            post("/api/v1/definitions/{namespace}/{name}/pause"),
            Rule::Needs(Action::PauseDefinitions, NAMESPACE),
            pause,
            of_workflow("pauseWorkflow", "Let no run begin by a request, an event or the clock")
                .about(
                    "Runs that are there go on, and so do the children that they start. Events that come meanwhile \
                     start nothing later; what the clock missed is made up for as the workflow says.",
                )
                .optionally()
                .takes(schema::order(&[], json!({ "reason": schema::text() })))
                .refuses(409, "It is paused"),
        ),
        Route::new(
            post("/api/v1/definitions/{namespace}/{name}/resume"),
            Rule::Needs(Action::PauseDefinitions, NAMESPACE),
            resume,
            of_workflow("resumeWorkflow", "Let runs of a paused workflow begin again")
                .refuses(409, "It is not paused"),
        ),
    ]
}

fn naming(operation: &'static str, summary: &'static str) -> Doc {
    Doc::new(operation, summary)
        .with(
            In::Path,
            "namespace",
            "The namespace of the workflow",
            schema::text(),
        )
        .with(In::Path, "name", "The name of the workflow", schema::text())
}

fn of_workflow(operation: &'static str, summary: &'static str) -> Doc {
    naming(operation, summary).gives(200, "The workflow as it is then", schema::named("Workflow"))
}

fn text(doc: Doc) -> Doc {
    doc.takes_as("application/yaml", schema::text())
        .takes_as("application/json", json!({ "type": "object" }))
        .refuses(422, "It cannot be used; `findings` says why")
        .refuses(501, "This server takes no definitions")
}

fn schemas() -> Vec<(&'static str, Value)> {
    let findings = json!({
        "type": "array", "items": { "type": "object" },
        "description": "As `ferrovia check --output json` gives them",
    });
    let definition = schema::object(
        &["workflow", "hash"],
        json!({
            "workflow": { "type": "string", "description": "`namespace/name:version`" },
            "version": schema::text(),
            "hash": { "type": "string", "description": "Of all that it means" },
            "title": { "type": ["string", "null"] },
            "latest": { "type": "boolean", "description": "Whether `latest` means it" },
            "addedMs": { "type": "integer", "description": "When it was published" },
            "text": { "type": "string", "description": "As it was published" },
            "definition": { "type": "object", "description": "The same as JSON" },
            "findings": findings,
        }),
    );
    let workflow = schema::object(
        &["workflow", "versions"],
        json!({
            "workflow": { "type": "string", "description": "`namespace/name`" },
            "latest": { "type": "string", "description": "The version that `latest` means" },
            "paused": schema::object(
                &["atMs"],
                json!({ "reason": schema::text(), "atMs": { "type": "integer" } }),
            ),
            "versions": schema::list(&schema::named("Definition")),
        }),
    );
    let checked = schema::object(
        &["workflow", "hash", "valid", "findings"],
        json!({
            "workflow": schema::text(), "hash": schema::text(), "valid": { "const": true }, "findings": findings,
        }),
    );
    let definitions = schema::object(
        &["definitions"],
        json!({ "definitions": schema::list(&schema::named("Definition")) }),
    );
    vec![
        ("Definition", definition),
        ("DefinitionPage", definitions),
        ("Workflow", workflow),
        ("Checked", checked),
    ]
}
