//! What vendors publish of their APIs, kept as it is published: operations are made of it when somebody asks.
//!
//! A new kind of description is a file here, a variant of [`DescriptionKind`] and an arm in [`DescriptionKind::read`].

mod graphql;
mod openapi;
pub(crate) mod wsdl;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use sinew_contract::graphql::Missing;
use sinew_mapping::Reads;

use crate::{Asked, Effect, Idempotency, Operation, OperationId};

/// By what a vendor describes an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DescriptionKind {
    /// Swagger 2.0, OpenAPI 3.0 to 3.2.
    OpenApi,
    /// A GraphQL schema: schema definition language, or the answer to introspection.
    GraphQl,
    /// WSDL 1.1.
    Wsdl,
}

impl DescriptionKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[Self::OpenApi, Self::GraphQl, Self::Wsdl];

    /// The field of a connector that names such a description, and what follows `sinew import`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::OpenApi => "openapi",
            Self::GraphQl => "graphql",
            Self::Wsdl => "wsdl",
        }
    }

    /// The kind of a file, by its name and by how it begins: XML is XML whatever it is called.
    pub fn of_file(name: &str, content: &[u8]) -> Self {
        let is = |ending: &str| name.ends_with(ending);
        let text = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content).trim_ascii_start();
        let is_wide = content.starts_with(&[0xff, 0xfe]) || content.starts_with(&[0xfe, 0xff]);
        if is(".wsdl") || text.starts_with(b"<") || is_wide {
            Self::Wsdl
        } else if is(".graphql") || is(".graphqls") || is(".gql") || is(".graphql.json") {
            Self::GraphQl
        } else {
            Self::OpenApi
        }
    }

    /// Reads a description. `open` opens the files that it refers to; without it, those that were opened before are there.
    fn read(self, files: &Files, open: Option<Open<'_>>) -> Result<Read, DescriptionError> {
        match self {
            Self::OpenApi => openapi::read(files, open),
            Self::GraphQl => graphql::read(files),
            Self::Wsdl => wsdl::read(files, open),
        }
    }
}

/// Why a description is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DescriptionError {
    /// The file cannot be opened.
    #[error("`{path}` cannot be read: {cause}")]
    NoFile {
        /// The file.
        path: String,
        /// Why.
        cause: String,
    },
    /// The file is no such description.
    #[error("`{path}` is no usable description: {cause}")]
    Unusable {
        /// The file.
        path: String,
        /// Why, and if it can be told, at which line.
        cause: String,
    },
}

/// An operation in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: OperationId,
    /// What it does, for people.
    pub summary: Arc<str>,
    /// What it does to the system.
    pub effect: Effect,
    /// How it is reached: method and path, or whatever the kind of description has instead.
    pub reached: Arc<str>,
    /// Whether its vendor wants it to be used no longer.
    pub deprecated: bool,
}

/// A description whose operations can be asked for.
pub(crate) trait Published: Send + Sync {
    /// The operation of this id.
    fn operation(&self, id: &str) -> Option<Operation>;

    /// What an operation is asked for if this is read of its answer (of each item of all pages), and what of that it does
    /// not have; if it answers what it is asked for, and not all that it has.
    fn asked(
        &self,
        _id: &str,
        _reads: &Reads,
        _all_pages: bool,
        _partial: bool,
    ) -> Option<(Asked, Vec<Missing>)> {
        None
    }

    /// Has an operation ask for what its author selects.
    fn selected(&self, _operation: &mut Operation, _select: &str) -> Result<(), String> {
        Err("its answer is what the system gives; there is nothing to select".to_owned())
    }
}

/// A description that was read.
pub(crate) struct Read {
    pub(crate) title: String,
    pub(crate) version: String,
    pub(crate) servers: Vec<Arc<str>>,
    pub(crate) listed: Vec<Listed>,
    pub(crate) warnings: Vec<String>,
    pub(crate) published: Arc<dyn Published>,
}

/// The files of a description, by their paths; the first is the one that was named.
pub(crate) struct Files {
    path: String,
    kept: Mutex<BTreeMap<String, Arc<[u8]>>>,
}

/// Opens a file of the project.
pub(crate) type Open<'a> = &'a dyn Fn(&str) -> Result<Vec<u8>, String>;

/// What is published of an API.
pub struct Description {
    /// By what it is described.
    pub kind: DescriptionKind,
    /// The file, from the project's folder.
    pub path: Arc<str>,
    /// What the API is called.
    pub title: Arc<str>,
    /// Its version, as its vendor writes versions.
    pub version: Arc<str>,
    /// Where it is served.
    pub servers: Vec<Arc<str>>,
    /// Mistakes of the vendor's that were understood nevertheless, each with its place.
    pub warnings: Vec<String>,
    /// The header by which the system recognises a repeated write, as the connector has it.
    key_header: Option<Arc<str>>,
    listed: Vec<Listed>,
    made: RwLock<HashMap<OperationId, Arc<Operation>>>,
    /// What was read: kept while a project is loaded, and else made again of the files when it is needed.
    published: Mutex<Option<Arc<dyn Published>>>,
    files: Files,
}

impl Description {
    /// Reads a description and the files that it refers to.
    pub(crate) fn read(
        kind: DescriptionKind,
        path: &str,
        key_header: Option<Arc<str>>,
        open: Open<'_>,
    ) -> Result<Self, DescriptionError> {
        let files = Files { path: path.to_owned(), kept: Mutex::default() };
        files.open(path, open).map_err(|cause| DescriptionError::NoFile { path: path.to_owned(), cause })?;
        let read = kind.read(&files, Some(open))?;
        Ok(Self {
            kind,
            path: Arc::from(path),
            title: read.title.into(),
            version: read.version.into(),
            servers: read.servers,
            warnings: read.warnings,
            key_header,
            listed: read.listed,
            made: RwLock::default(),
            published: Mutex::new(Some(read.published)),
            files,
        })
    }

    /// Reads a description that no connector names. `open` gets the file's path, and the paths of those that it refers to.
    pub fn open(
        kind: DescriptionKind,
        path: &str,
        open: &dyn Fn(&str) -> Result<Vec<u8>, String>,
    ) -> Result<Self, DescriptionError> {
        Self::read(kind, path, None, open)
    }

    /// All operations, in the order of the description.
    pub fn listed(&self) -> &[Listed] {
        &self.listed
    }

    /// The operation of this id, made when it is first asked for.
    pub fn operation(&self, id: &str) -> Option<Arc<Operation>> {
        let made = |all: &HashMap<OperationId, Arc<Operation>>| all.get(id).cloned();
        if let Some(operation) = made(&self.made.read().unwrap_or_else(PoisonError::into_inner)) {
            return Some(operation);
        }
        if !self.listed.iter().any(|listed| listed.id.as_str() == id) {
            return None;
        }
        let mut operation = self.published()?.operation(id)?;
        if let (Idempotency::None, Some(header)) = (&operation.idempotency, &self.key_header) {
            operation.idempotency = Idempotency::Key { header: Arc::clone(header) };
        }
        let operation = Arc::new(operation);
        let mut all = self.made.write().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(all.entry(operation.id.clone()).or_insert(operation)))
    }

    /// What an operation is asked for if this is read of its answer, and what of that it does not have.
    pub(crate) fn asked(
        &self,
        id: &str,
        reads: &Reads,
        all_pages: bool,
        partial: bool,
    ) -> Option<(Asked, Vec<Missing>)> {
        self.published()?.asked(id, reads, all_pages, partial)
    }

    /// Has an operation ask for what its author selects.
    pub(crate) fn selected(&self, operation: &mut Operation, select: &str) -> Result<(), String> {
        self.published().map_or(Ok(()), |published| published.selected(operation, select))
    }

    /// Lets go of what was read: what is used was made by now, and the rest can be made again.
    pub(crate) fn settle(&self) {
        *self.published.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn published(&self) -> Option<Arc<dyn Published>> {
        let held = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        match &*held {
            Some(published) => Some(Arc::clone(published)),
            None => Some(self.kind.read(&self.files, None).ok()?.published),
        }
    }
}

impl fmt::Debug for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Description({}, {} operations)", self.path, self.listed.len())
    }
}

impl Files {
    /// The file that was named.
    pub(crate) fn root(&self) -> Arc<[u8]> {
        self.kept().get(&self.path).cloned().unwrap_or_default()
    }

    /// A file beside the one that was named, or in a folder there.
    pub(crate) fn beside(&self, name: &str, open: Option<Open<'_>>) -> Result<Arc<[u8]>, String> {
        self.get(&beside(&self.path, name)?, open)
    }

    /// A file anywhere in the project, by its path from the folder of the one that was named.
    pub(crate) fn around(&self, name: &str, open: Option<Open<'_>>) -> Result<Arc<[u8]>, String> {
        self.get(&around(&self.path, name)?, open)
    }

    fn get(&self, path: &str, open: Option<Open<'_>>) -> Result<Arc<[u8]>, String> {
        let kept = self.kept().get(path).cloned();
        match (kept, open) {
            (Some(kept), _) => Ok(kept),
            (None, Some(open)) => self.open(path, open),
            (None, None) => Err("it cannot be opened".to_owned()),
        }
    }

    fn open(&self, path: &str, open: Open<'_>) -> Result<Arc<[u8]>, String> {
        let bytes: Arc<[u8]> = open(path)?.into();
        self.kept().insert(path.to_owned(), Arc::clone(&bytes));
        Ok(bytes)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<[u8]>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The path of a file that another names, however: within the project, and nowhere else.
fn around(path: &str, name: &str) -> Result<String, String> {
    if name.contains("://") {
        return Err(ELSEWHERE.to_owned());
    }
    let mut folders: Vec<&str> = path.split('/').collect();
    folders.pop();
    for part in name.split('/') {
        match part {
            ".." if folders.pop().is_none() => {
                return Err(
                    "it does not lie within the project; `sinew import` puts all files into one".to_owned()
                );
            }
            "" | "." | ".." => {}
            part => folders.push(part),
        }
    }
    Ok(folders.join("/"))
}

const ELSEWHERE: &str = "it is elsewhere; `sinew import` fetches it, and puts all files into one";

/// The path of a file that is named beside another: within the project, and nowhere else.
pub(crate) fn beside(path: &str, name: &str) -> Result<String, String> {
    if name.contains("://") {
        return Err(ELSEWHERE.to_owned());
    }
    let leaves = name.split('/').any(|part| part == "..");
    if leaves || name.starts_with('/') || name.contains('\\') || name.is_empty() {
        return Err("it does not lie beside the file that names it, or in a folder there".to_owned());
    }
    let name = name.strip_prefix("./").unwrap_or(name);
    Ok(match path.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{name}"),
        None => name.to_owned(),
    })
}
