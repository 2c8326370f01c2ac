//! Sequences that went wrong once, as small as they could be made.

use super::*;

/// Plays them; what was wrong must not be any more.
async fn stays_right(ops: Vec<Op>, last: &'static str) {
    let came = play(&Sequence { ops, last }).await;
    assert!(came.wrong.is_empty(), "{:#?}\n{}", came.wrong, came.story.join("\n"));
}

fn op(at: u64, what: What) -> Op {
    Op { at, what, armed: Vec::new() }
}

/// Given up while the engine was about to take a bad update back: the letter said that it had never landed.
#[tokio::test(start_paused = true)]
async fn what_the_engine_took_back_had_landed() {
    let bad = What::Apply(sequence::pinned(&["a=3", "b=bad"], &[]));
    stays_right(vec![op(0, bad), op(4988, What::Take(Order::Detach))], "--leave").await;
}
