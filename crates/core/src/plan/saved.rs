//! A plan saved in a file, to be applied later. The file contains the goal and the options, so that the
//! plan can be made again and compared. A saved plan is fresh if both are equal, whatever its age.

use serde::{Deserialize, Serialize};

use super::{Goal, PlanOptions, identity};
use crate::journal::sorted_hash;
use crate::plan::Plan;

/// A saved plan, with the input that it was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedPlan {
    /// The format version: 1.
    pub v: u32,
    /// A SHA-256 over the other fields with sorted keys, to detect damage and edits.
    pub sum: String,
    /// The goal that the plan was made for.
    pub goal: Goal,
    /// The operator's options.
    #[serde(default)]
    pub manner: PlanOptions,
    /// The complete plan, as it was saved.
    pub plan: Plan,
}

/// The reason why a file is rejected as a saved plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SavedPlanError {
    /// The file is not a saved plan, or it is truncated; the text is the cause.
    #[error("it is not a saved plan: {0}")]
    NoPlan(String),
    /// A later version wrote the file; the number is its format version.
    #[error("a newer pinnace made it (format {0})")]
    Newer(u64),
    /// The checksum does not match: the file was damaged or edited.
    #[error("it is damaged or edited: the checksum does not match")]
    Edited,
}

impl SavedPlanError {
    /// Returns the remediation, for display.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Newer(_) => "use that version, or plan again with `pinnace plan GROUP --out FILE`",
            _ => "plan again with `pinnace plan GROUP --out FILE`",
        }
    }
}

impl SavedPlan {
    /// Creates a saved plan with its checksum.
    pub fn new(goal: Goal, manner: PlanOptions, plan: Plan) -> Self {
        let mut saved = Self { v: 1, sum: String::new(), goal, manner, plan };
        saved.sum = saved.checksum();
        saved
    }

    fn checksum(&self) -> String {
        sorted_hash(&serde_json::json!([self.v, self.goal, self.manner, self.plan]))
    }

    /// Returns the content of the file, as JSON.
    pub fn write(&self) -> String {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        format!("{text}\n")
    }

    /// Parses the content of a file.
    ///
    /// # Errors
    /// If it is not a saved plan of this format version, or if any value differs from what was
    /// saved.
    pub fn read(text: &str) -> Result<Self, SavedPlanError> {
        let value: serde_json::Value = serde_json::from_str(text)
            .map_err(|error| SavedPlanError::NoPlan(format!("invalid JSON (line {})", error.line())))?;
        match value.get("v").and_then(serde_json::Value::as_u64) {
            Some(1) => {}
            Some(v) if v > 1 => return Err(SavedPlanError::Newer(v)),
            _ => return Err(SavedPlanError::NoPlan("the format version is missing".into())),
        }
        let saved: Self = serde_json::from_value(value).map_err(|error| SavedPlanError::NoPlan(error.to_string()))?;
        let whole = saved.checksum() == saved.sum && identity(&saved.plan) == saved.plan.id;
        if whole { Ok(saved) } else { Err(SavedPlanError::Edited) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn saved() -> SavedPlan {
        let mut plan: Plan = serde_json::from_value(serde_json::json!({
            "v": 1, "id": "", "created": sample::NOW, "group": "stack/shop", "parent": 3, "kind": "pin",
            "pins_after": "[service.a]\nimage = \"r/a:2\"\n", "units": [], "findings": []
        }))
        .unwrap();
        plan.id = identity(&plan);
        let goal = Goal::Pins { group: plan.group.clone(), text: plan.pins_after.clone().unwrap() };
        SavedPlan::new(goal, PlanOptions::default(), plan)
    }

    #[test]
    fn what_is_written_is_read() {
        let saved = saved();
        assert_eq!(SavedPlan::read(&saved.write()).unwrap(), saved);
    }

    #[test]
    fn what_is_not_what_was_written_is_refused() {
        let text = saved().write();
        assert_eq!(SavedPlan::read(&text.replace("r/a:2", "r/a:3")), Err(SavedPlanError::Edited));
        assert_eq!(SavedPlan::read(&text.replace("\"parent\": 3", "\"parent\": 4")), Err(SavedPlanError::Edited));
        assert_eq!(
            SavedPlan::read(&text.replace("\"v\": 1,\n  \"sum\"", "\"v\": 2,\n  \"sum\"")),
            Err(SavedPlanError::Newer(2))
        );
        for cut in [0, 1, text.len() / 2, text.len() - 3] {
            assert!(matches!(SavedPlan::read(&text[..cut]), Err(SavedPlanError::NoPlan(_))), "{cut}");
        }
        assert!(matches!(SavedPlan::read("[service.a]\nimage = \"x\"\n"), Err(SavedPlanError::NoPlan(_))));
    }
}
