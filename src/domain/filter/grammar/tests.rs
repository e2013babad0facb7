//! What the grammar takes, and what is said of what it does not.

use proptest::prelude::*;

use super::*;

fn condition(field: &str, operator: Operator, list: Option<&str>, constants: Vec<Constant>) -> Expression {
    Expression::Condition(Condition {
        field: field.to_owned(),
        operator,
        list: list.map(str::to_owned),
        constants,
    })
}

fn text(text: &str) -> Constant {
    Constant::Text(text.to_owned())
}

fn integers(numbers: &[&str]) -> Vec<Constant> {
    numbers.iter().map(|number| Constant::Integer((*number).to_owned())).collect()
}

#[test]
fn what_is_published_is_read() {
    let from = || condition("date", Operator::Ge, None, vec![Constant::Place(Place::FromDate)]);
    let kind = |word: &str| condition("kind", Operator::Eq, None, vec![text(word)]);
    let rows = [
        ("date ge {from_date}", from()),
        ("date ge '{from_date}'", from()),
        ("(date ge '{from_date}')", from()),
        ("enabled eq true", condition("enabled", Operator::Eq, None, vec![Constant::Flag(true)])),
        ("person in (1,2, -3)", condition("person", Operator::In, None, integers(&["1", "2", "-3"]))),
        ("person in circle(2, 8)", condition("person", Operator::In, Some("circle"), integers(&["2", "8"]))),
        ("person in circle (2)", condition("person", Operator::In, Some("circle"), integers(&["2"]))),
        ("name eq 'O''Neil {to}'", condition("name", Operator::Eq, None, vec![text("O'Neil {to}")])),
        (
            "date ge {from_date} and (kind eq 'InOut' or kind eq 'Reason')",
            Expression::All(vec![from(), Expression::Any(vec![kind("InOut"), kind("Reason")])]),
        ),
        (
            "kind eq 'InOut' or kind eq 'Reason' and date ge {from_date}",
            Expression::Any(vec![kind("InOut"), Expression::All(vec![kind("Reason"), from()])]),
        ),
    ];
    for (written, expected) in rows {
        assert_eq!(parse(written), Ok(expected), "{written}");
    }
}

#[test]
fn what_is_not_published_is_named() {
    let rows = [
        ("date gt '2026-01-01'", "has the operator `gt`, which Protime does not know", "write `ge` and"),
        ("date lt '2026-01-01'", "has the operator `lt`, which Protime does not know", "write `le` and"),
        ("kind ne 'InOut'", "has the operator `ne`", "name what is wanted"),
        ("not kind eq 'InOut'", "has the operator `not`", "name what is wanted"),
        ("kind not in ('InOut')", "has the operator `not`", "name what is wanted"),
        ("a eq 1 and not b eq 2", "has the operator `not`", "name what is wanted"),
        ("date >= '2026-01-01'", "has the operator `>=`", "write `ge`"),
        ("date GE '2026-01-01'", "has `GE`, which Protime writes otherwise", "write `ge`"),
        ("a eq 1 AND b eq 2", "has `AND`, which Protime writes otherwise", "write `and`"),
        ("a eq 1 || b eq 2", "has `||`, which Protime writes otherwise", "write `or`"),
        ("date ge 2026-01-01", "has a day without quotes: 2026-01-01", "write `date ge '2026-01-01'`"),
        (
            "date ge 2026-01-01T00:00:00Z",
            "has a day without quotes",
            "write `date ge '2026-01-01T00:00:00Z'`",
        ),
        ("kind eq InOut", "has a text without quotes: InOut", "write `kind eq 'InOut'`"),
        ("kind in (InOut)", "has a text without quotes: InOut", "write `kind in ('InOut')`"),
        ("date ge {from_date}Z", "has a text without quotes: {from_date}Z", "write `date ge"),
        ("kind eq \"InOut\"", "has a text in other quotes than single ones", "single quotes"),
        ("kind eq 'InOut", "has a quote that is not closed", "write '"),
        ("(a eq 1", "has a parenthesis that is not closed", "write `)`"),
        ("a eq 1)", "closes a parenthesis that is not open", "remove `)`"),
        ("a eq 1 b eq 2", "goes on with `b` behind a condition", "write `and`"),
        ("(a eq 1 b eq 2)", "goes on with `b` behind a condition", "write `and`"),
        ("a", "ends where an operator should follow `a`", "write eq, ge, le or in"),
        ("a between 1", "has `between` where an operator should follow `a`", "write eq, ge, le or in"),
        ("a (1)", "has `(` where an operator should follow `a`", "write eq, ge, le or in"),
        ("a eq", "ends where a value of `a` should follow", "write a whole number"),
        ("a eq (1)", "has `(` where a value of `a` should stand", "write a whole number"),
        ("a eq 1 and", "ends where a condition should follow", "date ge"),
        ("'a' eq 1", "has 'a' where a field should stand", "date ge"),
        ("1 eq 1", "has `1` where a field should stand", "date ge"),
        ("a in 1", "has no list behind `in`", "write `a in (1, 2)`"),
        ("a in (1 2)", "has a list of `a` that does not go on well", "commas"),
        ("a in ()", "has `)` where a value of `a` should stand", "write a whole number"),
        ("a in (1", "has a list of `a` that does not go on well", "commas"),
        ("", "ends where a condition should follow", "date ge"),
    ];
    for (written, what, help) in rows {
        let objection = parse(written).expect_err(written);
        assert!(
            objection.what.starts_with(what) && objection.help.contains(help),
            "{written}: {objection:?}"
        );
    }
    let deep = |depth: usize| format!("{}a eq 1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&deep(DEEPEST)).is_ok());
    assert!(parse(&deep(100_000)).expect_err("too deep").what.contains("32 parentheses"));
}

proptest! {
    #[test]
    fn no_text_is_a_surprise(text in "\\PC{0,60}", near in "[a-z '(),{}0-9é]{0,60}") {
        for text in [text, near] {
            let _read = parse(&text);
        }
    }
}
