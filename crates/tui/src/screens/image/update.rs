//! The update of the image screen: opening it, reading the image's files, and its actions.

use crate::clusters::ClusterId;
use crate::screens::ActionOutcome;
use std::sync::Arc;

use crate::action::Action;
use crate::msg::Effect;
use crate::screens::image::state::{ContractLookup, ImageState};
use crate::screens::plan::state::forget_image;
use crate::selection::Selection;
use crate::state::{Screen, State};
use crate::{layout, wrap};
use pinnace_core::finding::Severity;
use pinnace_core::image::Digest;
use pinnace_core::registry::{FileKind, ImageFilesState, ImageInfo, LayerReadProgress};

use crate::update::IMAGE_SUMMARY;
use crate::update::body;
use crate::update::copy;
use crate::update::motion;

/// The actions that only this screen has, without cursor movement.
pub(crate) const ACTIONS: &[Action] = &[Action::Copy, Action::Files];

/// Opens the screen of the image under the cursor.
pub(crate) fn open(state: &mut State) {
    let selection = Selection::of(state);
    let cluster = selection.cluster;
    let Ok(image) = selection.image_ref() else { return };
    let rules = state.clusters.get(cluster).map(|one| selection.rules(&one.world)).unwrap_or_default();
    let contract = rules.contract.map(|name| match state.config.contracts.get(&name) {
        Ok(contract) => ContractLookup::Loaded(Box::new(contract)),
        Err((why, hint)) => ContractLookup::Missing { name, why, hint },
    });
    let (now, offset) = (state.now, state.offset);
    let Some(one) = state.clusters.get_mut(cluster) else { return };
    forget_image(one, &image.text, now);
    let mut screen = ImageState::new(cluster, image, rules.base, contract);
    screen.tell(one, now, offset);
    state.screens.push(Screen::Image(Box::new(screen)));
}

/// Stores the files of an image, or the progress of reading them. Directories
/// are left out: the screen does not list them.
pub(crate) fn take(state: &mut State, cluster: ClusterId, image: &str, manifest: &Digest, files: &ImageFilesState) {
    for screen in &mut state.screens {
        if let Screen::Image(screen) = screen
            && screen.cluster == cluster
            && screen.image.text == image
        {
            let files = match files {
                ImageFilesState::Known(all) => {
                    let real = all.iter().filter(|file| file.kind != FileKind::Dir);
                    ImageFilesState::Known(Arc::new(real.cloned().collect()))
                }
                other => other.clone(),
            };
            screen.files.insert(manifest.clone(), files);
        }
    }
}

/// Rebuilds the sections of open image screens after something was learned.
pub(crate) fn after_message(state: &mut State) {
    let (now, offset) = (state.now, state.offset);
    for screen in &mut state.screens {
        if let Screen::Image(screen) = screen
            && let Some(one) = state.clusters.get(screen.cluster)
        {
            screen.tell(one, now, offset);
        }
    }
}

pub(crate) fn run(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> ActionOutcome {
    let area = layout::titled(body(state), IMAGE_SUMMARY).list;
    let (page, cells) = (usize::from(area.height), usize::from(area.width).saturating_sub(wrap::MARGIN));
    let Some(Screen::Image(screen)) = state.screens.last_mut() else { return ActionOutcome::NotMine };
    let Some(one) = state.clusters.get(screen.cluster) else { return ActionOutcome::NotMine };
    match action {
        Action::Copy => {
            let digest = screen.view(one).named().ok().map(|named| named.digest.clone());
            let text = digest.map_or_else(|| screen.image.text.clone(), |digest| screen.image.pinned(&digest));
            copy(state, text, effects);
        }
        Action::Files => read(state, cells, effects),
        _ => {
            let len = screen.rows(cells).len() + screen.listed(one).len();
            return ActionOutcome::handled(motion::slide(&mut screen.top, action, len, page));
        }
    }
    ActionOutcome::Handled
}

/// Starts to read the files that are not read yet or failed to be; if there are none, scrolls to the list of files.
fn read(state: &mut State, cells: usize, effects: &mut Vec<Effect>) {
    let (now, offset) = (state.now, state.offset);
    let Some(Screen::Image(screen)) = state.screens.last_mut() else { return };
    let Some(one) = state.clusters.get(screen.cluster) else { return };
    if screen.is_reading() {
        return state.say(Severity::Info, "still reading the files", "");
    }
    screen.files.retain(|_, files| !matches!(files, ImageFilesState::Failed(_)));
    let view = screen.view(one);
    let mut wanted: Vec<&ImageInfo> = view.unread();
    if let Some(about) = view.shown().ok().filter(|about| !screen.files.contains_key(&about.manifest))
        && !wanted.iter().any(|known| known.manifest == about.manifest)
    {
        // The image whose files are listed comes before images that are only checked.
        wanted.insert(0, about);
    }
    let abouts: Vec<Arc<ImageInfo>> = wanted.into_iter().map(|about| Arc::new(about.clone())).collect();
    if abouts.is_empty() {
        screen.top = screen.rows(cells).len().saturating_sub(2);
        return;
    }
    for about in &abouts {
        let reading = LayerReadProgress { layer: 0, layers: about.layers.len(), bytes: 0, of: about.size() };
        screen.files.insert(about.manifest.clone(), ImageFilesState::Reading(reading));
    }
    effects.push(Effect::ReadFiles { cluster: screen.cluster, image: screen.image.text.clone(), abouts });
    screen.tell(one, now, offset);
}
