use std::collections::VecDeque;
use std::fmt;

use super::message::{Element, simple};

/// An amount of money in ten-thousandths: sums of decimals are exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Amount(i128);

const ONE: i128 = 10_000;

impl Amount {
    pub(super) const fn whole(amount: i128) -> Self {
        Self(amount * ONE)
    }

    /// A decimal with at most four digits after the point.
    fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty()
            || whole.len() > 12
            || fraction.len() > 4
            || !is_digits(whole)
            || !is_digits(fraction)
        {
            return None;
        }
        let fraction: i128 = format!("{fraction:0<4}").parse().ok()?;
        Some(Self(whole.parse::<i128>().ok()? * ONE + fraction))
    }

    fn times(self, count: u32) -> Self {
        Self(self.0 * i128::from(count))
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

/// At least two digits after the point.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = format!("{:04}", self.0 % ONE);
        let short = fraction.strip_suffix("00").unwrap_or(&fraction);
        write!(f, "{}.{short}", self.0 / ONE)
    }
}

/// An order.
#[derive(Debug)]
pub(super) struct Order {
    number: String,
    pub(super) external_ref: String,
    customer: String,
    lines: Vec<(String, u32, Amount)>,
    pub(super) total: Amount,
    is_open: bool,
}

/// Lines of an order at most.
const LINES_MAX: usize = 1000;

impl Order {
    /// An order as it is sent.
    pub(super) fn read(given: &Element, customer: &str) -> Result<Self, &'static str> {
        let external_ref = given.value("externalRef").ok_or("externalRef is missing")?.to_owned();
        let mut order = Self {
            number: String::new(),
            external_ref,
            customer: customer.to_owned(),
            lines: Vec::new(),
            total: Amount::default(),
            is_open: true,
        };
        for line in given.children.iter().filter(|child| child.name == "line").take(LINES_MAX) {
            let sku = line.value("sku").ok_or("a line has no sku")?.to_owned();
            let quantity =
                line.value("quantity").and_then(|text| text.parse().ok()).filter(|count| *count > 0);
            let quantity = quantity.ok_or("a line has no quantity, or none that is a positive number")?;
            let price = line
                .value("price")
                .and_then(Amount::parse)
                .ok_or("a line has no price, or none that is one")?;
            order.total = order.total.plus(price.times(quantity));
            order.lines.push((sku, quantity, price));
        }
        if order.lines.is_empty() { Err("the order has no lines") } else { Ok(order) }
    }

    fn text(&self) -> String {
        let mut text = format!("<e:order>{}", simple("number", &self.number));
        text += &simple("externalRef", &self.external_ref);
        text += &simple("customer", &self.customer);
        text += &simple("status", if self.is_open { "open" } else { "cancelled" });
        for (sku, quantity, price) in &self.lines {
            text += "<e:line>";
            text += &simple("sku", sku);
            text += &simple("quantity", &quantity.to_string());
            text += &simple("price", &price.to_string());
            text += "</e:line>";
        }
        text + &simple("total", &self.total.to_string()) + "</e:order>"
    }
}

/// The orders that there are, the newest last.
#[derive(Debug, Default)]
pub(super) struct Orders {
    all: VecDeque<Order>,
    count: u64,
}

/// Orders found at most.
const FOUND_MAX: usize = 100;

impl Orders {
    /// Takes an order: its number, and what it is now.
    pub(super) fn add(&mut self, mut order: Order, max: usize) -> (String, String) {
        self.count += 1;
        order.number = format!("SO-{:06}", self.count);
        let told = (order.number.clone(), order.text());
        if self.all.len() >= max.max(1) {
            self.all.pop_front();
        }
        self.all.push_back(order);
        told
    }

    pub(super) fn find(&self, reference: Option<&str>, customer: Option<&str>) -> String {
        let wanted = |order: &&Order| match (reference, customer) {
            (Some(reference), _) => order.external_ref == reference,
            (None, Some(customer)) => order.customer == customer,
            (None, None) => false,
        };
        self.all.iter().filter(wanted).take(FOUND_MAX).map(Order::text).collect::<Vec<_>>().concat()
    }

    /// Cancels an open order: its reference, and what it is now.
    pub(super) fn cancel(&mut self, number: &str) -> Option<(String, String)> {
        let order = self.all.iter_mut().find(|order| order.number == number && order.is_open)?;
        order.is_open = false;
        Some((order.external_ref.clone(), order.text()))
    }

    /// What a customer's open orders amount to.
    pub(super) fn owed(&self, customer: &str) -> Amount {
        let open = self.all.iter().filter(|order| order.is_open && order.customer == customer);
        open.fold(Amount::default(), |sum, order| sum.plus(order.total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        let check = |text: &str, wanted: Option<&str>| {
            assert_eq!(Amount::parse(text).map(|amount| amount.to_string()).as_deref(), wanted, "{text}");
        };
        check("12.5", Some("12.50"));
        check("0.1234", Some("0.1234"));
        check("7", Some("7.00"));
        for none in ["", ".5", "-1", "1e3", "1.23456", "x"] {
            check(none, None);
        }
        assert_eq!(Amount::parse("0.1").unwrap().times(3).to_string(), "0.30");
    }
}
