use super::*;
use crate::dataset::made::made_set;

#[test]
fn the_largest_catalogues_are_looked_at() {
    // One more than are looked at, the last by name with most songs.
    let mut names: Vec<String> = (0..=MOST_CATALOGUES)
        .flat_map(|n| std::iter::repeat_n(format!("c{n:02}"), FEWEST))
        .collect();
    let last = format!("c{MOST_CATALOGUES:02}");
    names.extend([last.clone(), "few".into()]);
    let counted = Counted::of(&names);
    assert_eq!(counted.looked_at.len(), MOST_CATALOGUES);
    assert_eq!(counted.looked_at[..2], [(last.as_str(), FEWEST + 1), ("c00", FEWEST)]);
    let smallest = format!("c{:02}", MOST_CATALOGUES - 1);
    assert_eq!((counted.left_out, counted.too_few), (vec![smallest.as_str()], vec!["few"]));
}

#[test]
fn what_was_not_looked_at_is_told() {
    let report = CatalogueReport {
        column: "source".into(),
        told: vec![],
        too_few: vec!["few".into()],
        left_out: vec!["charts".into()],
    };
    let text = report.to_string();
    assert!(text.contains("songs: few\n") && text.contains("most songs: charts\n"), "{text}");
}

#[test]
fn a_warning_reads_an_even_sample_and_all_of_few_songs() {
    let dir = tempfile::tempdir().unwrap();
    let of = |n: usize| match n % 4 < 2 {
        true => ("charts".to_owned(), 0.5),
        false => ("archive".to_owned(), 0.05),
    };
    let set = made_set(dir.path(), "source", &(0..48).map(of).collect::<Vec<_>>());
    let whole = catalogues(&set, "source").unwrap().warning().unwrap();
    assert_eq!(warnings(&set, &[]), [("source".to_owned(), whole)]);
    assert_eq!(warnings_of(&set, &[], 24).len(), 1);
    // Every fourth song is one of the charts.
    assert!(warnings_of(&set, &[], 12).is_empty());
}
