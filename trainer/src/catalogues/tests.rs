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

/// Of alternating rows every second one is of one catalogue.
#[test]
fn a_warning_reads_as_many_songs_of_each_catalogue_and_all_of_few() {
    let dir = tempfile::tempdir().unwrap();
    let of = |n: usize| match n % 2 {
        0 => ("charts".to_owned(), 0.5),
        _ => ("archive".to_owned(), 0.05),
    };
    let set = made_set(dir.path(), "source", &(0..48).map(of).collect::<Vec<_>>());
    let whole = catalogues(&set, "source").unwrap().warning().unwrap();
    assert_eq!(warnings(&set, &[]), [("source".to_owned(), whole)]);
    assert_eq!(warnings_of(&set, &[], 24).len(), 1);
}

#[test]
fn a_small_catalogue_is_not_lost_beside_a_large_one() {
    let of = |n: usize| match n {
        0..5 => "few",
        5..35 => "charts",
        _ => "archive",
    };
    let names: Vec<String> = (0..1000).map(|n| of(n).to_owned()).collect();
    let songs = sample(&names, 100).unwrap();
    let count = |name: &str| songs.iter().filter(|&&song| names[song] == name).count();
    assert_eq!([count("few"), count("charts"), count("archive")], [5, 30, 65]);
    assert!(songs.is_sorted());
    assert_eq!(sample(&names, 1000), Some((0..1000).collect()));
    assert_eq!(sample(&names[35..], 100), None, "there is one catalogue alone");
}
