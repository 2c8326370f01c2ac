//! What concerns everything and is wrong: one line under the header.

use pinnace_core::text::clean;
use pinnace_core::time::age;
use pinnace_core::world::Link;

use crate::state::State;

/// What concerns everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banner {
    /// What is the case.
    pub text: String,
    /// What to do now.
    pub hint: String,
    /// The cause in full.
    pub cause: String,
}

/// The worst of what concerns everything, if there is something.
pub fn banner(state: &State) -> Option<Banner> {
    let cluster = state.cluster();
    if let Link::Lost { why, hint } = &cluster.world.link {
        let old = match cluster.world.heard {
            Some(at) => format!("this is {} old: ", age(state.now.since(at))),
            None => String::new(),
        };
        return Some(Banner { text: format!("{old}{}", clean(why)), hint: clean(hint), cause: clean(why) });
    }
    let (host, (since, why)) = cluster.unreachable.iter().next()?;
    let from = if cluster.world.engine.host.is_empty() { "here" } else { &cluster.world.engine.host };
    Some(Banner {
        text: format!("{host} unreachable from {} since {}", clean(from), &since.clock(state.offset)[..5]),
        hint: "restarts work only where the image is cached; don't redeploy".to_owned(),
        cause: clean(why),
    })
}
