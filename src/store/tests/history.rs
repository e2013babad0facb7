//! What is kept of the renewals that were.

use super::*;
use crate::store::commit::RENEWALS_IN_HISTORY;

#[tokio::test]
async fn the_history_is_limited_and_its_oldest_renewals_are_forgotten() {
    let bench = Bench::new(&[]).await;
    let renewals = i64::try_from(RENEWALS_IN_HISTORY).expect("few") + 3;
    for second in 0..renewals {
        bench.begin(Reason::Manual, None, second).await;
        bench
            .happen(&Event::Imported(WebhookKey::new("k".to_owned()).expect("a key"), String::new()), second)
            .await;
        bench
            .happen(
                &Event::Supersede {
                    renewal: bench.store.new_renewal(),
                    reason: Reason::Manual,
                    gap: None,
                    outcome: crate::domain::reason::RenewalOutcome::Failed,
                    error: "no".to_owned(),
                },
                second,
            )
            .await;
        if second == 2 {
            let three = bench.store.history(bench.id, 3).await.expect("reads");
            assert_eq!(three.len(), 3);
            assert!(three[0].id > three[2].id && three[0].outcome.is_none(), "newest first");
        }
        if bench.state().await.renewals > RENEWALS_IN_HISTORY + 2 {
            break;
        }
    }
    let all = bench.store.history(bench.id, 10_000).await.expect("reads");
    assert_eq!(all.len() as u64, RENEWALS_IN_HISTORY);
    let active =
        Event::StepFailed(bench.start(Step::Resync, 1).await, setback(Step::Resync), Some("out".to_owned()));
    bench.happen(&active, 2).await;
    let newest = &bench.store.history(bench.id, 1).await.expect("reads")[0];
    assert_eq!(newest.steps[0].output.as_deref(), Some("out"));
}
