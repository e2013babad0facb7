//! What each record leaves as it was: a debt, a doubt or a failure is not forgotten on the way.

use super::*;

const GAP: Gap = Gap { from: None, to: Timestamp::UNIX_EPOCH };

impl Bench {
    /// A renewal with a gap.
    async fn begin(&self) -> i64 {
        self.store.begin(self.id, Reason::Disabled, Some(GAP), at(90)).await.expect("begins")
    }

    /// The same, that stands before its POST.
    async fn before_its_post(&self) -> i64 {
        let renewal = self.begin().await;
        let resync = self.step(renewal, Step::Resync).await;
        self.store.resync_passed_over(resync, "no".to_owned(), None, at(92)).await.expect("records");
        renewal
    }

    async fn post(&self, renewal: i64, begun: i64) -> crate::store::Attempt {
        let post = self.store.start_post(self.id, renewal, false, at(begun)).await;
        post.expect("starts").expect("begun")
    }

    async fn step(&self, renewal: i64, step: Step) -> crate::store::Attempt {
        self.store.start_step(self.id, renewal, step, at(91)).await.expect("starts")
    }

    /// The open renewal, judged to be one that cannot finish.
    async fn unfinished(&self) -> Unfinished {
        let open = self.record().await.open.expect("open");
        let (outcome, error) = (RenewalOutcome::Failed, "no".to_owned());
        Unfinished { renewal: open.id, stage: open.stage, outcome, error }
    }

    async fn stage(&self) -> Stage {
        self.record().await.open.expect("open").stage
    }
}

#[tokio::test]
async fn a_rotation_pays_nothing_of_what_is_owed() {
    let bench = Bench::new().await;
    let renewal = bench.begin().await;
    let rotate = bench.step(renewal, Step::Rotate).await;
    bench.store.rotate(rotate, rotation("one", ""), at(96)).await.expect("rotates");
    assert_eq!(bench.record().await.owed, Some(Gap { from: None, to: at(102) }), "it has only grown");
    bench.store.hand_off_settled(bench.id, renewal, true, at(97)).await.expect("records");
    assert_eq!(bench.record().await.owed, Some(Gap { from: None, to: at(102) }));
}

#[tokio::test]
async fn a_resync_that_was_passed_over_paid_nothing() {
    let bench = Bench::new().await;
    let renewal = bench.begin().await;
    let resync = bench.step(renewal, Step::Resync).await;
    bench.store.resync_passed_over(resync, "no".to_owned(), None, at(92)).await.expect("records");
    let record = bench.record().await;
    assert_eq!((record.owed, record.synced_at), (Some(GAP), None));
    assert_eq!(bench.stage().await, Stage::Post);
}

#[tokio::test]
async fn a_resync_of_which_nobody_knows_what_it_covers_paid_nothing() {
    let bench = Bench::new().await;
    let renewal = bench.begin().await;
    let resync = bench.step(renewal, Step::Resync).await;
    bench.store.resynced(resync, StepOutcome::Succeeded, None, None, at(92)).await.expect("records");
    let record = bench.record().await;
    assert_eq!((record.owed, record.synced_at), (Some(GAP), None));
}

#[tokio::test]
async fn who_takes_over_without_a_gap_takes_over_the_debt() {
    let bench = Bench::new().await;
    bench.begin().await;
    let unfinished = bench.unfinished().await;
    bench.store.supersede(bench.id, unfinished, Reason::Manual, None, at(95)).await.expect("supersedes");
    let record = bench.record().await;
    assert_eq!(record.owed, Some(GAP));
    let last = record.last.expect("ended");
    assert_eq!((last.reason, last.outcome), (Reason::Disabled, RenewalOutcome::Failed));
}

#[tokio::test]
async fn a_renewal_that_went_on_since_it_was_judged_is_not_ended() {
    let bench = Bench::new().await;
    let renewal = bench.begin().await;
    let judged = bench.unfinished().await;
    let supersede = |unfinished| bench.store.supersede(bench.id, unfinished, Reason::Manual, None, at(95));
    let resync = bench.step(renewal, Step::Resync).await;
    bench.store.resynced(resync, StepOutcome::Succeeded, None, None, at(92)).await.expect("records");
    assert_eq!(supersede(judged.clone()).await.expect("records"), renewal, "it is hurried instead");
    let record = bench.record().await;
    assert_eq!((record.last, bench.stage().await), (None, Stage::Post));

    let another = supersede(bench.unfinished().await).await.expect("supersedes");
    assert_ne!(another, renewal);
    assert_eq!(supersede(judged).await.expect("records"), another, "nor one that took its place");
    assert_eq!(bench.record().await.open.expect("open").id, another);
}

#[tokio::test]
async fn who_begins_with_a_smaller_gap_shortens_no_debt() {
    let gap = |from: Option<i64>, to| Gap { from: from.map(at), to: at(to) };
    for (owed, begun, expected) in [
        (gap(Some(50), 90), gap(Some(70), 80), gap(Some(50), 90)),
        (gap(Some(50), 90), gap(Some(40), 100), gap(Some(40), 100)),
        (gap(None, 90), gap(Some(70), 100), gap(None, 100)),
        (gap(Some(50), 90), gap(None, 100), gap(None, 100)),
    ] {
        let bench = Bench::new().await;
        bench.store.begin(bench.id, Reason::Disabled, Some(owed), at(90)).await.expect("begins");
        assert_eq!(bench.record().await.owed, Some(owed));
        let unfinished = bench.unfinished().await;
        let superseded =
            bench.store.supersede(bench.id, unfinished, Reason::Manual, Some(begun), at(95)).await;
        superseded.expect("supersedes");
        assert_eq!(bench.record().await.owed, Some(expected), "{owed:?} and {begun:?}");
    }
}

#[tokio::test]
async fn from_before_a_post_until_its_outcome_is_known_it_is_unknown() {
    let bench = Bench::new().await;
    let renewal = bench.before_its_post().await;
    let failure = || trouble(Step::Post, TroubleKind::Transient);
    let post = bench.post(renewal, 93).await;
    assert_eq!(bench.stage().await, Stage::Posting, "from before it is sent");
    bench.store.post_refused(post, failure(), at(94)).await.expect("records");
    assert_eq!(bench.stage().await, Stage::Post, "a refusal is an outcome");

    let post = bench.post(renewal, 95).await;
    bench.store.post_unknown(post, failure(), at(96)).await.expect("records");
    assert_eq!(bench.stage().await, Stage::Posting, "a lost answer is none");
    bench.store.post_had_no_effect(renewal).await.expect("records");
    assert_eq!(bench.stage().await, Stage::Post, "what Protime lists is one");
}

#[tokio::test]
async fn a_rotation_is_confirmed_if_a_post_of_unknown_outcome_was_sent_within_the_hour() {
    for (begun, refused, expected) in [
        (None, false, false),
        (Some(90), false, true),
        (Some(90), true, false),
        (Some(90 - 3_600), false, false),
    ] {
        let bench = Bench::new().await;
        let renewal = bench.before_its_post().await;
        let failure = trouble(Step::Post, TroubleKind::Transient);
        if let Some(begun) = begun {
            let post = bench.post(renewal, begun).await;
            if refused {
                bench.store.post_refused(post, failure, at(94)).await.expect("records");
            } else {
                bench.store.post_unknown(post, failure, at(94)).await.expect("records");
            }
        }
        let rotate = bench.step(renewal, Step::Rotate).await;
        bench.store.rotate(rotate, rotation("one", ""), at(96)).await.expect("rotates");
        let confirm = expected.then_some(Confirm { at: at(101), until: at(131) });
        assert_eq!(bench.record().await.confirm, confirm, "begun at {begun:?}, refused: {refused}");
    }
}

#[tokio::test]
async fn success_in_one_step_does_not_make_the_failures_of_another_forgotten() {
    let bench = Bench::new().await;
    let renewal = bench.begin().await;
    let post = bench.step(renewal, Step::Post).await;
    let failure = trouble(Step::Post, TroubleKind::Transient);
    bench.store.step_failed(post, failure.clone(), None, at(92)).await.expect("records");
    let resync = bench.step(renewal, Step::Resync).await;
    bench.store.resynced(resync, StepOutcome::Succeeded, None, None, at(93)).await.expect("records");
    assert_eq!(bench.record().await.trouble, Some(failure.clone()));
    let resync = bench.step(renewal, Step::Resync).await;
    bench.store.resync_passed_over(resync, "no".to_owned(), None, at(94)).await.expect("records");
    assert_eq!(bench.record().await.trouble, Some(failure));
}

#[tokio::test]
async fn an_answer_ends_no_failure_before_its_key_is_current() {
    let bench = Bench::new().await;
    let renewal = bench.before_its_post().await;
    let failure = trouble(Step::Post, TroubleKind::Transient);
    let post = bench.post(renewal, 93).await;
    bench.store.post_unknown(post, failure.clone(), at(94)).await.expect("records");
    bench.store.post_had_no_effect(renewal).await.expect("records");
    let post = bench.post(renewal, 95).await;
    bench.store.post_answered(post, answer(), at(96)).await.expect("records");
    assert_eq!(bench.record().await.trouble, Some(failure), "it may be a page of a proxy's");
    let rotate = bench.step(renewal, Step::Rotate).await;
    bench.store.rotate(rotate, rotation("one", ""), at(97)).await.expect("rotates");
    assert_eq!(bench.record().await.trouble, None);
}

#[tokio::test]
async fn a_proof_is_never_taken_back_by_an_older_one() {
    let bench = Bench::new().await;
    for (at_protime, expected) in [(200, 200), (150, 200), (300, 300)] {
        bench.store.prove(vec![bench.id], at(at_protime)).await.expect("records");
        assert_eq!(bench.record().await.proven_at, Some(at(expected)));
    }
}
