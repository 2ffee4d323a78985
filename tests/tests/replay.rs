//! The same seed tells the same story, message by message and tick by tick: alone, after others, before others and beside
//! others. What a failure printed can be looked at again.

use huiliu_tests::{simulation::run, story};

fn told(seed: u64) -> story::Story {
    let (ended, story) = story::told(|| run(seed));
    ended.unwrap();
    assert!(story.lines.len() > 100, "a story without messages shows nothing");
    story
}

fn same(a: &story::Story, b: &story::Story, when: &str) {
    assert!(a.digest() == b.digest(), "{when}: {}", a.parts_from(b).unwrap_or_default());
}

#[test]
fn a_seed_tells_the_same_story_alone_and_among_others() {
    let (first, second) = (told(7), told(56));
    same(&told(7), &first, "after another one");
    let (beside, again) = std::thread::scope(|scope| {
        let beside = scope.spawn(|| told(56));
        let again = told(7);
        (beside.join().unwrap(), again)
    });
    same(&beside, &second, "beside another one, on another thread");
    same(&again, &first, "beside another one");
}
