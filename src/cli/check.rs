//! `pinnace check`: remarks about a group's pins.

use serde_json::json;

use super::Exit;
use super::args::Edit;
use super::session::{Failure, Session, Stage};
use crate::core::finding::{Finding, Severity};
use crate::core::registry::Facts;
use crate::core::{check, names, pins};

/// Prints the findings of the pins in force with an edit made; an error is exit code 1.
pub async fn run(stage: &Stage, group: &str, edit: &Edit, json: bool) -> Result<Exit, Failure> {
    let session = Session::open(stage)?;
    let mut world = session.eyes.world().await?;
    let group = names::group(&world, group)?;
    let text = session.edited(&mut world, &group, edit).await?;
    let doc = pins::read(&text);
    let mut facts = Facts::default();
    session.eyes.learn_document(&group, &doc, &world, &mut facts).await;
    let findings: Vec<Finding> =
        check::document(&group, &doc, &world, &facts).into_iter().map(|placed| placed.finding).collect();
    if json {
        session.out.json(&json!({ "group": group, "findings": findings }));
    } else if findings.is_empty() {
        session.out.line(&format!("{group}: {} checked, no remarks", super::apply::counted(doc.pins.len(), "pin")));
    } else {
        session.out.findings(&findings);
    }
    let bad = findings.iter().any(|finding| finding.severity == Severity::Error);
    Ok(if bad { Exit::Trouble } else { Exit::Done })
}
