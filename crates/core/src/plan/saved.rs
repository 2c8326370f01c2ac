//! A plan kept in a file, to be carried out later: with the goal and the choices it was made from, so that it can be made
//! again and compared. Fresh means equal, not young.

use serde::{Deserialize, Serialize};

use super::{Goal, PlanOptions, identity};
use crate::journal::sorted_hash;
use crate::plan::Plan;

/// A plan with what it was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// The format's version: 1.
    pub v: u32,
    /// A SHA-256 over the rest, keys sorted: what was damaged or edited does not fit it.
    pub sum: String,
    /// What was asked for.
    pub goal: Goal,
    /// The operator's choices.
    #[serde(default)]
    pub manner: PlanOptions,
    /// The plan.
    pub plan: Plan,
}

/// Why a file is not taken for a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// It is no plan at all, or cut off.
    #[error("it is no saved plan: {0}")]
    NoPlan(String),
    /// It was written by a later version.
    #[error("it was made by a newer pinnace (format {0})")]
    Newer(u64),
    /// It is not what was written.
    #[error("it is damaged, or was edited: its checksum does not fit")]
    Edited,
}

impl Damage {
    /// What to do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Newer(_) => "use that version, or plan again with `pinnace plan GROUP --out FILE`",
            _ => "plan again with `pinnace plan GROUP --out FILE`",
        }
    }
}

impl Saved {
    /// Keeps a plan.
    pub fn new(goal: Goal, manner: PlanOptions, plan: Plan) -> Self {
        let mut saved = Self { v: 1, sum: String::new(), goal, manner, plan };
        saved.sum = saved.checksum();
        saved
    }

    fn checksum(&self) -> String {
        sorted_hash(&serde_json::json!([self.v, self.goal, self.manner, self.plan]))
    }

    /// The text of the file.
    pub fn write(&self) -> String {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        format!("{text}\n")
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// When it is not, to the letter of its values, what was written.
    pub fn read(text: &str) -> Result<Self, Damage> {
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| Damage::NoPlan(format!("no JSON (line {})", error.line())))?;
        match value.get("v").and_then(serde_json::Value::as_u64) {
            Some(1) => {}
            Some(v) if v > 1 => return Err(Damage::Newer(v)),
            _ => return Err(Damage::NoPlan("it names no format".into())),
        }
        let saved: Self = serde_json::from_value(value).map_err(|error| Damage::NoPlan(error.to_string()))?;
        let whole = saved.checksum() == saved.sum && identity(&saved.plan) == saved.plan.id;
        if whole { Ok(saved) } else { Err(Damage::Edited) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn saved() -> Saved {
        let mut plan: Plan = serde_json::from_value(serde_json::json!({
            "v": 1, "id": "", "created": sample::NOW, "group": "stack/shop", "parent": 3, "kind": "pin",
            "pins_after": "[service.a]\nimage = \"r/a:2\"\n", "units": [], "findings": []
        }))
        .unwrap();
        plan.id = identity(&plan);
        let goal = Goal::Pins { group: plan.group.clone(), text: plan.pins_after.clone().unwrap() };
        Saved::new(goal, PlanOptions::default(), plan)
    }

    #[test]
    fn what_is_written_is_read() {
        let saved = saved();
        assert_eq!(Saved::read(&saved.write()).unwrap(), saved);
    }

    #[test]
    fn what_is_not_what_was_written_is_refused() {
        let text = saved().write();
        assert_eq!(Saved::read(&text.replace("r/a:2", "r/a:3")), Err(Damage::Edited));
        assert_eq!(Saved::read(&text.replace("\"parent\": 3", "\"parent\": 4")), Err(Damage::Edited));
        assert_eq!(Saved::read(&text.replace("\"v\": 1,\n  \"sum\"", "\"v\": 2,\n  \"sum\"")), Err(Damage::Newer(2)));
        for cut in [0, 1, text.len() / 2, text.len() - 3] {
            assert!(matches!(Saved::read(&text[..cut]), Err(Damage::NoPlan(_))), "{cut}");
        }
        assert!(matches!(Saved::read("[service.a]\nimage = \"x\"\n"), Err(Damage::NoPlan(_))));
    }
}
