use std::sync::Arc;

use sinew_diag::{Diagnostic, Place, codes::config};

use crate::shape::{CALLED, Field, Record, Shape, default, optional, required};
use crate::{Access, Call, Connection, ConnectionName, Connector, Effect, Idempotency, Operation, Retry};

use super::fields::Fields;
use super::parameters;
use super::reader::Reader;

/// What is called and with what.
pub(crate) const CALL: &[Field] = &[
    required("call", Shape::Name(&CALLED), "The connection and its operation.").like("crm.getContact"),
    optional(
        "with",
        Shape::Template,
        "The input. Texts in it are expressions; numbers, `true`, `false` and `null` stand for themselves.",
    )
    .like("{ id: trigger.contact_id }"),
    optional("retry", Shape::Record(&RETRY), "How often to try. Only what may succeed later is tried again."),
    optional(
        "deadline",
        Shape::Duration,
        "How long an attempt may take, instead of what operation and connection say.",
    ),
];

/// What calls of steps say besides.
pub(crate) const PAGES: Field = optional(
    "all_pages",
    Shape::Count(1, 1_000_000),
    "Read all pages, up to so many; the value is then the list of all items.",
);

/// What writes say besides.
pub(crate) const AT_LEAST_ONCE: Field = default(
    "at_least_once",
    Shape::Boolean,
    "false",
    "Send again when it is not known whether the call took effect, although the system may act twice.",
);

static RETRY: Record = Record {
    name: "retry",
    doc: "How often to try: exponential backoff with full jitter, and longer if the system asks for it.",
    fields: &[&[
        default("attempts", Shape::Count(1, 100), "5", "Attempts in all, the first included."),
        default("base", Shape::Duration, "500ms", "The longest first wait; it doubles each time."),
        default("max", Shape::Duration, "1m", "The longest wait."),
    ]],
};

/// How an undo is written.
pub(crate) static UNDO: Record = Record {
    name: "undo",
    doc: "A call that takes the step back. Its expressions see the step's own value too.",
    fields: &[CALL],
};

/// A call that was looked up.
pub(crate) struct Found {
    pub(crate) connection: Arc<Connection>,
    pub(crate) operation: Arc<Operation>,
    /// Where it says what is called.
    pub(crate) place: Place,
}

impl Reader<'_> {
    /// The connection of this name. One that was refused is no further error.
    pub(crate) fn connection(&mut self, name: &str, place: &Place) -> Option<Arc<Connection>> {
        if let Some(connection) = self.known.connections.get(name) {
            return Some(connection.clone());
        }
        let declared = &self.known.declared.connections;
        if !declared.contains(name) {
            let names = declared.iter().map(String::as_str);
            let message = format!("unknown connection `{name}`");
            self.unknown(config::UNKNOWN_CONNECTION, message, place.clone(), name, names);
        }
        None
    }

    /// Says that a connection's connector has no such operation.
    pub(crate) fn unknown_operation(
        &mut self,
        connector: &Connector,
        connection: &str,
        wrong: &str,
        place: &Place,
    ) {
        let declared = self.known.declared.operations.get(&connector.id.to_string());
        if declared.is_some_and(|ids| ids.contains(wrong)) || self.known.undescribed.contains(&connector.id) {
            return;
        }
        let names: Vec<String> =
            declared.into_iter().flatten().map(|id| format!("{connection}.{id}")).collect();
        let wrong = format!("{connection}.{wrong}");
        let message = format!("unknown operation `{wrong}`");
        self.unknown(
            config::UNKNOWN_OPERATION,
            message,
            place.clone(),
            &wrong,
            names.iter().map(String::as_str),
        );
    }

    /// Looks up what a `call` names, and checks that it may be called so.
    pub(crate) fn find_call(&mut self, fields: Fields<'_>) -> Option<Found> {
        let node = fields.node("call")?;
        let (connection_name, operation_id) = node.text()?.split_once('.')?;
        ConnectionName::new(connection_name).ok()?;
        let place = node.place.clone();
        let connection = self.connection(connection_name, &place)?;
        let Some(operation) = connection.connector.operations.get(operation_id) else {
            self.unknown_operation(&connection.connector, connection_name, operation_id, &place);
            return None;
        };
        if operation.effect != Effect::Read && connection.access == Access::Read {
            let message =
                format!("`{connection_name}` may only read, but `{operation_id}` {}", does(operation.effect));
            self.out.push(Diagnostic::error(config::ACCESS, message).at(place.clone()).help(format!(
                "say `access: write` in the connection `{connection_name}`, if that is meant"
            )));
        }
        parameters::check_given(&operation, fields.node("with"), &place, self);
        if fields.knows("all_pages") && fields.node("all_pages").is_some() && operation.pagination.is_none() {
            self.not_paginated(&operation, fields.place("all_pages"));
        }
        self.check_retry(fields, &operation);
        Some(Found { connection, operation, place })
    }

    pub(crate) fn not_paginated(&mut self, operation: &Operation, place: Place) {
        self.out.push(
            Diagnostic::error(config::NOT_PAGINATED, format!("`{}` has no pages", operation.id))
                .at(place)
                .help("say how its answer is cut under `paginate:` of the connector's operation"),
        );
    }

    fn check_retry(&mut self, fields: Fields<'_>, operation: &Operation) {
        let doubtful = operation.effect != Effect::Read
            && operation.idempotency == Idempotency::None
            && operation.probe.is_none();
        let asked =
            fields.record("retry").is_some_and(|retry| retry.count("attempts").is_some_and(|n| n > 1));
        let accepted = fields.knows("at_least_once") && fields.boolean("at_least_once");
        if doubtful && asked && !accepted {
            let message = format!(
                "`{}` acts twice when sent twice, so it is not retried once it may have arrived",
                operation.id
            );
            self.out.push(
                Diagnostic::warning(config::RETRY_WITHOUT_IDEMPOTENCY, message).at(fields.place("retry")).help(
                    "give the operation an idempotency key or a `probe`, or say `at_least_once: true` on the step",
                ),
            );
        }
    }
}

fn does(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "reads",
        Effect::Write => "writes",
        Effect::Destructive => "removes",
    }
}

/// Puts a call together.
pub(crate) fn read(fields: Fields<'_>, found: &Found, with: sinew_mapping::Mapping) -> Option<Call> {
    Some(Call {
        connection: found.connection.name.clone(),
        operation: found.operation.id.clone(),
        with,
        retry: fields.record("retry").map_or_else(|| Some(Retry::default()), retry)?,
        deadline: fields.duration("deadline"),
        pages_max: if fields.knows("all_pages") { fields.positive("all_pages") } else { None },
        at_least_once: fields.knows("at_least_once") && fields.boolean("at_least_once"),
        asks: None,
    })
}

fn retry(fields: Fields<'_>) -> Option<Retry> {
    Some(Retry {
        attempts: fields.positive("attempts")?,
        backoff: sinew_stdx::Backoff { base: fields.duration("base")?, max: fields.duration("max")? },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::testing::node;

    #[test]
    fn what_the_table_says_is_left_out_is_what_the_type_says() {
        assert_eq!(retry(Fields::of(&node("{}"), &RETRY)), Some(Retry::default()));
    }
}
