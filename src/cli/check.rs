//! `pinnace check`: prints findings about a group's pins and what it runs.

use serde_json::json;

use super::Exit;
use super::args::PinEditArgs;
use super::out::Out;
use super::session::{CliContext, EditedPinDoc, Failure, Session, usage};
use pinnace_core::finding::{Code, Finding, Severity, gathered};
use pinnace_core::plan::{Goal, PlanOptions};
use pinnace_core::{check, pins, selector};

/// Prints the findings about the pins in force, with an edit applied, and about what runs; an error is exit code 1.
pub async fn run(stage: &CliContext, group: &str, edit: &PinEditArgs, json: bool) -> Result<Exit, Failure> {
    let session = Session::open(stage)?;
    let mut world = session.cluster.world().await?;
    let group = selector::group(&world, group)?;
    let before = session.pins_in_force(&mut world, &group).await?;
    let EditedPinDoc { text, remarks } = session.edited(&mut world, &group, edit).await?;
    let doc = pins::read(&text);
    let mut facts = session.facts();
    session.cluster.learn_document(&group, &doc, &mut world, &mut facts).await?;
    session.cluster.learn_running(&group, &world, &mut facts).await;
    let placed = check::document(&group, &doc, &world, &facts);
    let mut findings: Vec<Finding> = placed.into_iter().map(|placed| placed.finding).collect();
    findings.extend(remarks);
    findings.extend(check::running::check(&group, &pins::read(&before), &world, &facts));
    if text != before {
        // An edit is also planned, for the findings about the services that it would change.
        let goal = Goal::Pins { group: group.clone(), text };
        let draft = session.cluster.draft(&goal, &PlanOptions::default(), &mut world, &mut facts).await?;
        findings.extend(draft.plan.findings.into_iter().filter(|finding| !finding.is(Code::NothingToDo)));
    }
    let findings = gathered(findings);
    if json {
        session.out.json(&json!({ "group": group, "findings": findings }));
    } else if findings.is_empty() {
        session.out.line(&format!("{group}: {} checked, no findings", super::apply::counted(doc.pins.len(), "pin")));
    } else {
        session.out.findings(&findings);
    }
    let bad = findings.iter().any(|finding| finding.severity == Severity::Error);
    Ok(if bad { Exit::Trouble } else { Exit::Done })
}

/// Prints the explanation of one finding code, or of all codes.
pub fn explain(out: &Out, code: &str, json: bool) -> Result<Exit, Failure> {
    let codes: Vec<Code> = match (code, Code::named(code)) {
        ("all", _) => Code::ALL.to_vec(),
        (_, Some(code)) => vec![code],
        (_, None) => {
            return Err(usage(format!("unknown finding `{code}`"), "run `pinnace check --explain all` to list them"));
        }
    };
    if json {
        let told = |code: &Code| {
            json!({ "code": code.name(), "weight": code.weight(), "meaning": code.meaning(),
                "example": code.example(), "remedy": code.remedy(), "source": code.source() })
        };
        out.json(&codes.iter().map(told).collect::<Vec<_>>());
    } else {
        let texts: Vec<String> = codes.iter().map(|code| code.explained()).collect();
        out.line(texts.join("\n").trim_end());
    }
    Ok(Exit::Done)
}
