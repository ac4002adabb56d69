//! What an operation's call becomes: one file a family, with the table of its fields beside the code that reads them.
//!
//! A new family is a file with `FIELDS` and `read`, and one line in [`families!`] below. HTTP requests, which have many
//! fields, are read in `read::operation`.

mod command;
mod file;
mod mail;
mod publish;
mod sql;

use std::sync::Arc;

use sinew_contract::Schema;
use sinew_diag::{Diagnostic, codes::config};

use crate::raw::Node;
use crate::shape::{Field, Words, words};
use crate::{Binding, Effect, Family, Pagination, Transport};

use super::fields::Fields;
use super::reader::Reader;

/// A binding, and what it tells of its operation.
pub(super) struct Bound {
    pub(super) binding: Binding,
    /// What it does, if its author does not say.
    pub(super) effect: Effect,
    /// How its answer comes bit by bit, if it does.
    pub(super) pagination: Option<Pagination>,
}

/// What a family's reader is given.
pub(super) struct Binder<'a, 'r, 'k> {
    /// What stands under the field that told the family.
    pub(super) node: &'a Node,
    /// The fields of the operation.
    pub(super) operation: Fields<'a>,
    pub(super) input: Option<&'a Schema>,
    /// What carries the idempotency key.
    pub(super) key: Option<&'a Arc<str>>,
    pub(super) transport: Transport,
    pub(super) reader: &'r mut Reader<'k>,
}

/// Reads a binding.
type ReadBinding = fn(&mut Binder<'_, '_, '_>) -> Option<Bound>;

/// Fields of several lists in one.
const fn all_of<const LISTS: usize, const FIELDS: usize>(lists: [&[Field]; LISTS]) -> [Field; FIELDS] {
    let mut all = [lists[0][0]; FIELDS];
    let (mut list, mut at) = (0, 0);
    while list < LISTS {
        let mut field = 0;
        while field < lists[list].len() {
            all[at] = lists[list][field];
            (field, at) = (field + 1, at + 1);
        }
        list += 1;
    }
    assert!(at == FIELDS);
    all
}

macro_rules! families {
    ($($module:ident $family:ident)+) => {
        /// The fields by which operations say what they become, HTTP's left out.
        pub(super) const FIELDS: &[Field] = &all_of::<_, { 0 $(+ $module::FIELDS.len())+ }>([$($module::FIELDS),+]);
        static FAMILIES: &[(&[Field], Family, ReadBinding)] =
            &[$(($module::FIELDS, Family::$family, $module::read)),+];
    };
}

// Every family besides HTTP.
families! {
    mail Mail
    sql Sql
    command Command
    file File
    publish Publish
}

words!(Transport {
    Http = "http", "HTTP";
    Postgres = "postgres", "PostgreSQL";
    Mysql = "mysql", "MySQL and MariaDB";
    Redis = "redis", "Redis and what speaks like it, such as Valkey";
    S3 = "s3", "objects of Amazon S3 and of what speaks like it";
    Sftp = "sftp", "files over SSH";
    Smtp = "smtp", "mail by SMTP";
    Nats = "nats", "NATS with JetStream";
    Amqp = "amqp", "AMQP 0-9-1 (RabbitMQ)";
    Mqtt = "mqtt", "MQTT 3.1.1";
    Kafka = "kafka", "Kafka and what speaks like it, such as Redpanda";
});

/// The family of bindings that a field of an operation tells.
fn family_of(field: &str) -> Family {
    let holds = |fields: &[Field]| fields.iter().any(|of| of.name == field);
    FAMILIES.iter().find(|(fields, ..)| holds(fields)).map_or(Family::Http, |(_, family, _)| *family)
}

/// Whether the operation is one that the connector's transport understands. Says so if not.
pub(super) fn is_understood(
    field: &str,
    operation: Fields<'_>,
    transport: Transport,
    reader: &mut Reader<'_>,
) -> bool {
    let (family, understood) = (family_of(field), transport.facts().speaks.family());
    if family == understood {
        return true;
    }
    let by: Vec<_> = Transport::ALL.iter().filter(|of| of.facts().speaks.family() == family).collect();
    let by: Vec<_> = by.into_iter().map(|of| format!("`transport: {}`", of.word())).collect();
    let message = format!("`{field}` is nothing that a system reached by `{}` understands", transport.word());
    reader.out.push(
        Diagnostic::error(config::TRANSPORT, message)
            .at(operation.place(field))
            .help(format!("say {} in the connector, if that is what it is", by.join(" or "))),
    );
    false
}

/// Reads a binding that is no HTTP request; `None` if it is one, or none at all.
pub(super) fn read(field: &str, binder: &mut Binder<'_, '_, '_>) -> Option<Bound> {
    let holds = |fields: &[Field]| fields.iter().any(|of| of.name == field);
    let (_, _, read) = FAMILIES.iter().find(|(fields, ..)| holds(fields))?;
    read(binder)
}
