//! The files that the console writes for the operator: saved plans and copied texts.

use super::effects::{EffectRunner, notice};
use pinnace_core::finding::Severity;
use pinnace_engine::private_files::{private_folder, replace, safe_name};

impl EffectRunner {
    /// Keeps a copied text in a file: a terminal may drop what is sent to its clipboard without saying so.
    pub(super) fn keep_copy(&self, text: String) {
        let (state, inbox) = (self.state.clone(), self.inbox.clone());
        self.handle.spawn_blocking(move || {
            let Some(state) = state else { return };
            let path = state.join("copied.txt");
            let count = text.chars().count();
            inbox.send(match private_folder(&state).and_then(|()| replace(&path, &text)) {
                Ok(()) => notice(
                    Severity::Info,
                    format!("{count} characters sent to the terminal's clipboard"),
                    format!("also in {}", path.display()),
                ),
                Err(error) => notice(
                    Severity::Warning,
                    format!("{count} characters sent to the terminal's clipboard; not kept in a file: {error}"),
                    String::new(),
                ),
            });
        });
    }

    pub(super) fn save_plan(&self, name: &str, text: String) {
        let (state, name, inbox) = (self.state.clone(), safe_name(name), self.inbox.clone());
        self.handle.spawn_blocking(move || {
            let kept = match state {
                None => Err(std::io::Error::other("no state folder is available")),
                Some(state) => {
                    let folder = state.join("plans");
                    let path = folder.join(format!("{name}.json"));
                    private_folder(&folder).and_then(|()| replace(&path, &text)).map(|()| path)
                }
            };
            inbox.send(match kept {
                Ok(path) => {
                    let hint = format!("apply it with `pinnace apply {}`", path.display());
                    notice(Severity::Info, format!("plan saved to {}", path.display()), hint)
                }
                Err(error) => notice(Severity::Warning, format!("cannot save the plan: {error}"), String::new()),
            });
        });
    }
}
