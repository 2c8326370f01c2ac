//! The state of the login form, and the choice of the registry it is most likely for. A login holds for this
//! process only.

use crate::clusters::ClusterId;
use std::fmt;

use pinnace_core::image::ImageRef;
use pinnace_core::redacted::Redacted;
use pinnace_core::registry::Facts;

use crate::dialogs::line_input::LineInput;
use crate::selection::Selection;
use crate::state::{ClusterState, Screen, State};

/// The form for a login to a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginForm {
    /// The cluster that the login is for.
    pub cluster: ClusterId,
    /// The registry's host, such as `ghcr.io` or `10.77.0.1:5000`.
    pub host: LineInput,
    pub user: LineInput,
    /// The password or an access token.
    pub password: SecretInput,
    /// The field that receives typed text.
    pub field: LoginField,
    /// The problem found when the form was submitted; cleared by the next edit.
    pub wrong: Option<&'static str>,
}

/// An input of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginField {
    /// The registry's host.
    Host,
    User,
    Password,
}

impl LoginField {
    /// All fields, in order.
    pub const ALL: [Self; 3] = [Self::Host, Self::User, Self::Password];

    /// Returns the label in the form.
    pub fn label(self) -> &'static str {
        match self {
            Self::Host => "registry",
            Self::User => "user",
            Self::Password => "password",
        }
    }
}

/// A line with a secret: `Debug` shows three stars, however long it is.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretInput(LineInput);

impl fmt::Debug for SecretInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl SecretInput {
    /// Counts the characters before and after the cursor.
    pub(crate) fn lengths(&self) -> (usize, usize) {
        let (before, after) = self.0.parts();
        (before.chars().count(), after.chars().count())
    }

    /// Returns the line for editing.
    pub(crate) fn line(&mut self) -> &mut LineInput {
        &mut self.0
    }

    fn hidden(&self) -> Redacted {
        Redacted::new(self.0.text())
    }
}

impl LoginForm {
    /// Makes a form for this registry; typing begins at the user if the registry is not empty.
    pub fn new(cluster: ClusterId, host: &str) -> Self {
        let field = if host.is_empty() { LoginField::Host } else { LoginField::User };
        let (user, password) = (LineInput::default(), SecretInput::default());
        Self { cluster, host: LineInput::new(host), user, password, field, wrong: None }
    }

    /// Returns the line of the active field.
    pub(crate) fn line(&mut self) -> &mut LineInput {
        match self.field {
            LoginField::Host => &mut self.host,
            LoginField::User => &mut self.user,
            LoginField::Password => self.password.line(),
        }
    }

    /// Returns the registry, the user and the password.
    ///
    /// # Errors
    /// Returns the first field that is not valid, and the reason.
    pub(crate) fn taken(&self) -> Result<(String, String, Redacted), (LoginField, &'static str)> {
        let host = host_of(self.host.text())
            .ok_or((LoginField::Host, "a registry is `host` or `host:port`, such as ghcr.io"))?;
        let user = self.user.text().trim();
        if user.is_empty() {
            return Err((LoginField::User, "the user is missing"));
        }
        // A user with a `:` would end there on the wire (RFC 7617).
        if user.contains(':') {
            return Err((LoginField::User, "a user name cannot contain `:`"));
        }
        let password = self.password.hidden();
        if password.reveal().is_empty() {
            return Err((LoginField::Password, "the password is missing"));
        }
        Ok((host, user.to_owned(), password))
    }
}

/// Returns the registry that a text names, in the form that references use. A scheme and a path are removed,
/// and each name of Docker Hub becomes `docker.io`.
fn host_of(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
    let host = text.split('/').next().unwrap_or_default().to_lowercase();
    let host = match host.as_str() {
        "index.docker.io" | "registry-1.docker.io" | "hub.docker.com" | "docker.com" => "docker.io",
        host => host,
    };
    let is_host = !host.contains(char::is_whitespace) && !host.contains('@');
    ImageRef::parse(&format!("{host}/image")).ok().filter(|image| is_host && image.host == host).map(|image| image.host)
}

/// Returns whether a registry refused the credentials, or requires some.
pub(crate) fn is_needed(cluster: &ClusterState) -> bool {
    cluster.facts.refused().next().is_some()
}

/// Returns the cluster and the registry that a login is most likely for: a registry that refused an image on
/// the screen, else any that refused, else the registry of the first image on the screen, beginning with the
/// selected one.
pub(crate) fn likely(state: &State) -> (ClusterId, String) {
    let Selection { cluster, image, .. } = Selection::of(state);
    let selected = image.map(|image| image.text);
    let images = selected.into_iter().chain(listed(state));
    let hosts: Vec<String> = images.filter_map(|text| ImageRef::parse(&text).ok()).map(|image| image.host).collect();
    let refused: Vec<String> = state.clusters.get(cluster).map(|one| refused(&one.facts)).unwrap_or_default();
    let both = hosts.iter().find(|host| refused.contains(host));
    let host = both.or(refused.first()).or(hosts.first()).cloned().unwrap_or_default();
    (cluster, host)
}

fn refused(facts: &Facts) -> Vec<String> {
    facts.refused().filter_map(|reference| ImageRef::parse(reference).ok()).map(|image| image.host).collect()
}

/// Lists the images on the top screen besides the selected one.
fn listed(state: &State) -> Vec<String> {
    match state.screens.last() {
        Some(Screen::Pins(screen)) => screen.text.iter().flat_map(|text| text.doc.pins.values()).cloned().collect(),
        Some(Screen::Plan(screen)) => screen.shown.plan.units.iter().map(|unit| unit.to.image.clone()).collect(),
        Some(Screen::Candidates(screen)) => screen.rows.iter().map(|row| row.places.image.clone()).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_however_it_is_written() {
        for (text, host) in [
            ("ghcr.io", Some("ghcr.io")),
            (" https://GHCR.io/v2/ ", Some("ghcr.io")),
            ("10.77.0.1:5000", Some("10.77.0.1:5000")),
            ("localhost", Some("localhost")),
            ("https://index.docker.io/v1/", Some("docker.io")),
            ("hub.docker.com", Some("docker.io")),
            ("", None),
            ("registry", None),
            ("a b.io", None),
        ] {
            assert_eq!(host_of(text).as_deref(), host, "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let mut login = LoginForm::new(ClusterId::FIRST, "");
        let wrong = |login: &LoginForm| login.taken().unwrap_err().0;
        assert_eq!((login.field, wrong(&login)), (LoginField::Host, LoginField::Host));
        login.host = LineInput::new("ghcr.io");
        assert_eq!(wrong(&login), LoginField::User);
        login.user = LineInput::new("a:b");
        assert_eq!(wrong(&login), LoginField::User);
        login.user = LineInput::new(" ops ");
        assert_eq!(wrong(&login), LoginField::Password);
        login.password.line().paste("s3cret word\n");
        let (host, user, password) = login.taken().unwrap();
        assert_eq!((host.as_str(), user.as_str(), password.reveal()), ("ghcr.io", "ops", "s3cret word"));
        let debug = format!("{login:?} {:?}", login.taken());
        assert!(!debug.contains("s3cret") && debug.matches("***").count() == 2, "{debug}");
        assert_eq!(login.password.lengths(), (11, 0));
    }
}
