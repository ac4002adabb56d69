//! A document of several files as one: references into other files become references within the document.

use std::collections::BTreeMap;

use serde_json::Value;

/// Where the other files stand in the bundled document.
const FILES: &str = "x-sinew-files";
/// Files that one document may refer to.
const FILES_MAX: usize = 1000;

/// A file that is referred to and cannot be read; references to it lead nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingFile {
    /// Its path, from the document's own folder, or its URL.
    pub file: String,
    /// Why it cannot be read.
    pub message: String,
}

/// Puts all files that a document refers to into it. `load` gets a path relative to the document's folder, or a URL as it
/// stands, and gives the file's content; what may be loaded is its decision.
pub fn bundle(
    mut root: Value,
    mut load: impl FnMut(&str) -> Result<Value, String>,
) -> (Value, Vec<MissingFile>) {
    let (mut files, mut missing) = (BTreeMap::new(), Vec::new());
    let mut wanted = Vec::new();
    redirect(&mut root, "", &mut wanted);
    while let Some(file) = wanted.pop() {
        if files.contains_key(&file) || missing.iter().any(|of: &MissingFile| of.file == file) {
            continue;
        }
        let content = if files.len() < FILES_MAX {
            load(&file)
        } else {
            Err(format!("the document refers to more than {FILES_MAX} files"))
        };
        match content {
            Ok(mut content) => {
                redirect(&mut content, &file, &mut wanted);
                files.insert(file, content);
            }
            Err(message) => missing.push(MissingFile { file, message }),
        }
    }
    if let Value::Object(fields) = &mut root
        && !files.is_empty()
    {
        fields.insert(FILES.to_owned(), Value::Object(files.into_iter().collect()));
    }
    (root, missing)
}

/// Makes the references of a file (`""`: the document itself) point to where their targets will stand.
fn redirect(value: &mut Value, file: &str, wanted: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields.iter_mut() {
                match inner {
                    Value::String(reference) if name == "$ref" => {
                        if let Some(target) = target(reference, file, wanted) {
                            *reference = target;
                        }
                    }
                    inner => redirect(inner, file, wanted),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redirect(item, file, wanted)),
        _ => {}
    }
}

fn target(reference: &str, file: &str, wanted: &mut Vec<String>) -> Option<String> {
    let (path, fragment) = reference.split_once('#').unwrap_or((reference, ""));
    let of = if path.is_empty() { file.to_owned() } else { joined(file, path) };
    if of.is_empty() {
        return None;
    }
    if !path.is_empty() {
        wanted.push(of.clone());
    }
    let escaped = of.replace('~', "~0").replace('/', "~1").replace('%', "%25");
    Some(format!("#/{FILES}/{escaped}{fragment}"))
}

/// A path as it is seen from the document's folder, from how a file refers to it. What follows a `?` belongs to the last
/// name: services give their files under addresses such as `service?xsd=1`.
pub(crate) fn joined(file: &str, path: &str) -> String {
    if path.contains("://") {
        return path.to_owned();
    }
    let base = file.split('?').next().unwrap_or_default();
    if path.starts_with('?') {
        return format!("{base}{path}");
    }
    let (path, query) = path.find('?').map_or((path, ""), |at| path.split_at(at));
    let (scheme, base) = base.split_once("://").map_or(("", base), |(scheme, rest)| (scheme, rest));
    let mut parts: Vec<&str> = base.split('/').collect();
    parts.pop();
    if path.starts_with('/') {
        // From the host, or from wherever paths begin.
        parts.truncate(usize::from(!scheme.is_empty()));
    }
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match scheme {
        "" if path.starts_with('/') => format!("/{joined}{query}"),
        "" => format!("{joined}{query}"),
        scheme => format!("{scheme}://{joined}{query}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn files(name: &str) -> Result<Value, String> {
        match name {
            "schemas/pet.yaml" => Ok(json!({
                "Pet": {"properties": {"tag": {"$ref": "../common.yaml#/Tag"}, "parent": {"$ref": "#/Pet"}}},
            })),
            "common.yaml" => Ok(json!({"Tag": {"type": "string"}})),
            other => Err(format!("no file `{other}`")),
        }
    }

    #[test]
    fn references_across_files_become_references_within() {
        let root = json!({"a": {"$ref": "./schemas/pet.yaml#/Pet"}, "b": {"$ref": "#/a"}, "c": {"$ref": "common.yaml"}});
        let (bundled, missing) = bundle(root, files);
        assert!(missing.is_empty(), "{missing:?}");
        let at = |pointer: &str| bundled.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        assert_eq!(at("/a/$ref"), "#/x-sinew-files/schemas~1pet.yaml/Pet");
        assert_eq!((at("/b/$ref"), at("/c/$ref")), ("#/a".into(), "#/x-sinew-files/common.yaml".into()));
        let pet = "/x-sinew-files/schemas~1pet.yaml/Pet/properties";
        assert_eq!(at(&format!("{pet}/tag/$ref")), "#/x-sinew-files/common.yaml/Tag");
        assert_eq!(at(&format!("{pet}/parent/$ref")), "#/x-sinew-files/schemas~1pet.yaml/Pet");
        assert_eq!(bundled.pointer("/x-sinew-files/common.yaml/Tag/type").unwrap(), "string");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let (_, missing) = bundle(json!([{"$ref": "gone.json#/x"}, {"$ref": "gone.json#/y"}]), files);
        let wanted = MissingFile { file: "gone.json".into(), message: "no file `gone.json`".into() };
        assert_eq!(missing, [wanted]);
    }

    #[test]
    fn a_file_is_found_from_where_it_is_named() {
        for (file, path, wanted) in [
            ("", "x.xsd", "x.xsd"),
            ("", "../x.xsd", "../x.xsd"),
            ("a/b.wsdl", "../../x.xsd", "../x.xsd"),
            ("a/b.wsdl", "/x.xsd", "/x.xsd"),
            ("https://x.example/a/b.json", "../c.json", "https://x.example/c.json"),
            ("https://x.example/a/b.json", "/c.json", "https://x.example/c.json"),
            ("", "service?xsd=../x.xsd", "service?xsd=../x.xsd"),
            ("a/service?xsd=1/2", "?xsd=3", "a/service?xsd=3"),
            ("a/service?xsd=1/2", "y.xsd", "a/y.xsd"),
        ] {
            assert_eq!(joined(file, path), wanted, "{file} {path}");
        }
    }
}
