//! `pinnace pins`: shows the pins in force, and the effective image of each service.

use serde::Serialize;

use super::Exit;
use super::out::Out;
use super::session::{CliContext, Failure, Session};
use pinnace_core::export;
use pinnace_core::export::{FixFormat, PermanentFix};
use pinnace_core::swarm::{GroupKey, member_of};
use pinnace_core::{pins, selector};

#[derive(Serialize)]
struct PinsReport {
    group: GroupKey,
    document: String,
    pins: Vec<ShownPin>,
    services: Vec<ShownService>,
}

#[derive(Serialize)]
struct ShownPin {
    key: String,
    image: String,
}

#[derive(Serialize)]
struct ShownService {
    name: String,
    member: String,
    image: String,
    from: String,
    shadowed: Vec<ShownPin>,
}

/// Prints the pins of one group, or of all groups that have any.
pub async fn run(stage: &CliContext, group: Option<&str>, json: bool) -> Result<Exit, Failure> {
    let session = Session::open(stage)?;
    let mut world = session.cluster.world().await?;
    let groups: Vec<GroupKey> = match group {
        Some(name) => vec![selector::group(&world, name)?],
        None => world.groups().map(|(key, _)| key.clone()).collect(),
    };
    let mut all = Vec::new();
    for key in groups {
        let text = session.pins_in_force(&mut world, &key).await?;
        if group.is_none() && text.is_empty() {
            continue;
        }
        let doc = pins::read(&text);
        let pin = |(key, image): (&pins::PinScope, &str)| ShownPin { key: key.to_string(), image: image.to_owned() };
        let services = world.members(&key).map(|service| {
            let mut covering = doc.covering(&key, service).into_iter();
            let (image, from) = match covering.next() {
                Some((pin, image)) => (image.to_owned(), pin.to_string()),
                None => (service.image().to_owned(), "runs, no pin".to_owned()),
            };
            ShownService {
                name: service.name.clone(),
                member: member_of(service),
                image,
                from,
                shadowed: covering.map(pin).collect(),
            }
        });
        let services = services.collect();
        let pins = doc.pins.iter().map(|(key, image)| pin((key, image.as_str()))).collect();
        all.push(PinsReport { group: key, document: text, pins, services });
    }
    if json {
        match group {
            Some(_) => all.first().into_iter().for_each(|shown| session.out.json(shown)),
            None => session.out.json(&all),
        }
        return Ok(Exit::Done);
    }
    text(&session.out, &all);
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct PermanentFixReport {
    group: GroupKey,
    #[serde(flatten)]
    fix: PermanentFix,
}

/// Prints the permanent fix of a group's pins; its notes go to the error stream.
pub async fn permanent(stage: &CliContext, group: &str, json: bool) -> Result<Exit, Failure> {
    let session = Session::open(stage)?;
    let mut world = session.cluster.world().await?;
    let group = selector::group(&world, group)?;
    let doc = pins::read(&session.pins_in_force(&mut world, &group).await?);
    let mut facts = session.facts();
    session.cluster.learn_document(&group, &doc, &mut world, &mut facts).await?;
    let nothing = || PermanentFix {
        form: FixFormat::of(&group),
        holds: Vec::new(),
        text: String::new(),
        notes: vec![format!("no pin is in force in {group}: nothing to make permanent")],
    };
    let fix = export::of_pins(&group, &doc, &doc, &world, &facts).unwrap_or_else(nothing);
    if json {
        session.out.json(&PermanentFixReport { group, fix });
        return Ok(Exit::Done);
    }
    if !fix.text.is_empty() {
        session.out.line(&fix.text);
    }
    for note in &fix.notes {
        session.out.note(note);
    }
    Ok(Exit::Done)
}

fn text(out: &Out, all: &[PinsReport]) {
    if all.is_empty() {
        out.line("no group has pins");
    }
    for shown in all {
        out.line(&shown.group.to_string());
        let mut rows = vec![["  SERVICE", "MEMBER", "ORIGIN", "IMAGE"].map(str::to_owned).to_vec()];
        for service in &shown.services {
            rows.push(vec![
                format!("  {}", service.name),
                service.member.clone(),
                service.from.clone(),
                service.image.clone(),
            ]);
            for pin in &service.shadowed {
                rows.push(vec![String::new(), String::new(), format!("shadowed: {}", pin.key), pin.image.clone()]);
            }
        }
        out.table(&rows);
    }
}
