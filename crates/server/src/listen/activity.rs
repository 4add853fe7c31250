//! Watches what a connection is doing, and ends it when it does nothing or does it too slowly.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// What requests of a connection do.
#[derive(Clone, Default)]
pub(super) struct Activity(Arc<Counts>);

#[derive(Default)]
struct Counts {
    /// Since the connection began.
    begun: AtomicUsize,
    under_way: AtomicUsize,
}

/// A request that is under way until this is dropped.
pub(super) struct Busy(Activity);

impl Activity {
    pub(super) fn begin(&self) -> Busy {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        self.0.under_way.fetch_add(1, Ordering::Relaxed);
        Busy(self.clone())
    }

    fn begun(&self) -> usize {
        self.0.begun.load(Ordering::Relaxed)
    }

    fn is_idle(&self) -> bool {
        self.0.under_way.load(Ordering::Relaxed) == 0
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream whose reads fail when they take too long. Its timer is armed when a read has to wait, and looked at again
/// only when it fires: a busy connection costs none.
pub(super) struct Watched<S> {
    stream: S,
    activity: Activity,
    /// From the first byte of a request until it is under way; not where requests overlap.
    headers: Option<Duration>,
    idle: Duration,
    timer: Pin<Box<Sleep>>,
    state: State,
    /// Since when the client takes nothing of what it is sent.
    stuck: Option<Instant>,
}

#[derive(Clone, Copy)]
enum State {
    /// No request is under way, and nothing has come since.
    Idle {
        since: Instant,
    },
    /// Something came, and is no request yet: as many as these had begun before.
    Reading {
        since: Instant,
        begun: usize,
    },
    Busy,
}

impl<S> Watched<S> {
    pub(super) fn new(
        stream: S,
        activity: Activity,
        headers: Option<Duration>,
        idle: Duration,
    ) -> Watched<S> {
        let now = Instant::now();
        Watched {
            stream,
            activity,
            headers,
            idle,
            timer: Box::pin(sleep_until(now + idle)),
            state: State::Idle { since: now },
            stuck: None,
        }
    }

    /// When what it is doing has taken too long, if it can.
    fn deadline(&mut self) -> Option<Instant> {
        self.notice();
        match self.state {
            State::Busy => None,
            State::Idle { since } => Some(since + self.idle),
            State::Reading { since, .. } => Some(since + self.headers.unwrap_or(self.idle)),
        }
    }

    /// Takes note of requests that began or ended since it was looked at.
    fn notice(&mut self) {
        let over = match self.state {
            State::Busy => true,
            State::Reading { begun, .. } => begun != self.activity.begun(),
            State::Idle { .. } => false,
        };
        if !self.activity.is_idle() {
            self.state = State::Busy;
        } else if over {
            let since = Instant::now();
            self.state = State::Idle { since };
        }
    }

    /// Waits for the deadline; fails when it is over.
    fn check(
        &mut self,
        cx: &mut Context<'_>,
        deadline: impl Fn(&mut Self) -> Option<Instant>,
    ) -> Poll<io::Error> {
        loop {
            let now = Instant::now();
            let deadline = match deadline(self) {
                Some(deadline) if deadline <= now => {
                    return Poll::Ready(io::ErrorKind::TimedOut.into());
                }
                // Looked at again when the request may be over.
                deadline => deadline.unwrap_or(now + self.idle),
            };
            // One that fires too early is armed again then; only a nearer one has to be set now.
            if self.timer.deadline() > deadline || self.timer.is_elapsed() {
                self.timer.as_mut().reset(deadline);
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl<S> Watched<S> {
    /// A client that takes nothing for as long as it may be idle is gone.
    fn written(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stuck = None;
            return written;
        }
        let deadline = *self.stuck.get_or_insert_with(Instant::now) + self.idle;
        self.check(cx, |_| Some(deadline)).map(Err)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut this.stream).poll_read(cx, buffer) {
            if buffer.filled().len() > before {
                this.notice();
                let since = Instant::now();
                let begun = this.activity.begun();
                match this.state {
                    State::Idle { .. } if this.headers.is_some() => {
                        this.state = State::Reading { since, begun };
                    }
                    State::Idle { .. } => this.state = State::Idle { since },
                    State::Reading { .. } | State::Busy => {}
                }
            }
            return Poll::Ready(read);
        }
        this.check(cx, Self::deadline).map(Err)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.written(cx, written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
