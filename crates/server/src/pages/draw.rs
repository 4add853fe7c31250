//! How the pages look. All that comes from runs is text.

use std::fmt::Write;

use axum::http::StatusCode;
use axum::response::Response;
use ferrovia_expr::{Object, Value};
use ferrovia_store::{RunId, Status};
use jiff::Timestamp;

use crate::access::{Bearer, Principal};
use crate::html::{escape, page};

/// How much of a value a line of a trace shows.
const VALUE_CHARS_MAX: usize = 160;

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8883;--dim:#777;--link:#0b62c4}\
@media(prefers-color-scheme:dark){:root{--dim:#999;--link:#7ab7ff}}\
*{box-sizing:border-box}\
body{font:15px/1.5 system-ui,sans-serif;max-width:76rem;margin:0 auto;padding:0 1.2rem 3rem}\
a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}\
header{display:flex;gap:1.2rem;align-items:center;padding:.9rem 0;margin-bottom:1.4rem;border-bottom:1px solid var(--line)}\
header b{font-size:1.1rem}header span{margin-left:auto;color:var(--dim)}\
h1{font-size:1.35rem;margin:1rem 0 .6rem;display:flex;gap:.8rem;align-items:center;flex-wrap:wrap}\
h2{font-size:1.05rem;margin:2rem 0 .5rem}\
table{border-collapse:collapse;width:100%}\
th{text-align:left;font-weight:600;color:var(--dim);font-size:.85rem}\
th,td{padding:.4rem .9rem .4rem 0;border-bottom:1px solid var(--line);vertical-align:top}\
td:last-child{overflow-wrap:anywhere}.fit{width:auto}.t{white-space:nowrap;font-variant-numeric:tabular-nums;color:var(--dim)}\
.w{white-space:nowrap}\
code,pre,.id{font-family:ui-monospace,monospace;font-size:.9em}\
pre{background:#8881;padding:.8rem;overflow:auto;border-radius:.3rem;max-height:28rem}\
.s{display:inline-block;padding:.05rem .55rem;border-radius:1rem;font-size:.82rem;font-weight:600;background:#8883}\
.completed{background:#1a7f3733;color:#1a7f37}.faulted,.parked{background:#cf222e2b;color:#cf222e}\
.waiting,.running,.pending{background:#0969da26;color:#0969da}.suspended{background:#9a670033;color:#9a6700}\
@media(prefers-color-scheme:dark){.completed{color:#5fd37f}.faulted,.parked{color:#ff8b8b}\
.waiting,.running,.pending{color:#7ab7ff}.suspended{color:#e3b341}}\
nav{display:flex;gap:.4rem 1rem;flex-wrap:wrap;margin:.6rem 0 1rem}nav b{font-weight:600}\
form{display:inline}button,input{font:inherit}\
button{padding:.25rem .8rem;border:1px solid #8886;border-radius:.35rem;background:#8881;cursor:pointer}\
button:hover{background:#8883}\
.door{max-width:22rem;margin:12vh auto}.door h1{margin-bottom:1rem}.door label{display:block;margin:.8rem 0}\
.door input{display:block;width:100%;padding:.4rem;margin-top:.2rem}.door button{margin-top:.6rem}\
.wrong{color:#cf222e}.none{color:var(--dim);padding:2rem 0}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.4rem;margin:.6rem 0}dt{color:var(--dim)}dd{margin:0}";

/// What who looks may do with a run.
#[derive(Clone, Copy)]
pub(super) struct May {
    pub(super) control: bool,
    pub(super) repair: bool,
}

/// The form to sign in, with what was wrong the last time.
pub(super) fn door(status: StatusCode, wrong: Option<&str>) -> Response {
    let wrong =
        wrong.map(|wrong| format!("<p class=\"wrong\" role=\"alert\">{}</p>", escape(wrong)));
    let body = format!(
        "<main class=\"door\"><h1>Ferrovia</h1>{}<form method=\"post\" action=\"/sign-in\">\
         <label>Name<input name=\"name\" autocomplete=\"username\" required autofocus></label>\
         <label>Password<input name=\"password\" type=\"password\" autocomplete=\"current-password\" required></label>\
         <button>Sign in</button></form></main>",
        wrong.unwrap_or_default()
    );
    page(status, "Ferrovia: sign in", STYLE, &body)
}

pub(super) fn refusal(status: StatusCode, problem: &Value) -> Response {
    let body = format!(
        "<main class=\"door\"><h1>{}</h1><p>{}</p><p><a href=\"/\">To the runs</a></p></main>",
        text(problem, "title"),
        text(problem, "detail")
    );
    page(status, "Ferrovia: refused", STYLE, &body)
}

pub(super) fn runs(
    found: &Value,
    chosen: Option<Status>,
    before: Option<RunId>,
    who: &Principal,
) -> Response {
    let mut body = header(who);
    body.push_str("<main><h1>Runs</h1><nav aria-label=\"Status\">");
    let mut choice = |name: &str, query: &str, is: bool| {
        let shown = match is {
            true => format!("<b aria-current=\"true\">{name}</b>"),
            false => format!("<a href=\"/{query}\">{name}</a>"),
        };
        body.push_str(&shown);
    };
    choice("all", "", chosen.is_none());
    for status in Status::ALL {
        let name = status.as_str();
        choice(name, &format!("?status={name}"), chosen == Some(status));
    }
    body.push_str("</nav>");
    let listed = items(found, "runs");
    if listed.is_empty() {
        body.push_str("<p class=\"none\">There are no such runs.</p>");
    } else {
        body.push_str("<table><thead><tr><th>Run<th>Workflow<th>Status<th>Began<th>Note<tbody>");
        for run in listed {
            add(
                &mut body,
                format_args!(
                    "<tr><td class=\"w\">{}<td>{}<td>{}<td class=\"t\">{}<td>{}",
                    link(run),
                    text(run, "workflow"),
                    badge(run),
                    time(run, "createdMs"),
                    text(run, "reason")
                ),
            );
        }
        body.push_str("</table>");
    }
    body.push_str("<nav>");
    let status = chosen.map(|status| format!("status={}&amp;", status.as_str()));
    let status = status.unwrap_or_default();
    if before.is_some() {
        let query = status.trim_end_matches("&amp;");
        add(&mut body, format_args!("<a href=\"/?{query}\">Newest</a>"));
    }
    if found.get("before").is_some() {
        let before = text(found, "before");
        add(
            &mut body,
            format_args!("<a href=\"/?{status}before={before}\">Older</a>"),
        );
    }
    body.push_str("</nav></main>");
    page(StatusCode::OK, "Ferrovia: runs", STYLE, &body)
}

pub(super) fn run(run: &Value, trace: &Value, after: usize, may: May, who: &Principal) -> Response {
    let id = text(run, "id");
    let mut body = header(who);
    add(
        &mut body,
        format_args!(
            "<main><h1><span class=\"id\">{id}</span>{}</h1>",
            badge(run)
        ),
    );
    buttons(&mut body, run, &id, may);
    body.push_str("<dl>");
    for (name, shown) in [
        ("Workflow", text(run, "workflow")),
        ("Note", text(run, "reason")),
        ("Began", time(run, "createdMs")),
        ("Changed", time(run, "updatedMs")),
        ("Wakes", time(run, "wakeMs")),
        ("Started by", linked(run, "parent")),
        ("Repairs", linked(run, "repairs")),
        ("Forked from", linked(run, "forkedFrom")),
        ("Unreadable", text(run, "unreadable")),
    ] {
        if !shown.is_empty() {
            add(&mut body, format_args!("<dt>{name}<dd>{shown}"));
        }
    }
    let labels = run.get("labels").and_then(Value::as_object);
    for (name, value) in labels.iter().flat_map(|labels| labels.iter()) {
        let value = value.as_str().unwrap_or_default();
        let (name, value) = (escape(name), escape(value));
        add(&mut body, format_args!("<dt>Label<dd>{name}: {value}"));
    }
    body.push_str("</dl>");
    open(&mut body, run);
    children(&mut body, run);
    for (name, title) in [("output", "Output"), ("error", "Error")] {
        if let Some(value) = run.get(name) {
            let shown = escape(&value.to_json_pretty());
            add(
                &mut body,
                format_args!("<h2>{title}</h2><pre>{shown}</pre>"),
            );
        }
    }
    entries(&mut body, &id, trace, after);
    body.push_str("</main>");
    page(StatusCode::OK, "Ferrovia: a run", STYLE, &body)
}

fn header(who: &Principal) -> String {
    let signed_in = match &who.bearer {
        Bearer::User(user) => format!(
            "<span>{} <form method=\"post\" action=\"/sign-out\"><button>Sign out</button></form></span>",
            escape(&user.0)
        ),
        Bearer::Open => "<span>Nobody has to sign in yet</span>".to_owned(),
        Bearer::Key { .. } | Bearer::Operator | Bearer::SetUp => String::new(),
    };
    format!(
        "<header><b>Ferrovia</b><a href=\"/\">Runs</a><a href=\"/api/v1/docs\">Interface</a>{signed_in}</header>"
    )
}

/// What can be done to a run as it is, if who looks may.
fn buttons(body: &mut String, run: &Value, id: &str, may: May) {
    let status = run
        .get("status")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let (suspend, resume, cancel, repair) = match status {
        "completed" | "cancelled" => (false, false, false, false),
        "faulted" => (false, false, false, true),
        "suspended" => (false, true, true, false),
        "parked" => (false, false, true, false),
        _ => (true, false, true, false),
    };
    body.push_str("<nav aria-label=\"What can be done\">");
    for (name, path, shown) in [
        ("Suspend", "suspend", suspend && may.control),
        ("Resume", "resume", resume && may.control),
        ("Cancel", "cancel", cancel && may.control),
        ("Repair", "repair", repair && may.repair),
    ] {
        if shown {
            add(
                body,
                format_args!(
                    "<form method=\"post\" action=\"/runs/{id}/{path}\"><button>{name}</button></form>"
                ),
            );
        }
    }
    body.push_str("</nav>");
}

/// What the run waits for.
fn open(body: &mut String, run: &Value) {
    let open = items(run, "open");
    if open.is_empty() {
        return;
    }
    body.push_str("<h2>Waits for</h2><table class=\"fit\"><tbody>");
    for owed in open {
        let what = [
            text(owed, "what"),
            text(owed, "call"),
            text(owed, "workflow"),
        ];
        let what: Vec<_> = what.into_iter().filter(|part| !part.is_empty()).collect();
        // Some are called what they are.
        let id = text(owed, "id");
        let id = if what == [id.as_str()] { "" } else { &id };
        add(
            body,
            format_args!(
                "<tr><td class=\"w\">{}<td><code>{}</code><td class=\"t\">{}",
                what.join(" "),
                id,
                time(owed, "dueMs")
            ),
        );
    }
    body.push_str("</table>");
}

fn children(body: &mut String, run: &Value) {
    let children = items(run, "children");
    if children.is_empty() {
        return;
    }
    body.push_str("<h2>Children</h2><table class=\"fit\"><tbody>");
    for child in children {
        let (link, workflow, badge) = (link(child), text(child, "workflow"), badge(child));
        add(
            body,
            format_args!("<tr><td class=\"w\">{link}<td>{workflow}<td>{badge}"),
        );
    }
    body.push_str("</table>");
}

fn entries(body: &mut String, id: &str, trace: &Value, after: usize) {
    body.push_str(
        "<h2>What happened</h2><table><thead><tr><th>When<th>Task<th>What<th>With<tbody>",
    );
    for entry in items(trace, "entries") {
        let with: Object = entry
            .as_object()
            .into_iter()
            .flat_map(Object::iter)
            .filter(|(name, value)| {
                !matches!(&***name, "record" | "atMs" | "task" | "what") && !value.is_null()
            })
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let with = match with.is_empty() {
            true => String::new(),
            false => format!(
                "<code>{}</code>",
                escape(&short(&Value::from(with).to_json()))
            ),
        };
        add(
            body,
            format_args!(
                "<tr><td class=\"t\">{}<td><code>{}</code><td class=\"w\">{}<td>{with}",
                time(entry, "atMs"),
                text(entry, "task"),
                text(entry, "what").replace('-', " ")
            ),
        );
    }
    body.push_str("</table><nav>");
    if after > 0 {
        add(
            body,
            format_args!("<a href=\"/runs/{id}\">From the beginning</a>"),
        );
    }
    if let Some(next) = trace.get("after").and_then(Value::as_i64) {
        add(
            body,
            format_args!("<a href=\"/runs/{id}?after={next}\">More</a>"),
        );
    }
    body.push_str("</nav>");
}

fn add(html: &mut String, part: std::fmt::Arguments<'_>) {
    html.write_fmt(part).expect("memory takes all text");
}

fn items<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    let items = value.get(name).and_then(Value::as_array);
    items.map_or(&[], |items| items)
}

fn text(value: &Value, name: &str) -> String {
    escape(value.get(name).and_then(Value::as_str).unwrap_or_default())
}

fn time(value: &Value, name: &str) -> String {
    let ms = value.get(name).and_then(Value::as_i64);
    let time = ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.map_or_else(String::new, |time| {
        format!("{time:.3}").replace('T', " ").replace('Z', " UTC")
    })
}

fn badge(run: &Value) -> String {
    let status = text(run, "status");
    format!("<span class=\"s {status}\">{status}</span>")
}

fn link(run: &Value) -> String {
    linked(run, "id")
}

/// A run that another one names.
fn linked(value: &Value, name: &str) -> String {
    let id = text(value, name);
    match id.is_empty() {
        true => id,
        false => format!("<a class=\"id\" href=\"/runs/{id}\">{id}</a>"),
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}
