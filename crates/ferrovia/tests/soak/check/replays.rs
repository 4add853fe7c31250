//! Every run comes out of its journal again as it was.

use serde_json::Value;

use crate::stage::DATA;
use crate::support::Project;

/// Asks the program, as anybody would. Nobody drives the runs meanwhile.
pub(crate) fn identical(project: &Project, run: &str, status: &str) -> Result<(), String> {
    let ran = project.ferrovia(&["replay", run, "--data", DATA, "--output", "json"]);
    let proof: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
    if ran.code() == 0 && proof["identical"] == true && proof["status"] == status {
        return Ok(());
    }
    Err(format!("run {run}: its replay is not identical: {ran:?}"))
}
