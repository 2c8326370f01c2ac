//! `pinnace inspect`: shows what an image is, and whether it keeps a contract.
//!
//! The registry is asked directly. The engine, if one answers, contributes only its list of insecure registries.
//! Without an engine, registries on this machine are contacted over plain HTTP, as an engine does by default.

use pinnace_engine::registry::RegistrySettings;
use std::collections::BTreeMap;
use std::path::Path;

use super::Exit;
use super::args::InspectArgs;
use super::session::{CliContext, Failure, Session, offset, usage};
use pinnace_core::check::failure;
use pinnace_core::contract::{self, Contract, ContractError};
use pinnace_core::image::{ImageRef, Platform};
use pinnace_core::inspect::{self, ContractVerdict, InspectionInput, MissingInfo, Section};
use pinnace_core::registry::{Facts, ImageFilesState, ImageInfo, LookupError};
use pinnace_core::size::size;

/// Prints information about an image reference. Exit code 1 if the image cannot be read, or the contract is broken or
/// could not be checked completely.
pub async fn run(stage: &CliContext, asked: &InspectArgs) -> Result<Exit, Failure> {
    let image = ImageRef::parse(&asked.reference).map_err(|error| {
        let message =
            format!("`{}` is not an image reference, see character {}: {error}", asked.reference, error.at + 1);
        usage(message, "write `[registry[:port]/]repository[:tag][@sha256:…]`")
    })?;
    let platform = asked.platform.as_deref().map(platform).transpose()?;
    let session = Session::open_anyway(stage)?;
    let contract = asked.contract.as_deref().map(|name| contract_of(&session, name)).transpose()?;
    let cluster = session.cluster.clone().with_registries(RegistrySettings { plain_http: asked.plain_http.clone() });
    let (nothing, mut facts, mut files) = (Facts::default(), Facts::default(), BTreeMap::new());
    let unread = BTreeMap::new();
    let (platform, contract) = (platform.as_ref(), contract.as_ref());
    let base = session.config.settings.bases.get(image.repository()).map(String::as_str);
    let start = InspectionInput { image: &image, facts: &nothing, platform, base, contract, files: &unread };
    cluster.learn_all(&mut facts, |facts| InspectionInput { facts, ..start }.queries()).await;
    for about in to_read(&InspectionInput { facts: &facts, ..start }, asked.files) {
        if !asked.json {
            let on = about.platform.as_ref().map(|platform| format!(" for {platform}")).unwrap_or_default();
            session.out.note(&format!("reading {} of layers{on} …", size(about.size())));
        }
        files.insert(about.manifest.clone(), cluster.files(&image, about, |_| ()).await);
    }
    let now = session.cluster.docker.clock().now();
    finish(&session, &InspectionInput { facts: &facts, files: &files, ..start }, asked, |view| {
        view.sections(now, offset())
    })
}

/// Returns the images whose layers have to be read: those that the contract needs, and the one whose files are listed.
fn to_read<'a>(view: &InspectionInput<'a>, listed: bool) -> Vec<&'a ImageInfo> {
    let mut all = view.unread();
    if let Some(about) = view.shown().ok().filter(|_| listed)
        && !all.iter().any(|known| known.manifest == about.manifest)
    {
        all.push(about);
    }
    all
}

fn finish(
    session: &Session,
    view: &InspectionInput<'_>,
    asked: &InspectArgs,
    sections: impl Fn(&InspectionInput<'_>) -> Vec<Section>,
) -> Result<Exit, Failure> {
    let told = view.wire(asked.files);
    match &told {
        Ok(wire) if asked.json => session.out.json(wire),
        Ok(_) => {
            let mut all = sections(view);
            // The files belong to the last section.
            if let Some(last) = all.last_mut() {
                let files = view
                    .shown()
                    .ok()
                    .and_then(|about| view.files.get(&about.manifest))
                    .and_then(ImageFilesState::known);
                let wanted = files.filter(|_| asked.files).unwrap_or_default();
                last.lines.extend(inspect::listed(wanted).map(inspect::file));
            }
            session.out.sections(&all);
        }
        // Partial information is useful for people: a digest, the platforms.
        Err(_) if !asked.json && view.named().is_ok() => session.out.sections(&sections(view)),
        Err(_) => {}
    }
    if let Err(lack) = told {
        return Err(lacking(view, &lack));
    }
    let shown = view.shown().ok().and_then(|about| view.files.get(&about.manifest));
    if let Some(ImageFilesState::Failed(why)) = shown {
        let hint = "run the command again; it starts from the first layer";
        return Err(trouble(format!("cannot read the files of {}: {}", view.image, why.text()), hint));
    }
    Ok(match view.verdict() {
        Some(ContractVerdict::Broken(_)) => Exit::Trouble,
        Some(ContractVerdict::Kept(true)) => Exit::Done,
        None if view.contract.is_none() => Exit::Done,
        None | Some(ContractVerdict::Kept(false)) => {
            return Err(trouble("the check of the contract is incomplete".to_owned(), "see what is missing above"));
        }
    })
}

fn trouble(message: String, hint: impl Into<String>) -> Failure {
    Failure { message, hint: hint.into(), exit: Exit::Trouble }
}

fn lacking(view: &InspectionInput<'_>, lack: &MissingInfo) -> Failure {
    match lack {
        MissingInfo::Failed(why) => {
            let said = failure(view.image, why, false);
            // The wording of the TLS adapter's error.
            let plain = matches!(why, LookupError::Unreachable(cause) if cause.contains("speaks plain http"));
            let hint = format!("add `--plain-http {}` to allow it for this command", view.image.host);
            trouble(said.message, if plain { hint } else { said.hint })
        }
        MissingInfo::OtherPlatforms(platform, made) => {
            let made: Vec<String> = made.iter().map(ToString::to_string).collect();
            trouble(
                format!("{} is not built for {platform}", view.image),
                format!("choose one of: {}", made.join(", ")),
            )
        }
        MissingInfo::Pending => {
            trouble(format!("the details of {} are incomplete", view.image), "run the command again")
        }
    }
}

fn platform(text: &str) -> Result<Platform, Failure> {
    match text.split_once('/') {
        Some((os, architecture)) if !os.is_empty() && !architecture.is_empty() && !architecture.contains('/') => {
            Ok(Platform::new(os, architecture))
        }
        _ => Err(usage(format!("`{text}` is not a platform"), "write `os/architecture`, such as `linux/arm64`")),
    }
}

/// Returns a contract by its name, or reads it from a file: an argument with a `/`, or one that ends in `.toml`.
fn contract_of(session: &Session, name: &str) -> Result<Contract, Failure> {
    let is_file = name.contains('/') || Path::new(name).extension().is_some_and(|end| end == "toml");
    if !is_file {
        return session.config.contracts.get(name).map_err(|(message, hint)| usage(message, hint));
    }
    let text = std::fs::read_to_string(name)
        .map_err(|error| usage(format!("cannot read the contract {name}: {error}"), "name a readable TOML file"))?;
    let stem = Path::new(name).file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    contract::read(&stem, &text).map_err(|mistakes| {
        let all: Vec<String> = mistakes.iter().map(ContractError::to_string).collect();
        let hint = mistakes.iter().map(|it| it.hint.as_str()).find(|hint| !hint.is_empty()).unwrap_or_default();
        usage(format!("the contract {name} cannot be used: {}", all.join("; ")), hint)
    })
}
