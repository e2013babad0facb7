//! What is forgotten, and what never is.

use super::*;
use crate::{
    domain::{
        reason::RenewalOutcome,
        report,
        retention::{AT_A_TIME, Allowance, RENEWALS_OF_A_WEBHOOK, Retention},
    },
    store::History,
};

const NOTHING: Retention = Retention { keep: std::time::Duration::ZERO, keep_rows: 0 };

impl Bench {
    /// Lets so many renewals begin, each in the place of the one before, and the last one be under way.
    async fn supersede(&self, count: i64) {
        self.begin(Reason::Manual, None, 0).await;
        for second in 1..count {
            let renewal = self.store.new_renewal();
            let (outcome, error) = (RenewalOutcome::Failed, "no".to_owned());
            let reason = Reason::Manual;
            self.happen(&Event::Supersede { renewal, reason, gap: None, outcome, error }, second).await;
        }
    }

    async fn told_history(&self) -> Vec<report::Renewal> {
        self.store.history(self.id, 10_000).await.expect("reads")
    }

    /// Forgets all that may go, step by step, and returns how many rows went with each.
    async fn prune(&self, retention: Retention) -> Vec<u64> {
        let mut steps = Vec::new();
        loop {
            let History { rows, mut oldest } = self.store.oldest_history().await.expect("reads");
            let mut allowance = Allowance::default();
            allowance.grow(std::time::Duration::from_hours(24), rows);
            oldest.truncate(retention.forgotten(&oldest, rows, &mut allowance, at(1_000_000)));
            let gone = self.store.forget(oldest).await.expect("forgets");
            if gone == 0 {
                return steps;
            }
            steps.push(gone);
        }
    }

    fn count(&self, table: &str) -> u64 {
        let connection = Connection::open(self.dir.path().join("state.db")).expect("opens");
        let sql = format!("SELECT count(*) FROM {table}");
        let count: i64 = connection.query_row(&sql, [], |row| row.get(0)).expect("counts");
        count.unsigned_abs()
    }
}

#[tokio::test]
async fn what_is_under_way_and_the_newest_finished_renewal_of_each_webhook_stay() {
    let bench = Bench::new(&[]).await;
    for key in ["one", "two", "three"] {
        bench.rotate(key).await;
        bench.finish().await;
    }
    let other = bench.store.add_configured(configured("people", "people", &[]), at(10)).await.expect("adds");
    let people = bench.store.state(other).await.expect("reads");
    let begun = Event::Begin { renewal: bench.store.new_renewal(), reason: Reason::Manual, gap: None };
    let begun = apply(&people, &begun, now(20));
    assert!(bench.store.commit("test", vec![begun.into()], None).await.expect("commits"));

    bench.prune(NOTHING).await;
    let left = bench.told_history().await;
    assert_eq!(left.len(), 1, "the newest one");
    assert_eq!((left[0].outcome.as_deref(), left[0].steps.len()), (Some("succeeded"), 4), "whole");
    assert_eq!(bench.store.history(other, 9).await.expect("reads").len(), 1, "it is under way");

    bench.begin(Reason::Manual, None, 300).await;
    bench.prune(NOTHING).await;
    let left = bench.told_history().await;
    assert_eq!((left.len(), left[1].outcome.as_deref()), (2, Some("succeeded")), "none has ended since");
    assert_eq!(bench.count("finished_renewal"), 1);
}

#[tokio::test]
async fn a_webhook_has_a_limited_number_of_renewals_however_young_they_are() {
    let bench = Bench::new(&[]).await;
    bench.supersede(RENEWALS_OF_A_WEBHOOK + 4).await;
    let three = bench.store.history(bench.id, 3).await.expect("reads");
    assert!(three.len() == 3 && three[0].id > three[2].id && three[0].outcome.is_none(), "newest first");
    assert_eq!(three[1].outcome.as_deref(), Some("failed"));
    let all = Retention { keep: std::time::Duration::from_hours(9_999), keep_rows: u64::MAX };
    bench.prune(all).await;
    let renewals = bench.told_history().await.len();
    assert_eq!(i64::try_from(renewals), Ok(RENEWALS_OF_A_WEBHOOK + 1), "and the one that is under way");
    assert_eq!(bench.prune(all).await, [] as [u64; 0]);
}

#[tokio::test]
async fn the_oldest_goes_in_small_steps_until_the_rows_are_few() {
    let bench = Bench::new(&[]).await;
    bench.supersede(400).await;
    let active = bench.start(Step::Resync, 500).await;
    bench.happen(&Event::StepFailed(active, setback(Step::Resync), Some("out".to_owned())), 501).await;
    let rows = bench.count("journal");
    assert_eq!(bench.store.oldest_history().await.expect("reads").rows, rows, "it is known without counting");
    let retention = Retention { keep: std::time::Duration::from_hours(9_999), keep_rows: 100 };
    let steps = bench.prune(retention).await;
    assert!(steps.len() > 2 && steps.iter().all(|gone| *gone <= AT_A_TIME), "{steps:?}");
    let left = bench.count("journal");
    assert!((90..=100).contains(&left), "{left}");
    assert_eq!(steps.iter().sum::<u64>() + left, rows);
    assert_eq!(bench.store.oldest_history().await.expect("reads").rows, left);
    let history = bench.told_history().await;
    assert!(history.windows(2).all(|pair| pair[0].id == pair[1].id + 1), "the newest, without a gap");
    assert_eq!(history[0].steps[0].output.as_deref(), Some("out"));
}

#[tokio::test]
async fn a_renewal_with_more_rows_than_a_step_goes_in_several_and_is_not_shown_meanwhile() {
    let bench = Bench::new(&[]).await;
    bench.begin(Reason::Manual, None, 1).await;
    let attempts = AT_A_TIME;
    for _ in 0..attempts {
        let attempt = bench.start(Step::Resync, 2).await;
        bench.happen(&Event::StepFailed(attempt, setback(Step::Resync), None), 3).await;
    }
    for second in [4, 5] {
        let renewal = bench.store.new_renewal();
        let (outcome, error) = (RenewalOutcome::Failed, "no".to_owned());
        let reason = Reason::Manual;
        bench.happen(&Event::Supersede { renewal, reason, gap: None, outcome, error }, second).await;
    }
    let History { oldest, .. } = bench.store.oldest_history().await.expect("reads");
    assert_eq!(bench.store.forget(oldest).await.expect("forgets"), AT_A_TIME);
    assert_eq!(bench.told_history().await.len(), 2, "half a renewal is none");
    assert_eq!(bench.prune(NOTHING).await.iter().sum::<u64>(), attempts + 2);
    assert_eq!(bench.count("finished_renewal"), 1);
}
