//! Parts of a profile as they are written, comments and variables included.

/// The text under a field of a block of YAML, its indentation taken away: `logins`, then `key`, then `auth`. The field's
/// own line comes first. `None` if the block has no such field, or is no block.
pub(crate) fn section(text: &str, path: &[&str]) -> Option<String> {
    let (field, rest) = path.split_first()?;
    let indent = text.lines().find(|line| is_said(line))?.chars().take_while(|c| *c == ' ').count();
    let begins = |line: &str| {
        let said = line.get(indent..)?.strip_prefix(field)?.strip_prefix(':')?;
        (line[..indent].trim().is_empty() && (said.is_empty() || said.starts_with(' '))).then_some(())
    };
    let mut lines = text.lines().skip_while(|line| begins(line).is_none());
    let first = lines.next()?;
    let deeper = |line: &&str| !is_said(line) || line.chars().take_while(|c| *c == ' ').count() > indent;
    let below: Vec<&str> = lines.take_while(deeper).collect();
    let below = below.join("\n");
    if rest.is_empty() {
        let whole = format!("{first}\n{below}");
        let lines: Vec<&str> = whole.lines().map(|line| line.get(indent..).unwrap_or_default()).collect();
        return Some(format!("{}\n", lines.join("\n").trim_end()));
    }
    section(&below, rest)
}

fn is_said(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !line.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a: 1\nlogins:\n  # The usual one.\n  key:\n    about: x\n    auth:\n      bearer: secret:a/b\n\n      # more\n    tokens: {}\n  other: { x: 1 }\nlast: 2\n";

    #[test]
    fn a_section_is_cut_out_as_it_is_written() {
        for (path, text) in [
            (&["a"][..], Some("a: 1\n")),
            (&["logins", "key", "auth"], Some("auth:\n  bearer: secret:a/b\n\n  # more\n")),
            (&["logins", "other"], Some("other: { x: 1 }\n")),
            (&["last"], Some("last: 2\n")),
            (&["logins", "nobody"], None),
            (&["log"], None),
            (&["a", "b"], None),
        ] {
            assert_eq!(section(TEXT, path).as_deref(), text, "{path:?}");
        }
    }
}
