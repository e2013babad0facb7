//! Values for the properties of an object, drawn by its id and version: the same in every run.

use fastrand::Rng;
use jiff::{Span, civil::Date};
use serde_json::{Map, Value, json};

use crate::{
    facts::{Facts, Kind, Presence},
    time::is_day,
};

/// The lowest id of a person, and how many people there are.
const PEOPLE: (u64, u64) = (4_700, 60);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Wishes<'a> {
    pub(crate) date: Option<&'a str>,
    pub(crate) person: Option<u64>,
    /// Properties by their paths.
    pub(crate) set: &'a Map<String, Value>,
}

impl Wishes<'_> {
    /// Says which wish an object of such a collection cannot have.
    pub(crate) fn check(&self, collection: &str, facts: &Facts) -> Result<(), String> {
        if let Some(date) = self.date {
            if facts.day().is_none() {
                return Err(format!("{collection} is not of days; leave out `date`"));
            }
            if !is_day(date) {
                return Err(format!("date is `{date}`, not a day such as 2026-11-23"));
            }
        }
        if self.person.is_some() && !facts.properties.contains_key("person.id") {
            return Err(format!("{collection} is not of people; leave out `person`"));
        }
        for path in self.set.keys() {
            if path == "id" || path == "changeVersion" || !facts.properties.contains_key(path) {
                let known: Vec<&str> = facts.properties.keys().map(String::as_str).collect();
                return Err(format!(
                    "`{path}` cannot be set in {collection}; of its properties {} all but id and \
                     changeVersion can",
                    known.join(", ")
                ));
            }
        }
        Ok(())
    }

    fn put(&self, facts: &Facts, data: &mut Map<String, Value>) {
        if let (Some(day), Some(date)) = (facts.day(), self.date) {
            put(data, day, &mut |_| json!(date));
            end_after_begin(facts, day, data);
        }
        if let Some(person) = self.person {
            put(data, "person.id", &mut |_| json!(person));
        }
        for (path, value) in self.set {
            put(data, path, &mut |_| value.clone());
        }
    }
}

/// A new object, without its version.
pub(crate) fn fresh(facts: &Facts, id: u64, wishes: &Wishes<'_>, today: Date) -> Map<String, Value> {
    let mut rng = Rng::with_seed(id);
    let mut data = Map::new();
    // The kind comes first: other properties depend on it.
    if let Some(Kind::OneOf(words)) = facts.properties.get("kind").map(|property| &property.kind) {
        put(&mut data, "kind", &mut |_| json!(pick(&mut rng, words)));
    }
    let kind = data.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    for (path, property) in &facts.properties {
        let present = match &property.presence {
            Presence::Always => path != "kind",
            Presence::OfKind(of) => *of == kind,
            Presence::Edited => false,
            Presence::Set => rng.bool(),
        };
        if present && property.kind != Kind::Version {
            put(&mut data, path, &mut |at| draw(&mut rng, path, &property.kind, id, at, today));
        }
    }
    if let Some(day) = facts.day() {
        end_after_begin(facts, day, &mut data);
    }
    wishes.put(facts, &mut data);
    data
}

/// Draws again what people change: times, durations, marks. What an object is about stays: its person, its
/// day, its kind.
pub(crate) fn change(
    facts: &Facts,
    id: u64,
    version: u64,
    wishes: &Wishes<'_>,
    data: &mut Map<String, Value>,
) {
    let mut rng = Rng::with_seed(id ^ version.rotate_left(32));
    let mut drawn = false;
    for (path, property) in &facts.properties {
        let kept = property.presence == Presence::Edited || get(data, path).is_none();
        if matches!(property.kind, Kind::MinutesOfDay | Kind::Minutes | Kind::Number) && !kept {
            // What the time was before stays visible.
            let edited = facts.properties.contains_key("originalTimeOfDayInMinutes");
            if edited && path == "timeOfDayInMinutes" && !data.contains_key("originalTimeOfDayInMinutes") {
                let before = data.get(path).cloned().unwrap_or_default();
                data.insert("originalTimeOfDayInMinutes".to_owned(), before);
            }
            let before = get(data, path).cloned();
            let mut other = || draw(&mut rng, path, &property.kind, id, 0, Date::default());
            // A change changes something: of so many draws one is another value.
            let new = std::iter::repeat_with(&mut other).take(20).find(|new| Some(new) != before.as_ref());
            if let Some(new) = new {
                put(data, path, &mut |_| new.clone());
                drawn = true;
            }
        }
    }
    if !drawn && let Some(name) = get(data, "name.default").and_then(Value::as_str).map(str::to_owned) {
        let name = name.split(" (").next().unwrap_or_default().to_owned();
        put(data, "name.default", &mut |_| json!(format!("{name} ({version})")));
    }
    wishes.put(facts, data);
}

/// Where the day is the begin of a span, the end is not before it.
fn end_after_begin(facts: &Facts, day: &str, data: &mut Map<String, Value>) {
    if day == "from" && facts.properties.contains_key("until") {
        let from = data.get("from").and_then(Value::as_str).and_then(|text| text.parse::<Date>().ok());
        if let Some(until) = from.and_then(|from| from.checked_add(Span::new().days(4)).ok()) {
            put(data, "until", &mut |_| json!(until.to_string()));
        }
    }
}

/// What is at a path; of an array, in its first element.
pub(crate) fn get<'a>(data: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    match path.split_once('.') {
        None => data.get(path.trim_end_matches("[]")),
        Some((first, rest)) => match data.get(first.trim_end_matches("[]"))? {
            Value::Object(inner) => get(inner, rest),
            Value::Array(all) => get(all.first()?.as_object()?, rest),
            _ => None,
        },
    }
}

/// Puts a value at a path; `a[].b` is in each of two elements, whose places `make` is told.
fn put(data: &mut Map<String, Value>, path: &str, make: &mut dyn FnMut(u64) -> Value) {
    let Some((first, rest)) = path.split_once('.') else {
        data.insert(path.to_owned(), make(0));
        return;
    };
    let Some(first) = first.strip_suffix("[]") else {
        if let Value::Object(inner) = data.entry(first).or_insert_with(|| json!({})) {
            put(inner, rest, make);
        }
        return;
    };
    if let Value::Array(all) = data.entry(first).or_insert_with(|| json!([{}, {}])) {
        for (at, inner) in (0..).zip(all.iter_mut().filter_map(Value::as_object_mut)) {
            put(inner, rest, &mut |_| make(at));
        }
    }
}

fn pick<'a>(rng: &mut Rng, words: &'a [String]) -> &'a str {
    // What is unknown or deleted is not what a new object is.
    let usual: Vec<&String> =
        words.iter().filter(|word| !matches!(word.as_str(), "Unknown" | "Deleted")).collect();
    rng.choice(usual).map_or("", String::as_str)
}

fn draw(rng: &mut Rng, path: &str, kind: &Kind, id: u64, at: u64, today: Date) -> Value {
    match kind {
        Kind::Version => Value::Null,
        Kind::Integer => json!(integer(rng, path, id, at)),
        Kind::Text => json!(text(rng, path, id)),
        Kind::Date => json!(date(rng, path, today)),
        Kind::MinutesOfDay => json!(rng.u64(0..1_440)),
        Kind::Minutes => json!(rng.u64(0..40) * 15),
        Kind::Number => json!(f64::from(rng.u32(100..9_000)) / 100.0),
        Kind::Boolean => json!(rng.bool()),
        Kind::Guid => json!(format!("5b8e6c1f-3d0a-4c57-9e21-{:012x}", rng.u64(1..=20) + 100 * at)),
        Kind::Request => json!(format!("118-{}-{}", PEOPLE.0 + rng.u64(0..PEOPLE.1), rng.u64(1..9_999))),
        Kind::Translations => json!({"nl": format!("Naam {id}"), "fr": format!("Intitulé {id}")}),
        Kind::OneOf(words) => json!(pick(rng, words)),
        Kind::SomeOf(words) => json!([pick(rng, words)]),
    }
}

fn integer(rng: &mut Rng, path: &str, id: u64, at: u64) -> u64 {
    match path {
        "id" => id,
        "person.id" => PEOPLE.0 + rng.u64(0..PEOPLE.1),
        "pinCode" => rng.u64(1_000..10_000),
        "activityLevels[].level" => at + 1,
        "numberOfDaysInContractPeriod" => rng.u64(5..=20),
        "absenceGroup.id" | "counterGroup.id" | "terminalGroup.id" | "numberOfWorkingDaysPerWeek" => {
            rng.u64(1..=5)
        }
        _ if path.contains('.') => rng.u64(1..=40) + 40 * at,
        _ => rng.u64(1..=9),
    }
}

fn text(rng: &mut Rng, path: &str, id: u64) -> String {
    let of = |rng: &mut Rng, words: &[&str]| rng.choice(words).map_or("", |word| word).to_owned();
    match path {
        // Not all are ASCII, because names are not.
        "lastName" => of(rng, &["Janssens", "D'Hooghe", "Müller", "Çelik", "Van den Bossche", "Łukasik"]),
        "firstName" => of(rng, &["Ann", "Zoë", "Jürgen", "Émile", "Noor", "Tim"]),
        "name.default" | "friendlyName.default" => {
            of(rng, &["Holiday", "Early shift", "Lunch", "Œuvre", "Sick leave", "Overtime 150 %"])
        }
        "comments" => of(rng, &["", "swap with a colleague", "à confirmer", "\"urgent\" \\ see e-mail"]),
        "outOfServiceDate" => String::new(),
        "email" => format!("person{id}@example.com"),
        "badgeNumber" => format!("{:05}", id % 100_000),
        "countryISOCode" | "nationalityISOCode" => of(rng, &["BE", "NL", "FR", "DE"]),
        "terminalLanguageISOCode" => of(rng, &["nl", "fr", "en"]),
        "code" | "friendlyCode.default" | "postalCode" => format!("C{:03}", id % 1_000),
        _ => format!("{} {}", path.trim_end_matches(".default"), id % 1_000),
    }
}

fn date(rng: &mut Rng, path: &str, today: Date) -> String {
    let years = match path {
        "birthDate" => 20 + rng.i64(0..40),
        "inServiceDate" | "wtdStartDate" => 1 + rng.i64(0..10),
        // It is unlimited.
        "outOfServiceDate" => return String::new(),
        _ => 0,
    };
    today.checked_sub(Span::new().years(years)).unwrap_or(today).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{facts, words::collections};

    fn made(collection: &str, id: u64) -> Map<String, Value> {
        let none = Map::new();
        let wishes = Wishes { date: None, person: None, set: &none };
        fresh(facts::of(collection).unwrap(), id, &wishes, jiff::civil::date(2026, 11, 23))
    }

    fn fits(value: &Value, kind: &Kind) -> bool {
        match kind {
            Kind::Version => false,
            Kind::Integer | Kind::MinutesOfDay | Kind::Minutes => value.is_u64(),
            Kind::Text | Kind::Guid | Kind::Request => value.is_string(),
            Kind::Date => value.as_str().is_some_and(|text| text.is_empty() || is_day(text)),
            Kind::Number => value.is_f64(),
            Kind::Boolean => value.is_boolean(),
            Kind::Translations => value.is_object(),
            Kind::OneOf(words) => value.as_str().is_some_and(|word| words.iter().any(|one| one == word)),
            Kind::SomeOf(_) => value.is_array(),
        }
    }

    #[test]
    fn every_collection_has_its_own_properties_and_types() {
        for name in collections() {
            let facts = facts::of(name).unwrap();
            for id in 40_000_000..40_000_040 {
                let data = made(name, id);
                for (path, property) in &facts.properties {
                    match get(&data, path) {
                        Some(value) => assert!(fits(value, &property.kind), "{name} {path}: {value}"),
                        None => assert!(
                            path == "changeVersion" || property.presence != Presence::Always,
                            "{name} lacks {path}"
                        ),
                    }
                }
                assert_eq!(data["id"], json!(id));
                assert_eq!(made(name, id), data, "the same in every run");
            }
        }
    }

    #[test]
    fn a_property_of_a_kind_is_in_objects_of_that_kind_only() {
        let all: Vec<_> = (1..200).map(|id| made("clockings", id)).collect();
        for data in &all {
            assert_eq!(data.contains_key("reason"), data["kind"] == "Reason");
            assert_eq!(data.contains_key("activityLevels"), data["kind"] == "Activity");
            assert_eq!(data["status"], "Active");
        }
        let of = |kind: &str| all.iter().find(|data| data["kind"] == kind).unwrap();
        assert!(of("Reason")["reason"]["id"].is_u64());
        let levels = of("Activity")["activityLevels"].as_array().unwrap();
        assert_eq!((&levels[0]["level"], &levels[1]["level"]), (&json!(1), &json!(2)));
        assert_eq!(levels[0]["activityDefinition"]["id"].as_str().map(str::len), Some(36));
    }

    #[test]
    fn a_change_keeps_what_an_object_is_about() {
        let facts = facts::of("clockings").unwrap();
        let before = made("clockings", 7);
        let mut after = before.clone();
        let none = Map::new();
        change(facts, 7, 99, &Wishes { date: None, person: None, set: &none }, &mut after);
        assert_ne!(before["timeOfDayInMinutes"], after["timeOfDayInMinutes"]);
        assert_eq!(after["originalTimeOfDayInMinutes"], before["timeOfDayInMinutes"]);
        for same in ["id", "person", "date", "kind"] {
            assert_eq!(before[same], after[same]);
        }
        let set = Map::from_iter([("terminal.id".to_owned(), json!(3))]);
        let wishes = Wishes { date: Some("2026-02-03"), person: Some(4_711), set: &set };
        change(facts, 7, 100, &wishes, &mut after);
        assert_eq!((&after["date"], &after["person"]["id"]), (&json!("2026-02-03"), &json!(4_711)));
        assert_eq!(after["terminal"]["id"], 3);
        for name in collections() {
            let (before, mut after) = (made(name, 7), made(name, 7));
            let wishes = Wishes { date: None, person: None, set: &none };
            change(facts::of(name).unwrap(), 7, 100, &wishes, &mut after);
            assert!(before != after || name == "people" || name == "contracts", "{name}");
        }
    }

    #[test]
    fn a_wish_that_cannot_be_is_refused_with_its_reason() {
        let none = Map::new();
        let unknown = Map::from_iter([("colour".to_owned(), json!("red"))]);
        let own = Map::from_iter([("id".to_owned(), json!(1))]);
        for (collection, date, person, set, why) in [
            ("people", Some("2026-02-03"), None, &none, "not of days"),
            ("clockings", Some("2026-2-3"), None, &none, "not a day"),
            ("absence-groups", None, Some(1), &none, "not of people"),
            ("clockings", None, None, &unknown, "`colour`"),
            ("clockings", None, None, &own, "`id`"),
        ] {
            let checked = Wishes { date, person, set }.check(collection, facts::of(collection).unwrap());
            assert!(checked.clone().is_err_and(|error| error.contains(why)), "{collection}: {checked:?}");
        }
        let days = Wishes { date: Some("2026-02-03"), person: None, set: &none };
        let from = fresh(facts::of("assignments").unwrap(), 1, &days, Date::default());
        assert_eq!((&from["from"], &from["until"]), (&json!("2026-02-03"), &json!("2026-02-07")));
    }
}
