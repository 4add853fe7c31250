//! How an alert looks to those who get it.

use ferrovia_expr::{Object, Value};

use super::Dispatch;
use super::event::time;
use super::group::Group;

/// What a receiver understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An object with all that is known.
    Json,
    /// What Slack and those that do as Slack does take.
    Slack,
    /// Plain text, for mail.
    Text,
}

impl Form {
    pub(super) fn dispatch(self, id: String, group: &Group, public_url: Option<&str>) -> Dispatch {
        let subject = subject(group);
        let link = link(group, public_url);
        let (media_type, body) = match self {
            Form::Json => ("application/json", json(&id, group, link.as_deref())),
            Form::Slack => ("application/json", slack(&subject, group, link.as_deref())),
            Form::Text => ("text/plain", text(&subject, group, link.as_deref())),
        };
        Dispatch {
            id,
            media_type,
            subject,
            body,
        }
    }
}

fn subject(group: &Group) -> String {
    let (workflow, what) = (&group.workflow, group.what.as_str());
    match group.count {
        1 => format!("{workflow}: a run is {what}"),
        count => format!("{workflow}: {count} runs are {what}"),
    }
}

fn link(group: &Group, public_url: Option<&str>) -> Option<String> {
    let base = public_url?.trim_end_matches('/');
    Some(format!("{base}/api/v1/runs/{}", group.run))
}

fn json(id: &str, group: &Group, link: Option<&str>) -> String {
    let mut body = Object::default();
    body.insert("id", id);
    body.insert("alert", group.what.as_str());
    body.insert("workflow", group.workflow.as_str());
    body.insert("run", group.run.as_str());
    body.insert("reason", group.reason.as_str());
    body.insert("count", i64::try_from(group.count).unwrap_or(i64::MAX));
    body.insert("since", time(group.since_ms));
    if let Some(link) = link {
        body.insert("link", link);
    }
    Value::from(body).to_json()
}

fn slack(subject: &str, group: &Group, link: Option<&str>) -> String {
    let run = match link {
        Some(link) => format!("<{link}|{}>", group.run),
        None => group.run.clone(),
    };
    let text = format!("*{}*\n{run}: {}", escape(subject), escape(&group.reason));
    let mut body = Object::default();
    body.insert("text", text);
    Value::from(body).to_json()
}

/// A reason must not become a link, or call people by name.
fn escape(text: &str) -> String {
    let escaped = text.replace('&', "&amp;");
    escaped.replace('<', "&lt;").replace('>', "&gt;")
}

fn text(subject: &str, group: &Group, link: Option<&str>) -> String {
    let first = if group.count == 1 {
        "run"
    } else {
        "the first run"
    };
    let mut text = format!(
        "{subject}.\n\n{first}: {}\nreason: {}\nsince: {}\n",
        group.run,
        group.reason,
        time(group.since_ms)
    );
    if let Some(link) = link {
        text.push_str(&format!("{link}\n"));
    }
    text
}
