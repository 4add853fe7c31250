//! Everything that can be done through the interface, and the role that it takes.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::role::Role;

/// One kind of thing that a request can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    ReadRuns,
    StartRuns,
    /// Cancel, suspend, resume.
    ControlRuns,
    /// Repair, fork, migrate: a run goes on with something that its author did not write.
    RepairRuns,
    ReadDefinitions,
    ValidateDefinitions,
    PublishDefinitions,
    /// Stop new runs of a workflow, and allow them again.
    PauseDefinitions,
    RollBackDefinitions,
    SendEvents,
    ReadSchedules,
    WriteSchedules,
    /// Set and remove. Nothing reads a secret.
    WriteSecrets,
    ReadConnections,
    WriteConnections,
    ReadBlobs,
    WriteBlobs,
    ReadDecisions,
    AnswerDecisions,
    /// Who has which role in a namespace.
    ManageRoles,
    ManageUsers,
    /// API keys of other people.
    ManageKeys,
    /// One's own password, sessions and API keys.
    OwnAccount,
    ReadMetrics,
    /// Configuration and state of the nodes.
    ManageServer,
    /// Make the first administrator, with the set-up token.
    SetUp,
}

/// What an action is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Something in a namespace.
    Namespace,
    /// The server as a whole: only roles in all namespaces count.
    Server,
    /// Oneself.
    Account,
}

impl Action {
    pub const EACH: [Action; 26] = [
        Action::ReadRuns,
        Action::StartRuns,
        Action::ControlRuns,
        Action::RepairRuns,
        Action::ReadDefinitions,
        Action::ValidateDefinitions,
        Action::PublishDefinitions,
        Action::PauseDefinitions,
        Action::RollBackDefinitions,
        Action::SendEvents,
        Action::ReadSchedules,
        Action::WriteSchedules,
        Action::WriteSecrets,
        Action::ReadConnections,
        Action::WriteConnections,
        Action::ReadBlobs,
        Action::WriteBlobs,
        Action::ReadDecisions,
        Action::AnswerDecisions,
        Action::ManageRoles,
        Action::ManageUsers,
        Action::ManageKeys,
        Action::OwnAccount,
        Action::ReadMetrics,
        Action::ManageServer,
        Action::SetUp,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Action::ReadRuns => "read-runs",
            Action::StartRuns => "start-runs",
            Action::ControlRuns => "control-runs",
            Action::RepairRuns => "repair-runs",
            Action::ReadDefinitions => "read-definitions",
            Action::ValidateDefinitions => "validate-definitions",
            Action::PublishDefinitions => "publish-definitions",
            Action::PauseDefinitions => "pause-definitions",
            Action::RollBackDefinitions => "roll-back-definitions",
            Action::SendEvents => "send-events",
            Action::ReadSchedules => "read-schedules",
            Action::WriteSchedules => "write-schedules",
            Action::WriteSecrets => "write-secrets",
            Action::ReadConnections => "read-connections",
            Action::WriteConnections => "write-connections",
            Action::ReadBlobs => "read-blobs",
            Action::WriteBlobs => "write-blobs",
            Action::ReadDecisions => "read-decisions",
            Action::AnswerDecisions => "answer-decisions",
            Action::ManageRoles => "manage-roles",
            Action::ManageUsers => "manage-users",
            Action::ManageKeys => "manage-keys",
            Action::OwnAccount => "own-account",
            Action::ReadMetrics => "read-metrics",
            Action::ManageServer => "manage-server",
            Action::SetUp => "set-up",
        }
    }

    pub fn place(self) -> Place {
        match self {
            Action::ReadRuns
            | Action::StartRuns
            | Action::ControlRuns
            | Action::RepairRuns
            | Action::ReadDefinitions
            | Action::ValidateDefinitions
            | Action::PublishDefinitions
            | Action::PauseDefinitions
            | Action::RollBackDefinitions
            | Action::SendEvents
            | Action::ReadSchedules
            | Action::WriteSchedules
            | Action::WriteSecrets
            | Action::ReadConnections
            | Action::WriteConnections
            | Action::ReadBlobs
            | Action::WriteBlobs
            | Action::ReadDecisions
            | Action::AnswerDecisions
            | Action::ManageRoles => Place::Namespace,
            Action::ManageUsers
            | Action::ManageKeys
            | Action::ReadMetrics
            | Action::ManageServer
            | Action::SetUp => Place::Server,
            Action::OwnAccount => Place::Account,
        }
    }

    /// Whether it decides what others may do. An API key does this only where its scope names it.
    pub fn delegates(self) -> bool {
        matches!(
            self,
            Action::ManageRoles | Action::ManageUsers | Action::ManageKeys
        )
    }
}

/// The least role that an action takes.
pub fn required(action: Action) -> Role {
    match action {
        Action::ReadRuns
        | Action::ReadDefinitions
        | Action::ValidateDefinitions
        | Action::ReadSchedules
        | Action::ReadBlobs
        | Action::ReadDecisions
        | Action::OwnAccount
        | Action::ReadMetrics => Role::Viewer,

        Action::StartRuns
        | Action::ControlRuns
        // What is on fire is put out by who watches it.
        | Action::PauseDefinitions
        | Action::SendEvents
        | Action::ReadConnections
        | Action::WriteBlobs
        | Action::AnswerDecisions => Role::Operator,

        Action::RepairRuns
        | Action::PublishDefinitions
        | Action::RollBackDefinitions
        | Action::WriteSchedules
        // Who publishes a workflow can use the secrets of its namespace anyway.
        | Action::WriteSecrets
        | Action::WriteConnections => Role::Editor,

        Action::ManageRoles
        | Action::ManageUsers
        | Action::ManageKeys
        | Action::ManageServer
        | Action::SetUp => Role::Administrator,
    }
}

/// What [`required`] and [`Action::place`] say, as a table for documents.
pub fn table() -> String {
    let mut table = String::from("| action | role | where |\n|---|---|---|\n");
    for action in Action::EACH {
        let place = match action.place() {
            Place::Namespace => "namespace",
            Place::Server => "all namespaces",
            Place::Account => "own",
        };
        let (name, role) = (action.name(), required(action).name());
        writeln!(table, "| `{name}` | {role} | {place} |").expect("memory takes all text");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_action_is_listed_once() {
        // What the reader of names knows is all there is.
        let unknown = serde_json::from_str::<Action>("\"?\"").unwrap_err();
        let unknown = unknown.to_string();
        let known = unknown.split('`').skip(3).step_by(2);
        let listed: Vec<&str> = Action::EACH.iter().map(|action| action.name()).collect();
        assert_eq!(known.collect::<Vec<_>>(), listed);
    }

    #[test]
    fn what_each_role_may_is_meant() {
        assert_eq!(
            table(),
            "\
| action | role | where |
|---|---|---|
| `read-runs` | viewer | namespace |
| `start-runs` | operator | namespace |
| `control-runs` | operator | namespace |
| `repair-runs` | editor | namespace |
| `read-definitions` | viewer | namespace |
| `validate-definitions` | viewer | namespace |
| `publish-definitions` | editor | namespace |
| `pause-definitions` | operator | namespace |
| `roll-back-definitions` | editor | namespace |
| `send-events` | operator | namespace |
| `read-schedules` | viewer | namespace |
| `write-schedules` | editor | namespace |
| `write-secrets` | editor | namespace |
| `read-connections` | operator | namespace |
| `write-connections` | editor | namespace |
| `read-blobs` | viewer | namespace |
| `write-blobs` | operator | namespace |
| `read-decisions` | viewer | namespace |
| `answer-decisions` | operator | namespace |
| `manage-roles` | administrator | namespace |
| `manage-users` | administrator | all namespaces |
| `manage-keys` | administrator | all namespaces |
| `own-account` | viewer | own |
| `read-metrics` | viewer | all namespaces |
| `manage-server` | administrator | all namespaces |
| `set-up` | administrator | all namespaces |
"
        );
    }
}
