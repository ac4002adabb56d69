//! One file per vendor, one line here for each.

mod billing;
mod chat;
mod crm;
mod enrich;
mod erp;
mod feed;
mod hr;
mod idp;
mod market;
mod shop;
mod warehouse;

use http::StatusCode;

use crate::exchange::{Call, Reply};
use crate::world::World;

pub(crate) use crm::generated_event;

/// A simulated vendor.
pub(crate) trait Vendor: Send + Sync {
    /// Its path prefix, without slashes.
    fn name(&self) -> &'static str;

    /// Answers a request. The effect is done when this returns.
    fn answer(&self, call: &Call, world: &World) -> Reply;

    /// An error as this vendor words it.
    fn problem(&self, status: StatusCode, code: &str, message: &str) -> Reply;

    /// Answers `/_control/{vendor}/..` beyond what all vendors have; `None` if there is nothing of that name.
    fn control(&self, _call: &Call, _world: &World) -> Option<Reply> {
        None
    }

    /// Voids all tokens issued so far; false if the vendor issues none.
    fn revoke_tokens(&self) -> bool {
        false
    }

    /// State as at the start.
    fn reset(&self, world: &World);
}

/// Every vendor there is.
pub(crate) fn all(seed: u64) -> Vec<Box<dyn Vendor>> {
    vec![
        Box::new(crm::Crm::new(seed)),
        Box::new(billing::Billing::new()),
        Box::new(enrich::Enrich::new(seed)),
        Box::new(shop::Shop::new(seed)),
        Box::new(warehouse::Warehouse::new()),
        Box::new(chat::Chat::new()),
        Box::new(hr::Hr::new(seed)),
        Box::new(idp::Idp::new()),
        Box::new(market::Market::new(seed)),
        Box::new(erp::Erp::new(seed)),
        Box::new(feed::Feed::new()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_lists_every_vendor() {
        let readme = include_str!("../../README.md");
        let rows = readme.lines().skip_while(|line| !line.starts_with("| vendor |")).skip(2);
        let rows: Vec<&str> = rows.take_while(|line| line.starts_with('|')).collect();
        let vendors = all(7);
        for vendor in &vendors {
            let prefix = format!("| `/{}` |", vendor.name());
            assert!(rows.iter().any(|row| row.contains(&prefix)), "{prefix} is not in the table");
        }
        assert_eq!((rows.len(), readme.contains("\nEleven simulated vendors")), (vendors.len(), true));
    }
}
