//! What is asked for again and again: made once per change, shared, and right all the same.

use super::*;

/// So long after it is due a webhook is looked at again by those who ask.
const UNTIL_IT_RESTS: std::time::Duration = std::time::Duration::from_millis(1_200);

impl Bench {
    /// From now on no statement that reads or writes a webhook succeeds.
    fn without_tables(&self) {
        let database = rusqlite::Connection::open(self.folder.path().join("state/state.db")).expect("opens");
        for table in ["webhook", "journal", "sink", "tenant", "key"] {
            database.execute(&format!("ALTER TABLE {table} RENAME TO {table}_gone"), ()).expect("renamed");
        }
    }

    async fn all(&self) -> Bytes {
        self.service.webhooks(false, None, None).await.expect("answers")
    }

    async fn made(&self) -> usize {
        self.service.engine.snapshot().await.expect("answers").made
    }

    /// Nothing is due, and everyone has asked once.
    async fn at_rest() -> Self {
        let bench = Self::new().await;
        for path in ["acme/clockings", "acme/people", "globex/clockings"] {
            bench.delivers(path).await;
        }
        tokio::time::sleep(UNTIL_IT_RESTS).await;
        bench.all().await;
        bench.service.webhooks(true, None, None).await.expect("answers");
        bench
    }
}

fn parsed(list: &[u8]) -> Vec<report::Webhook> {
    serde_json::from_slice::<report::Webhooks>(list).expect("webhooks").webhooks
}

#[tokio::test]
async fn nothing_is_read_or_made_for_those_who_ask_before_anything_has_changed() {
    let bench = Bench::at_rest().await;
    let (list, made) = (bench.all().await, bench.made().await);
    let whole = bench.service.webhooks(true, None, None).await.expect("answers");
    bench.without_tables();
    bench.service.store.states().await.expect_err("no statement succeeds");
    for _ in 0..3 {
        assert_eq!(bench.all().await.as_ptr(), list.as_ptr(), "the same bytes");
        let again = bench.service.webhooks(true, None, None).await.expect("answers");
        assert_eq!(again.as_ptr(), whole.as_ptr(), "the same bytes");
        let some = bench.service.webhooks(false, Some("acme"), Some(State::Active)).await.expect("answers");
        assert_eq!(parsed(&some), parsed(&list)[..2]);
        let health = bench.service.health().await.expect("answers");
        assert!(Arc::ptr_eq(&health, &bench.service.health().await.expect("answers")));
        let metrics: String = bench.service.metrics().await.expect("answers").collect();
        assert!(metrics.contains("webhook_enabled{tenant=\"acme\",webhook=\"people\"} 1\n"), "{metrics}");
    }
    assert_eq!(bench.made().await, made);
}

#[tokio::test]
async fn a_change_makes_one_view_and_the_list_is_what_the_webhooks_are() {
    let bench = Bench::at_rest().await;
    let (before, made) = (bench.all().await, bench.made().await);
    bench.key("acme/people", "another").await;
    tokio::time::sleep(UNTIL_IT_RESTS).await;
    let after = bench.all().await;
    assert_eq!(bench.made().await, made + 1);
    assert_ne!(before, after);
    assert_eq!(bench.all().await.as_ptr(), after.as_ptr());
    for with_secrets in [false, true] {
        let list = bench.service.webhooks(with_secrets, None, None).await.expect("answers");
        let listed = parsed(&list);
        assert_eq!(listed.len(), 3);
        let whole = serde_json::to_vec(&report::Webhooks { webhooks: listed.clone() }).expect("JSON");
        assert_eq!(list, whole, "byte for byte what it says");
        for listed in listed {
            let path = named(&format!("{}/{}", listed.tenant, listed.name));
            let mut one = bench.service.webhook(&path).await.expect("answers").expect("known");
            if !with_secrets {
                assert!(one.destination_url.contains("t0ken"));
                one.destination_url = crate::redact::destination(&one.destination_url);
            }
            assert_eq!(listed, one);
        }
    }
}

#[tokio::test]
async fn a_poll_that_fails_and_the_time_show_in_the_list() {
    let bench = Bench::new().await;
    for _ in 0..2 {
        bench.service.poll().await;
        for listed in parsed(&bench.service.webhooks(true, None, None).await.expect("answers")) {
            let path = named(&format!("{}/{}", listed.tenant, listed.name));
            let one = bench.service.webhook(&path).await.expect("answers").expect("known");
            assert_eq!(listed, one);
            assert_eq!(one.last_error.expect("it failed").step, "poll");
        }
    }
}

#[tokio::test]
async fn what_is_being_read_stays_as_it_was_and_holds_up_no_one() {
    let bench = Bench::at_rest().await;
    let whole: String = bench.service.metrics().await.expect("answers").collect();
    let slow = bench.service.metrics().await.expect("answers");
    bench.post_in_flight("acme/people").await;
    let now: String = bench.service.metrics().await.expect("answers").collect();
    assert!(now.contains("state{tenant=\"acme\",webhook=\"people\",state=\"renewing\"} 1\n"), "{now}");
    assert_eq!(slow.collect::<String>(), whole);
}

#[tokio::test]
async fn views_that_no_one_asks_for_are_forgotten() {
    let bench = Bench::at_rest().await;
    bench.all().await;
    let made = bench.made().await;
    bench.service.engine.forget_snapshot(std::time::Duration::ZERO).await;
    bench.all().await;
    assert_eq!(bench.made().await, made + 3, "all are made again");
}

#[tokio::test]
async fn for_the_list_of_a_tenant_no_other_is_read() {
    let bench = Bench::new().await;
    bench.delivers("acme/clockings").await;
    let of = async |tenant, state| {
        let list = bench.service.webhooks(false, Some(tenant), state).await.expect("answers");
        parsed(&list).iter().map(|webhook| webhook.name.clone()).collect::<Vec<_>>()
    };
    let database = rusqlite::Connection::open(bench.folder.path().join("state/state.db")).expect("opens");
    let state: String = database
        .query_row("SELECT state FROM webhook WHERE tenant = 'globex'", [], |row| row.get(0))
        .expect("it is there");
    let set = |text: &str| database.execute("UPDATE webhook SET state = ? WHERE tenant = 'globex'", [text]);
    set("{}").expect("damaged");
    let asked = [("acme", None), ("acme", Some(State::Active)), ("initech", None)];
    let mut lists = Vec::new();
    for (tenant, state) in asked {
        lists.push(of(tenant, state).await);
    }
    assert_eq!(lists, [vec!["clockings", "people"], vec!["clockings"], vec![]]);
    set(&state).expect("repaired");
    bench.all().await;
    for ((tenant, state), list) in asked.into_iter().zip(lists) {
        assert_eq!(of(tenant, state).await, list, "with those of all there");
    }
}
