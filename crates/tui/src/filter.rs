//! Filters and their parsers.
//!
//! The fleet's filter: text, `!` for the inverse, `state:failing image:postgres node:mgr-1 member:n1
//! label:k=v`. The filter for lists of plain text: text that a line must contain, or must not contain after a
//! `!`.

use pinnace_core::swarm::HealthState;
use pinnace_core::swarm::Service;
use pinnace_core::swarm::{GroupKey, member_of};
use pinnace_core::world::World;

/// The field of a service that a term searches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FilterQualifier {
    Any,
    State,
    Image,
    Node,
    Member,
    Label,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct FilterTerm {
    inverse: bool,
    field: FilterQualifier,
    wanted: String,
}

/// The filter of the fleet; a row passes when every term holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetFilter {
    typed: String,
    terms: Vec<FilterTerm>,
}

/// The field names, as typed before a colon.
const FIELDS: [(&str, FilterQualifier); 5] = [
    ("state", FilterQualifier::State),
    ("image", FilterQualifier::Image),
    ("node", FilterQualifier::Node),
    ("member", FilterQualifier::Member),
    ("label", FilterQualifier::Label),
];

impl FleetFilter {
    /// Parses a filter. Parsing never fails: an unknown word before a colon is plain text.
    pub fn read(text: &str) -> Self {
        let terms = text.split_whitespace().filter_map(|word| {
            let (inverse, word) = word.strip_prefix('!').map_or((false, word), |rest| (true, rest));
            let known = word.split_once(':').and_then(|(name, wanted)| {
                FIELDS.iter().find(|(known, _)| *known == name).map(|(_, field)| (*field, wanted))
            });
            let (field, wanted) = known.unwrap_or((FilterQualifier::Any, word));
            (!wanted.is_empty()).then(|| FilterTerm { inverse, field, wanted: wanted.to_lowercase() })
        });
        Self { typed: text.to_owned(), terms: terms.collect() }
    }

    /// Returns the filter as it was typed.
    pub fn typed(&self) -> &str {
        &self.typed
    }

    /// Returns whether the filter is empty, so that everything passes.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Returns the plain words, to highlight them where they match.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.terms
            .iter()
            .filter(|term| term.field == FilterQualifier::Any && !term.inverse)
            .map(|term| term.wanted.as_str())
    }

    /// Returns whether a service passes.
    pub(crate) fn passes(&self, world: &World, group: &GroupKey, service: &Service) -> bool {
        self.terms.iter().all(|term| {
            let found = match term.field {
                FilterQualifier::Any => {
                    has(&group.name, &term.wanted)
                        || has(&service.name, &term.wanted)
                        || has(service.image(), &term.wanted)
                        || world.hosts(service).iter().any(|host| has(host, &term.wanted))
                }
                FilterQualifier::State => {
                    state_is(world.health(&service.id).map_or(HealthState::Unknown, |h| h.state), &term.wanted)
                }
                FilterQualifier::Image => has(service.image(), &term.wanted),
                FilterQualifier::Node => world.hosts(service).iter().any(|host| has(host, &term.wanted)),
                FilterQualifier::Member => member_of(service).to_lowercase() == term.wanted,
                FilterQualifier::Label => label_is(service, &term.wanted),
            };
            found != term.inverse
        })
    }

    /// Returns whether a missing service passes; only its names and its image are known.
    pub(crate) fn passes_missing(&self, group: &GroupKey, service: &str, member: &str, image: &str) -> bool {
        self.terms.iter().all(|term| {
            let found = match term.field {
                FilterQualifier::Any => [&group.name, service, image].iter().any(|text| has(text, &term.wanted)),
                FilterQualifier::State => state_is(HealthState::Missing, &term.wanted),
                FilterQualifier::Image => has(image, &term.wanted),
                FilterQualifier::Member => member.to_lowercase() == term.wanted,
                FilterQualifier::Node | FilterQualifier::Label => false,
            };
            found != term.inverse
        })
    }
}

/// A filter for lines of text: text that a line must contain, or must not contain after a `!`. Case is ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextFilter {
    typed: String,
    inverse: bool,
    wanted: String,
}

impl TextFilter {
    /// Parses a filter; never fails.
    pub fn read(text: &str) -> Self {
        let (inverse, wanted) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
        Self { typed: text.to_owned(), inverse, wanted: wanted.to_lowercase() }
    }

    /// Returns the filter as it was typed.
    pub fn typed(&self) -> &str {
        &self.typed
    }

    /// Returns whether the filter is empty, so that everything passes.
    pub fn is_empty(&self) -> bool {
        self.wanted.trim().is_empty()
    }

    /// Returns whether a line passes: it must contain the typed text as a whole.
    pub(crate) fn passes(&self, line: &str) -> bool {
        self.wanted.is_empty() || has(line, &self.wanted) != self.inverse
    }

    /// Returns whether an item passes: `mentions` must hold for each typed word; a `!` inverts the result.
    pub(crate) fn passes_by_words(&self, mentions: impl Fn(&str) -> bool) -> bool {
        self.is_empty() || self.wanted.split_whitespace().all(mentions) != self.inverse
    }
}

fn has(text: &str, wanted: &str) -> bool {
    text.to_lowercase().contains(wanted)
}

/// Returns whether the typed text is a prefix of the state's word, or of `trouble` for a state that needs
/// attention.
fn state_is(state: HealthState, wanted: &str) -> bool {
    state.label().starts_with(wanted) || (state.is_trouble() && "trouble".starts_with(wanted))
}

fn label_is(service: &Service, wanted: &str) -> bool {
    service.labels.iter().any(|(key, value)| match wanted.split_once('=') {
        Some((k, v)) => key.to_lowercase() == k && value.to_lowercase() == v,
        None => key.to_lowercase() == wanted,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinnace_core::sample;
    use pinnace_core::swarm::TaskState;
    use pinnace_core::world::Observation;

    #[test]
    fn lines_of_text() {
        for (typed, line, words) in [
            ("", true, true),
            ("!", true, true),
            ("Failed TO", true, true),
            ("to failed", false, true),
            ("nothing", false, false),
            ("!failed", false, false),
            ("!nothing", true, true),
        ] {
            let filter = TextFilter::read(typed);
            let text = "it failed to start";
            assert_eq!(filter.passes(text), line, "{typed}");
            assert_eq!(filter.passes_by_words(|word| text.contains(word)), words, "{typed}");
            assert_eq!(filter.typed(), typed);
        }
    }

    #[test]
    fn terms() {
        let mut world = World::default();
        let mut web = sample::service("shop_web", "reg/web:1.31");
        web.labels.insert("com.docker.stack.namespace".into(), "shop".into());
        web.labels.insert("tier".into(), "Front".into());
        let task = sample::task("t", &web, "mgr-1", TaskState::Running, 60);
        let group = GroupKey::of(&web);
        world.apply(Observation::Nodes(vec![sample::node("mgr-1")]), sample::NOW);
        world.apply(Observation::Services(vec![web.clone()]), sample::NOW);
        world.apply(Observation::Running { of: None, tasks: vec![task] }, sample::NOW);
        for (text, passes) in [
            ("", true),
            ("web", true),
            ("SHOP web", true),
            ("api", false),
            ("!api", true),
            ("!web", false),
            ("state:ok", true),
            ("!state:ok", false),
            ("state:trouble", false),
            ("image:1.31", true),
            ("node:mgr-1", true),
            ("node:mgr-2", false),
            ("member:web", true),
            ("member:we", false),
            ("label:tier=front", true),
            ("label:tier", true),
            ("label:tier=back", false),
            ("state:", true),
            ("!", true),
            ("web:1.31", true),
        ] {
            assert_eq!(FleetFilter::read(text).passes(&world, &group, &web), passes, "{text}");
        }
        let gone = |text: &str| FleetFilter::read(text).passes_missing(&group, "shop_old", "old", "reg/old:1");
        assert!(gone("state:missing old") && !gone("node:mgr-1") && gone("!node:mgr-1"));
    }
}
