//! Forms of parts: `multipart/form-data` (RFC 7578) and its kin.

use serde_json::value::RawValue;

use super::plain::Parts;
use super::style;
use super::{FieldManner, File, FileError};

/// A part of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The field.
    pub name: String,
    /// What it holds.
    pub content: File,
}

/// A form of parts, ready to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Multipart {
    parts: Vec<Part>,
}

impl Multipart {
    /// Adds a field: texts as they stand, objects as JSON, lists item by item, files as files. Null is not sent.
    pub fn add(&mut self, manners: &[FieldManner], name: &str, value: &RawValue) -> Result<(), FileError> {
        let manner = manners.iter().find(|of| of.name == name);
        let values = match Parts::of(value) {
            Parts::Absent => return Ok(()),
            Parts::Items(items) => items,
            _ => vec![value],
        };
        for value in values {
            let is_file = manner.is_some_and(|of| of.is_file);
            let mut content = if is_file { File::of(value)? } else { plain(value) };
            if is_file && content.filename.is_none() {
                // Without a name most receivers take a part for a text.
                content.filename = Some(name.to_owned());
            }
            let said = manner.and_then(|of| of.content_type.clone());
            content.media_type = content.media_type.or(said);
            if is_file && content.media_type.is_none() {
                content.media_type = Some("application/octet-stream".to_owned());
            }
            self.parts.push(Part { name: name.to_owned(), content });
        }
        Ok(())
    }

    /// The body, and the boundary that its media type has to name. The same parts give the same bytes.
    pub fn write(&self) -> (Vec<u8>, String) {
        let boundary = self.boundary();
        let mut out = Vec::new();
        for Part { name, content } in &self.parts {
            out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
            out.extend_from_slice(b"Content-Disposition: form-data; name=\"");
            out.extend_from_slice(quoted(name).as_bytes());
            if let Some(filename) = &content.filename {
                out.extend_from_slice(format!("\"; filename=\"{}", quoted(filename)).as_bytes());
            }
            out.extend_from_slice(b"\"\r\n");
            if let Some(media_type) = &content.media_type {
                let media_type: String = media_type.chars().filter(|c| !c.is_control()).collect();
                out.extend_from_slice(format!("Content-Type: {media_type}\r\n").as_bytes());
            }
            out.extend_from_slice(b"\r\n");
            out.extend_from_slice(&content.bytes);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        (out, boundary)
    }

    /// A text that no part holds.
    fn boundary(&self) -> String {
        let taken = |boundary: &str| {
            let boundary = boundary.as_bytes();
            self.parts.iter().any(|part| part.content.bytes.windows(boundary.len()).any(|of| of == boundary))
        };
        // Each byte can take one away at most.
        let bytes: usize = self.parts.iter().map(|part| part.content.bytes.len()).sum();
        (0..=bytes).map(|n| format!("sinew-part-{n:016x}")).find(|of| !taken(of)).unwrap_or_default()
    }
}

/// What is no file: a text, or JSON under its media type.
fn plain(value: &RawValue) -> File {
    let media_type = value.get().starts_with(['{', '[']).then(|| "application/json".to_owned());
    File { bytes: style::text(value).into_owned().into_bytes(), filename: None, media_type }
}

/// A name between quotes, as browsers write it (WHATWG HTML, "Multipart form data").
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> FieldManner {
        FieldManner { name: name.to_owned(), manner: None, content_type: None, is_file: true }
    }

    #[test]
    fn a_form_of_parts_holds_texts_json_and_files() {
        let mut form = Multipart::default();
        for (name, value) in [
            ("title", r#""A \"B\"""#),
            ("tags", r#"["x","y"]"#),
            ("meta", r#"{"n":1.50}"#),
            ("gone", "null"),
            ("file", r#"{"base64":"AP8=","filename":"a\"b.bin","media_type":"image/x"}"#),
        ] {
            let value = RawValue::from_string(value.to_owned()).unwrap();
            form.add(&[file("file")], name, &value).unwrap();
        }
        let (body, boundary) = form.write();
        let text = String::from_utf8_lossy(&body).replace("\r\n", "\n").replace(&boundary, "B");
        assert_eq!(
            text,
            "--B\nContent-Disposition: form-data; name=\"title\"\n\nA \"B\"\n\
             --B\nContent-Disposition: form-data; name=\"tags\"\n\nx\n\
             --B\nContent-Disposition: form-data; name=\"tags\"\n\ny\n\
             --B\nContent-Disposition: form-data; name=\"meta\"\nContent-Type: application/json\n\n{\"n\":1.50}\n\
             --B\nContent-Disposition: form-data; name=\"file\"; filename=\"a%22b.bin\"\nContent-Type: image/x\n\n\u{0}\u{fffd}\n\
             --B--\n"
        );
    }

    #[test]
    fn the_boundary_stands_in_no_part() {
        let mut form = Multipart::default();
        let value = RawValue::from_string(r#""x sinew-part-0000000000000000 y""#.to_owned()).unwrap();
        form.add(&[], "a", &value).unwrap();
        assert_eq!(form.write().1, "sinew-part-0000000000000001");
    }
}
