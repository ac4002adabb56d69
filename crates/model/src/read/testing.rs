use std::collections::BTreeMap;

use sinew_diag::Diagnostics;

use crate::raw::{Node, Variables, documents};

/// The tree of one document that is known to be right.
pub(crate) fn node(text: &str) -> Node {
    let (none, mut out) = (BTreeMap::new(), Diagnostics::new());
    let mut found = documents(&"test.yaml".into(), text.as_bytes(), &mut Variables::new(&none), &mut out);
    assert!(out.is_empty(), "{out}");
    found.remove(0).root
}
