use crate::{Account, Honours, Submission, Truth};

/// What the demo's senders know.
#[derive(Default)]
pub struct Books {
    /// Work that was acknowledged.
    pub taken: Vec<Submission>,
    /// Orders placed in the shop.
    pub orders: Vec<String>,
    /// Contacts in files that were only looked up.
    pub contacts: usize,
}

impl Books {
    /// What was sent against what the vendors really did.
    pub fn account(&self, truth: &Truth) -> Account {
        let work = |effect: &'static str| {
            let effects = self.taken.iter().flat_map(|submission| &submission.effects);
            effects.filter(move |(name, _)| *name == effect).map(|(_, reference)| reference.clone())
        };
        let notes = || {
            self.orders.iter().flat_map(|order| ["received", "shipped"].map(|word| format!("{order}-{word}")))
        };
        let mut account = Account::default();
        for effect in
            ["contact.created", "deal.created", "invoice.created", "account.created", "equipment.ordered"]
        {
            account.expect(truth, effect, Honours::Keys, work(effect));
        }
        account.expect(truth, "note.created", Honours::Keys, work("note.created").chain(notes()));
        account.expect(truth, "payment.captured", Honours::Keys, self.orders.iter().cloned());
        account.expect(truth, "shipment.created", Honours::Probe, self.orders.iter().cloned());
        account.expect(truth, "message.posted", Honours::Probe, work("message.posted"));
        account.expect(truth, "label.printed", Honours::Neither, self.orders.iter().cloned());
        account
    }
}
