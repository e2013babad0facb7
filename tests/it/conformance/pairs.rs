//! Rows that cover every pair of positions of any two switches, found greedily and always the same.

use std::collections::BTreeSet;

/// A position of one switch with a position of a later one.
type Pair = (usize, usize, usize, usize);

/// A covering of switches that have so many positions each. The first row is all zeros.
pub(super) fn covering(sizes: &[usize]) -> Vec<Vec<usize>> {
    let mut missing = every_pair(sizes);
    let mut rows = vec![vec![0; sizes.len()]];
    missing.retain(|pair| !covers(&rows[0], pair));
    while let Some(&(first, at, second, other)) = missing.first() {
        let mut row: Vec<Option<usize>> = vec![None; sizes.len()];
        row[first] = Some(at);
        row[second] = Some(other);
        for switch in 0..sizes.len() {
            if row[switch].is_none() {
                // Of equals the position that fewest rows have, so that no row is all defaults.
                let gain = |position: usize| {
                    let new_pairs = (0..sizes.len()).filter_map(|with| Some((with, row[with]?)));
                    let new_pairs = new_pairs
                        .filter(|(with, its)| missing.contains(&ordered((switch, position), (*with, *its))));
                    let used = rows.iter().filter(|row| row[switch] == position).count();
                    (new_pairs.count(), std::cmp::Reverse(used))
                };
                row[switch] = (0..sizes[switch]).max_by_key(|position| gain(*position));
            }
        }
        let row: Vec<usize> = row.into_iter().map(|position| position.expect("was chosen")).collect();
        missing.retain(|pair| !covers(&row, pair));
        rows.push(row);
    }
    rows
}

fn ordered(one: (usize, usize), other: (usize, usize)) -> Pair {
    if one.0 < other.0 { (one.0, one.1, other.0, other.1) } else { (other.0, other.1, one.0, one.1) }
}

fn every_pair(sizes: &[usize]) -> BTreeSet<Pair> {
    let mut all = BTreeSet::new();
    for first in 0..sizes.len() {
        for second in first + 1..sizes.len() {
            for at in 0..sizes[first] {
                all.extend((0..sizes[second]).map(|other| (first, at, second, other)));
            }
        }
    }
    all
}

fn covers(row: &[usize], pair: &Pair) -> bool {
    row[pair.0] == pair.1 && row[pair.2] == pair.3
}

#[test]
fn every_pair_of_positions_is_covered() {
    for switches in [super::LEFT_OPEN, super::SEEN_ELSEWHERE] {
        let sizes: Vec<usize> = switches.iter().map(|switch| switch.positions.len()).collect();
        let rows = covering(&sizes);
        for pair in every_pair(&sizes) {
            assert!(rows.iter().any(|row| covers(row, &pair)), "{pair:?} is not covered");
        }
        for row in &rows {
            assert!(
                row.len() == sizes.len() && row.iter().zip(&sizes).all(|(at, size)| at < size),
                "{row:?}"
            );
        }
        let largest = sizes.iter().max().unwrap();
        assert!(rows.len() <= 3 * largest * largest, "{} rows", rows.len());
        assert_eq!(rows, covering(&sizes), "always the same");
    }
}
