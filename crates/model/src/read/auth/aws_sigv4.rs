use crate::shape::{Field, Record, Shape, one_of, optional, required};
use crate::{Auth, AwsSigV4};

use super::Login;

pub(super) const FIELDS: &[Field] =
    &[one_of("aws_sigv4", Shape::Record(&AWS), "AWS Signature Version 4: every request is signed.")];

static AWS: Record = Record {
    name: "aws_sigv4",
    doc: "AWS Signature Version 4, over the whole request.",
    fields: &[&[
        required("access_key", Shape::Secret, "The access key's id.").like("secret:aws/access-key"),
        required("secret_key", Shape::Secret, "The secret key.").like("secret:aws/secret-key"),
        optional("session_token", Shape::Secret, "The session's token, for keys that are lent."),
        required("region", Shape::Text, "The region.").like("eu-central-1"),
        required("service", Shape::Text, "The service.").like("execute-api"),
    ]],
};

pub(super) fn read(login: &mut Login<'_, '_, '_>) -> Option<Auth> {
    let aws = login.auth.record("aws_sigv4")?;
    Some(Auth::AwsSigV4(Box::new(AwsSigV4 {
        access_key: aws.secret("access_key")?,
        secret_key: aws.secret("secret_key")?,
        session_token: aws.secret("session_token"),
        region: aws.text("region")?,
        service: aws.text("service")?,
    })))
}
