//! One run: its trace from the journal on, then as it grows, without a gap and without a double, until the run ends.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use ferrovia_dsl::plan::Plan;
use ferrovia_engine::{Ending, TraceEntry, TraceEvent};
use ferrovia_expr::{Object, Value};
use ferrovia_runtime::shard::{Change, History};
use ferrovia_runtime::{Feed, Node, Told};
use ferrovia_store::{RunId, Status};

use super::{Gone, Next, Writer, message};
use crate::app::App;
use crate::gate::Permit;
use crate::problem::Problem;
use crate::run::Named;
use crate::view::{self, Unreadable};

/// Records read at a time.
const RECORDS_AT_A_TIME: usize = 64;
const LAST_EVENT_ID: &str = "last-event-id";

/// An entry of a trace: the record, and which entry of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    record: u64,
    index: u64,
}

impl Place {
    const BEGIN: Place = Place {
        record: 0,
        index: u64::MAX,
    };

    fn end_of(record: u64) -> Place {
        Place {
            record,
            index: u64::MAX,
        }
    }

    fn read(text: &str) -> Option<Place> {
        let (record, index) = text.split_once(':')?;
        Some(Place {
            record: record.parse().ok()?,
            index: index.parse().ok()?,
        })
    }
}

/// `GET /api/v1/runs/{id}/events`. After a `Last-Event-ID` only what follows is sent; 204 means that nothing will follow.
pub(super) async fn events(
    State(app): State<App>,
    permit: Permit,
    Named(run): Named,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let after = match headers.get(LAST_EVENT_ID) {
        None => Place::BEGIN,
        Some(id) => {
            let id = id.to_str().ok().and_then(Place::read);
            id.ok_or_else(|| Problem::malformed("`Last-Event-ID` is none that this stream gave"))?
        }
    };
    let place = app.live.open()?;
    // It listens before it reads: what is not in the journal then is heard.
    let feed = app.node(&permit).feed_of(run);
    let known = app.look(&permit, run).await?;
    let mut stream = Stream {
        run,
        permit: permit.clone(),
        reader: Some(Reader::new(app.node(&permit), &known)?),
        after,
        last: None,
        told: None,
    };
    // The first page is read before the answer begins, so that a run that cannot be read is a problem.
    let mut page = stream.page(&app).await?;
    while page.messages.is_empty() && page.more {
        page = stream.page(&app).await?;
    }
    if page.messages.is_empty() && page.ending.is_some() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let (writer, response) = Writer::new(&app, place);
    let status = (known.status, known.reason);
    tokio::spawn(async move {
        let _ = stream.go_on(writer, feed, page, status).await;
    });
    Ok(response)
}

/// A stream of one run.
struct Stream {
    run: RunId,
    permit: Permit,
    /// Absent while it reads.
    reader: Option<Reader>,
    /// Everything up to here was sent.
    after: Place,
    /// The last entry that was sent.
    last: Option<Place>,
    told: Option<(Status, Option<Arc<str>>)>,
}

/// Derives the trace from the journal.
struct Reader {
    run: RunId,
    plan: Arc<Plan>,
    history: History,
}

/// A part of the trace, ready to be sent.
struct Part {
    messages: Vec<(Place, String)>,
    /// There may be more in the journal.
    more: bool,
    ending: Option<Ending>,
}

impl Reader {
    fn new(node: &Node, known: &ferrovia_store::Summary) -> Result<Reader, Unreadable> {
        let plan = node.plan(known.run.plan).map_err(Unreadable::Plan)?;
        Ok(Reader {
            run: known.run.id,
            plan,
            history: History::new(known.run.id, node.runtime().clone()),
        })
    }

    fn read(&mut self, node: &Node, after: Place) -> Result<Part, Unreadable> {
        let Reader { run, plan, history } = self;
        let from = history.seq + 1;
        let records = node.journal().records(*run, from, RECORDS_AT_A_TIME)?;
        let mut messages = Vec::new();
        for (record, bytes) in &records {
            let mut index = 0;
            history.take(plan, *record, bytes, |entries| {
                messages.extend(shown(plan, *record, index, entries, after));
                index += entries.len() as u64;
            })?;
        }
        Ok(Part {
            messages,
            more: records.len() == RECORDS_AT_A_TIME,
            ending: history.run.ending().cloned(),
        })
    }
}

/// Entries of a record as messages, from the one with a number on; those that were sent are left out.
fn shown(
    plan: &Plan,
    record: u64,
    first: u64,
    entries: &[TraceEntry],
    after: Place,
) -> Vec<(Place, String)> {
    let places = (first..).map(|index| Place { record, index });
    let new = places.zip(entries).filter(|(place, _)| *place > after);
    new.map(|(place, entry)| (place, entry_message(plan, place, entry)))
        .collect()
}

fn entry_message(plan: &Plan, place: Place, entry: &TraceEntry) -> String {
    let id = format!("{}:{}", place.record, place.index);
    message(Some(&id), "trace", &view::entry(plan, place.record, entry))
}

impl Stream {
    async fn page(&mut self, app: &App) -> Result<Part, Problem> {
        let after = self.after;
        let Some(mut reader) = self.reader.take() else {
            return Err(Problem::new(
                503,
                "store-unusable",
                "The store cannot be used",
            ));
        };
        let (reader, part) = app
            .reading(&self.permit, move |node| {
                let part = reader.read(node, after)?;
                Ok((reader, part))
            })
            .await?;
        self.after = self.after.max(Place::end_of(reader.history.seq));
        self.reader = Some(reader);
        Ok(part)
    }

    async fn go_on(
        mut self,
        writer: Writer,
        mut feed: Feed,
        part: Part,
        status: (Status, Option<Arc<str>>),
    ) -> Result<(), Gone> {
        self.tell_status(&writer, status).await?;
        if let Some(ending) = self.catch_up(&writer, part).await? {
            return self.end(&writer, &ending).await;
        }
        loop {
            let Next::Told(told) = writer.next(&mut feed).await else {
                return Ok(());
            };
            let ending = match told {
                Told::Change(change) => self.change(&writer, &change).await?,
                Told::Missed(_) => {
                    let ending = self.read_on(&writer).await?;
                    let run = self.run;
                    let known = writer
                        .app
                        .reading(&self.permit, move |node| view::look(node, run))
                        .await;
                    if let Ok(Some(known)) = known
                        && ending.is_none()
                    {
                        self.tell_status(&writer, (known.status, known.reason))
                            .await?;
                    }
                    ending
                }
            };
            if let Some(ending) = ending {
                return self.end(&writer, &ending).await;
            }
        }
    }

    /// What the feed says of this run.
    async fn change(&mut self, writer: &Writer, change: &Change) -> Result<Option<Ending>, Gone> {
        let mut ending = None;
        if let Some(record) = change
            .record
            .filter(|record| Place::end_of(*record) > self.after)
        {
            let is_next = Place::end_of(record - 1) <= self.after;
            match (&change.plan, &change.trace) {
                (Some(plan), Some(trace)) if is_next => {
                    for (place, text) in shown(plan, record, 0, trace, self.after) {
                        self.last = Some(place);
                        writer.send(text).await?;
                    }
                    self.after = Place::end_of(record);
                    ending = trace.iter().rev().find_map(|entry| ending_of(&entry.event));
                }
                _ => ending = self.read_on(writer).await?,
            }
        }
        if ending.is_none() {
            let status = (change.after, change.reason.clone());
            self.tell_status(writer, status).await?;
        }
        Ok(ending)
    }

    async fn read_on(&mut self, writer: &Writer) -> Result<Option<Ending>, Gone> {
        match self.page(&writer.app).await {
            Ok(part) => self.catch_up(writer, part).await,
            Err(problem) => Self::fail(writer, problem).await,
        }
    }

    /// Sends what the journal has, to its end.
    async fn catch_up(&mut self, writer: &Writer, mut part: Part) -> Result<Option<Ending>, Gone> {
        loop {
            for (place, text) in part.messages {
                self.last = Some(place);
                writer.send(text).await?;
            }
            if !part.more {
                return Ok(part.ending);
            }
            part = match self.page(&writer.app).await {
                Ok(part) => part,
                Err(problem) => return Self::fail(writer, problem).await,
            };
        }
    }

    async fn tell_status(
        &mut self,
        writer: &Writer,
        status: (Status, Option<Arc<str>>),
    ) -> Result<(), Gone> {
        // A run that has ended says so at the end of its trace.
        if status.0.is_terminal() || self.told.as_ref() == Some(&status) {
            return Ok(());
        }
        let mut data = Object::default();
        data.insert("status", status.0.as_str());
        if let Some(reason) = &status.1 {
            data.insert("reason", reason.clone());
        }
        self.told = Some(status);
        writer.send(message(None, "status", &data.into())).await
    }

    async fn end(&self, writer: &Writer, ending: &Ending) -> Result<(), Gone> {
        let mut data = Object::default();
        data.insert("id", self.run.to_string());
        data.insert("status", view::end_status(ending).as_str());
        view::ending(&mut data, ending);
        let id = self
            .last
            .map(|last| format!("{}:{}", last.record, last.index));
        writer
            .send(message(id.as_deref(), "end", &data.into()))
            .await
    }

    /// The journal cannot be read any more: the stream ends, and says why.
    async fn fail<T>(writer: &Writer, problem: Problem) -> Result<T, Gone> {
        let data: Value = problem.into_value();
        writer.send(message(None, "problem", &data)).await?;
        Err(Gone)
    }
}

fn ending_of(event: &TraceEvent) -> Option<Ending> {
    match event {
        TraceEvent::RunCompleted { output } => Some(Ending::Completed(output.clone())),
        TraceEvent::RunFaulted { error } => Some(Ending::Faulted(error.clone())),
        TraceEvent::RunCancelled { reason } => Some(Ending::Cancelled {
            reason: reason.clone(),
        }),
        _ => None,
    }
}
