//! Handlers of subscribers: for operators, and for receivers who see their own.

use axum::Json;
use axum::extract::{Path, State};
use sinew_control_api as api;

use super::extract::{Actor, Body, Params, Receiver};
use crate::cases::subscribers as cases;
use crate::{Control, Fault};

type Answer<T> = Result<Json<T>, Fault>;

/// All subscribers to events.
#[utoipa::path(get, path = "/v1/subscribers", tag = "subscribers", responses((status = 200, body = api::SubscriberList)))]
pub(crate) async fn subscriber_list(State(control): State<Control>) -> Answer<api::SubscriberList> {
    cases::subscriber_list(&control).await.map(Json)
}

/// Takes in a subscriber: a Subscriber resource as JSON.
#[utoipa::path(post, path = "/v1/subscribers", tag = "subscribers", request_body = api::SubscriberSpec,
    responses((status = 200, body = api::SubscriberMade), (status = 409, body = api::Problem), (status = 422, body = api::Problem)))]
pub(crate) async fn subscriber_create(
    State(control): State<Control>,
    Body(spec): Body<api::SubscriberSpec>,
) -> Answer<api::SubscriberMade> {
    cases::subscriber_create(&control, &spec).await.map(Json)
}

/// One subscriber.
#[utoipa::path(get, path = "/v1/subscribers/{name}", tag = "subscribers",
    params(("name" = String, Path, description = "The subscriber")),
    responses((status = 200, body = api::Subscriber), (status = 404, body = api::Problem)))]
pub(crate) async fn subscriber_show(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Answer<api::Subscriber> {
    cases::subscriber_show(&control, &name).await.map(Json)
}

/// Forgets a subscriber that came by this API, with its deliveries.
#[utoipa::path(delete, path = "/v1/subscribers/{name}", tag = "subscribers",
    params(("name" = String, Path, description = "The subscriber")),
    responses((status = 200, body = api::Done), (status = 404, body = api::Problem), (status = 409, body = api::Problem)))]
pub(crate) async fn subscriber_remove(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Answer<api::Done> {
    cases::subscriber_remove(&control, &name).await.map(Json)
}

/// Sends again to a subscriber, from where it stopped.
#[utoipa::path(post, path = "/v1/subscribers/{name}/enable", tag = "subscribers",
    params(("name" = String, Path, description = "The subscriber")),
    responses((status = 200, body = api::Subscriber), (status = 404, body = api::Problem)))]
pub(crate) async fn subscriber_enable(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Answer<api::Subscriber> {
    cases::subscriber_enable(&control, &name).await.map(Json)
}

/// Sends nothing more to a subscriber until it is enabled; events are kept.
#[utoipa::path(post, path = "/v1/subscribers/{name}/disable", tag = "subscribers",
    params(("name" = String, Path, description = "The subscriber")),
    responses((status = 200, body = api::Subscriber), (status = 404, body = api::Problem)))]
pub(crate) async fn subscriber_disable(
    State(control): State<Control>,
    Path(name): Path<String>,
    Actor(by): Actor,
) -> Answer<api::Subscriber> {
    cases::subscriber_disable(&control, &name, &by.to_string()).await.map(Json)
}

/// What deliveries are signed with.
#[utoipa::path(get, path = "/v1/subscribers/{name}/secret", tag = "subscribers",
    params(("name" = String, Path, description = "The subscriber")),
    responses((status = 200, body = api::SubscriberSecret), (status = 404, body = api::Problem), (status = 409, body = api::Problem)))]
pub(crate) async fn subscriber_secret(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Answer<api::SubscriberSecret> {
    cases::subscriber_secret(&control, &name).map(Json)
}

/// Makes a new secret; the one before holds too for a while.
#[utoipa::path(post, path = "/v1/subscribers/{name}/rotate-secret", tag = "subscribers",
    params(("name" = String, Path, description = "The subscriber")),
    request_body = api::SecretRotation,
    responses((status = 200, body = api::SubscriberSecret), (status = 404, body = api::Problem), (status = 409, body = api::Problem)))]
pub(crate) async fn subscriber_rotate(
    State(control): State<Control>,
    Path(name): Path<String>,
    Body(body): Body<api::SecretRotation>,
) -> Answer<api::SubscriberSecret> {
    cases::subscriber_rotate(&control, &name, &body).await.map(Json)
}

/// The token by which the receiver sees its own deliveries under `/v1/receiver`.
#[utoipa::path(post, path = "/v1/subscribers/{name}/token", tag = "subscribers",
    params(("name" = String, Path, description = "The subscriber")),
    request_body = api::ReceiverTokenAsk,
    responses((status = 200, body = api::ReceiverToken), (status = 404, body = api::Problem)))]
pub(crate) async fn subscriber_token(
    State(control): State<Control>,
    Path(name): Path<String>,
    Body(body): Body<api::ReceiverTokenAsk>,
) -> Answer<api::ReceiverToken> {
    cases::subscriber_token(&control, &name, &body).await.map(Json)
}

/// Delivers the events of a time again, also those that were taken.
#[utoipa::path(post, path = "/v1/subscribers/{name}/replay", tag = "subscribers",
    params(("name" = String, Path, description = "The subscriber")),
    request_body = api::EventReplay,
    responses((status = 200, body = api::EventReplayed), (status = 400, body = api::Problem), (status = 404, body = api::Problem)))]
pub(crate) async fn subscriber_replay(
    State(control): State<Control>,
    Path(name): Path<String>,
    Body(body): Body<api::EventReplay>,
) -> Answer<api::EventReplayed> {
    cases::subscriber_replay(&control, &name, &body).await.map(Json)
}

/// Deliveries of a subscriber, newest first.
#[utoipa::path(get, path = "/v1/subscribers/{name}/deliveries", tag = "subscribers",
    params(("name" = String, Path, description = "The subscriber"), api::EventDeliveryQuery),
    responses((status = 200, body = api::EventDeliveryPage), (status = 400, body = api::Problem), (status = 404, body = api::Problem)))]
pub(crate) async fn delivery_list(
    State(control): State<Control>,
    Path(name): Path<String>,
    Params(query): Params<api::EventDeliveryQuery>,
) -> Answer<api::EventDeliveryPage> {
    cases::delivery_list(&control, &name, &query).await.map(Json)
}

/// A delivery with its attempts.
#[utoipa::path(get, path = "/v1/subscribers/{name}/deliveries/{id}", tag = "subscribers",
    params(("name" = String, Path, description = "The subscriber"), ("id" = String, Path, description = "The delivery")),
    responses((status = 200, body = api::EventDeliveryDetail), (status = 404, body = api::Problem)))]
pub(crate) async fn delivery_show(
    State(control): State<Control>,
    Path((name, id)): Path<(String, String)>,
) -> Answer<api::EventDeliveryDetail> {
    cases::delivery_show(&control, &name, &id).await.map(Json)
}

/// The receiver's own endpoint.
#[utoipa::path(get, path = "/v1/receiver", tag = "receivers",
    responses((status = 200, body = api::Subscriber), (status = 401, body = api::Problem)))]
pub(crate) async fn receiver_show(
    State(control): State<Control>,
    Receiver(name): Receiver,
) -> Answer<api::Subscriber> {
    cases::subscriber_show(&control, &name).await.map(Json)
}

/// Asks for deliveries again, from where they stopped.
#[utoipa::path(post, path = "/v1/receiver/enable", tag = "receivers",
    responses((status = 200, body = api::Subscriber), (status = 401, body = api::Problem)))]
pub(crate) async fn receiver_enable(
    State(control): State<Control>,
    Receiver(name): Receiver,
) -> Answer<api::Subscriber> {
    cases::subscriber_enable(&control, &name).await.map(Json)
}

/// What the receiver's deliveries are signed with.
#[utoipa::path(get, path = "/v1/receiver/secret", tag = "receivers",
    responses((status = 200, body = api::SubscriberSecret), (status = 401, body = api::Problem)))]
pub(crate) async fn receiver_secret(
    State(control): State<Control>,
    Receiver(name): Receiver,
) -> Answer<api::SubscriberSecret> {
    cases::subscriber_secret(&control, &name).map(Json)
}

/// Makes a new secret for the receiver; the one before holds too for a while.
#[utoipa::path(post, path = "/v1/receiver/rotate-secret", tag = "receivers",
    request_body = api::SecretRotation,
    responses((status = 200, body = api::SubscriberSecret), (status = 401, body = api::Problem)))]
pub(crate) async fn receiver_rotate(
    State(control): State<Control>,
    Receiver(name): Receiver,
    Body(body): Body<api::SecretRotation>,
) -> Answer<api::SubscriberSecret> {
    cases::subscriber_rotate(&control, &name, &body).await.map(Json)
}

/// Asks for the events of a time again.
#[utoipa::path(post, path = "/v1/receiver/replay", tag = "receivers",
    request_body = api::EventReplay,
    responses((status = 200, body = api::EventReplayed), (status = 401, body = api::Problem)))]
pub(crate) async fn receiver_replay(
    State(control): State<Control>,
    Receiver(name): Receiver,
    Body(body): Body<api::EventReplay>,
) -> Answer<api::EventReplayed> {
    cases::subscriber_replay(&control, &name, &body).await.map(Json)
}

/// The receiver's own deliveries, newest first.
#[utoipa::path(get, path = "/v1/receiver/deliveries", tag = "receivers",
    params(api::EventDeliveryQuery),
    responses((status = 200, body = api::EventDeliveryPage), (status = 401, body = api::Problem)))]
pub(crate) async fn receiver_deliveries(
    State(control): State<Control>,
    Receiver(name): Receiver,
    Params(query): Params<api::EventDeliveryQuery>,
) -> Answer<api::EventDeliveryPage> {
    cases::delivery_list(&control, &name, &query).await.map(Json)
}

/// One of the receiver's deliveries with its attempts.
#[utoipa::path(get, path = "/v1/receiver/deliveries/{id}", tag = "receivers",
    params(("id" = String, Path, description = "The delivery")),
    responses((status = 200, body = api::EventDeliveryDetail), (status = 401, body = api::Problem)))]
pub(crate) async fn receiver_delivery(
    State(control): State<Control>,
    Receiver(name): Receiver,
    Path(id): Path<String>,
) -> Answer<api::EventDeliveryDetail> {
    cases::delivery_show(&control, &name, &id).await.map(Json)
}
