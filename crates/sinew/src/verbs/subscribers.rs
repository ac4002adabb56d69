use serde_json::json;
use sinew_control_api::{
    Done, EventDeliveryDetail, EventDeliveryPage, EventDeliveryQuery, EventReplay, EventReplayed,
    ReceiverToken, ReceiverTokenAsk, SecretRotation, Subscriber, SubscriberList, SubscriberMade,
    SubscriberSecret, SubscriberSpec, path,
};

use super::input::{payload, since};
use super::subscribers_text as text;
use crate::cli::{DeliveriesList, Subscribers};
use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::output::Output;

/// Works on subscribers.
pub async fn run(client: &Client, asked: Subscribers, output: &Output) -> Result<Exit, CliError> {
    match asked {
        Subscribers::List => {
            let list: SubscriberList = client.get(path::SUBSCRIBERS, &json!({})).await?;
            output.answer(&list, || text::list(&list, output));
        }
        Subscribers::Show { name } => {
            let one: Subscriber = client.get(&path::subscriber(&name), &json!({})).await?;
            output.answer(&one, || text::one(&one));
        }
        Subscribers::Add { spec } => {
            let spec = SubscriberSpec(payload("SPEC", Some(&spec))?);
            let made: SubscriberMade = client.post(path::SUBSCRIBERS, &spec).await?;
            output.answer(&made, || text::made(&made));
        }
        Subscribers::Remove { name } => {
            let done: Done = client.delete(&path::subscriber(&name)).await?;
            output.answer(&done, || format!("subscriber {name} is forgotten"));
        }
        Subscribers::Deliveries(list) => deliveries(client, list, output).await?,
        Subscribers::Replay { name, since: from, until } => {
            let from = since(Some(&from))?.unwrap_or_default();
            let replay = EventReplay { since: from, until: since(until.as_deref())? };
            let done: EventReplayed = client.post(&path::subscriber_do(&name, "replay"), &replay).await?;
            output.answer(&done, || format!("{} deliveries will be made again", done.count));
        }
        Subscribers::Enable { name } => {
            let one: Subscriber = client.post(&path::subscriber_do(&name, "enable"), &json!({})).await?;
            output.answer(&one, || text::one(&one));
        }
        Subscribers::Disable { name } => {
            let one: Subscriber = client.post(&path::subscriber_do(&name, "disable"), &json!({})).await?;
            output.answer(&one, || text::one(&one));
        }
        Subscribers::RotateSecret { name, overlap } => {
            let ask = SecretRotation { overlap: Some(overlap) };
            let made: SubscriberSecret =
                client.post(&path::subscriber_do(&name, "rotate-secret"), &ask).await?;
            output.answer(&made, || made.secret.clone());
        }
        Subscribers::Secret { name } => {
            let known: SubscriberSecret =
                client.get(&path::subscriber_do(&name, "secret"), &json!({})).await?;
            output.answer(&known, || known.secret.clone());
        }
        Subscribers::Token { name, renew } => {
            let ask = ReceiverTokenAsk { renew };
            let made: ReceiverToken = client.post(&path::subscriber_do(&name, "token"), &ask).await?;
            output.answer(&made, || made.token.clone());
        }
    }
    Ok(Exit::Ok)
}

async fn deliveries(client: &Client, list: DeliveriesList, output: &Output) -> Result<(), CliError> {
    if let Some(id) = list.delivery {
        let detail: EventDeliveryDetail = client.get(&path::delivery(&list.name, &id), &json!({})).await?;
        output.answer(&detail, || text::detail(&detail, output));
        return Ok(());
    }
    let query = EventDeliveryQuery { status: list.status, before: list.before, limit: Some(list.limit) };
    let page: EventDeliveryPage = client.get(&path::subscriber_do(&list.name, "deliveries"), &query).await?;
    output.answer(&page, || text::page(&page, output));
    Ok(())
}
