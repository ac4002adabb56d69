//! A full disk: nothing new is accepted, what was accepted is finished, and it recovers by itself.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use sinew_e2e::{World, may_mount, until};

const PATIENCE: Duration = Duration::from_mins(1);

const FLOWS: &str = r#"
kind: Flow
name: keeper
owner: { team: platform, contact: platform@example.com, runbook: runbooks/keeper.md }
trigger: { webhook: { path: keeper, verify: none, dedupe: id, body_max: 1MB } }
steps: [{ value: { map: trigger } }]
result: value.id
---
kind: Flow
name: patient
owner: { team: platform, contact: platform@example.com, runbook: runbooks/patient.md }
trigger: manual
steps:
  - heard: { wait: { event: bell.rung, key: trigger.id } }
  - say: { call: chat.post, with: { channel: '"bell"', text: '"heard"', external_key: trigger.id } }
result: heard.note
"#;

/// A small disk in memory.
struct Tmpfs(PathBuf);

impl Tmpfs {
    fn mount(at: PathBuf) -> Self {
        std::fs::create_dir_all(&at).unwrap();
        let mut mount = Command::new("mount");
        let output = mount.args(["-t", "tmpfs", "-o", "size=48m", "tmpfs"]).arg(&at).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self(at)
    }

    /// Takes all the room that is left.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = File::create(&path).unwrap();
        for size in [1 << 20, 4096, 1] {
            let piece = vec![1; size];
            while file.write_all(&piece).is_ok() {}
        }
        path
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn serve_on(world: &mut World, disk: &Path) {
    world.stop();
    world.options.data = disk.join("data");
    world.serve();
}

#[test]
fn a_full_disk_stops_acceptance_and_nothing_else() {
    if !may_mount("disk::a_full_disk_stops_acceptance_and_nothing_else") {
        return;
    }
    let mut world = World::with_own(21, FLOWS);
    let disk = Tmpfs::mount(world.folder().join("disk"));
    serve_on(&mut world, &disk.0);
    let waiting = world.start("patient", &json!({ "id": "before" }));
    world.run_in(&waiting, "waiting");
    let filler = disk.fill();
    let mut accepted = Vec::new();
    let padding = "x".repeat(200_000);
    let refused = until("acceptance to stop", PATIENCE, || {
        let answer = world.hook("keeper", &json!({ "id": accepted.len(), "padding": padding }));
        if answer.is_ok() {
            accepted.push(answer.run().unwrap());
            return None;
        }
        Some(answer)
    });
    assert_eq!((refused.status, refused.code().as_str()), (503, "SNW-5001"), "{refused:?}");

    // Reading and finishing go on.
    assert_eq!(world.runs("flow=keeper").len(), accepted.len());
    world.emit("bell.rung", "before", &json!({ "note": "loud" }));
    assert_eq!(world.run_in(&waiting, "finished")["result"], "loud");

    std::fs::remove_file(filler).unwrap();
    let again = until("acceptance to begin again", PATIENCE, || {
        let answer = world.hook("keeper", &json!({ "id": "again", "padding": padding }));
        answer.is_ok().then_some(answer)
    });
    accepted.push(again.run().unwrap());
    for run in &accepted {
        world.run_in(run, "finished");
    }
    // The disk cannot go while it is in use.
    world.stop();
    drop(disk);
}
