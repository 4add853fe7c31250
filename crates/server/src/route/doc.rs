//! What is said of a way in, for the OpenAPI document and the reference page.

use serde_json::{Value, json};

use super::Rule;

/// The description of a way in. Refusals that follow from the rule and the kind of body are added by [`Doc::answers`].
pub(crate) struct Doc {
    /// Names it for programs: one word, never another one later.
    pub(crate) operation: &'static str,
    /// One line, without a full stop.
    pub(crate) summary: &'static str,
    pub(crate) about: Option<&'static str>,
    pub(crate) parameters: Vec<Parameter>,
    /// By media type.
    pub(crate) takes: Vec<(&'static str, Value)>,
    /// The body may be missing.
    pub(crate) optional: bool,
    /// Refusals are pages, too.
    page: bool,
    gives: Vec<Answer>,
}

pub(crate) struct Parameter {
    pub(crate) place: In,
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) schema: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum In {
    Path,
    Query,
    Header,
}

impl In {
    pub(crate) fn name(self) -> &'static str {
        match self {
            In::Path => "path",
            In::Query => "query",
            In::Header => "header",
        }
    }
}

#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) about: &'static str,
    /// Media type and schema; nothing for an answer without a body.
    pub(crate) body: Option<(&'static str, Value)>,
}

impl Doc {
    pub(crate) fn new(operation: &'static str, summary: &'static str) -> Doc {
        Doc {
            operation,
            summary,
            about: None,
            parameters: Vec::new(),
            takes: Vec::new(),
            optional: false,
            page: false,
            gives: Vec::new(),
        }
    }

    pub(crate) fn about(self, about: &'static str) -> Doc {
        Doc {
            about: Some(about),
            ..self
        }
    }

    pub(crate) fn with(
        mut self,
        place: In,
        name: &'static str,
        about: &'static str,
        schema: Value,
    ) -> Doc {
        self.parameters.push(Parameter {
            place,
            name,
            about,
            schema,
        });
        self
    }

    /// A body of JSON.
    pub(crate) fn takes(self, schema: Value) -> Doc {
        self.takes_as("application/json", schema)
    }

    pub(crate) fn takes_as(mut self, media_type: &'static str, schema: Value) -> Doc {
        self.takes.push((media_type, schema));
        self
    }

    pub(crate) fn optionally(self) -> Doc {
        Doc {
            optional: true,
            ..self
        }
    }

    /// People read what it answers, refusals included.
    pub(crate) fn for_people(self) -> Doc {
        Doc { page: true, ..self }
    }

    /// An answer of JSON.
    pub(crate) fn gives(self, status: u16, about: &'static str, schema: Value) -> Doc {
        self.gives_as(status, about, Some(("application/json", schema)))
    }

    pub(crate) fn gives_nothing(self, status: u16, about: &'static str) -> Doc {
        self.gives_as(status, about, None)
    }

    pub(crate) fn gives_text(
        self,
        status: u16,
        about: &'static str,
        media_type: &'static str,
    ) -> Doc {
        self.gives_as(status, about, Some((media_type, schema::text())))
    }

    /// A refusal that does not follow from the rule.
    pub(crate) fn refuses(self, status: u16, about: &'static str) -> Doc {
        let problem = schema::named("Problem");
        self.gives_as(status, about, Some(("application/problem+json", problem)))
    }

    fn gives_as(
        mut self,
        status: u16,
        about: &'static str,
        body: Option<(&'static str, Value)>,
    ) -> Doc {
        self.gives.push(Answer {
            status,
            about,
            body,
        });
        self
    }

    /// What it answers, in order of the status.
    pub(crate) fn answers(&self, rule: Rule) -> Vec<Answer> {
        let mut answers = self.gives.clone();
        let mut refuse = |status: u16, about: &'static str| {
            if !answers.iter().any(|answer| answer.status == status) {
                answers.push(Answer {
                    status,
                    about,
                    body: Some(("application/problem+json", schema::named("Problem"))),
                });
            }
        };
        refuse(400, "The request cannot be read");
        if !matches!(rule, Rule::Public(_)) {
            refuse(401, "Who asks did not show who they are");
        }
        refuse(403, "Who asks may not do this, or came by another site");
        if self.parameters.iter().any(|given| given.place == In::Path) {
            refuse(
                404,
                "There is no such thing, or who asks may not know of it",
            );
        }
        if !self.takes.is_empty() {
            refuse(408, "The body took too long to arrive");
            refuse(413, "The body is too large");
            refuse(415, "The body has another media type");
            refuse(422, "The body asks for something that is not possible");
        }
        refuse(503, "Not now; `Retry-After` says when");
        for answer in answers
            .iter_mut()
            .filter(|answer| self.page && answer.status >= 400)
        {
            answer.body = Some(("text/html", schema::text()));
        }
        answers.sort_by_key(|answer| answer.status);
        answers
    }

    /// The members that a JSON body may have.
    pub(crate) fn members(&self) -> Option<Vec<String>> {
        let (_, schema) = self
            .takes
            .iter()
            .find(|(media_type, _)| *media_type == "application/json")?;
        let members = schema.get("properties")?.as_object()?;
        Some(members.keys().cloned().collect())
    }
}

/// Schemas of JSON Schema 2020-12, as OpenAPI 3.1 has them.
pub(crate) mod schema {
    use super::{Value, json};

    /// One of the schemas that sections list.
    pub(crate) fn named(name: &str) -> Value {
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    pub(crate) fn text() -> Value {
        json!({ "type": "string" })
    }

    pub(crate) fn number() -> Value {
        json!({ "type": "integer", "minimum": 0 })
    }

    /// Anything that JSON can say.
    pub(crate) fn anything() -> Value {
        json!({})
    }

    pub(crate) fn list(of: &Value) -> Value {
        json!({ "type": "array", "items": of })
    }

    /// An object that is taken: it has these members, must have the required ones, and no others.
    pub(crate) fn order(required: &[&str], members: Value) -> Value {
        json!({
            "type": "object",
            "required": required,
            "properties": members,
            "additionalProperties": false,
        })
    }

    /// An object that is given: later releases may add members.
    pub(crate) fn object(required: &[&str], members: Value) -> Value {
        json!({ "type": "object", "required": required, "properties": members })
    }
}
