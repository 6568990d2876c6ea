//! The times that a run was trained: it may be begun on one machine and go on with another program on another.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::RunInfo;

/// One time that a run was trained: by which program, on what.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// When it was begun, as RFC 3339.
    pub started: String,
    /// What was trained on, such as `cpu`.
    pub device: String,
    /// Versions of the programs and libraries, by name.
    pub versions: BTreeMap<String, String>,
    /// The commit of the repository that the command was run in; as [`RunInfo::git_commit`].
    #[serde(default)]
    pub git_commit: Option<String>,
    /// The command line.
    pub command: String,
}

impl Session {
    /// What is another than before, in words.
    fn changes_since(&self, before: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        if self.device != before.device {
            changes.push(format!("on {}", self.device));
        }
        if self.git_commit != before.git_commit {
            changes.push(match &self.git_commit {
                Some(commit) => format!("commit {commit}"),
                None => "outside of a repository".to_owned(),
            });
        }
        let names: BTreeSet<&String> = self.versions.keys().chain(before.versions.keys()).collect();
        for name in names {
            let (now, then) = (self.versions.get(name), before.versions.get(name));
            if now != then {
                let version =
                    |version: Option<&String>| version.map_or("none", String::as_str).to_owned();
                changes.push(format!("{name} {} (before {})", version(now), version(then)));
            }
        }
        changes
    }
}

impl RunInfo {
    /// The session that the run was begun in, and those that it went on in.
    fn all_sessions(&self) -> Vec<Session> {
        let first = Session {
            started: self.started.clone(),
            device: self.device.clone(),
            versions: self.versions.clone(),
            git_commit: self.git_commit.clone(),
            command: self.command.clone(),
        };
        std::iter::once(first).chain(self.sessions.iter().cloned()).collect()
    }

    /// Where the run went on otherwise than it was trained before: when, and what was another, in words.
    pub fn turns(&self) -> Vec<(String, String)> {
        let sessions = self.all_sessions();
        let pairs = sessions.windows(2).map(|pair| (&pair[1], pair[1].changes_since(&pair[0])));
        pairs
            .filter(|(_, changes)| !changes.is_empty())
            .map(|(session, changes)| (session.started.clone(), changes.join(", ")))
            .collect()
    }

    /// All that it was trained on, in the order of its sessions.
    pub fn devices(&self) -> String {
        let mut devices: Vec<String> = Vec::new();
        for session in self.all_sessions() {
            if !devices.contains(&session.device) {
                devices.push(session.device);
            }
        }
        devices.join(", then ")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What a program wrote that knew of no sessions.
    pub(crate) fn of_before() -> RunInfo {
        let text = r#"{
            "name": "made", "task": "binary", "outputs": ["yes"], "score": "yes",
            "parts": ["fold-0"], "split": "folds",
            "data": { "sha256": "0", "songs": 1, "folder": "set", "name": "made" },
            "versions": { "candle-core": "0.9.1", "gemm": "0.18.0" },
            "command": "earworm-train fit", "device": "cpu", "started": "2026-01-01T00:00:00Z"
        }"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_run_says_where_it_went_on_otherwise() {
        let mut info = of_before();
        assert!(info.turns().is_empty() && info.devices() == "cpu");
        let again = Session { started: "2026-01-02".into(), ..info.all_sessions().remove(0) };
        let mut elsewhere = Session {
            started: "2026-01-03".into(),
            device: "cuda".into(),
            git_commit: Some("0123abc".into()),
            ..again.clone()
        };
        elsewhere.versions.insert("candle-core".into(), "0.9.2".into());
        elsewhere.versions.remove("gemm");
        let back = Session { started: "2026-01-04".into(), ..again.clone() };
        info.sessions = vec![again, elsewhere, back];
        let turns = info.turns();
        assert_eq!(turns[0].0, "2026-01-03");
        assert_eq!(
            turns[0].1,
            "on cuda, commit 0123abc, candle-core 0.9.2 (before 0.9.1), gemm none (before 0.18.0)"
        );
        assert!(turns.len() == 2 && turns[1].1.starts_with("on cpu, outside of"), "{turns:?}");
        assert_eq!(info.devices(), "cpu, then cuda");
        let text = serde_json::to_string(&info).unwrap();
        assert_eq!(serde_json::from_str::<RunInfo>(&text).unwrap(), info);
    }
}
