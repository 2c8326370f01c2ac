//! A log-in to a registry, for this process only: the form, and which registry it is most likely about.

use crate::clusters::ClusterId;
use std::fmt;

use pinnace_core::image::ImageRef;
use pinnace_core::redacted::Redacted;
use pinnace_core::registry::Facts;

use crate::dialogs::line::Line;
use crate::selection::Selection;
use crate::state::{Cluster, Screen, State};

/// The form of a log-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The cluster it is for.
    pub cluster: ClusterId,
    /// The registry: `ghcr.io`, `10.77.0.1:5000`.
    pub host: Line,
    /// The user.
    pub user: Line,
    /// The password, or an access token in its place.
    pub password: Masked,
    /// Which of them is typed into.
    pub field: Field,
    /// What is wrong with what is typed, once it was to be taken.
    pub wrong: Option<&'static str>,
}

/// A line of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The registry.
    Host,
    /// The user.
    User,
    /// The password.
    Password,
}

impl Field {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Host, Self::User, Self::Password];

    /// Its name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Host => "registry",
            Self::User => "user",
            Self::Password => "password",
        }
    }
}

/// A line nobody sees: `Debug` shows stars, however many characters there are.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Masked(Line);

impl fmt::Debug for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Masked {
    /// How many characters stand before and after the cursor.
    pub(crate) fn lengths(&self) -> (usize, usize) {
        let (before, after) = self.0.parts();
        (before.chars().count(), after.chars().count())
    }

    /// The line, to type into.
    pub(crate) fn line(&mut self) -> &mut Line {
        &mut self.0
    }

    fn hidden(&self) -> Redacted {
        Redacted::new(self.0.text())
    }
}

impl Login {
    /// Starts with this registry; where it is known, with the user.
    pub fn new(cluster: ClusterId, host: &str) -> Self {
        let field = if host.is_empty() { Field::Host } else { Field::User };
        let (user, password) = (Line::default(), Masked::default());
        Self { cluster, host: Line::new(host), user, password, field, wrong: None }
    }

    /// The line that is typed into.
    pub(crate) fn line(&mut self) -> &mut Line {
        match self.field {
            Field::Host => &mut self.host,
            Field::User => &mut self.user,
            Field::Password => self.password.line(),
        }
    }

    /// The registry, the user and the password; else the line that is not right, and why.
    ///
    /// # Errors
    /// The first line that something is wrong with.
    pub(crate) fn taken(&self) -> Result<(String, String, Redacted), (Field, &'static str)> {
        let host =
            host_of(self.host.text()).ok_or((Field::Host, "a registry is `host` or `host:port`, such as ghcr.io"))?;
        let user = self.user.text().trim();
        if user.is_empty() {
            return Err((Field::User, "the user is missing"));
        }
        // A user with a `:` would end there on the wire (RFC 7617).
        if user.contains(':') {
            return Err((Field::User, "a user's name has no `:`"));
        }
        let password = self.password.hidden();
        if password.reveal().is_empty() {
            return Err((Field::Password, "the password is missing"));
        }
        Ok((host, user.to_owned(), password))
    }
}

/// The registry a text names, as references name it: pasted with scheme or path, and the Hub by any of its names.
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

/// Whether a registry refused what was shown to it, or wants something shown.
pub(crate) fn is_needed(cluster: &Cluster) -> bool {
    cluster.facts.refused().next().is_some()
}

/// The cluster and the registry a log-in is most likely about: one that refused an image on the screen, else any that
/// refused, else that of the selected image.
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

/// The images that a screen lists beside the selected one.
fn listed(state: &State) -> Vec<String> {
    match state.screens.last() {
        Some(Screen::Pins(screen)) => screen.text.iter().flat_map(|text| text.doc.pins.values()).cloned().collect(),
        Some(Screen::Plan(screen)) => screen.shown.plan.units.iter().map(|unit| unit.to.image.clone()).collect(),
        Some(Screen::Earlier(screen)) => screen.rows.iter().map(|row| row.places.image.clone()).collect(),
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
        let mut login = Login::new(ClusterId::FIRST, "");
        let wrong = |login: &Login| login.taken().unwrap_err().0;
        assert_eq!((login.field, wrong(&login)), (Field::Host, Field::Host));
        login.host = Line::new("ghcr.io");
        assert_eq!(wrong(&login), Field::User);
        login.user = Line::new("a:b");
        assert_eq!(wrong(&login), Field::User);
        login.user = Line::new(" ops ");
        assert_eq!(wrong(&login), Field::Password);
        login.password.line().paste("s3cret word\n");
        let (host, user, password) = login.taken().unwrap();
        assert_eq!((host.as_str(), user.as_str(), password.reveal()), ("ghcr.io", "ops", "s3cret word"));
        let debug = format!("{login:?} {:?}", login.taken());
        assert!(!debug.contains("s3cret") && debug.matches("***").count() == 2, "{debug}");
        assert_eq!(login.password.lengths(), (11, 0));
    }
}
