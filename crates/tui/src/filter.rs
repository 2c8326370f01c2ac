//! Filters, each with its parse.
//!
//! The fleet's: text, `!` for the inverse, `state:failing image:postgres node:mgr-1 member:n1 label:k=v`. That of lists of
//! plain text: what has to be in it, or not after a `!`.

use pinnace_core::swarm::Service;
use pinnace_core::swarm::State;
use pinnace_core::swarm::{GroupKey, member_of};
use pinnace_core::world::World;

/// What is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Any,
    State,
    Image,
    Node,
    Member,
    Label,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    inverse: bool,
    field: Field,
    wanted: String,
}

/// The fleet's filter; a row passes when every term holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    typed: String,
    terms: Vec<Term>,
}

/// The words before a colon.
const FIELDS: [(&str, Field); 5] = [
    ("state", Field::State),
    ("image", Field::Image),
    ("node", Field::Node),
    ("member", Field::Member),
    ("label", Field::Label),
];

impl Filter {
    /// Reads a filter; never fails: an unknown word before a colon is text.
    pub fn read(text: &str) -> Self {
        let terms = text.split_whitespace().filter_map(|word| {
            let (inverse, word) = word.strip_prefix('!').map_or((false, word), |rest| (true, rest));
            let known = word.split_once(':').and_then(|(name, wanted)| {
                FIELDS.iter().find(|(known, _)| *known == name).map(|(_, field)| (*field, wanted))
            });
            let (field, wanted) = known.unwrap_or((Field::Any, word));
            (!wanted.is_empty()).then(|| Term { inverse, field, wanted: wanted.to_lowercase() })
        });
        Self { typed: text.to_owned(), terms: terms.collect() }
    }

    /// The filter as it was typed.
    pub fn typed(&self) -> &str {
        &self.typed
    }

    /// Whether it lets everything pass.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// The plain words to mark where they are found.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.terms.iter().filter(|term| term.field == Field::Any && !term.inverse).map(|term| term.wanted.as_str())
    }

    /// Whether a service passes.
    pub(crate) fn passes(&self, world: &World, group: &GroupKey, service: &Service) -> bool {
        self.terms.iter().all(|term| {
            let found = match term.field {
                Field::Any => {
                    has(&group.name, &term.wanted)
                        || has(&service.name, &term.wanted)
                        || has(service.image(), &term.wanted)
                        || world.hosts(service).iter().any(|host| has(host, &term.wanted))
                }
                Field::State => state_is(world.health(&service.id).map_or(State::Unknown, |h| h.state), &term.wanted),
                Field::Image => has(service.image(), &term.wanted),
                Field::Node => world.hosts(service).iter().any(|host| has(host, &term.wanted)),
                Field::Member => member_of(service).to_lowercase() == term.wanted,
                Field::Label => label_is(service, &term.wanted),
            };
            found != term.inverse
        })
    }

    /// Whether a service that is gone passes, of which only names are known.
    pub(crate) fn passes_missing(&self, group: &GroupKey, service: &str, member: &str, image: &str) -> bool {
        self.terms.iter().all(|term| {
            let found = match term.field {
                Field::Any => [&group.name, service, image].iter().any(|text| has(text, &term.wanted)),
                Field::State => state_is(State::Missing, &term.wanted),
                Field::Image => has(image, &term.wanted),
                Field::Member => member.to_lowercase() == term.wanted,
                Field::Node | Field::Label => false,
            };
            found != term.inverse
        })
    }
}

/// A filter of lines of text: what they have to contain, or must not after a `!`; capitals do not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextFilter {
    typed: String,
    inverse: bool,
    wanted: String,
}

impl TextFilter {
    /// Reads a filter; never fails.
    pub fn read(text: &str) -> Self {
        let (inverse, wanted) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
        Self { typed: text.to_owned(), inverse, wanted: wanted.to_lowercase() }
    }

    /// The filter as it was typed.
    pub fn typed(&self) -> &str {
        &self.typed
    }

    /// Whether it lets everything pass.
    pub fn is_empty(&self) -> bool {
        self.wanted.trim().is_empty()
    }

    /// Whether a line passes: it contains what was typed as a whole.
    pub(crate) fn passes(&self, line: &str) -> bool {
        self.wanted.is_empty() || has(line, &self.wanted) != self.inverse
    }

    /// Whether something passes of which each word that was typed must be found somewhere.
    pub(crate) fn passes_by_words(&self, mentions: impl Fn(&str) -> bool) -> bool {
        self.is_empty() || self.wanted.split_whitespace().all(mentions) != self.inverse
    }
}

fn has(text: &str, wanted: &str) -> bool {
    text.to_lowercase().contains(wanted)
}

/// The state's word as far as typed, or `trouble` for all that need somebody.
fn state_is(state: State, wanted: &str) -> bool {
    state.word().starts_with(wanted) || (state.is_trouble() && "trouble".starts_with(wanted))
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
    use pinnace_core::world::Seen;

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
        world.apply(Seen::Nodes(vec![sample::node("mgr-1")]), sample::NOW);
        world.apply(Seen::Services(vec![web.clone()]), sample::NOW);
        world.apply(Seen::Running { of: None, tasks: vec![task] }, sample::NOW);
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
            assert_eq!(Filter::read(text).passes(&world, &group, &web), passes, "{text}");
        }
        let gone = |text: &str| Filter::read(text).passes_missing(&group, "shop_old", "old", "reg/old:1");
        assert!(gone("state:missing old") && !gone("node:mgr-1") && gone("!node:mgr-1"));
    }
}
