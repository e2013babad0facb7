//! No statement of the store looks through a table that grows, however much there is: each finds what it is about by
//! an index. Every text in the sources of the store that is a statement, or a condition of one, is explained by SQLite
//! on the schema as it is.

use super::*;

/// Of how many rows these are does not depend on how much there is.
const SMALL: [&str; 5] = [
    "SCAN CONSTANT ROW",
    // One row.
    "SCAN forgotten",
    // What a statement was given.
    "SCAN json_each",
    // What a subquery has limited.
    "SCAN (subquery",
    // The tables.
    "SCAN sqlite_schema",
];

/// Indices that hold only what is wanted: all of it is read.
const OF_FEW: [(&str, &str); 4] = [
    ("webhook_active", "what was under way when the last process ended"),
    ("sink_started", "the same of hand-offs"),
    ("sink_failing", "sinks that failed, perhaps on another clock"),
    ("webhook_removed", "webhooks that left and may still live at Protime"),
];

/// Statements and conditions that are about everything, by how they begin, and when they are used.
const OF_ALL: [(&str, &str); 5] = [
    ("SELECT tenant, destination_url, collection, id, configured,", "a start or a reload: all are compared"),
    ("configured = 1 ORDER BY", "the views of all, of which each is shown"),
    ("TRUE ORDER BY", "our clock was set: all are looked at"),
    ("UPDATE webhook SET next_action_at = ? WHERE configured = 1", "the same"),
    ("SELECT id, key FROM webhook JOIN key", "once, with the step to a version of the schema"),
];

/// The texts of a source, with their spaces made one.
fn texts(source: &str) -> Vec<String> {
    let (mut texts, mut rest) = (Vec::new(), source);
    while let Some(at) = rest.find(['"', '/']) {
        let here = &rest[at..];
        rest = if here.starts_with("//") {
            here.split_once('\n').map_or("", |(_, next)| next)
        } else if here.starts_with('/') || rest[..at].ends_with('\'') {
            &here[1..]
        } else {
            let is_end = |(end, _): &(usize, &str)| !here[..*end].ends_with('\\') && *end > 0;
            let end = here.match_indices('"').find(is_end).map_or(here.len(), |(end, _)| end);
            let words = here[1..end].split_whitespace().filter(|word| *word != "\\");
            texts.push(words.collect::<Vec<_>>().join(" "));
            &here[(end + 1).min(here.len())..]
        };
    }
    texts
}

fn is_statement(text: &str) -> bool {
    ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "].iter().any(|word| text.starts_with(word))
}

/// The statements of the store, each with the part of it that tells which one it is.
fn statements(connection: &Connection) -> Vec<(String, String)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = fs::read_dir(root.join("store")).expect("a room").map(|file| file.expect("a file").path());
    let sources = files.filter(|file| file.is_file()).chain([root.join("store.rs")]);
    let texts: Vec<String> =
        sources.flat_map(|file| texts(&fs::read_to_string(file).expect("a source"))).collect();
    let (statements, others): (Vec<_>, Vec<_>) = texts.into_iter().partition(|text| is_statement(text));
    let (with_condition, whole): (Vec<_>, Vec<_>) =
        statements.into_iter().partition(|text| text.contains("{condition}"));
    let of_conditions = with_condition.iter().flat_map(|statement| {
        let (_, order) = statement.split_once("{condition}").expect("it is there");
        // A text with a space that SQLite takes for a condition is one.
        let conditions = others.iter().filter(|text| text.contains(' ') || *text == "TRUE");
        let complete =
            conditions.map(move |text| (statement.replace("{condition}", text), format!("{text}{order}")));
        complete.filter(|(statement, _)| connection.prepare(statement).is_ok())
    });
    let whole = whole.into_iter().map(|text| text.replace("{column}", "page"));
    of_conditions.chain(whole.map(|text| (text.clone(), text))).collect()
}

fn allows(step: &str, statement: &str) -> bool {
    !step.starts_with("SCAN")
        || SMALL.iter().any(|small| step.starts_with(small))
        || OF_FEW.iter().any(|(index, _)| step.ends_with(&format!("INDEX {index}")))
        || OF_ALL.iter().any(|(of_all, _)| statement.starts_with(of_all))
}

#[tokio::test]
async fn no_statement_looks_through_a_table_that_grows() {
    let bench = Bench::new(&[]).await;
    let connection = connect(&bench.dir.path().join("state.db")).expect("opens");
    let statements = statements(&connection);
    assert!(statements.len() > 45, "{statements:#?}");
    let mut offences = Vec::new();
    for (statement, which) in &statements {
        let mut plan = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
            .unwrap_or_else(|error| panic!("{statement}: {error}"));
        let values = vec![1; plan.parameter_count()];
        let steps = plan.query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>(3));
        let steps: Vec<String> = steps.expect("explains").map(|step| step.expect("a text")).collect();
        assert!(!steps.is_empty() || statement.starts_with("INSERT"), "{statement}");
        let wrong = steps.iter().filter(|step| !allows(step, which));
        offences.extend(wrong.map(|step| format!("{step}: {which}")));
        // What is sorted has been read, and a step of pruning reads what it takes and no more.
        let is_of_a_step = which.contains("finished_renewal") || which.starts_with("DELETE FROM journal");
        let sorts = steps.iter().any(|step| step.contains("TEMP B-TREE"));
        assert!(!(is_of_a_step && sorts), "{which} sorts: {steps:?}");
    }
    assert!(offences.is_empty(), "these read all that there is:\n{}", offences.join("\n"));
    for (of_all, _) in OF_ALL {
        assert!(
            statements.iter().any(|(_, which)| which.starts_with(of_all)),
            "no statement begins {of_all}"
        );
    }
}

#[test]
fn the_reader_of_texts_reads() {
    let source =
        "let a = \"one \\\n   two\"; // \"no\"\nlet b = 'x'; 4 / 2; \"has \\\"quotes\\\"\"; '\"'; \"\"";
    assert_eq!(texts(source), ["one two", "has \\\"quotes\\\"", ""]);
}
