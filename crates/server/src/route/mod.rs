//! The ways in: each is one entry of a table, with its method, its path, who may use it, what does the work, and its
//! description. The router is built from the table and from nothing else, and so are the OpenAPI document and the
//! reference page: a way in without a rule cannot be written down.
//!
//! A file that owns ways in has a function that gives a [`Section`], which [`table`] lists.

mod doc;
mod openapi;
mod page;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodFilter, MethodRouter, on};
use serde_json::Value;

use crate::access::Action;
use crate::app::App;
use crate::{
    BODY_BYTES_MAX, account, definitions, event, gate, guard, keys, live, oidc, pages, problem,
    repair, run, secrets, setup, start, state, users, webhook,
};

pub(crate) use doc::{Doc, In, schema};
pub use openapi::openapi;

/// Who may use a way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Everybody. Says why that does no harm.
    Public(&'static str),
    /// Whoever shows who they are, whatever they may do. Says why that is enough.
    SignedIn(&'static str),
    /// Who may do this.
    Needs(Action, Where),
}

/// How it is found where an action is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// In all namespaces, or to the server as a whole. The handler gets a [`Permit`](gate::Permit).
    Everywhere,
    /// In the namespace of the run that `{id}` in the path names. The handler gets a [`Permit`](gate::Permit).
    Run,
    /// In the namespace that this parameter of the path names. The handler gets a [`Permit`](gate::Permit).
    Path(&'static str),
    /// In a namespace that the body names. The handler gets an [`Asking`](gate::Asking), which gives a permit for one.
    Body,
    /// Wherever it may be done: a list, which leaves out the rest. The handler gets a [`Sight`](gate::Sight).
    List,
}

/// One way in.
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) rule: Rule,
    pub(crate) doc: Doc,
    handler: MethodRouter<App>,
}

/// Ways in that belong together.
pub(crate) struct Section {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) routes: Vec<Route>,
    /// Schemas that the descriptions refer to by name.
    pub(crate) schemas: Vec<(&'static str, Value)>,
}

/// A way in as tests and other programs see it.
#[derive(Clone, Debug)]
pub struct Described {
    pub method: Method,
    pub path: &'static str,
    pub rule: Rule,
    pub operation: &'static str,
    /// The members that a JSON body may have; nothing where there is no such body.
    pub members: Option<Vec<String>>,
}

impl Route {
    pub(crate) fn new<T: 'static>(
        (method, path): (Method, &'static str),
        rule: Rule,
        handler: impl Handler<T, App>,
        doc: Doc,
    ) -> Route {
        let filter = MethodFilter::try_from(method.clone()).expect("the method is one of HTTP");
        Route {
            method,
            path,
            rule,
            doc,
            handler: on(filter, handler),
        }
    }
}

/// All ways in.
pub(crate) fn table() -> Vec<Section> {
    vec![
        start::section(),
        run::section(),
        repair::section(),
        definitions::section(),
        secrets::section(),
        event::section(),
        webhook::section(),
        live::section(),
        state::section(),
        setup::section(),
        account::section(),
        users::section(),
        keys::section(),
        oidc::section(),
        openapi::section(),
        pages::section(),
    ]
}

/// All ways in, described.
pub fn routes() -> Vec<Described> {
    let routes = table().into_iter().flat_map(|section| section.routes);
    let described = routes.map(|route| Described {
        members: route.doc.members(),
        method: route.method,
        path: route.path,
        rule: route.rule,
        operation: route.doc.operation,
    });
    described.collect()
}

pub(crate) fn router(app: App) -> Router {
    let add = |router: Router<App>, route: Route, page: bool| {
        let gate = from_fn_with_state((app.clone(), route.rule), gate::gate);
        let handler = route.handler.route_layer(gate);
        router.route(
            route.path,
            match page {
                // What is refused there is read by people.
                true => handler.route_layer(from_fn(pages::dressed)),
                false => handler,
            },
        )
    };
    table()
        .into_iter()
        .flat_map(|section| {
            let page = section.name == pages::NAME;
            section.routes.into_iter().map(move |route| (route, page))
        })
        .fold(Router::new(), |router, (route, page)| {
            add(router, route, page)
        })
        .fallback(problem::no_such_path)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(app.clone(), guard::guarded))
        .with_state(app)
}

pub(crate) fn get(path: &'static str) -> (Method, &'static str) {
    (Method::GET, path)
}

pub(crate) fn post(path: &'static str) -> (Method, &'static str) {
    (Method::POST, path)
}

pub(crate) fn put(path: &'static str) -> (Method, &'static str) {
    (Method::PUT, path)
}

pub(crate) fn delete(path: &'static str) -> (Method, &'static str) {
    (Method::DELETE, path)
}

#[cfg(test)]
mod tests;
