//! A change: a plan being carried out. Events fold into progress; progress decides the next step.

mod event;
mod judge;
mod next;
mod progress;

pub use event::{Choice, Event, Kind, Order, Phase, Question, TaskLine};
pub use judge::{Look, Verdict, judge};
pub use next::{Mode, OnFailure, Step, next};
pub use progress::{Progress, UnitProgress};
