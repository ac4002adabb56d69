//! Subscribers and deliveries as people read them.

use sinew_control_api::{
    DeliveryAttempt, EventDelivery, EventDeliveryDetail, EventDeliveryPage, EventDeliveryStatus, Subscriber,
    SubscriberList, SubscriberMade, SubscriberState,
};

use crate::output::{Output, Table, Tint};

fn state(state: SubscriberState) -> (&'static str, Tint) {
    match state {
        SubscriberState::Active => ("active", Tint::Good),
        SubscriberState::Failing => ("failing", Tint::Bad),
        SubscriberState::Disabled => ("disabled", Tint::Bad),
    }
}

/// The list.
pub fn list(list: &SubscriberList, output: &Output) -> String {
    if list.items.is_empty() {
        return "nobody subscribes to events".to_owned();
    }
    let mut table = Table::new(&["NAME", "STATE", "WAITING", "DELIVERED", "GIVEN UP", "EVENTS", "URL"]);
    for one in &list.items {
        let (word, tint) = state(one.state);
        table.row([
            (one.name.clone(), Some(Tint::Strong)),
            (word.to_owned(), Some(tint)),
            (one.waiting.to_string(), None),
            (one.delivered.to_string(), None),
            (one.given_up.to_string(), None),
            (one.events.join(", "), None),
            (one.url.clone(), None),
        ]);
    }
    table.render(output)
}

/// One subscriber.
pub fn one(one: &Subscriber) -> String {
    let mut lines = vec![
        format!("{}: {}", one.name, state(one.state).0),
        format!("  team        {}", one.team),
        format!("  url         {}", one.url),
        format!(
            "  events      {}{}",
            one.events.join(", "),
            if one.ordered { ", in order by key" } else { "" }
        ),
        format!(
            "  deliveries  {} waiting, {} delivered, {} given up",
            one.waiting, one.delivered, one.given_up
        ),
    ];
    if let Some(since) = &one.failing_since {
        lines.push(format!("  failing     since {since}"));
    }
    if let (Some(at), Some(why)) = (&one.disabled_at, &one.disabled_because) {
        lines.push(format!("  disabled    {at}: {why}"));
    }
    if let Some(at) = &one.last_success {
        lines.push(format!("  last taken  {at}"));
    }
    match (one.secret_version, &one.previous_secret_until) {
        (Some(version), Some(until)) => {
            lines.push(format!("  secret      version {version}; the one before until {until}"));
        }
        (Some(version), None) => lines.push(format!("  secret      version {version}")),
        (None, _) => lines.push("  secret      its own".to_owned()),
    }
    lines.join("\n")
}

/// A subscriber that was made.
pub fn made(made: &SubscriberMade) -> String {
    let secret = made.secret.as_deref().unwrap_or("its own");
    format!("{}\n\nfor its receiver:\n  secret  {secret}\n  token   {}", one(&made.subscriber), made.token)
}

fn status(delivery: &EventDelivery) -> (String, Tint) {
    match delivery.status {
        EventDeliveryStatus::Delivered => ("delivered".to_owned(), Tint::Good),
        EventDeliveryStatus::GivenUp => ("given up".to_owned(), Tint::Bad),
        EventDeliveryStatus::Blocked => ("behind its key".to_owned(), Tint::Strong),
        EventDeliveryStatus::Pending => ("pending".to_owned(), Tint::Strong),
    }
}

fn answered(attempt: &DeliveryAttempt) -> String {
    match attempt.status {
        Some(status) => format!("{status} in {} ms", attempt.took_ms),
        None => attempt.excerpt.clone(),
    }
}

/// A page of deliveries.
pub fn page(page: &EventDeliveryPage, output: &Output) -> String {
    if page.items.is_empty() {
        return "there are no such deliveries".to_owned();
    }
    let mut table = Table::new(&["ID", "EVENT", "KEY", "AT", "STATE", "ATTEMPTS", "LAST"]);
    for one in &page.items {
        let (word, tint) = status(one);
        table.row([
            (one.id.clone(), Some(Tint::Strong)),
            (one.event.clone(), None),
            (one.key.clone().unwrap_or_default(), None),
            (one.at.clone(), None),
            (word, Some(tint)),
            (one.attempts.to_string(), None),
            (one.last.as_ref().map(answered).unwrap_or_default(), None),
        ]);
    }
    let more = page.next.as_ref().map(|next| format!("\nmore: --before {next}")).unwrap_or_default();
    format!("{}{more}", table.render(output))
}

/// A delivery with its attempts.
pub fn detail(detail: &EventDeliveryDetail, output: &Output) -> String {
    let one = &detail.delivery;
    let mut lines = vec![format!("{} {} ({}): {}", one.id, one.event, one.message, status(one).0)];
    if let Some(next) = &one.next_at {
        lines.push(format!("next attempt {next}"));
    }
    let mut table = Table::new(&["AT", "STATUS", "TOOK", "ANSWER"]);
    for attempt in &detail.attempts {
        let word = attempt.status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        table.row([
            (attempt.at.clone(), None),
            (word, None),
            (format!("{} ms", attempt.took_ms), None),
            (attempt.excerpt.clone(), None),
        ]);
    }
    lines.push(table.render(output));
    lines.join("\n")
}
