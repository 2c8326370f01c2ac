//! Two operators at two managers that start a change of the same group within 5 ms: one
//! wins, the other learns the owner.

use pinnace_engine::identity::operator;

use super::sequence::Dice;
use super::*;
use crate::scripts::keys::Desk;

const ROUNDS: u64 = 50;

/// Returns true if the output names the owner of the change.
fn says_whose(text: &str, change: &str) -> bool {
    text.contains(&operator()) && (text.contains(change) || text.contains("changed the group meanwhile"))
}

/// Returns the pin arguments of a round; most of them change no service.
fn pins(round: u64) -> Vec<String> {
    match round % 5 {
        0 => sequence::pinned(&[if round.is_multiple_of(2) { "a=2" } else { "a=3" }], &[]),
        1 | 3 => vec!["--unpin".into(), "a".into()],
        _ if (round / 5).is_multiple_of(2) => sequence::pinned(&["a=2"], &[]),
        _ => sequence::pinned(&["a=3"], &[]),
    }
}

async fn verbs() {
    let stage = Stage::new(Swarm::of(SHOP));
    let mut dice = Dice(7);
    let mut gaps = BTreeMap::new();
    for round in 0..ROUNDS {
        let gap = u64::try_from(dice.below(6)).unwrap();
        let args = [vec!["shop".to_owned()], pins(round)].concat();
        let lines = [0, 1].map(|at| {
            Line::new(&stage, usize::try_from(round * 2 + at).unwrap(), Vec::new(), Some(Dice(round * 2 + at)))
        });
        let [one, two] = lines.map(Someone::new);
        let (first, second) = tokio::join!(one.run("apply", &args), async {
            tokio::time::sleep(Duration::from_millis(gap)).await;
            two.run("apply", &args).await
        });
        let change = stage.judge(|judge| judge.newest()).unwrap();
        let (won, lost) = if first.starts_with("Done") { (&first, &second) } else { (&second, &first) };
        let context = format!("round {round}, {gap} ms:\n{first}\n{second}");
        assert!(won.starts_with("Done") && lost.starts_with("Choice"), "{context}");
        assert!(says_whose(lost, &change), "{change}: {context}");
        let outcomes = stage.judge(|judge| judge.outcomes());
        assert_eq!(outcomes.len() as u64, round + 1, "{context}");
        assert!(outcomes.iter().all(|(state, _)| state == "done"), "{context}: {outcomes:?}");
        *gaps.entry((gap, if won == &first { "first" } else { "second" })).or_insert(0) += 1;
        if round % 10 == 9 {
            println!("{context}");
        }
    }
    stage.judge(monitor::Judge::ended);
    assert!(stage.judge(|judge| judge.wrong.clone()).is_empty());
    println!("who won, by the gap in milliseconds: {gaps:?}");
}

/// Moves from the first screen to the plan of another image for `a`.
async fn planned(desk: &mut Desk) {
    desk.wait("the first screen", 10, |text| text.contains("shop")).await;
    desk.press("p");
    desk.wait("the pins", 10, |text| text.contains("[service.a]")).await;
    desk.press("down down down down delete delete end backspace backspace");
    desk.type_in("2\"");
    desk.wait("the registry's answer", 10, |text| text.contains("linux/amd64")).await;
    desk.press("esc P");
    desk.wait("the plan", 10, |text| text.contains("plan up to date")).await;
}

async fn consoles(round: u64) {
    let stage = Stage::new(Swarm::of(SHOP));
    let lines =
        [0, 1].map(|at| Line::new(&stage, usize::try_from(at).unwrap(), Vec::new(), Some(Dice(round * 2 + at))));
    let [one, two] = lines.map(Someone::new);
    let [mut first, mut second] = [&one, &two].map(|someone| Desk::with(&someone.given, (120, 40)));
    planned(&mut first).await;
    planned(&mut second).await;
    first.press("a");
    tokio::time::sleep(Duration::from_millis(round % 6)).await;
    second.press("a");
    let told = |text: &str| text.contains("Done.") || text.contains("meanwhile") || text.contains("is not finished");
    tokio::join!(first.wait("an outcome", 60, told), second.wait("an outcome", 60, told));
    let (one, two) = (first.text(), second.text());
    let change = stage.judge(|judge| judge.newest()).unwrap();
    let (won, lost) = if one.contains("Done.") { (&one, &two) } else { (&two, &one) };
    assert!(won.contains("Done.") && says_whose(lost, &change), "{one}\n{two}");
    stage.judge(monitor::Judge::ended);
    let (outcomes, wrong) = stage.judge(|judge| (judge.outcomes(), judge.wrong.clone()));
    assert!(outcomes.len() == 1 && outcomes[0].0 == "done" && wrong.is_empty(), "{outcomes:?} {wrong:?}");
    if round == 0 {
        println!("{lost}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_verbs_at_once() {
    Box::pin(verbs()).await;
}

#[tokio::test(start_paused = true)]
async fn two_consoles_at_once() {
    for round in 0..12 {
        Box::pin(consoles(round)).await;
    }
}
