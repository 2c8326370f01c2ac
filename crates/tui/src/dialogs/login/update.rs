//! Updates of the login form: typing, submitting, and the effects of new credentials.

use crate::action::Action;
use crate::clusters::ClusterId;
use crate::dialogs::line_input::LineInput;
use crate::dialogs::login::state as login;
use crate::dialogs::login::state::{LoginField, LoginForm};
use crate::dialogs::state::Dialog;
use crate::msg::Effect;
use crate::state::State;
use pinnace_core::finding::Severity;

use crate::screens::plan::update as plan;
use crate::update::motion;

/// Opens the form for the most likely registry.
pub(crate) fn open(state: &mut State) {
    let (cluster, host) = login::likely(state);
    state.modal = Some(Dialog::Login(Box::new(LoginForm::new(cluster, &host))));
}

/// Edits the active field.
pub(crate) fn edit(form: &mut LoginForm, change: impl FnOnce(&mut LineInput)) {
    change(form.line());
    form.wrong = None;
}

/// Moves between the fields, or submits the form by enter in the last field.
pub(crate) fn run(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    let Some(Dialog::Login(form)) = &mut state.modal else { return };
    let at = LoginField::ALL.iter().position(|field| *field == form.field).unwrap_or(0);
    let last = LoginField::ALL.len() - 1;
    if action == Action::Open && at == last {
        return take(state, effects);
    }
    let action = if action == Action::Open { Action::Down } else { action };
    if let Some(to) = motion::moved(action, at, LoginField::ALL.len(), 1) {
        form.field = LoginField::ALL[to.min(last)];
    }
}

fn take(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(Dialog::Login(form)) = &mut state.modal else { return };
    let cluster = form.cluster;
    match form.taken() {
        Ok((host, user, password)) => {
            state.modal = None;
            effects.push(Effect::Login { cluster, host, user, password });
        }
        Err((field, why)) => (form.field, form.wrong) = (field, Some(why)),
    }
}

/// Repeats the queries that a registry refused, or answered with not found, now that it gets other credentials.
pub(crate) fn done(state: &mut State, cluster: ClusterId, host: &str, user: &str) {
    let Some(one) = state.clusters.get_mut(cluster) else { return };
    let again = one.facts.forget_failed(host);
    if again {
        plan::again(state);
    }
    let text = format!("{host} is used as {user} until this console ends");
    state.say(Severity::Info, text, "the password is never written to disk");
}
