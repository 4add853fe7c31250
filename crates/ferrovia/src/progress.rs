//! Runs as they go, for a person at a terminal: a line for each task that ends, and below, while it lasts, what is
//! under way. Owns the bottom line of the terminal; refuses to know values.

use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use ferrovia_dsl::plan::{Kind, TaskId};
use ferrovia_engine::{TraceEntry, TraceEvent};
use ferrovia_runtime::{Observed, Observer};

use crate::out::{self, harmless};

/// Lines after which progress falls silent: a loop of a million rounds is no news.
const LINES_MAX: usize = 1_000;
/// How often the bottom line is drawn anew.
const TICK: Duration = Duration::from_millis(200);
/// What takes less time than this is not worth a mention at the bottom.
const NOTEWORTHY: Duration = Duration::from_millis(300);
/// Columns where the terminal does not say how wide it is.
const COLUMNS: usize = 80;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const SOFT: Style = Style::new().dimmed();
const NOTE: Style = AnsiColor::Cyan.on_default();

/// Draws progress until it is dropped.
pub(crate) struct Progress {
    screen: Arc<Mutex<Screen>>,
    /// Dropped first, which ends the thread below.
    stop: Option<Sender<()>>,
    ticker: Option<JoinHandle<()>>,
}

impl Progress {
    pub(crate) fn start() -> Progress {
        let screen = Arc::new(Mutex::new(Screen::default()));
        let (stop, stopped) = mpsc::channel();
        let ticking = screen.clone();
        let ticker = std::thread::spawn(move || {
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                lock(&ticking).draw_bottom();
            }
        });
        Progress {
            screen,
            stop: Some(stop),
            ticker: Some(ticker),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(ticker) = self.ticker.take() {
            // It cannot fail but by a panic, which has been reported.
            let _ = ticker.join();
        }
        lock(&self.screen).clear_bottom();
    }
}

impl Observer for Progress {
    fn observe(&mut self, run: Observed<'_>, entries: &[TraceEntry]) {
        let mut screen = lock(&self.screen);
        for entry in entries {
            screen.take(run, entry);
        }
    }
}

/// A panic while drawing must not take the run with it.
fn lock(screen: &Mutex<Screen>) -> MutexGuard<'_, Screen> {
    screen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A task under way.
struct Active {
    name: String,
    pointer: Arc<str>,
    depth: u32,
    indent: usize,
    starts_run: bool,
    /// The run that it starts has been seen.
    run_seen: bool,
    started_ms: i64,
    since: Instant,
}

#[derive(Default)]
struct Screen {
    lines: usize,
    /// Whether the bottom line shows something.
    drawn: bool,
    begun_ms: Option<i64>,
    /// By the order in which they started.
    active: BTreeMap<u64, Active>,
    places: HashMap<(u64, TaskId), u64>,
    next: u64,
    /// How far child runs are indented: below the tasks that started them.
    indents: HashMap<u64, usize>,
}

impl Screen {
    fn take(&mut self, run: Observed<'_>, entry: &TraceEntry) {
        self.begun_ms.get_or_insert(entry.at_ms);
        let Some(task) = entry.task else {
            return self.take_run(run, entry);
        };
        match &entry.event {
            TraceEvent::TaskStarted { .. } => self.begin(run, task, entry.at_ms),
            TraceEvent::TaskCompleted { .. } => self.end(run, task, entry, GOOD, "✓", ""),
            TraceEvent::TaskSkipped => self.end(run, task, entry, SOFT, "-", " skipped"),
            TraceEvent::TaskFaulted { error } => {
                let what = format!(" {} ({})", error.title, error.status);
                self.end(run, task, entry, BAD, "✗", &what);
            }
            TraceEvent::BranchLost => self.end(run, task, entry, SOFT, "-", " dropped"),
            TraceEvent::RetryPlanned {
                attempt, delay_ms, ..
            } => {
                self.forget_below(run.number, &run.plan[task].pointer);
                let delay = elapsed(*delay_ms as i64);
                let what = format!(" retry {attempt} in {delay}");
                self.line(run, task, NOTE, "↻", &what, "");
            }
            _ => {}
        }
    }

    fn take_run(&mut self, run: Observed<'_>, entry: &TraceEntry) {
        let ended = matches!(
            entry.event,
            TraceEvent::RunCompleted { .. }
                | TraceEvent::RunFaulted { .. }
                | TraceEvent::RunCancelled { .. }
        );
        if ended {
            self.forget_below(run.number, "");
            self.indents.remove(&run.number);
        }
        if matches!(entry.event, TraceEvent::RunStarted) && run.depth > 0 {
            let indent = self.indent_child(run);
            self.counted(indent, NOTE, "▸", &run.plan.identity.to_string(), "");
        }
        if matches!(entry.event, TraceEvent::RunCompleted { .. }) && run.depth == 0 {
            let took = elapsed(entry.at_ms - self.begun_ms.unwrap_or(entry.at_ms));
            let room = columns().saturating_sub(took.len() + 4);
            let text = cut(&format!("{} completed", run.plan.identity), room);
            self.print(&format!("{GOOD}✓{GOOD:#} {text} {SOFT}{took}{SOFT:#}"));
        }
    }

    fn begin(&mut self, run: Observed<'_>, task: TaskId, at_ms: i64) {
        let definition = &run.plan[task];
        let number = self.next;
        self.next += 1;
        let active = Active {
            name: harmless(&definition.name),
            pointer: definition.pointer.clone(),
            depth: run.depth,
            indent: self.indent(run, task),
            run_seen: false,
            starts_run: matches!(definition.kind, Kind::RunWorkflow(_)),
            started_ms: at_ms,
            since: Instant::now(),
        };
        self.active.insert(number, active);
        if let Some(before) = self.places.insert((run.number, task), number) {
            self.active.remove(&before);
        }
    }

    fn end(
        &mut self,
        run: Observed<'_>,
        task: TaskId,
        entry: &TraceEntry,
        style: Style,
        sign: &str,
        what: &str,
    ) {
        self.forget_below(run.number, &run.plan[task].pointer);
        let place = self.places.remove(&(run.number, task));
        let active = place.and_then(|number| self.active.remove(&number));
        let took = active.map_or(0, |active| entry.at_ms - active.started_ms);
        let took = if took > 0 {
            elapsed(took)
        } else {
            String::new()
        };
        self.line(run, task, style, sign, what, &took);
    }

    /// What was under way inside a task is over when the task is.
    fn forget_below(&mut self, run: u64, pointer: &str) {
        let active = &mut self.active;
        self.places.retain(|(of, _), number| {
            let inside = *of == run
                && active
                    .get(number)
                    .is_none_or(|task| is_inside(&task.pointer, pointer));
            if inside {
                active.remove(number);
            }
            !inside
        });
    }

    fn line(
        &mut self,
        run: Observed<'_>,
        task: TaskId,
        style: Style,
        sign: &str,
        what: &str,
        took: &str,
    ) {
        let text = format!("{}{what}", run.plan[task].name);
        self.counted(self.indent(run, task), style, sign, &text, took);
    }

    /// Two blanks for each task around this one.
    fn indent(&self, run: Observed<'_>, task: TaskId) -> usize {
        let steps = run.plan[task].pointer.split('/');
        let nesting = steps.filter(|step| step.parse::<u32>().is_ok()).count();
        self.indents.get(&run.number).unwrap_or(&0) + 2 * nesting.max(1)
    }

    /// Puts a run that begins below the task that started it: runs begin in the order of these tasks. A task that does
    /// not wait for its run may have ended already.
    fn indent_child(&mut self, run: Observed<'_>) -> usize {
        let mut tasks = self.active.values_mut();
        let parent =
            tasks.find(|task| task.starts_run && !task.run_seen && task.depth + 1 == run.depth);
        let indent = parent.map_or(2 * run.depth as usize, |task| {
            task.run_seen = true;
            task.indent + 2
        });
        self.indents.insert(run.number, indent);
        indent
    }

    /// A line of the many that there may be.
    fn counted(&mut self, indent: usize, style: Style, sign: &str, text: &str, took: &str) {
        self.lines += 1;
        if self.lines > LINES_MAX {
            if self.lines == LINES_MAX + 1 {
                self.print("  … further tasks are not shown");
            }
            return;
        }
        let columns = columns();
        let indent = indent.min(columns / 3);
        // Sign, two blanks, and the last column, which some terminals keep for themselves.
        let room = columns.saturating_sub(indent + took.chars().count() + 4);
        let text = cut(&harmless(text), room);
        let blank = "";
        self.print(&format!(
            "{blank:indent$}{style}{sign}{style:#} {text} {SOFT}{took}{SOFT:#}"
        ));
    }

    fn print(&mut self, line: &str) {
        self.clear_bottom();
        out::note(line.trim_end());
    }

    fn clear_bottom(&mut self) {
        if std::mem::take(&mut self.drawn) {
            out::control(out::CLEAR);
        }
    }

    /// Names the innermost tasks that have been under way for a while.
    fn draw_bottom(&mut self) {
        let deepest = self.active.values().map(|task| task.depth).max();
        let innermost = |task: &&Active| {
            let runs_below = task.starts_run && deepest > Some(task.depth);
            let tasks_below = self
                .active
                .values()
                .any(|other| other.depth == task.depth && is_inside(&other.pointer, &task.pointer));
            !runs_below && !tasks_below && task.since.elapsed() >= NOTEWORTHY
        };
        let names: Vec<_> = self
            .active
            .values()
            .filter(innermost)
            .map(|task| match task.since.elapsed().as_secs() as i64 {
                0 => task.name.clone(),
                seconds => format!("{} {}", task.name, elapsed(seconds * 1_000)),
            })
            .collect();
        if names.is_empty() {
            return self.clear_bottom();
        }
        let text = cut(&names.join(" · "), columns().saturating_sub(5));
        out::control(out::CLEAR);
        out::raw(format_args!("  {NOTE}…{NOTE:#} {SOFT}{text}{SOFT:#}"));
        self.drawn = true;
    }
}

fn is_inside(pointer: &str, outer: &str) -> bool {
    pointer
        .strip_prefix(outer)
        .is_some_and(|rest| rest.starts_with('/'))
}

fn columns() -> usize {
    terminal_size::terminal_size_of(std::io::stderr())
        .map_or(COLUMNS, |(width, _)| usize::from(width.0))
}

/// A text in so many columns, counting a character as one.
fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let kept: String = text.chars().take(columns.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// A time as people say it.
fn elapsed(ms: i64) -> String {
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..60_000 => {
            let tenths = ms / 100;
            match tenths % 10 {
                0 => format!("{} s", tenths / 10),
                rest => format!("{}.{rest} s", tenths / 10),
            }
        }
        60_000.. => {
            let minutes = ms / 60_000;
            match minutes {
                ..60 => format!("{minutes} min {} s", ms / 1_000 % 60),
                _ => format!("{} h {} min", minutes / 60, minutes % 60),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_in_the_unit_that_fits() {
        for (ms, expected) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_000, "1 s"),
            (1_250, "1.2 s"),
            (59_999, "59.9 s"),
            (60_000, "1 min 0 s"),
            (3_599_000, "59 min 59 s"),
            (3_660_000, "1 h 1 min"),
        ] {
            assert_eq!(elapsed(ms), expected);
        }
    }

    #[test]
    fn a_text_that_is_too_long_ends_with_an_ellipsis() {
        for (text, columns, expected) in [
            ("abcd", 4, "abcd"),
            ("abcde", 4, "abc…"),
            ("äöüß!", 4, "äöü…"),
            ("abc", 0, "…"),
        ] {
            assert_eq!(cut(text, columns), expected);
        }
    }

    #[test]
    fn a_task_is_inside_another_only_by_whole_steps() {
        assert!(is_inside("/do/0/a/do/1/b", "/do/0/a"));
        assert!(is_inside("/do/0/a", ""));
        assert!(!is_inside("/do/0/ab", "/do/0/a"));
        assert!(!is_inside("/do/0/a", "/do/0/a"));
    }
}
