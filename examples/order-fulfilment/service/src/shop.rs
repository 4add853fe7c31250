//! What the services know and decide. Knows nothing of HTTP: an answer is a value, a refusal says why.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

/// How often the warehouse is too busy to answer for a SKU before it does.
pub(crate) const BUSY_ANSWERS_PER_SKU: u32 = 2;

/// Orders that one process remembers; a stand-in must not grow without bound either.
pub(crate) const ORDERS_MAX: usize = 10_000;

/// Pieces on the shelf when the service starts.
const SHELF: [(&str, u32); 10] = [
    ("BEAN-ESP-1KG", 120),
    ("BEAN-DEC-500", 40),
    ("BREW-V60-02", 25),
    ("FILT-V60-100", 300),
    ("GRND-HAND-38", 14),
    ("GRND-ELEC-64", 6),
    ("KETL-GOOS-1L", 9),
    ("MACH-LEVER-1", 0),
    ("CUPS-ESP-6", 60),
    ("SCAL-01G", 18),
];

/// Cards of this prefix are declined, as test cards of payment providers are.
const DECLINED_CARD_PREFIX: &str = "card_expired_";

/// What an order wants of one article.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Line {
    pub(crate) sku: String,
    pub(crate) quantity: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Payment {
    pub(crate) amount_cents: u64,
    pub(crate) currency: String,
    pub(crate) method: PaymentMethod,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PaymentMethod {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) token: String,
}

/// Why a service did not do what it was asked.
#[derive(Debug, PartialEq)]
pub(crate) enum Refusal {
    /// Ask again later.
    Busy,
    Unknown(String),
    Conflict(String),
    Declined(String),
    Full,
}

pub(crate) type Answer = Result<Value, Refusal>;

#[derive(Debug, Default)]
struct Order {
    reserved: Vec<Line>,
    paid_cents: Option<u64>,
    parcel: Option<String>,
    /// Once cancelled, an order is not packed any more, even if the request to pack it was late.
    packing_cancelled: bool,
}

/// The state of all three services.
#[derive(Debug)]
pub(crate) struct Shop {
    shelf: BTreeMap<&'static str, u32>,
    busy: BTreeMap<&'static str, u32>,
    orders: BTreeMap<String, Order>,
}

impl Default for Shop {
    fn default() -> Self {
        Shop {
            shelf: SHELF.into(),
            busy: BTreeMap::new(),
            orders: BTreeMap::new(),
        }
    }
}

impl Shop {
    /// How many pieces can still be promised.
    pub(crate) fn stock(&mut self, sku: &str) -> Answer {
        let (sku, available) = self.article(sku)?;
        let answered = self.busy.entry(sku).or_default();
        if *answered < BUSY_ANSWERS_PER_SKU {
            *answered += 1;
            return Err(Refusal::Busy);
        }
        Ok(json!({ "sku": sku, "available": available }))
    }

    /// Takes the pieces of an order off the shelf: all of them, or none.
    pub(crate) fn reserve(&mut self, order: &str, lines: Vec<Line>) -> Answer {
        let mut wanted: BTreeMap<&'static str, u32> = BTreeMap::new();
        for line in &lines {
            let (sku, _) = self.article(&line.sku)?;
            let pieces = wanted.entry(sku).or_default();
            *pieces = pieces.saturating_add(line.quantity);
        }
        if let Some((sku, _)) = wanted
            .iter()
            .find(|(sku, pieces)| self.shelf[*sku] < **pieces)
        {
            return Err(Refusal::Conflict(format!("not enough of {sku} is left")));
        }
        let record = self.order(order)?;
        if !record.reserved.is_empty() {
            return Err(Refusal::Conflict(format!(
                "order {order} has a reservation"
            )));
        }
        record.reserved = lines;
        for (sku, pieces) in wanted {
            *self.shelf.entry(sku).or_default() -= pieces;
        }
        Ok(json!({ "order": order, "reserved": true }))
    }

    /// Puts the pieces of an order back. Releasing nothing is no error: compensation may come twice.
    pub(crate) fn release(&mut self, order: &str) -> Answer {
        for line in std::mem::take(&mut self.order(order)?.reserved) {
            if let Some(pieces) = self.shelf.get_mut(line.sku.as_str()) {
                *pieces += line.quantity;
            }
        }
        Ok(json!({ "order": order, "reserved": false }))
    }

    /// Charges the customer.
    pub(crate) fn pay(&mut self, order: &str, payment: &Payment) -> Answer {
        if payment.method.token.starts_with(DECLINED_CARD_PREFIX) {
            return Err(Refusal::Declined("the card has expired".into()));
        }
        let record = self.order(order)?;
        if record.paid_cents.is_some() {
            return Err(Refusal::Conflict(format!("order {order} is paid")));
        }
        record.paid_cents = Some(payment.amount_cents);
        Ok(json!({
            "payment": format!("PAY-{order}"),
            "method": payment.method.kind,
            "amountCents": payment.amount_cents,
            "currency": payment.currency,
        }))
    }

    /// Packs what was reserved.
    pub(crate) fn pack(&mut self, order: &str) -> Answer {
        let record = self.order(order)?;
        if record.packing_cancelled {
            return Err(Refusal::Conflict(format!(
                "the packing of {order} was cancelled"
            )));
        }
        if record.reserved.is_empty() {
            return Err(Refusal::Conflict(format!(
                "nothing is reserved for {order}"
            )));
        }
        let parcel = record.parcel.insert(format!("PCL-{order}"));
        Ok(json!({ "parcel": parcel }))
    }

    pub(crate) fn cancel_packing(&mut self, order: &str) -> Answer {
        let record = self.order(order)?;
        record.packing_cancelled = true;
        let unpacked = record.parcel.take();
        Ok(json!({ "order": order, "unpacked": unpacked }))
    }

    /// All that came of the orders so far, for a look from outside.
    pub(crate) fn state(&self) -> Value {
        let orders = self.orders.iter().map(|(id, order)| {
            let pieces: u32 = order.reserved.iter().map(|line| line.quantity).sum();
            json!({ "order": id, "piecesReserved": pieces, "paidCents": order.paid_cents, "parcel": order.parcel })
        });
        json!({ "shelf": self.shelf, "orders": orders.collect::<Vec<_>>() })
    }

    fn article(&self, sku: &str) -> Result<(&'static str, u32), Refusal> {
        let article = self.shelf.get_key_value(sku);
        let unknown = || Refusal::Unknown(format!("there is no article {sku}"));
        article
            .map(|(sku, pieces)| (*sku, *pieces))
            .ok_or_else(unknown)
    }

    fn order(&mut self, id: &str) -> Result<&mut Order, Refusal> {
        if self.orders.len() >= ORDERS_MAX && !self.orders.contains_key(id) {
            return Err(Refusal::Full);
        }
        Ok(self.orders.entry(id.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(wanted: &[(&str, u32)]) -> Vec<Line> {
        let line = |(sku, quantity): &(&str, u32)| Line {
            sku: (*sku).into(),
            quantity: *quantity,
        };
        wanted.iter().map(line).collect()
    }

    fn payment(token: &str) -> Payment {
        let method = PaymentMethod {
            kind: "card".into(),
            token: token.into(),
        };
        Payment {
            amount_cents: 4_200,
            currency: "EUR".into(),
            method,
        }
    }

    fn available(shop: &mut Shop, sku: &str) -> u64 {
        let answer = (0..=BUSY_ANSWERS_PER_SKU).find_map(|_| shop.stock(sku).ok());
        answer
            .and_then(|answer| answer["available"].as_u64())
            .expect("the warehouse answers in the end")
    }

    #[test]
    fn the_warehouse_is_busy_twice_for_each_sku() {
        let mut shop = Shop::default();
        for sku in ["SCAL-01G", "CUPS-ESP-6"] {
            assert_eq!(shop.stock(sku), Err(Refusal::Busy), "{sku}");
            assert_eq!(shop.stock(sku), Err(Refusal::Busy), "{sku}");
            assert!(shop.stock(sku).is_ok(), "{sku}");
            assert!(shop.stock(sku).is_ok(), "{sku}");
        }
    }

    #[test]
    fn a_reservation_takes_all_or_nothing() {
        let mut shop = Shop::default();
        let too_many = lines(&[("SCAL-01G", 3), ("KETL-GOOS-1L", 5), ("KETL-GOOS-1L", 5)]);
        assert!(matches!(
            shop.reserve("A", too_many),
            Err(Refusal::Conflict(_))
        ));
        assert_eq!(available(&mut shop, "SCAL-01G"), 18);

        assert!(shop.reserve("A", lines(&[("SCAL-01G", 3)])).is_ok());
        assert_eq!(available(&mut shop, "SCAL-01G"), 15);
    }

    #[test]
    fn a_release_restores_the_shelf_once() {
        let mut shop = Shop::default();
        shop.reserve("A", lines(&[("SCAL-01G", 3)]))
            .expect("there is enough");
        for _ in 0..2 {
            assert!(shop.release("A").is_ok());
            assert_eq!(available(&mut shop, "SCAL-01G"), 18);
        }
    }

    #[test]
    fn an_expired_card_is_declined_and_charges_nothing() {
        let mut shop = Shop::default();
        assert!(matches!(
            shop.pay("A", &payment("card_expired_1")),
            Err(Refusal::Declined(_))
        ));
        assert!(shop.pay("A", &payment("card_visa_1")).is_ok());
        assert!(matches!(
            shop.pay("A", &payment("card_visa_1")),
            Err(Refusal::Conflict(_))
        ));
    }

    #[test]
    fn a_late_request_does_not_pack_a_cancelled_order() {
        let mut shop = Shop::default();
        shop.reserve("A", lines(&[("SCAL-01G", 1)]))
            .expect("there is enough");
        assert!(shop.cancel_packing("A").is_ok());
        assert!(matches!(shop.pack("A"), Err(Refusal::Conflict(_))));
    }
}
