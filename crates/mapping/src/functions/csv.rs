use jsonata_core::value::JValue;

use super::{Fault, FunctionDoc, HostFunction, argument, wrong};
use crate::session::Session;
use crate::text;

pub(super) const FUNCTION: HostFunction = HostFunction {
    doc: FunctionDoc {
        name: "csv",
        signature: "$csv(rows[, columns[, guard]])",
        doc: "CSV text (RFC 4180: comma, CRLF, quotes where needed) of an array of objects, with a line of names \
              first, or of an array of arrays, without. `columns` names the fields and their order; left out, it \
              is every field in the order they first appear. Values that are objects or arrays are written as \
              JSON. With `guard` true, texts that a spreadsheet would run as a formula get a `'` in front.",
        examples: &[
            (
                "$csv([{'sku': 'A-1', 'qty': 2}, {'sku': 'say \"B\"', 'note': 'x'}])",
                r#""sku,qty,note\r\nA-1,2,\r\n\"say \"\"B\"\"\",,x\r\n""#,
            ),
            ("$csv([{'a': 1, 'b': 2}], ['b', 'a'])", r#""b,a\r\n2,1\r\n""#),
            ("$csv([['=1+1', -5]], [], true)", r#""'=1+1,-5\r\n""#),
        ],
    },
    takes_context: false,
    call,
};

fn call(session: &Session, args: &[JValue]) -> Result<JValue, Fault> {
    let rows: &[JValue] = match argument(args, 0) {
        JValue::Undefined => return Ok(JValue::Undefined),
        JValue::Array(rows) => rows,
        one @ JValue::Object(_) => std::slice::from_ref(one),
        other => return Err(wrong("csv", 0, "an array of rows", other)),
    };
    let guard = argument(args, 2).as_bool().unwrap_or(false);
    let mut sheet = Sheet { out: String::new(), session, guard, bytes_max: session.text_bytes_max() };
    let columns = columns(rows, argument(args, 1))?;
    if !columns.is_empty() {
        let names: Vec<JValue> = columns.iter().map(|name| JValue::string(name.as_str())).collect();
        sheet.line(names.iter())?;
    }
    for row in rows {
        match row {
            JValue::Object(fields) => {
                sheet.line(columns.iter().map(|name| fields.get(name).unwrap_or(&JValue::Undefined)))?;
            }
            JValue::Array(cells) => sheet.line(cells.iter())?,
            other => return Err(wrong("csv", 0, "an array of objects or arrays", other)),
        }
    }
    Ok(JValue::string(sheet.out))
}

fn columns(rows: &[JValue], given: &JValue) -> Result<Vec<String>, Fault> {
    match given {
        JValue::Undefined | JValue::Null => {
            let mut names = indexmap::IndexSet::new();
            for fields in rows.iter().filter_map(JValue::as_object) {
                names.extend(fields.keys().cloned());
            }
            Ok(names.into_iter().collect())
        }
        JValue::String(name) => Ok(vec![name.to_string()]),
        JValue::Array(names) => names
            .iter()
            .map(|name| {
                name.as_str().map(str::to_owned).ok_or_else(|| wrong("csv", 1, "an array of names", name))
            })
            .collect(),
        other => Err(wrong("csv", 1, "an array of names", other)),
    }
}

struct Sheet<'a> {
    out: String,
    session: &'a Session,
    guard: bool,
    bytes_max: usize,
}

impl Sheet<'_> {
    fn line<'v>(&mut self, cells: impl Iterator<Item = &'v JValue>) -> Result<(), Fault> {
        for (index, cell) in cells.enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.cell(cell)?;
        }
        self.out.push_str("\r\n");
        if self.out.len() > self.bytes_max { Err(Fault::TooLong) } else { Ok(()) }
    }

    fn cell(&mut self, value: &JValue) -> Result<(), Fault> {
        let mut content = String::new();
        if !value.is_null() {
            text::append(&mut content, value, false, &self.session.digits.borrow(), self.bytes_max)?;
        }
        // The characters that start a formula in the common spreadsheets (OWASP, "CSV Injection").
        if self.guard && value.as_str().is_some() && content.starts_with(['=', '+', '-', '@', '\t', '\r']) {
            content.insert(0, '\'');
        }
        if content.contains([',', '"', '\r', '\n']) {
            self.out.push('"');
            self.out.push_str(&content.replace('"', "\"\""));
            self.out.push('"');
        } else {
            self.out.push_str(&content);
        }
        Ok(())
    }
}
