use std::fmt;
use std::sync::Arc;

use sinew_contract::Schema;
use sinew_contract::graphql::Restore;
use sinew_stdx::Json;

/// A request of GraphQL, of which the input is the variables.
#[derive(Clone, PartialEq, Eq)]
pub struct GraphQlBody {
    /// The document.
    pub document: Arc<str>,
    /// The body up to the variables: a JSON object without its end.
    pub head: Arc<str>,
    /// The field of the answer's data that is the operation's value.
    pub field: Arc<str>,
    /// The size of a page, if the call does not say one.
    pub page: Option<PageSize>,
    /// What must be done to the value, if anything.
    pub restore: Option<Arc<Restore>>,
    /// Whether errors beside data are no failure: the value is then `data` and `errors`.
    pub partial: bool,
    /// Whether the author said what is selected, so that it does not follow from what is read.
    pub authored: bool,
}

/// How many items a page has, if nobody says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageSize {
    /// The input field.
    pub field: Arc<str>,
    /// The input field beside which it must not be said.
    pub unless: Option<Arc<str>>,
    /// How many.
    pub items: u32,
}

impl GraphQlBody {
    /// A request by this document, for the operation of this name in it.
    pub fn of(document: &str, name: &str, field: &str) -> Self {
        let head = format!(
            "{{\"query\":{},\"operationName\":{},\"variables\":",
            Json::string(document),
            Json::string(name)
        );
        Self {
            document: document.into(),
            head: head.into(),
            field: field.into(),
            page: None,
            restore: None,
            partial: false,
            authored: false,
        }
    }

    /// What is called, as a schema has it: `mutation issueCreate`.
    pub fn reached(&self) -> String {
        // A document without its keyword is a query.
        let word = self.document.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next();
        format!("{} {}", word.filter(|word| !word.is_empty()).unwrap_or("query"), self.field)
    }
}

impl fmt::Debug for GraphQlBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.document)
    }
}

/// What a step asks of an operation, where that follows from what is read of its value.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The request.
    pub body: Arc<GraphQlBody>,
    /// What it answers.
    pub output: Option<Schema>,
}
