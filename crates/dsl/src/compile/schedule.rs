//! `document.metadata.schedule`: how the schedule of a workflow is kept.

use jiff::tz::TimeZone;

use super::{At, Compiler};
use crate::diagnostic::{Diagnostic, codes};
use crate::shape::suggest::respelled;

/// Policies for times that passed while no process ran.
const MISSED: [&str; 3] = ["once", "all", "skip"];
const SETTINGS: [&str; 2] = ["timeZone", "missed"];

impl<'n> Compiler<'n> {
    /// A setting that is not known would silently be another one.
    pub(super) fn check_schedule_settings(&mut self, root: &At<'n>) {
        let Some(settings) = root.path(&["document", "metadata", "schedule"]) else {
            return;
        };
        let entries: Vec<_> = settings.entries().collect();
        if entries.is_empty() {
            let hint = "write `{ timeZone: Europe/Rome, missed: once }`";
            return self.refuse_setting(&settings, "these are no settings of a schedule", hint);
        }
        for (key, value) in entries {
            let text = value.node.as_str().unwrap_or_default();
            let shown = value.node.to_value();
            match &*key.name {
                "timeZone" if TimeZone::get(text).is_err() => {
                    // Of some hundreds, those that begin alike.
                    let begin = text.chars().next();
                    let known: Vec<String> = jiff::tz::db()
                        .available()
                        .map(|name| name.to_string())
                        .filter(|name| name.chars().next() == begin)
                        .collect();
                    let hint = match respelled(text, known.iter().map(String::as_str)) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => "write an IANA name such as `Europe/Rome`".to_owned(),
                    };
                    self.refuse_setting(&value, &format!("there is no time zone {shown}"), &hint);
                }
                "missed" if !MISSED.contains(&text) => {
                    let hint = "write `once` (the default), `all` or `skip`";
                    self.refuse_setting(&value, &format!("there is no policy {shown}"), hint);
                }
                known if SETTINGS.contains(&known) => {}
                other => {
                    let hint = match respelled(other, SETTINGS.into_iter()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => "there are `timeZone` and `missed`".to_owned(),
                    };
                    let what = format!("a schedule has no setting `{other}`");
                    self.refuse_setting(&value, &what, &hint);
                }
            }
        }
    }

    fn refuse_setting(&mut self, at: &At<'n>, what: &str, hint: &str) {
        self.report(
            Diagnostic::error(codes::SCHEDULE_SETTING, at.node.span, &at.pointer, what)
                .label("not known")
                .hint(hint),
        );
    }
}
