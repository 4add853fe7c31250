//! Users of a test, and what they show.

use ferrovia_expr::{Object, Value, value};
use ferrovia_server::access::{Bearer, Grant, Namespaces, Principal, Role, UserId};
use reqwest::RequestBuilder;

use crate::bed::{Answer, Bed, send};

pub(crate) const PASSWORD: &str = "correct horse battery";

/// How a request shows who it comes from.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    Nothing,
    Key(String),
    /// A cookie, with the origin of the server itself as a browser sends it.
    Session(String),
}

pub(crate) fn grant(role: Role, namespace: &str) -> Grant {
    let namespace = Namespaces::try_from(namespace.to_owned()).expect("a test names one");
    Grant { role, namespace }
}

pub(crate) fn principal(name: &str, grants: &[Grant]) -> Principal {
    Principal {
        bearer: Bearer::User(UserId(name.to_owned())),
        grants: grants.to_vec(),
        expires_ms: None,
    }
}

impl Bed {
    pub(crate) fn as_(&self, proof: &Proof, method: &str, path: &str) -> RequestBuilder {
        let request = self.request(method, path);
        match proof {
            Proof::Nothing => request,
            Proof::Key(key) => request.header("authorization", format!("Bearer {key}")),
            Proof::Session(cookie) => request
                .header("cookie", cookie)
                .header("origin", self.url.as_str()),
        }
    }

    /// A request below `/api/v1/`, with a body of JSON if there is one.
    pub(crate) async fn ask(
        &self,
        proof: &Proof,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let request = self.as_(proof, method, &format!("/api/v1/{path}"));
        send(match body {
            None => request,
            Some(body) => request
                .header("content-type", "application/json")
                .body(body.to_json()),
        })
        .await
    }

    /// What is in the data directory of a server.
    pub(crate) fn operator(&self) -> Proof {
        Proof::Key(self.people.operator_key().to_string())
    }

    pub(crate) async fn add_user(&self, name: &str, grants: &[Grant]) {
        let roles = grants.iter().map(
            |grant| value!({ "role": grant.role.name(), "namespace": grant.namespace.to_string() }),
        );
        let mut order = Object::default();
        order.insert("name", name);
        order.insert("password", PASSWORD);
        order.insert("roles", roles.collect::<Vec<_>>());
        let operator = self.operator();
        let answer = self.ask(&operator, "POST", "users", Some(order.into()));
        answer.await.is(201);
    }

    pub(crate) async fn sign_in(&self, name: &str, password: &str) -> Answer {
        let order = value!({ "name": name, "password": password });
        self.ask(&Proof::Nothing, "POST", "session", Some(order))
            .await
    }

    pub(crate) async fn session(&self, name: &str) -> Proof {
        let answer = self.sign_in(name, PASSWORD).await;
        answer.is(200);
        let cookie = answer.headers["set-cookie"].to_str().expect("it is text");
        let cookie = cookie.split(';').next().unwrap_or_default();
        Proof::Session(cookie.to_owned())
    }

    /// A key of a user with one scope, such as `{"up-to": "operator"}`.
    pub(crate) async fn key(&self, user: &str, actions: Value, namespace: &str) -> Answer {
        let scope = value!({ "actions": actions, "namespace": namespace });
        let order = value!({ "label": "test", "scopes": [scope] });
        let path = format!("users/{user}/keys");
        self.ask(&self.operator(), "POST", &path, Some(order)).await
    }

    /// A server with an administrator, who is called root.
    pub(crate) async fn closed() -> Bed {
        let bed = Bed::new().await;
        bed.add_user("root", &[grant(Role::Administrator, "*")])
            .await;
        bed
    }
}
