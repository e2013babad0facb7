//! What Protime leaves open, in every combination of two: the daemon keeps its laws under each.
//!
//! A row of the matrix is a position of every switch. Each row is one short life of three webhooks
//! against the built binary, which must end with nothing lost. A few rows run always, all of them with
//! `PROTIME_TEST_THOROUGH=1`; `PROTIME_TEST_ROW=7,12` runs these alone. What a row that failed has to say is
//! left in `conformance` below cargo's folder for tests.

mod life;
mod pairs;
mod switches;

use std::{
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use switches::{LEFT_OPEN, SEEN_ELSEWHERE, Switch, described};

/// How many lives go on side by side: most of a life is waiting.
const AT_A_TIME: usize = 5;

/// The rows that always run: all defaults, and the ones that differ most from them.
const ALWAYS: usize = 3;

#[test]
fn the_laws_hold_whatever_protime_does_where_it_leaves_that_open() {
    run("left-open", LEFT_OPEN);
}

#[test]
fn the_laws_hold_whatever_other_servers_have_done() {
    run("seen-elsewhere", SEEN_ELSEWHERE);
}

fn run(name: &str, switches: &[Switch]) {
    let sizes: Vec<usize> = switches.iter().map(|switch| switch.positions.len()).collect();
    let mut rows: Vec<(usize, Vec<usize>)> = pairs::covering(&sizes).into_iter().enumerate().collect();
    if let Ok(only) = env::var("PROTIME_TEST_ROW") {
        let only: Vec<usize> = only.split(',').map(|row| row.parse().expect("numbers of rows")).collect();
        rows.retain(|(number, _)| only.contains(number));
    } else if env::var_os("PROTIME_TEST_THOROUGH").is_none() {
        rows.truncate(ALWAYS);
    }
    let failed = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some((number, row)) = rows.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if let Err(why) = outcome(name, *number, switches, row) {
                        failed.lock().unwrap().push((*number, why));
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap();
    failed.sort();
    let told: Vec<&str> = failed.iter().map(|(_, why)| why.as_str()).collect();
    assert!(told.is_empty(), "{} of {} rows failed\n{}", told.len(), rows.len(), told.join("\n"));
}

/// Lives one life; the error says which and why, and where the rest is.
fn outcome(name: &str, number: usize, switches: &[Switch], row: &[usize]) -> Result<(), String> {
    let lived = catch_unwind(AssertUnwindSafe(|| life::live(switches, row)));
    let Err(panic) = lived else { return Ok(()) };
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a text");
    let folder: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance");
    let file = folder.join(format!("{name}-{number}.log"));
    fs::create_dir_all(&folder).and_then(|()| fs::write(&file, text)).expect("a place for what it says");
    let why = text.lines().next().unwrap_or_default();
    let settings = described(switches, row);
    Err(format!("--- row {number}: {why}\n    {settings}\n    more in {}", file.display()))
}
