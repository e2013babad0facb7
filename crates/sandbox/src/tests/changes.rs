//! What one action changes, and what it is told as.

use serde_json::{Value, json};

use super::support::{Bench, Receiver, until};
use crate::{changes::ChangeRequest, handle::Handle, journal::ChangeKind, load::Load, settings::Settings};

fn told(receiver: &Receiver) -> Vec<Value> {
    receiver.events().iter().map(|event| serde_json::from_slice(&event.body).unwrap()).collect()
}

fn deletion(id: u64) -> ChangeRequest {
    ChangeRequest { id: Some(id), kind: ChangeKind::Delete, ..ChangeRequest::inserts("clockings", 1) }
}

fn of(handle: &Handle, collection: &str) -> Vec<crate::journal::Change> {
    handle.changes(0).into_iter().filter(|change| change.collection == collection).collect()
}

#[tokio::test]
async fn an_event_has_the_documented_body() {
    let (bench, receiver) = (Bench::start(Settings::default()).await, Receiver::start().await);
    let query = "?externalReferences=(people,@badge-number)(terminals,@external-code)";
    assert_eq!(bench.post(query, &receiver.url, "clockings").send().await.unwrap().status(), 201);
    let request: ChangeRequest = serde_json::from_value(json!({
        "collection": "clockings", "id": 40_112_233, "date": "2031-02-03", "person": 4_711,
        "set": {"timeOfDayInMinutes": 495, "status": "Active", "terminal.id": 12},
    }))
    .unwrap();
    let made = bench.sandbox.handle().change(&request).unwrap().remove(0);
    until("the event", || receiver.events().len() == 1).await;
    let event = told(&receiver).remove(0);
    assert_eq!(event["changeType"], "InsertOrUpdate");
    let data = &event["data"];
    assert_eq!((&data["id"], &data["changeVersion"]), (&json!(40_112_233), &json!(made.change_version)));
    let person = json!({"id": 4_711, "externalReferences": {"@badge-number": "04711"}});
    assert_eq!((&data["person"], &data["date"]), (&person, &json!("2031-02-03")));
    assert_eq!((&data["timeOfDayInMinutes"], &data["status"]), (&json!(495), &json!("Active")));
    assert_eq!(data["terminal"]["externalReferences"], json!({"@external-code": "external-code-12"}));
    assert_eq!(made.date.as_deref(), Some("2031-02-03"));
}

#[tokio::test]
async fn saving_one_group_saves_all() {
    for groups in ["absence-groups", "counter-groups"] {
        let (bench, receiver) = (Bench::start(Settings::default()).await, Receiver::start().await);
        let handle = bench.sandbox.handle();
        let made = handle.change(&ChangeRequest::inserts(groups, 3)).unwrap();
        bench.create(&receiver.url, groups).await;
        let one = ChangeRequest { id: Some(made[1].id), ..ChangeRequest::inserts(groups, 1) };
        assert_eq!(handle.change(&one).unwrap().len(), 1);
        until("an event for each", || receiver.events().len() == 3).await;
        let mut ids: Vec<u64> = told(&receiver).iter().map(|it| it["data"]["id"].as_u64().unwrap()).collect();
        let mut all: Vec<u64> = made.iter().map(|change| change.id).collect();
        ids.sort_unstable();
        all.sort_unstable();
        assert_eq!(ids, all);
        assert_eq!(handle.changes(made[2].seq).len(), 3, "the truth knows every one");
    }
}

#[tokio::test]
async fn a_clocking_touches_what_is_calculated_of_its_day_where_that_is_watched() {
    let (bench, receiver) = (Bench::start(Settings::default()).await, Receiver::start().await);
    let handle = bench.sandbox.handle();
    let related =
        ChangeRequest { related: true, person: Some(4_711), ..ChangeRequest::inserts("clockings", 1) };
    handle.change(&related).unwrap();
    assert_eq!(handle.changes(0).len(), 1, "no one watches the others");
    for collection in ["calculated-totals", "paid-presences", "clockings"] {
        bench.create(&receiver.url, collection).await;
    }
    assert_eq!(handle.change(&related).unwrap().len(), 1);
    handle.change(&related).unwrap();
    until("eight events", || receiver.events().len() == 8).await;
    // One record a person and day; a presence that is split over shifts is two.
    let ids = |collection: &str| {
        let mut ids: Vec<u64> = of(&handle, collection).iter().map(|change| change.id).collect();
        ids.dedup();
        ids.sort_unstable();
        ids.dedup();
        ids.len()
    };
    assert_eq!((ids("calculated-totals"), ids("paid-presences"), ids("counters")), (1, 2, 0));
    let of_the_day = of(&handle, "calculated-totals").remove(0);
    assert_eq!(of_the_day.date, of(&handle, "clockings")[0].date);
    handle.change(&ChangeRequest::inserts("clockings", 1)).unwrap();
    assert_eq!(of(&handle, "calculated-totals").len(), 2, "only where it is asked for");
}

#[tokio::test]
async fn a_clocking_is_deleted_in_the_way_that_is_set() {
    for (way, types, kinds) in [
        ("delete", vec![("Delete", None)], vec![ChangeKind::Delete]),
        ("status", vec![("InsertOrUpdate", Some("Deleted"))], vec![ChangeKind::Delete]),
        (
            "both",
            vec![("InsertOrUpdate", Some("Deleted")), ("Delete", None)],
            vec![ChangeKind::Upsert, ChangeKind::Delete],
        ),
    ] {
        let settings = Settings { parallel_deliveries: 1, ..Settings::default() };
        let (bench, receiver) = (Bench::start(settings).await, Receiver::start().await);
        let handle = bench.sandbox.handle();
        handle.set(json!({"clocking_deletion": way})).unwrap();
        let id = handle.change(&ChangeRequest::inserts("clockings", 1)).unwrap()[0].id;
        bench.create(&receiver.url, "clockings").await;
        let gone = handle.change(&deletion(id)).unwrap();
        assert_eq!(gone.iter().map(|change| change.kind).collect::<Vec<_>>(), kinds, "{way}");
        until("its events", || receiver.events().len() == types.len()).await;
        let events = told(&receiver);
        let told: Vec<_> = events
            .iter()
            .map(|event| (event["changeType"].as_str().unwrap(), event["data"]["status"].as_str()))
            .collect();
        assert_eq!(told, types);
        assert!(handle.change(&deletion(id)).is_err(), "{way}: it is gone");
    }
}

#[tokio::test]
async fn what_shows_no_version_is_in_the_truth() {
    let bench = Bench::start(Settings::default()).await;
    let handle = bench.sandbox.handle();
    let made = handle.change(&ChangeRequest::inserts("activity-durations", 1)).unwrap().remove(0);
    let data = made.data.unwrap();
    assert_eq!((&data["id"], data.get("changeVersion")), (&json!(made.id), None));
    assert_eq!(handle.change(&ChangeRequest::inserts("people", 1)).unwrap()[0].data, None);
    handle.set(json!({"activity_change_version": "present"})).unwrap();
    assert_eq!(handle.change(&ChangeRequest::inserts("activity-durations", 1)).unwrap()[0].data, None);
}

#[tokio::test]
async fn changes_under_load_are_of_other_days_too() {
    let bench = Bench::start(Settings::default()).await;
    let handle = bench.sandbox.handle();
    let collections = ["clockings", "absence-groups", "people"].map(str::to_owned).to_vec();
    handle.set_load(Load { collections, per_second: 1_000.0, ..Load::default() }).unwrap();
    until("many changes", || of(&handle, "clockings").len() > 60).await;
    handle.set_load(Load::default()).unwrap();
    let today = crate::time::day_of(crate::clock::now()).to_string();
    let days: Vec<String> = of(&handle, "clockings").into_iter().filter_map(|change| change.date).collect();
    assert!(days.contains(&today));
    assert!(days.iter().any(|day| *day > today) && days.iter().any(|day| *day < today), "{days:?}");
    let mut groups: Vec<u64> = of(&handle, "absence-groups").iter().map(|change| change.id).collect();
    groups.sort_unstable();
    groups.dedup();
    assert!(groups.len() <= 6, "{groups:?}");
}

#[test]
fn a_request_that_is_misspelt_is_refused() {
    for wrong in [
        json!({"collection": "people", "id": "4711"}),
        json!({"collection": "people", "ids": 4_711}),
        json!({"collection": "people", "person": "Ann"}),
    ] {
        assert!(serde_json::from_value::<ChangeRequest>(wrong.clone()).is_err(), "{wrong}");
    }
}
