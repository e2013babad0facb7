//! Clocks that jump, times with more or fewer digits, and an emergency file that cannot be taken over.

use super::*;

#[tokio::test]
async fn a_status_is_not_seen_since_a_time_that_is_still_to_come() {
    let bench = Bench::new().await;
    let since = |record: Record| match record.remote {
        Remote::Listed(listed) => listed.status_since,
        other => panic!("{other:?}"),
    };
    for (asked_at, expected) in [(90_000, 90_000), (3_000, 3_000), (4_000, 3_000)] {
        let before = bench.store.post_counts(&TenantName::new("acme").expect("a name")).await.expect("reads");
        let webhook = RemoteWebhook {
            references: None,
            id: "one".to_owned(),
            pair: pair("clockings"),
            status: RemoteStatus::Other("Uninitialized".to_owned()),
            valid_until: Some(at(500)),
            local_end: false,
        };
        let list = HashMap::from([(bench.id, webhook)]);
        bench.store.apply_list(before, list, Grain::Minute, at(asked_at)).await.expect("records");
        assert_eq!(since(bench.record().await), at(expected));
    }
}

#[tokio::test]
async fn how_finely_times_are_written_is_remembered_for_two_answers() {
    let bench = Bench::new().await;
    let issued = |record: Record| record.issued.expect("issued");
    let renewal = bench.store.begin(bench.id, Reason::Created, None, at(90)).await.expect("begins");
    let tenant = TenantName::new("acme").expect("a name");
    for (millis, grain) in
        [(120, Grain::Hundredth), (0, Grain::Hundredth), (0, Grain::Second), (7, Grain::Tick)]
    {
        let valid_until = Some(at(500) + jiff::SignedDuration::from_millis(millis));
        let step = bench.store.start_step(bench.id, renewal, Step::Rotate, at(95)).await.expect("starts");
        bench
            .store
            .rotate(step, Rotation { valid_until, ..rotation("k", "") }, at(96))
            .await
            .expect("rotates");
        assert_eq!(issued(bench.record().await).grain, grain, "{millis}");
    }
    for (written, grain) in [
        (Grain::Second, Grain::Second),
        (Grain::Hundredth, Grain::Hundredth),
        (Grain::Second, Grain::Hundredth),
    ] {
        let before = bench.store.post_counts(&tenant).await.expect("reads");
        let webhook = RemoteWebhook {
            references: None,
            id: "id-of-k".to_owned(),
            pair: pair("clockings"),
            status: RemoteStatus::Enabled,
            valid_until: Some(at(500)),
            local_end: false,
        };
        let list = HashMap::from([(bench.id, webhook)]);
        bench.store.apply_list(before, list, written, at(97)).await.expect("records");
        match bench.record().await.remote {
            Remote::Listed(listed) => assert_eq!(listed.grain, grain),
            other => panic!("{other:?}"),
        }
    }
    // What lists showed stays known after the next rotation, and is forgotten after the one after it.
    for grain in [Grain::Hundredth, Grain::Minute] {
        let step = bench.store.start_step(bench.id, renewal, Step::Rotate, at(98)).await.expect("starts");
        bench.store.rotate(step, rotation("k", ""), at(99)).await.expect("rotates");
        match bench.record().await.remote {
            Remote::Listed(listed) => assert_eq!(listed.grain, grain),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn whoever_cannot_take_over_an_emergency_file_does_not_start() {
    let bench = Bench::new().await;
    let renewal = bench.store.begin(bench.id, Reason::Created, None, at(90)).await.expect("begins");
    bench.store.post_had_no_effect(renewal).await.expect("records");
    let post =
        bench.store.start_post(bench.id, renewal, false, at(93)).await.expect("starts").expect("begun");
    let answer = Answer {
        location: None,
        body: zeroize::Zeroizing::new(b"{}".to_vec()),
        issued_at: at(93),
        references: String::new(),
    };
    let file = bench.store.rescue(post, &answer).await.expect("writes");
    let Bench { store, id, dir } = bench;
    drop(store);
    let other = Connection::open(dir.path().join("state.db")).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("locks");
    let error = Store::open(dir.path()).expect_err("locked").to_string();
    assert!(error.contains("rescued-answer-") && error.contains("locked"), "{error}");
    assert!(file.exists(), "it is kept");
    other.execute_batch("ROLLBACK").expect("unlocks");
    drop(other);
    let store = Store::open(dir.path()).expect("opens");
    assert_eq!(store.record(id).await.expect("reads").open.expect("open").stage, Stage::Rotate);
    assert!(!file.exists());
}
