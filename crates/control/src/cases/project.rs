use std::sync::Arc;

use http::StatusCode;
use sinew_control_api as api;
use sinew_diag::Diagnostics;
use sinew_diag::codes::control;
use sinew_flow::Engine;
use sinew_model::{Snapshot, SourceFile};

use crate::{Control, Fault, view};

/// How a server's project is read. Blocking; called on a thread for that.
pub trait Project: Send + Sync {
    /// Reads the project's own folders.
    fn read(&self) -> (Option<Snapshot>, Diagnostics);

    /// Reads these files as if they were the project.
    fn check(&self, files: &[SourceFile]) -> (Option<Snapshot>, Diagnostics);
}

/// Whoever has to know of a new snapshot besides the engine: triggers, alerts.
pub type Follower = Box<dyn Fn(&Arc<Snapshot>) + Send + Sync>;

/// Puts a changed project in force, whole or not at all.
pub struct Reloader {
    engine: Engine,
    project: Arc<dyn Project>,
    followers: Vec<Follower>,
    /// One reload at a time; a later one sees the files of a later moment.
    turn: tokio::sync::Mutex<()>,
}

impl Reloader {
    /// A reloader for a running engine.
    pub fn new(engine: Engine, project: Arc<dyn Project>, followers: Vec<Follower>) -> Self {
        Self { engine, project, followers, turn: tokio::sync::Mutex::new(()) }
    }

    /// Reads the project again and puts it in force; if it is not valid, the one in force stays.
    pub async fn reload(&self) -> Result<api::Reloaded, Fault> {
        let _turn = self.turn.lock().await;
        let (snapshot, found) = self.read(|project| project.read()).await?;
        let findings = view::findings(&found);
        let Some(snapshot) = snapshot else {
            let errors = found.errors();
            let detail = format!(
                "the project has {errors} error{}; the one in force goes on",
                if errors == 1 { "" } else { "s" }
            );
            let mut fault = Fault::new(StatusCode::UNPROCESSABLE_ENTITY, control::PROJECT_INVALID, detail);
            fault.findings = findings;
            return Err(fault);
        };
        let (before, after) = (self.engine.snapshot(), Arc::new(snapshot));
        self.engine.replace_snapshot(Arc::clone(&after)).await?;
        for follower in &self.followers {
            follower(&after);
        }
        let is_new = |name, flow: &sinew_model::Flow| {
            before.flows.get(name).is_none_or(|old| old.version != flow.version)
        };
        let changed =
            after.flows.iter().filter(|(name, flow)| is_new(*name, flow)).map(|(name, _)| name.to_string());
        let removed =
            before.flows.keys().filter(|name| !after.flows.contains_key(*name)).map(ToString::to_string);
        Ok(api::Reloaded {
            changed: changed.collect(),
            removed: removed.collect(),
            flows: after.flows.len(),
            findings,
        })
    }

    /// Checks files, or the project's own, without putting them in force.
    pub(crate) async fn validate(&self, files: Vec<api::ProjectFile>) -> Result<api::Validated, Fault> {
        let files: Vec<SourceFile> =
            files.into_iter().map(|file| SourceFile::new(file.path, file.text)).collect();
        let (snapshot, found) = self
            .read(move |project| if files.is_empty() { project.read() } else { project.check(&files) })
            .await?;
        Ok(api::Validated {
            valid: snapshot.is_some(),
            flows: snapshot.as_ref().map_or(0, |s| s.flows.len()),
            connections: snapshot.as_ref().map_or(0, |s| s.connections.len()),
            findings: view::findings(&found),
        })
    }

    async fn read(
        &self,
        how: impl FnOnce(&dyn Project) -> (Option<Snapshot>, Diagnostics) + Send + 'static,
    ) -> Result<(Option<Snapshot>, Diagnostics), Fault> {
        let project = Arc::clone(&self.project);
        let read = tokio::task::spawn_blocking(move || how(&*project)).await;
        read.map_err(|_| Fault::internal("reading the project failed"))
    }
}

/// Puts the project as it is on disk in force.
pub(crate) async fn reload(control: &Control) -> Result<api::Reloaded, Fault> {
    control.inner.reloader.reload().await
}

/// Checks a project.
pub(crate) async fn validate(control: &Control, validate: api::Validate) -> Result<api::Validated, Fault> {
    control.inner.reloader.validate(validate.files).await
}
