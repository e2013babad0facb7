//! What only a look into the database can do: to make of the state what would take days otherwise.

use std::{path::Path, time::Duration};

use rusqlite::Connection;

/// Sets a property of every webhook's state to what an expression of SQL gives.
pub(crate) fn set(state_dir: &Path, property: &str, expression: &str) {
    let database = Connection::open(state_dir.join("state.db")).unwrap();
    database.busy_timeout(Duration::from_secs(5)).unwrap();
    let change = format!("UPDATE webhook SET state = json_set(state, '{property}', {expression})");
    assert!(database.execute(&change, ()).unwrap() > 0);
}

/// Moves the last rotation a minute and a second to the past.
pub(crate) fn rotated_a_minute_earlier(state_dir: &Path) {
    let earlier =
        "strftime('%Y-%m-%dT%H:%M:%fZ', json_extract(state, '$.registration.rotated_at'), '-61 seconds')";
    set(state_dir, "$.registration.rotated_at", earlier);
}
