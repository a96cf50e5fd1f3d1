//! `import`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;
use test_support::events::{click, time};
use test_support::rig::{World, until};

use super::{ops, started};
use crate::files::folder;

/// A file of these orders: number, value.
fn orders(folder: &TempDir, orders: &[(u32, &str)]) -> PathBuf {
    let mut text = "Event ID,occurred_at,Total,currency,msclkid\n".to_owned();
    for (number, value) in orders {
        writeln!(text, "{number},{},{value},USD,{}", time(-60), click(*number)).expect("text");
    }
    let path = folder.path().join("orders.csv");
    std::fs::write(&path, text).expect("written");
    path
}

fn beside(file: &Path, extension: &str) -> Option<String> {
    std::fs::read_to_string(file.with_extension(extension)).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_checked_and_sent_once_however_often_it_is_started() {
    let world = World::start().await;
    let folder = folder();
    let file = orders(&folder, &[(1, "129.95"), (2, "0.05"), (3, "-5"), (4, "much")]);
    let path = file.to_str().expect("a path");
    let import = ["import", path, "--map", "value=Total", "--set", "event=purchase"];
    let import = [&import[..], &["--set", "source=shop", "--json"]].concat();

    let ran = ops(&world, &[&import[..], &["--dry-run"]].concat()).await;
    assert_eq!(ran.code, Some(1), "two rows would be rejected: {ran:?}");
    let answer = ran.json();
    assert_eq!(answer["rows"], json!({"conversion": 2, "rejected": 2}));
    assert_eq!(answer["money"], json!({"USD": "130"}));
    let rejected = beside(&file, "dry-run.rejected.csv").expect("a list");
    assert_eq!(beside(&file, "rejected.csv"), None, "the list of an import is another one");
    let lines: Vec<&str> = rejected.lines().collect();
    assert_eq!(lines[0], "line,field,code,message");
    assert!(lines[1].starts_with("4,value,invalid_value,"), "{rejected}");
    assert!(lines[2].starts_with("5,value,"), "{rejected}");
    assert!(world.entries().await.is_empty(), "a check sends nothing");

    let ran = ops(&world, &import).await;
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.json()["rows"], json!({"queued": 2, "rejected": 2}), "{ran:?}");
    assert_eq!(ran.json()["money"], json!({"USD": "130"}));
    assert_eq!(beside(&file, "rejected.csv"), Some(rejected), "the same as in the check");
    world.until_worth(&click(1), "129.95").await;
    world.until_worth(&click(2), "0.05").await;

    let ran = ops(&world, &import).await;
    assert_eq!(ran.json()["rows"], json!({"duplicate": 2, "rejected": 2}));
    assert_eq!(world.conversions().await.len(), 2);
    assert_eq!(beside(&file, "import.json"), None, "nothing is left to go on with");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_import_goes_on_where_it_was() {
    let world = World::start().await;
    let folder = folder();
    let all: Vec<(u32, &str)> = (1..=30).map(|number| (number, "1")).collect();
    let file = orders(&folder, &all);
    let path = file.to_str().expect("a path");
    let import = ["import", path, "--map", "value=Total", "--set", "event=purchase", "--json"];
    let import = [&import[..], &["--set", "source=shop", "--batch", "5"]].concat();
    let ran = ops(&world, &[&import[..], &["--key", "nobody"]].concat()).await;
    assert_eq!((ran.code, &ran.json()["error"]["code"]), (Some(2), &json!("refused")));
    assert_eq!(beside(&file, "import.json"), None, "nothing was answered");

    let mut begun = started(&world, &import).await;
    until("a request was answered", || async {
        beside(&file, "import.json").map(|_| ()).ok_or("not yet")
    })
    .await;
    begun.kill().await.expect("killed");
    let ran = ops(&world, &import).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("going on after row "), "{ran:?}");
    let rows = ran.json()["rows"].clone();
    let count = |status: &str| rows[status].as_u64().unwrap_or(0);
    // A request that was under way when the program was killed is sent again.
    assert!(count("queued") >= 5 && count("queued") + count("duplicate") == 30, "{rows}");
    assert_eq!(beside(&file, "import.json"), None, "nothing is left to go on with");

    let refunds = folder.path().join("refunds.csv");
    let text = format!("eventId,originalEventId,occurredAt\nr-1,1,{0}\nr-2,2,{0}\n", time(0));
    std::fs::write(&refunds, text).expect("written");
    let path = refunds.to_str().expect("a path");
    let import = ["import", path, "--set", "event=refund", "--set", "source=shop", "--json"];
    let ran = ops(&world, &import).await;
    assert_eq!((ran.code, &ran.json()["rows"]), (Some(0), &json!({"queued": 2})), "{ran:?}");
    world.until_state("1", "retracted").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn times_without_a_zone_have_the_one_that_is_named() {
    let world = World::start().await;
    let folder = folder();
    let file = folder.path().join("orders.csv");
    let (at, later, clicks) = (time(-7_200), time(-5_400), [click(1), click(2)]);
    let local = at.replace('T', " ").replace('Z', "");
    let text = format!(
        "eventId,occurredAt,value,currency,msclkid\n1,{local},5,USD,{}\n2,{at},5,USD,{}\n",
        clicks[0], clicks[1]
    );
    std::fs::write(&file, text).expect("written");
    let path = file.to_str().expect("a path");
    let import = ["import", path, "--set", "event=purchase", "--set", "source=shop", "--json"];
    let check = [&import[..], &["--dry-run"]].concat();
    let ran = ops(&world, &check).await;
    assert_eq!((ran.code, &ran.json()["withoutZone"]), (Some(1), &json!(1)), "{ran:?}");
    assert_eq!(ran.json()["errors"], json!({"missing_offset": 1}));
    let ran = ops(&world, &[&check[..], &["--time-zone", "Etc/UTC"]].concat()).await;
    assert_eq!((ran.code, &ran.json()["withoutZone"]), (Some(0), &json!(1)), "{ran:?}");
    let ran = ops(&world, &[&import[..], &["--offset", "-00:30"]].concat()).await;
    assert_eq!((ran.code, &ran.json()["rows"]), (Some(0), &json!({"queued": 2})), "{ran:?}");
    for (id, expected) in [("1", later), ("2", at)] {
        let record = world.until_state(id, "accepted").await;
        let sent = record["microsoft"]["conversionTime"].as_str().expect("a time");
        assert_eq!(sent[..16], expected[..16], "to the minute: {record}");
    }
    let both = [&check[..], &["--offset", "Z", "--time-zone", "Etc/UTC"]].concat();
    assert_eq!(ops(&world, &both).await.code, Some(2));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_can_be_read_in_two_ways_is_named_by_line_and_field() {
    let world = World::start().await;
    let folder = folder();
    let file = folder.path().join("orders.csv");
    let row = |id: u32, value: &str| format!("{id};{};{value};EUR;{}\n", time(-60), click(id));
    let rows = [row(1, "12.50"), row(2, "1.234"), row(3, "129,95")].concat();
    let head = "eventId;occurredAt;value;currency;msclkid\n";
    std::fs::write(&file, format!("{head}{rows}")).expect("written");
    let path = file.to_str().expect("a path");
    let import = ["import", path, "--set", "event=purchase", "--set", "source=shop", "--json"];
    let import = [&import[..], &["--delimiter", ";", "--dry-run"]].concat();
    let ran = ops(&world, &import).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(ran.json()["errors"], json!({"unclear_number": 2}));
    let rejected = beside(&file, "dry-run.rejected.csv").expect("a list");
    assert!(rejected.contains("\n3,value,unclear_number,"), "{rejected}");
    let rows = [row(2, "1.234"), row(3, "129,95")].concat();
    std::fs::write(&file, format!("{head}{rows}")).expect("written");
    let comma = ops(&world, &[&import[..], &["--decimals", "comma"]].concat()).await;
    assert_eq!((comma.code, &comma.json()["money"]), (Some(0), &json!({"EUR": "1363.95"})));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_file_says_of_persons_is_shown_nowhere() {
    let world = World::start().await;
    let folder = folder();
    let file = folder.path().join("orders.csv");
    let path = file.to_str().expect("a path");
    let head = "eventId,occurredAt,value,currency,email,phone,leadId,Name";
    let (jane, at) = ("jane.doe@example.com", time(-60));
    let rows = [
        format!("1,{at},5,USD,{jane},4255551234,{jane},Jane"),
        format!("2,{jane},5,USD,{jane},,,Jane"),
        format!("{jane},{at},5,USD,{jane},,,Jane"),
        format!("3,{at},{jane},USD,{jane},,,Jane"),
        format!("4,{at},5,{jane},Jane <jane>,4255551234,,Jane"),
        format!("5,{at},5,USD,{jane}"),
    ];
    // As a program for tables writes it.
    let quoted = |line: &str| format!("\"{}\"\r\n", line.replace(',', "\",\""));
    let lines: String =
        [head].into_iter().chain(rows.iter().map(|row| &**row)).map(quoted).collect();
    std::fs::write(&file, format!("\u{feff}{lines}")).expect("written");
    let import = ["import", path, "--set", "event=purchase", "--set", "source=shop"];
    let check = ops(&world, &[&import[..], &["--dry-run"]].concat()).await;
    let sent = ops(&world, &import).await;
    let compared = ops(&world, &[&["reconcile"][..], &import[1..], &["--json"]].concat()).await;
    sent.shows(&["invalid_currency", "invalid_id", "wrong_columns", "new conversions: 5 USD"]);
    let lists = [beside(&file, "dry-run.rejected.csv"), beside(&file, "rejected.csv")];

    // Its first line is a row.
    std::fs::write(&file, &lines[head.len()..]).expect("written");
    let headless = ops(&world, &import).await;
    assert_eq!(headless.code, Some(2), "{headless:?}");
    let shown = [&check, &sent, &compared, &headless].map(|ran| format!("{}{}", ran.out, ran.err));
    let kept = lists.map(|list| list.expect("a list"));
    for text in shown.iter().chain(&kept) {
        let text = text.to_lowercase();
        assert!(!text.contains("jane") && !text.contains("5551234"), "{text}");
    }
    world.stop().await;
}
