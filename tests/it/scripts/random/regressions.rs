//! Sequences that failed once, reduced to the smallest failing form.

use super::*;

/// Runs a sequence and checks that it finds no violation.
async fn stays_right(ops: Vec<Op>, last: &'static str) {
    let came = play(&Sequence { ops, last }).await;
    assert!(came.wrong.is_empty(), "{:#?}\n{}", came.wrong, came.story.join("\n"));
}

fn op(at: u64, what: What) -> Op {
    Op { at, what, armed: Vec::new() }
}

/// Abandons a change while the engine is about to roll back a bad update. Earlier, the unit's letter said that
/// the update had never been accepted.
#[tokio::test(start_paused = true)]
async fn what_the_engine_took_back_had_landed() {
    let bad = What::Apply(sequence::pinned(&["a=3", "b=bad"], &[]));
    stays_right(vec![op(0, bad), op(4988, What::Take(OperatorCommand::Detach))], "--keep").await;
}
