use std::collections::BTreeMap;
use std::sync::Arc;

use sinew_diag::{Diagnostic, Diagnostics, Place, codes::config};

use crate::description::{DescriptionError, beside};
use crate::raw::{Document, Node, Value, Variables, documents, with_prologue};
use crate::shape::{self, Resource, check_resource, closest, did_you_mean};
use crate::{Description, Flow, FlowName, Snapshot, Trigger};

use super::flow::ReadFlow;
use super::reader::{Known, Reader};
use super::{RESOURCES, channel, connection, connector, flow, gateway, profile, subscriber};

/// At most so many findings are reported of one project.
const FINDINGS_MAX: usize = 1_000;

/// A file of a project, as it was read.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Its path, relative to the project's folder; findings name it.
    pub path: Arc<str>,
    /// What is in it. Not a text yet: that it is UTF-8 is among the things to check.
    pub bytes: Vec<u8>,
}

impl SourceFile {
    /// A file with this content.
    pub fn new(path: impl Into<Arc<str>>, content: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), bytes: content.into() }
    }
}

/// The words that may stand after `kind:`.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    RESOURCES.iter().map(|resource| resource.kind)
}

/// The JSON Schema (2020-12) of any resource, for editors.
pub fn json_schema() -> serde_json::Value {
    shape::schema(RESOURCES)
}

/// The JSON Schema (2020-12) of one kind of resource.
pub fn json_schema_of(kind: &str) -> Option<serde_json::Value> {
    RESOURCES.iter().find(|resource| resource.kind == kind).map(|resource| shape::resource_schema(resource))
}

/// The reference of all resources, in Markdown.
pub fn reference() -> String {
    shape::reference(RESOURCES)
}

/// Reads a whole project: a snapshot, if nothing is wrong with it, and everything that was found.
///
/// Files that do not end in `.yaml` or `.yml` are left alone. `variables` are the values for `${NAME}`.
pub fn load(files: &[SourceFile], variables: &BTreeMap<String, String>) -> (Option<Snapshot>, Diagnostics) {
    load_with(files, variables, &|_| Err("there is no such file".to_owned()))
}

/// The same, of a project whose connectors name files that are not among `files`: vendors' descriptions. `open` gets a
/// path of the same kind as those of the files.
pub fn load_with(
    files: &[SourceFile],
    variables: &BTreeMap<String, String>,
    open: &dyn Fn(&str) -> Result<Vec<u8>, String>,
) -> (Option<Snapshot>, Diagnostics) {
    let mut out = Diagnostics::new();
    let mut resources = Vec::new();
    let mut variables = Variables::new(variables);
    for file in files.iter().filter(|file| is_yaml(&file.path)) {
        let documents = documents(&file.path, &file.bytes, &mut variables, &mut out);
        resources.extend(documents.into_iter().filter_map(|document| classify(document, &mut out)));
    }
    let mut project = Project { resources, known: Known::default(), snapshot: Snapshot::default(), out };
    project.declare();
    let given = |path: &str| match files.iter().find(|file| &*file.path == path) {
        Some(file) => Ok(file.bytes.clone()),
        None => open(path),
    };
    project.read_descriptions(&given);
    project.read_connectors();
    project.read_channels();
    project.read_subscribers();
    project.read_profiles();
    project.read_gateway();
    project.read_connections();
    let flows = project.read_flows();
    check_cycles(&flows, &mut project.out);
    check_paths(&flows, &mut project.out);
    let Project { mut snapshot, known, mut out, .. } = project;
    known.descriptions.values().for_each(|description| description.settle());
    snapshot.connectors = known.connectors;
    snapshot.connections = known.connections;
    snapshot.flows = flows.into_iter().map(|read| (read.flow.name.clone(), Arc::new(read.flow))).collect();
    let refused = out.has_errors();
    (if refused { None } else { Some(snapshot) }, bounded(&mut out))
}

/// Reads a version of a flow again, from [`Flow::source`], against the connections as they are now.
pub fn flow_from_source(
    source: &str,
    name: &FlowName,
    snapshot: &Snapshot,
) -> Result<Arc<Flow>, Diagnostics> {
    let mut out = Diagnostics::new();
    let file: Arc<str> = Arc::from(format!("{name} (kept version)"));
    let mut variables = Variables::from_prologue(source);
    let found = documents(&file, source.as_bytes(), &mut variables, &mut out);
    let mut known = Known::of(snapshot);
    known.declared.flows.insert(name.to_string());
    let mut reader = Reader::new(&known);
    let flow = found
        .into_iter()
        .filter_map(|document| classify(document, &mut out))
        .find(|found| found.is(&flow::RESOURCE))
        .and_then(|found| flow::read(&found.root, source, &mut reader));
    out.extend(reader.out);
    match flow {
        Some(read) if !out.has_errors() => Ok(Arc::new(read.flow)),
        _ => {
            if !out.has_errors() {
                out.push(Diagnostic::error(config::NO_KIND, "the text holds no flow").at(start_of(&file)));
            }
            Err(bounded(&mut out))
        }
    }
}

fn start_of(file: &Arc<str>) -> Place {
    Place { file: file.clone(), line: 1, column: 1, length: 0 }
}

pub(super) fn is_yaml(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').is_some_and(|(stem, end)| {
        !stem.is_empty() && (end.eq_ignore_ascii_case("yaml") || end.eq_ignore_ascii_case("yml"))
    })
}

fn bounded(out: &mut Diagnostics) -> Diagnostics {
    out.sort();
    let hidden = out.len().saturating_sub(FINDINGS_MAX);
    let mut findings: Diagnostics = std::mem::take(out).into_iter().take(FINDINGS_MAX).collect();
    if hidden > 0 {
        findings.push(Diagnostic::error(config::TOO_LARGE, format!("{hidden} more findings are not shown")));
    }
    findings
}

/// A document whose kind is known.
struct Found {
    resource: &'static Resource,
    root: Node,
    source: String,
    /// What it is called, and where it says so.
    name: Option<(String, Place)>,
}

impl Found {
    fn is(&self, resource: &'static Resource) -> bool {
        std::ptr::eq(self.resource, resource)
    }
}

/// Tells a document's kind and checks its shape. Documents without `kind` are not for Sinew, unless they look like it.
fn classify(document: Document, out: &mut Diagnostics) -> Option<Found> {
    let Document { root, source, variables } = document;
    let Some(kind_node) = root.get("kind") else {
        out.push(no_kind(&root)?);
        return None;
    };
    let kind = kind_node.text().unwrap_or_default();
    let Some(resource) = RESOURCES.iter().copied().find(|resource| resource.kind == kind) else {
        let diagnostic = Diagnostic::error(
            config::UNKNOWN_KIND,
            format!("unknown kind `{}`", kind.chars().take(60).collect::<String>()),
        )
        .at(kind_node.place.clone());
        out.push(match did_you_mean(kind, kinds_list()) {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        });
        return None;
    };
    check_resource(&root, resource, &kind_node.place, out);
    let name = name_of(resource, &root);
    Some(Found { resource, source: with_prologue(&source, &variables), name, root })
}

fn kinds_list() -> impl Iterator<Item = &'static str> + Clone {
    RESOURCES.iter().map(|resource| resource.kind)
}

fn name_of(resource: &'static Resource, root: &Node) -> Option<(String, Place)> {
    let node = root.get("name")?;
    let versioned = [&raw const connector::RESOURCE, &raw const profile::RESOURCE];
    let name = if versioned.contains(&std::ptr::from_ref(resource)) {
        connector::id_of(root)?.to_string()
    } else {
        node.text()?.to_owned()
    };
    Some((name, node.place.clone()))
}

/// A mistyped `kind`, or fields that only resources have, deserve a word; other YAML is none of our business.
fn no_kind(root: &Node) -> Option<Diagnostic> {
    let Value::Map(entries) = &root.value else { return None };
    if let Some(entry) = entries.iter().find(|entry| closest("kind", [entry.name.as_str()]).is_some()) {
        return Some(
            Diagnostic::error(config::NO_KIND, format!("the document has `{}`, but no `kind`", entry.name))
                .at(entry.name_place.clone())
                .help("did you mean `kind`?"),
        );
    }
    let has = |name: &str| entries.iter().any(|entry| entry.name == name);
    let telling = [
        ("steps", "Flow"),
        ("trigger", "Flow"),
        ("operations", "Connector"),
        ("connector", "Connection"),
        ("owner", "Flow"),
    ];
    let (field, kind) = telling.into_iter().find(|(field, _)| has(field))?;
    let help = format!("begin it with `kind: {kind}`, or whatever it is");
    // It was a resource. To leave it alone would be to take a flow away without a word.
    let was_one = has("name") && field != "owner";
    let finding = if was_one {
        Diagnostic::error(config::NO_KIND, format!("the document has `name` and `{field}`, but no `kind`"))
    } else {
        Diagnostic::warning(config::NO_KIND, "a document without `kind` is left alone")
    };
    Some(finding.at(entries.first()?.name_place.clone()).help(help))
}

struct Project {
    resources: Vec<Found>,
    known: Known,
    snapshot: Snapshot,
    out: Diagnostics,
}

impl Project {
    /// Notes every name before anything refers to one, and refuses those that are given twice.
    fn declare(&mut self) {
        let mut first: BTreeMap<(&str, &str), &Place> = BTreeMap::new();
        for found in &self.resources {
            let Some((name, place)) = &found.name else { continue };
            if let Some(earlier) = first.get(&(found.resource.kind, name.as_str())) {
                self.out.push(
                    Diagnostic::error(
                        config::DUPLICATE_RESOURCE,
                        format!("a second {} is called `{name}`", found.resource.kind),
                    )
                    .at(place.clone())
                    .help(format!("the first is at {earlier}")),
                );
                continue;
            }
            first.insert((found.resource.kind, name), place);
            let declared = &mut self.known.declared;
            if found.is(&connector::RESOURCE) {
                declared.connectors.insert(name.clone());
                let operations = found.root.get("operations").map(Node::entries).unwrap_or_default();
                let ids = operations.iter().map(|entry| entry.name.clone()).collect();
                declared.operations.insert(name.clone(), ids);
            } else if found.is(&connection::RESOURCE) {
                declared.connections.insert(name.clone());
            } else if found.is(&flow::RESOURCE) {
                declared.flows.insert(name.clone());
            } else if found.is(&channel::RESOURCE) {
                declared.channels.insert(name.clone());
            } else if found.is(&gateway::api::RESOURCE) {
                declared.apis.insert(name.clone());
            } else if found.is(&gateway::upstream::RESOURCE) {
                declared.upstreams.insert(name.clone());
            } else if found.is(&gateway::plan::RESOURCE) {
                declared.plans.insert(name.clone());
            }
        }
    }

    /// Reads the documents of one kind.
    fn read<T>(
        &mut self,
        resource: &'static Resource,
        read: impl Fn(&Found, &mut Reader<'_>) -> Option<T>,
    ) -> Vec<T> {
        let mut reader = Reader::new(&self.known);
        let mut all = Vec::new();
        for found in self.resources.iter().filter(|found| found.is(resource)) {
            all.extend(read(found, &mut reader));
        }
        self.out.extend(reader.out);
        all
    }

    /// Reads what vendors publish, for the connectors that name it.
    fn read_descriptions(&mut self, open: &dyn Fn(&str) -> Result<Vec<u8>, String>) {
        for found in self.resources.iter().filter(|found| found.is(&connector::RESOURCE)) {
            let (Some((kind, node)), Some(id)) =
                (connector::described_by(&found.root), connector::id_of(&found.root))
            else {
                continue;
            };
            let Some(name) = node.text() else { continue };
            let key_header = found.root.get("idempotency").and_then(Node::text).map(Arc::from);
            let read = beside(&node.place.file, name)
                .map_err(|cause| DescriptionError::NoFile { path: name.to_owned(), cause })
                .and_then(|path| Description::read(kind, &path, key_header, open));
            match read {
                Ok(description) => {
                    let ids = description.listed().iter().map(|listed| listed.id.to_string());
                    self.known.declared.operations.entry(id.to_string()).or_default().extend(ids);
                    self.known.descriptions.insert(id, Arc::new(description));
                }
                Err(error) => {
                    // Nothing is said of calls of operations that it may have.
                    self.known.undescribed.insert(id);
                    let help = match error {
                        DescriptionError::NoFile { .. } => {
                            "put the file beside this one; `sinew import` does"
                        }
                        DescriptionError::Unusable { .. } => "`sinew import` tells more of a description",
                    };
                    let diagnostic = Diagnostic::error(config::DESCRIPTION, error.to_string());
                    self.out.push(diagnostic.at(node.place.clone()).help(help));
                }
            }
        }
    }

    fn read_connectors(&mut self) {
        let all = self.read(&connector::RESOURCE, |found, reader| connector::read(&found.root, reader));
        for connector in all {
            self.known.connectors.entry(connector.id.clone()).or_insert_with(|| Arc::new(connector));
        }
    }

    fn read_subscribers(&mut self) {
        let all = self.read(&subscriber::RESOURCE, |found, reader| subscriber::read(&found.root, reader));
        self.snapshot.subscribers =
            all.into_iter().map(|subscriber| (subscriber.name.clone(), Arc::new(subscriber))).collect();
    }

    fn read_channels(&mut self) {
        let all = self.read(&channel::RESOURCE, |found, reader| channel::read(&found.root, reader));
        self.snapshot.channels =
            all.into_iter().map(|channel| (channel.name.clone(), Arc::new(channel))).collect();
    }

    fn read_gateway(&mut self) {
        let apis =
            self.read(&gateway::api::RESOURCE, |found, reader| gateway::api::read(&found.root, reader));
        let upstreams = self
            .read(&gateway::upstream::RESOURCE, |found, reader| gateway::upstream::read(&found.root, reader));
        let plans =
            self.read(&gateway::plan::RESOURCE, |found, reader| gateway::plan::read(&found.root, reader));
        let consumers = self
            .read(&gateway::consumer::RESOURCE, |found, reader| gateway::consumer::read(&found.root, reader));
        let snapshot = &mut self.snapshot;
        snapshot.apis = apis.into_iter().map(|api| (api.name.clone(), Arc::new(api))).collect();
        snapshot.upstreams = upstreams.into_iter().map(|pool| (pool.name.clone(), Arc::new(pool))).collect();
        snapshot.plans = plans.into_iter().map(|plan| (plan.name.clone(), Arc::new(plan))).collect();
        snapshot.consumers = consumers.into_iter().map(|one| (one.name.clone(), Arc::new(one))).collect();
    }

    fn read_profiles(&mut self) {
        let all =
            self.read(&profile::RESOURCE, |found, reader| profile::read(&found.root, &found.source, reader));
        self.snapshot.profiles =
            all.into_iter().map(|profile| (profile.connector.id.clone(), Arc::new(profile))).collect();
    }

    fn read_connections(&mut self) {
        let all = self.read(&connection::RESOURCE, |found, reader| connection::read(&found.root, reader));
        for connection in all {
            self.known.connections.entry(connection.name.clone()).or_insert_with(|| Arc::new(connection));
        }
    }

    fn read_flows(&mut self) -> Vec<ReadFlow> {
        self.read(&flow::RESOURCE, |found, reader| flow::read(&found.root, &found.source, reader))
    }
}

/// Refuses flows that start one another in a circle.
fn check_cycles(flows: &[ReadFlow], out: &mut Diagnostics) {
    let starts: BTreeMap<&FlowName, &[(FlowName, Place)]> =
        flows.iter().map(|read| (&read.flow.name, read.sub_flows.as_slice())).collect();
    let mut done = std::collections::BTreeSet::new();
    for &flow in starts.keys() {
        // The flows on the way, each with how many of its sub-flows have been looked at.
        let mut way = vec![(flow, 0)];
        while let Some((at, next)) = way.last_mut() {
            let edge = starts.get(*at).and_then(|edges| edges.get(*next));
            *next += 1;
            let Some((to, place)) = edge.filter(|_| !done.contains(*at)) else {
                done.insert(*at);
                way.pop();
                continue;
            };
            if let Some(begin) = way.iter().position(|(name, _)| *name == to) {
                let circle: Vec<_> = way[begin..].iter().map(|(name, _)| format!("`{name}`")).collect();
                let message = format!("flows start one another in a circle: {}, `{to}`", circle.join(", "));
                out.push(
                    Diagnostic::error(config::FLOW_CYCLE, message)
                        .at(place.clone())
                        .help("emit an event instead, or put what they share into a third flow"),
                );
            } else if !done.contains(to) {
                way.push((to, 0));
            }
        }
    }
}

/// Refuses two webhooks at one path.
fn check_paths(flows: &[ReadFlow], out: &mut Diagnostics) {
    let mut taken: BTreeMap<&str, &Flow> = BTreeMap::new();
    for read in flows {
        let Trigger::Webhook(webhook) = &read.flow.trigger else { continue };
        if let Some(first) = taken.insert(&webhook.path, &read.flow)
            && first.name != read.flow.name
        {
            let message = format!(
                "the webhooks of `{}` and `{}` share `/hooks/{}`",
                first.name, read.flow.name, webhook.path
            );
            out.push(
                Diagnostic::error(config::WEBHOOK_PATH, message)
                    .at(read.flow.place.clone())
                    .help("give one of them a `path:` of its own"),
            );
        }
    }
}
