//! `call` and `run`: arguments in the one form that executors know.

use std::sync::Arc;

use ferrovia_expr::Expr;

use super::Compiler;
use super::expression::object;
use super::site::{At, Site};
use crate::diagnostic::{Diagnostic, codes};
use crate::plan::{Call, CallKind, Delivery, Emit, Kind, RunWorkflow, Template, VersionReq};
use crate::source::Data;

impl<'n> Compiler<'n> {
    pub(super) fn call(&mut self, at: &At<'n>, name: &At<'n>) -> Kind {
        let kind = match name.node.as_str().unwrap_or_default() {
            "http" => CallKind::Http,
            "openapi" => CallKind::OpenApi,
            "grpc" => CallKind::Grpc,
            "asyncapi" => CallKind::AsyncApi,
            "a2a" => CallKind::A2a,
            "mcp" => CallKind::Mcp,
            _ => return self.function_call(at, name),
        };
        let members = at
            .get("with")
            .map(|with| self.arguments(&with))
            .unwrap_or_default();
        let each = at
            .path(&["with", "subscription", "foreach"])
            .map(|each| self.iterator(&each));
        Kind::Call(Call {
            each,
            ..self.effect(at, kind, members, false)
        })
    }

    fn effect(
        &mut self,
        at: &At<'n>,
        kind: CallKind,
        members: Vec<(Arc<str>, Template)>,
        detached: bool,
    ) -> Call {
        Call {
            kind,
            arguments: object(members),
            each: None,
            detached,
            delivery: self.delivery(at),
        }
    }

    /// `metadata.delivery: at-most-once` asks never to send again after a crash.
    fn delivery(&mut self, at: &At<'n>) -> Delivery {
        let Some(delivery) = at.path(&["metadata", "delivery"]) else {
            return Delivery::default();
        };
        match delivery.node.as_str() {
            Some("at-most-once") => Delivery::AtMostOnce,
            Some("at-least-once") => Delivery::AtLeastOnce,
            _ => {
                self.report(
                    Diagnostic::error(
                        codes::UNKNOWN_DELIVERY,
                        delivery.node.span,
                        &delivery.pointer,
                        format!("there is no delivery {}", delivery.node.to_value()),
                    )
                    .label("unknown delivery")
                    .hint("write `at-least-once` (the default) or `at-most-once`"),
                );
                Delivery::default()
            }
        }
    }

    /// The members of `with`: endpoints and policies normalised, all else a template.
    fn arguments(&mut self, with: &At<'n>) -> Vec<(Arc<str>, Template)> {
        let members: Vec<_> = with.entries().collect();
        members
            .into_iter()
            .map(|(key, member)| {
                let template = match &*key.name {
                    "endpoint" | "server" if is_endpoint(&member) => self.endpoint(&member),
                    "document" | "proto" | "agentCard" | "source" => self.resource(&member),
                    "authentication" => self.authentication(&member),
                    "service" | "transport" | "http" => object(self.arguments(&member)),
                    "subscription" => self.subscription(&member),
                    _ => self.template(&member, Site::Effect),
                };
                (key.name.clone(), template)
            })
            .collect()
    }

    /// Which messages to receive. Its `foreach` holds tasks, which are no argument: see [`Call::each`].
    fn subscription(&mut self, at: &At<'n>) -> Template {
        let members = at.entries().filter(|(key, _)| &*key.name != "foreach");
        object(
            members
                .map(|(key, member)| (key.name.clone(), self.template(&member, Site::Effect)))
                .collect(),
        )
    }

    /// An endpoint in the form `{uri, authentication?}`.
    pub(super) fn endpoint(&mut self, at: &At<'n>) -> Template {
        let Data::Mapping(_) = at.node.data else {
            return object(vec![("uri".into(), self.uri(at, Site::Effect))]);
        };
        let mut members = Vec::new();
        if let Some(uri) = at.get("uri") {
            members.push(("uri".into(), self.uri(&uri, Site::Effect)));
        }
        if let Some(policy) = at.get("authentication") {
            members.push(("authentication".into(), self.authentication(&policy)));
        }
        object(members)
    }

    /// An external resource in the form `{name?, endpoint: {uri, authentication?}}`.
    fn resource(&mut self, at: &At<'n>) -> Template {
        let mut members = Vec::new();
        for (key, member) in at.entries() {
            let template = match &*key.name {
                "endpoint" => self.endpoint(&member),
                _ => self.template(&member, Site::Effect),
            };
            members.push((key.name.clone(), template));
        }
        object(members)
    }

    /// A policy, inline: references are replaced by what they refer to, secrets are sealed.
    fn authentication(&mut self, at: &At<'n>) -> Template {
        if let Some(name) = at.get("use") {
            return match self.component("authentications", "authentication", &name) {
                Some(policy) => self.authentication(&policy),
                None => Template::Literal(Default::default()),
            };
        }
        let mut members = Vec::new();
        for (scheme, properties) in at.entries() {
            let template = match properties.get("use") {
                Some(secret) => self.secret_object(&secret),
                None => self.policy_properties(&properties),
            };
            members.push((scheme.name.clone(), template));
        }
        object(members)
    }

    fn policy_properties(&mut self, at: &At<'n>) -> Template {
        let members: Vec<_> = at.entries().collect();
        object(
            members
                .into_iter()
                .map(|(key, member)| {
                    let template = match &*key.name {
                        "authority" => self.uri(&member, Site::Effect),
                        _ => self.template(&member, Site::Effect),
                    };
                    (key.name.clone(), template)
                })
                .collect(),
        )
    }

    /// A policy whose properties are a whole secret.
    fn secret_object(&mut self, name: &At<'n>) -> Template {
        let Some(secret) = name.node.as_str() else {
            return Template::Literal(Default::default());
        };
        self.check_declared_secret(secret, name.node.span, &name.pointer);
        let quoted = ferrovia_expr::Value::from(secret).to_json();
        let expr = Expr::compile(&format!("$secrets[{quoted}]"), &["secrets"])
            .expect("indexing a variable by a quoted string is an expression");
        Template::Sealed {
            expr,
            secrets: vec![secret.into()],
        }
    }

    pub(super) fn emit(&mut self, body: &At<'n>) -> Kind {
        let event = body
            .path(&["event", "with"])
            .map_or(Template::Literal(Default::default()), |with| {
                self.template(&with, Site::Definition)
            });
        Kind::Emit(Emit { event })
    }

    pub(super) fn run(&mut self, at: &At<'n>, body: &At<'n>) -> Kind {
        // The schema has `await` and `return` inside `run`, the reference beside it.
        let detached = body.flag("await").or_else(|| at.flag("await")) == Some(false);
        let returns = body.get("return").or_else(|| at.get("return"));
        for (keyword, kind) in [
            ("shell", CallKind::Shell),
            ("script", CallKind::Script),
            ("container", CallKind::Container),
        ] {
            if let Some(process) = body.get(keyword) {
                let mut members = self.arguments(&process);
                if let Some(returns) = returns {
                    members.push(("return".into(), Template::Literal(returns.node.to_value())));
                }
                return Kind::Call(self.effect(at, kind, members, detached));
            }
        }
        let workflow = body.get("workflow").unwrap_or_else(|| body.clone());
        let version = workflow
            .text("version")
            .and_then(|version| version.parse().ok());
        Kind::RunWorkflow(RunWorkflow {
            namespace: workflow.text("namespace").unwrap_or_default(),
            name: workflow.text("name").unwrap_or_default(),
            version: version.map_or(VersionReq::Latest, VersionReq::Exact),
            input: workflow
                .get("input")
                .map(|input| self.template(&input, Site::Definition)),
            detached,
        })
    }
}

/// `server` is an endpoint in an A2A call but a description of a broker in an AsyncAPI call.
fn is_endpoint(at: &At<'_>) -> bool {
    at.node.as_str().is_some() || at.node.get("uri").is_some()
}
