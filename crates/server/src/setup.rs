//! The first administrator: made with the token that a new server prints, over HTTP or on a page of one form.

use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::digest;
use serde_json::json;

use crate::access::Action;
use crate::app::App;
use crate::gate::Permit;
use crate::problem::Problem;
use crate::route::{Doc, Route, Rule, Section, Where, get, post, schema};
use crate::{body, view};

pub(crate) fn section() -> Section {
    let order = schema::order(
        &["name", "password"],
        json!({ "name": schema::named("UserName"), "password": schema::named("Password") }),
    );
    let doc = Doc::new("setUp", "Make the first administrator")
        .about(
            "The token that the server printed when it started comes as `Authorization: Bearer fvt_…`. It works \
             once. From then on everybody has to show who they are.",
        )
        .takes(order)
        .gives(201, "There is an administrator", schema::named("User"))
        .refuses(409, "Somebody else was first");
    Section {
        name: "set-up",
        about: "A new server and its first administrator.",
        routes: vec![
            Route::new(
                post("/api/v1/setup"),
                Rule::Needs(Action::SetUp, Where::Everywhere),
                set_up,
                doc,
            ),
            Route::new(
                get("/setup"),
                Rule::Public("a form that says nothing, and does nothing without the token"),
                page,
                Doc::new("getSetUpPage", "A form to make the first administrator").gives_text(
                    200,
                    "The page",
                    "text/html",
                ),
            ),
        ],
        schemas: Vec::new(),
    }
}

async fn set_up(
    State(app): State<App>,
    permit: Permit,
    headers: HeaderMap,
    body: body::Received,
) -> Result<Response, Problem> {
    let order = body::object(&body::media_type(&headers), body, &["name", "password"])?;
    let user = crate::users::user_name(&body::member::<String>(&order, "name")?)?;
    let password = body::member(&order, "password")?;
    let people = app.people(&permit);
    people.set_up(user.clone(), password).await?;
    let made = people.user(&user).await?.ok_or_else(Problem::internal)?;
    let shown = crate::users::view(&user, &made.0);
    Ok(view::json_text(StatusCode::CREATED, shown.to_string()))
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:24rem;margin:4rem auto;padding:0 1rem}\
label{display:block;margin-top:1rem}input{width:100%;font:inherit;padding:.4rem;box-sizing:border-box}\
button{font:inherit;margin-top:1.5rem;padding:.4rem 1.2rem}:root{color-scheme:light dark}";

/// The token comes after `#`, which browsers send nowhere; it is taken out of the address at once.
const SCRIPT: &str = "const token=new URLSearchParams(location.hash.slice(1)).get('token')||'';\
history.replaceState(null,'',location.pathname);\
const form=document.querySelector('form'),said=document.querySelector('output');\
form.addEventListener('submit',async event=>{event.preventDefault();\
const order={name:form.elements.name.value,password:form.elements.password.value};\
const answer=await fetch('/api/v1/setup',{method:'POST',headers:{authorization:'Bearer '+token,\
'content-type':'application/json'},body:JSON.stringify(order)});\
const body=await answer.json();\
said.textContent=answer.ok?'Done. From now on everybody has to sign in.':body.detail||body.title;\
if(answer.ok)form.querySelector('button').disabled=true});";

async fn page() -> Response {
    let hash = |text: &str| BASE64.encode(digest::digest(&digest::SHA256, text.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Ferrovia: set up</title><style>{STYLE}</style>\
         <h1>Set up Ferrovia</h1><p>Make the first administrator.</p><form>\
         <label>Name<input name=\"name\" autocomplete=\"username\" required></label>\
         <label>Password, at least {min} characters<input name=\"password\" type=\"password\" \
         autocomplete=\"new-password\" minlength=\"{min}\" required></label>\
         <button>Set up</button></form><p><output></output></p><script>{SCRIPT}</script>",
        min = crate::access::password::PASSWORD_CHARS_MIN
    );
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (CONTENT_SECURITY_POLICY, policy),
    ];
    (headers, html).into_response()
}
