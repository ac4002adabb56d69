//! How a call becomes what its system understands: one file a family of transports.
//!
//! A new family is a file here, a variant of [`Binding`] and [`Family`], and its fields in `read::binding`.

mod command;
mod file;
mod http;
mod mail;
mod publish;
mod sql;

pub(crate) use command::pieces;
pub use command::{Argument, CommandBinding, TextPiece};
pub use file::{FileBinding, FileForm, FileList, FilePath, NamePattern, PathError};
pub use http::{BodyKind, BodyPart, HttpBinding, Parameter, ParameterLocation};
pub use mail::MailBinding;
pub(crate) use mail::check_mailbox;
pub(crate) use publish::parse as parse_destination;
pub use publish::{Destination, DestinationPiece, MessageBody, PublishBinding};
pub use sql::{Dialect, SqlAnswer, SqlBinding, SqlParameter, SqlPiece};
pub(crate) use sql::{SqlError, parse as parse_sql};

use std::borrow::Cow;
use std::sync::Arc;

use sinew_contract::Schema;

use crate::description::wsdl;

/// How a call becomes what its system understands.
#[derive(Clone, Debug)]
pub enum Binding {
    /// An HTTP request.
    Http(HttpBinding),
    /// A letter.
    Mail(Arc<MailBinding>),
    /// A statement of a database.
    Sql(Arc<SqlBinding>),
    /// A command with its arguments.
    Command(Arc<CommandBinding>),
    /// A file to read or write, or those of a folder.
    File(Arc<FileBinding>),
    /// A message for a broker.
    Publish(Arc<PublishBinding>),
}

/// Bindings of one kind, which several transports may understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// HTTP requests.
    Http,
    /// Letters.
    Mail,
    /// Statements.
    Sql,
    /// Commands.
    Command,
    /// Files.
    File,
    /// Messages.
    Publish,
}

impl Binding {
    /// Its family.
    pub fn family(&self) -> Family {
        match self {
            Self::Http(_) => Family::Http,
            Self::Mail(_) => Family::Mail,
            Self::Sql(_) => Family::Sql,
            Self::Command(_) => Family::Command,
            Self::File(_) => Family::File,
            Self::Publish(_) => Family::Publish,
        }
    }

    /// The HTTP request, if it is one.
    pub fn as_http(&self) -> Option<&HttpBinding> {
        match self {
            Self::Http(http) => Some(http),
            Self::Mail(_) | Self::Sql(_) | Self::Command(_) | Self::File(_) | Self::Publish(_) => None,
        }
    }

    /// Whether an input field of this name goes anywhere.
    pub fn takes(&self, field: &str) -> bool {
        match self {
            Self::Http(http) => http.takes(field),
            Self::Mail(mail) => mail.takes(field),
            Self::Sql(sql) => sql.parameter(field).is_some(),
            Self::Command(command) => command.fields().any(|own| **own == *field),
            Self::File(file) => file.fields().any(|own| own == field),
            Self::Publish(message) => message.takes(field),
        }
    }

    /// Whether an idempotency key can be carried by what has this name.
    pub fn carries(&self, carrier: &str) -> bool {
        match self {
            Self::Http(_) => true,
            Self::Sql(sql) => sql.parameter(carrier).is_some(),
            Self::Mail(_) | Self::Command(_) => self.takes(carrier),
            Self::File(_) => false,
            Self::Publish(message) => message.destination.key_carrier() == Some(carrier),
        }
    }

    /// The input fields without which no call can be formed.
    pub fn required(&self) -> Vec<&str> {
        match self {
            Self::Http(http) => http.parameters.iter().filter(|p| p.required).map(|p| &*p.field).collect(),
            Self::Mail(mail) => mail.required().collect(),
            Self::Sql(sql) => sql.parameters.iter().filter(|p| p.required).map(|p| &*p.field).collect(),
            Self::Command(command) => once_each(command.fields().map(|field| &**field)),
            Self::File(file) => once_each(file.path_fields().chain(file.content())),
            Self::Publish(message) => message.required(),
        }
    }

    /// The schema of what it takes, where that does not depend on its author.
    pub(crate) fn schema(&self) -> Option<Schema> {
        match self {
            Self::Mail(mail) => mail.schema(),
            Self::Http(_) | Self::Sql(_) | Self::Command(_) | Self::File(_) | Self::Publish(_) => None,
        }
    }

    /// What is called, in one line: `GET /orders/{id}`, or the statement.
    pub fn reached(&self) -> Cow<'_, str> {
        match self {
            Self::Http(HttpBinding { body: BodyKind::Soap(codec), .. }) => {
                Cow::Owned(wsdl::reached(codec.operation()))
            }
            Self::Http(HttpBinding { body: BodyKind::GraphQl(asked), .. }) => Cow::Owned(asked.reached()),
            Self::Http(http) => Cow::Owned(format!("{} {}", http.method, http.path)),
            Self::Mail(mail) => mail.reached(),
            Self::Sql(sql) => Cow::Owned(sql.in_one_line()),
            Self::Command(command) => Cow::Owned(command.to_string()),
            Self::File(file) => Cow::Owned(file.to_string()),
            Self::Publish(message) => Cow::Owned(message.reached()),
        }
    }

    /// Whether a second call has no further effect, by what it is.
    pub(crate) fn is_natural(&self) -> bool {
        match self {
            // RFC 9110, section 9.2.2: PUT and DELETE are idempotent by definition.
            Self::Http(http) => matches!(&*http.method, "PUT" | "DELETE"),
            Self::File(file) => {
                matches!(&**file, FileBinding::Write { new: false, .. } | FileBinding::Delete { .. })
            }
            Self::Mail(_) | Self::Sql(_) | Self::Command(_) | Self::Publish(_) => false,
        }
    }
}

fn once_each<'f>(fields: impl Iterator<Item = &'f str>) -> Vec<&'f str> {
    let mut fields: Vec<&str> = fields.collect();
    fields.sort_unstable();
    fields.dedup();
    fields
}
