//! Selectors: resolves the names that a person types to groups, members and services.

use crate::plan::Scope;
use crate::swarm::{GroupKey, GroupKind, member_of};
use crate::world::World;

/// The error for a name that does not identify exactly one thing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// No group, member or service has this name.
    #[error("no group, member or service `{name}`")]
    Unknown {
        /// The name as it was typed.
        name: String,
        /// Groups to choose from, those with similar names first, at most 12.
        known: Vec<String>,
    },
    /// Several groups, members or services have this name.
    #[error("`{name}` is ambiguous: {}", found.join(", "))]
    Ambiguous {
        /// The name as it was typed.
        name: String,
        /// The possible meanings, each as a name that identifies exactly one of them.
        found: Vec<String>,
    },
}

impl NameError {
    /// Returns the hint for the operator.
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown { known, .. } => format!("choose one of: {}", known.join(", ")),
            Self::Ambiguous { .. } => "use one of the full names".into(),
        }
    }
}

/// Resolves a group from its exact name, or from `kind/name`. A group that exists only in the journal is found too.
///
/// # Errors
/// If no group or several groups have the name.
pub fn group(world: &World, name: &str) -> Result<GroupKey, NameError> {
    if let Some(key) = GroupKey::parse(name) {
        let there = world.groups().any(|(group, _)| *group == key) || world.history(&key).newest().is_some();
        return if there { Ok(key) } else { Err(unknown(world, name)) };
    }
    let mut found: Vec<GroupKey> =
        world.groups().map(|(group, _)| group).filter(|group| group.name == name).cloned().collect();
    if found.is_empty() {
        let gone = [GroupKind::Database, GroupKind::Stack, GroupKind::Service]
            .map(|kind| GroupKey { kind, name: name.to_owned() });
        found.extend(gone.into_iter().filter(|key| world.history(key).newest().is_some()));
    }
    one(name, found, ToString::to_string).unwrap_or_else(|| Err(unknown(world, name)))
}

/// Resolves the target of a rollback or redeploy: a group, `group/member`, or the name of a member or a service.
///
/// # Errors
/// If nothing or several things have the name.
pub fn target(world: &World, name: &str) -> Result<(GroupKey, Scope), NameError> {
    match group(world, name) {
        Ok(key) => return Ok((key, Scope::Group)),
        Err(error @ NameError::Ambiguous { .. }) => return Err(error),
        Err(NameError::Unknown { .. }) => {}
    }
    if let Some((left, member)) = name.rsplit_once('/')
        && let Ok(key) = group(world, left)
    {
        return scope(world, &key, member).map(|scope| (key, scope)).ok_or_else(|| unknown(world, name));
    }
    let groups: Vec<GroupKey> = world.groups().map(|(key, _)| key.clone()).collect();
    let found = groups.into_iter().filter_map(|key| scope(world, &key, name).map(|scope| (key, scope)));
    one(name, found.collect(), |(key, _)| format!("{key}/{name}")).unwrap_or_else(|| Err(unknown(world, name)))
}

/// Resolves a member or service within a group; `None` if the group has neither. A service name wins.
pub fn scope(world: &World, group: &GroupKey, name: &str) -> Option<Scope> {
    if world.members(group).any(|service| service.name == name) {
        return Some(Scope::Service(name.to_owned()));
    }
    world.members(group).any(|service| member_of(service) == name).then(|| Scope::Member(name.to_owned()))
}

fn one<T>(name: &str, mut found: Vec<T>, text: impl Fn(&T) -> String) -> Option<Result<T, NameError>> {
    match found.len() {
        0 => None,
        1 => found.pop().map(Ok),
        _ => Some(Err(NameError::Ambiguous { name: name.to_owned(), found: found.iter().map(text).collect() })),
    }
}

fn unknown(world: &World, name: &str) -> NameError {
    let mut known: Vec<String> = world.groups().map(|(key, _)| key.to_string()).collect();
    let near = name.rsplit('/').next().unwrap_or(name);
    if known.iter().any(|key| key.contains(near)) {
        known.retain(|key| key.contains(near));
    }
    known.truncate(12);
    NameError::Unknown { name: name.to_owned(), known }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use crate::world::Observation;

    fn world() -> World {
        let mut world = World::default();
        let mut services = Vec::new();
        for (name, database, stack) in
            [("pg-a", "shop", ""), ("shop_web", "", "shop"), ("other_web", "", "other"), ("cron", "", "")]
        {
            let mut service = sample::service(name, "r/a:1");
            for (key, value) in [("pgedge.database.id", database), ("com.docker.stack.namespace", stack)] {
                if !value.is_empty() {
                    service.labels.insert(key.into(), value.into());
                }
            }
            services.push(service);
        }
        world.apply(Observation::Services(services), sample::NOW);
        world
    }

    #[test]
    fn names() {
        let world = world();
        assert_eq!(group(&world, "stack/shop").unwrap().to_string(), "stack/shop");
        assert_eq!(group(&world, "cron").unwrap().to_string(), "service/cron");
        assert!(
            matches!(group(&world, "shop"), Err(NameError::Ambiguous { found, .. }) if found == ["database/shop", "stack/shop"])
        );
        assert!(
            matches!(group(&world, "sho"), Err(NameError::Unknown { known, .. }) if known == ["database/shop", "stack/shop"])
        );
        assert_eq!(target(&world, "shop_web").unwrap().1, Scope::Service("shop_web".into()));
        assert_eq!(target(&world, "stack/shop/web").unwrap().1, Scope::Member("web".into()));
        assert!(
            matches!(target(&world, "web"), Err(NameError::Ambiguous { found, .. }) if found == ["stack/other/web", "stack/shop/web"])
        );
    }
}
