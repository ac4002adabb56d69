use serde_json::json;

use crate::error::{CliError, Exit};
use crate::output::{Output, Table, Tint};

/// Explains an error code, or lists all of them.
pub fn run(code: Option<&str>, output: &Output) -> Result<Exit, CliError> {
    let Some(code) = code else {
        let all: Vec<_> =
            sinew_diag::pages().map(|page| json!({ "code": page.code, "title": page.title })).collect();
        output.answer(&all, || {
            let mut table = Table::new(&["CODE", "MEANS"]);
            for page in sinew_diag::pages() {
                table.row([(page.code.to_string(), Some(Tint::Strong)), (page.title.to_owned(), None)]);
            }
            table.render(output)
        });
        return Ok(Exit::Ok);
    };
    let page = sinew_diag::page(code).ok_or_else(|| {
        CliError::usage(format!("there is no code `{code}`")).help("`sinew explain` lists all codes")
    })?;
    let whole = json!({ "code": page.code, "title": page.title, "text": page.text });
    output.answer(&whole, || page.text.to_owned());
    Ok(Exit::Ok)
}
