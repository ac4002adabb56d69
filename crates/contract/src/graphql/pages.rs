use std::collections::BTreeMap;

use super::schema::{Field, Types};
use super::selection::Wanted;

/// A list that is asked for page by page, as Relay's connections are: `first` and `after` of the one side, `pageInfo` of
/// the other (GraphQL Cursor Connections Specification).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pages {
    /// Whether the items stand under `nodes`, and not only inside `edges`.
    nodes: bool,
    /// Whether pages can also be counted from the end, so that `first` must not be said beside `last`.
    backwards: bool,
}

impl Pages {
    /// The input field that says how many items a page has.
    pub const SIZE: &str = "first";
    /// The input field that says after which item a page begins.
    pub const AFTER: &str = "after";
    /// Over a page: after which item the next begins; nothing after the last page.
    pub const NEXT: &str = "pageInfo.hasNextPage ? pageInfo.endCursor";

    pub(super) fn of(types: &Types, field: &Field) -> Option<Self> {
        field.argument(Self::SIZE).and(field.argument(Self::AFTER))?;
        let page = types.get(field.of.name()).filter(|_| !field.of.is_list())?;
        let info = types.get(page.field("pageInfo")?.of.name())?;
        info.field("hasNextPage").and(info.field("endCursor"))?;
        let nodes = page.field("nodes").is_some_and(|field| field.of.is_list());
        let edge = page.field("edges").filter(|field| field.of.is_list());
        let edges = edge.and_then(|edge| types.get(edge.of.name())?.field("node")).is_some();
        let backwards = field.argument("last").is_some();
        (nodes || edges).then_some(Self { nodes, backwards })
    }

    /// Over a page: its items.
    pub const fn items(self) -> &'static str {
        if self.nodes { "nodes" } else { "edges.node" }
    }

    /// The input field beside which the size of a page must not be said.
    pub const fn unless(self) -> Option<&'static str> {
        if self.backwards { Some("last") } else { None }
    }

    /// What is wanted of a page if this is wanted of each of its items.
    pub fn page(self, item: Wanted) -> Wanted {
        let mut wanted = Wanted::at(["pageInfo.hasNextPage", "pageInfo.endCursor"]);
        if let Wanted::Fields(fields) = &mut wanted {
            let (name, inside) = if self.nodes {
                ("nodes", item)
            } else {
                ("edges", Wanted::Fields(BTreeMap::from([("node".to_owned(), item)])))
            };
            fields.insert(name.to_owned(), inside);
        }
        wanted
    }
}
