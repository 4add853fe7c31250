//! The services over HTTP. Every request goes through the ledger; problems are RFC 9457 documents.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{FromRequestParts, Path, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ledger::{Ledger, Reply, Request};
use crate::shop::{Answer, Line, Payment, Refusal, Shop};

/// How long the payment provider takes to ask the bank.
const PAYMENT_TAKES: Duration = Duration::from_millis(150);

/// Where requests are taken in, one at a time.
#[derive(Clone, Default)]
pub(crate) struct Desk(Arc<Mutex<(Ledger, Shop)>>);

pub(crate) fn router(desk: Desk) -> Router {
    Router::new()
        .route("/stock/{sku}", get(stock))
        .route("/orders/{order}/reservation", put(reserve).delete(release))
        .route("/orders/{order}/payment", put(pay))
        .route("/orders/{order}/packing", put(pack).delete(cancel_packing))
        .route("/ledger", get(ledger))
        .route("/state", get(state))
        .with_state(desk)
}

#[derive(Deserialize)]
struct Reservation {
    lines: Vec<Line>,
}

async fn stock(State(desk): State<Desk>, Path(sku): Path<String>, request: Request) -> Response {
    desk.answer(request, |shop| shop.stock(&sku))
}

async fn reserve(
    State(desk): State<Desk>,
    Path(order): Path<String>,
    request: Request,
    Json(wanted): Json<Reservation>,
) -> Response {
    desk.answer(request, |shop| shop.reserve(&order, wanted.lines))
}

async fn release(
    State(desk): State<Desk>,
    Path(order): Path<String>,
    request: Request,
) -> Response {
    desk.answer(request, |shop| shop.release(&order))
}

async fn pay(
    State(desk): State<Desk>,
    Path(order): Path<String>,
    request: Request,
    Json(payment): Json<Payment>,
) -> Response {
    tokio::time::sleep(PAYMENT_TAKES).await;
    desk.answer(request, |shop| shop.pay(&order, &payment))
}

async fn pack(State(desk): State<Desk>, Path(order): Path<String>, request: Request) -> Response {
    desk.answer(request, |shop| shop.pack(&order))
}

async fn cancel_packing(
    State(desk): State<Desk>,
    Path(order): Path<String>,
    request: Request,
) -> Response {
    desk.answer(request, |shop| shop.cancel_packing(&order))
}

async fn ledger(State(desk): State<Desk>) -> Json<Value> {
    Json(json!(desk.lock().0.entries().collect::<Vec<_>>()))
}

async fn state(State(desk): State<Desk>) -> Json<Value> {
    Json(desk.lock().1.state())
}

impl Desk {
    fn answer(&self, request: Request, act: impl FnOnce(&mut Shop) -> Answer) -> Response {
        let mut desk = self.lock();
        let (ledger, shop) = &mut *desk;
        let reply = ledger.answer(request, || act(shop).map_or_else(refused, done));
        drop(desk);
        respond(reply)
    }

    fn lock(&self) -> MutexGuard<'_, (Ledger, Shop)> {
        // A request that panicked has changed nothing halfway: every change is the last thing a request does.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn done(body: Value) -> Reply {
    Reply { status: 200, body }
}

fn refused(refusal: Refusal) -> Reply {
    let (status, title, detail) = match refusal {
        Refusal::Busy => (
            503,
            "Busy",
            "the warehouse is counting; ask again".to_owned(),
        ),
        Refusal::Unknown(detail) => (404, "Not found", detail),
        Refusal::Conflict(detail) => (409, "Conflict", detail),
        Refusal::Declined(detail) => (402, "Payment declined", detail),
        Refusal::Full => (507, "Full", "no more orders are remembered".to_owned()),
    };
    Reply {
        status,
        body: json!({ "title": title, "status": status, "detail": detail }),
    }
}

fn respond(reply: Reply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(reply.body)).into_response();
    let headers = response.headers_mut();
    if !status.is_success() {
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

impl<S: Sync> FromRequestParts<S> for Request {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let key = parts
            .headers
            .get("idempotency-key")
            .and_then(|key| key.to_str().ok());
        Ok(Request {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            idempotency_key: key.map(str::to_owned),
        })
    }
}
