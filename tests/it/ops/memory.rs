//! The tool's memory does not grow with what it reads: `import`, `reconcile`, `open`, `report`.
//!
//! `TRACKLAYER_LINES=100000` makes it so many lines, and `--nocapture` shows the figures.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use test_support::events::{click, purchase, time};
use test_support::rig::World;

use super::{local, program};
use crate::files::folder;

/// Lines of the larger file, unless the environment says more; the smaller one has a tenth.
const LINES: u32 = 6_000;
/// By how much the peak may grow from the smaller to the larger, in KB: room for full pages, which
/// are no larger however many there are.
const GROWTH: u64 = 6_000;
/// What each line of a file has besides its fields: the larger file is larger than [`GROWTH`].
const NOTE: usize = 1_500;
/// Items of one request.
const TOGETHER: u32 = 25;

/// How the tool ended, and the most memory it had, in KB.
async fn peak(world: &World, arguments: &[&str]) -> (Option<i32>, u64) {
    let mut command = tokio::process::Command::new(program().await);
    command.arg(local(world)).args(arguments).env_clear().kill_on_drop(true);
    command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
    let mut child = command.spawn().expect("the tool runs");
    let status = format!("/proc/{}/status", child.id().expect("it runs"));
    let mut most = 0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        most = most.max(now.unwrap_or(0));
        if let Some(status) = child.try_wait().expect("it can be asked") {
            return (status.code(), most);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A file of orders.
fn orders(folder: &Path, lines: u32) -> PathBuf {
    let mut text = "eventId,occurredAt,value,currency,msclkid,note\n".to_owned();
    let (at, note) = (time(-60), "x".repeat(NOTE));
    for number in 0..lines {
        writeln!(text, "{number},{at},1,USD,{},{note}", click(number)).expect("text");
    }
    let path = folder.join(format!("{lines}.csv"));
    std::fs::write(&path, text).expect("written");
    path
}

/// Copies an item into rows of these numbers.
async fn copies(world: &World, item: &Value, numbers: std::ops::Range<u32>) {
    let chunks: Vec<u32> = numbers.clone().step_by(TOGETHER as usize).collect();
    let write = |first: u32| async move {
        let numbers = first..(first + TOGETHER).min(numbers.end);
        let puts = numbers.map(|number| {
            let mut item = item.clone();
            item["pk"] = json!({"S": format!("event shop {number}")});
            if item["open"].is_object() {
                item["open"] = json!({"S": format!("refused#{}", number % 8)});
            }
            json!({"PutRequest": {"Item": item}})
        });
        let puts: Vec<Value> = puts.collect();
        let request = json!({"RequestItems": {"Conversions": puts}});
        world.aws("DynamoDB_20120810.BatchWriteItem", request).await;
    };
    stream::iter(chunks).for_each_concurrent(4, write).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_does_not_grow_with_what_is_read() {
    let lines = std::env::var("TRACKLAYER_LINES").ok().and_then(|it| it.parse().ok());
    let lines: u32 = lines.unwrap_or(LINES);
    let world = World::quick(|options| options.hour = 100_000).await;
    world.rename_goal("Purchase", "Purchases");
    world.queued(&purchase("0", &click(0), &json!(1))).await;
    world.until_state("0", "refused").await;
    let item = world.items_with("Conversions", "event shop 0").await.remove(0);
    let folder = folder();
    let out = folder.path().join("report.html");
    let mut peaks: Vec<(&str, u64)> = Vec::new();
    for (begin, lines) in [(1, lines / 10), (lines / 10, lines)] {
        copies(&world, &item, begin..lines).await;
        let file = orders(folder.path(), lines);
        let file = file.to_str().expect("a path");
        let set = ["--set", "event=purchase", "--set", "source=shop"];
        let commands = [
            (0, [&["import", file, "--dry-run"][..], &set].concat()),
            (0, [&["reconcile", file][..], &set].concat()),
            (1, vec!["open", "--list", "10"]),
            (0, vec!["report", "--without-microsoft", "--out", out.to_str().expect("a path")]),
        ];
        for (code, command) in commands {
            let (ended, most) = peak(&world, &command).await;
            assert_eq!(ended, Some(code), "{command:?}");
            println!("{}: {most} KB for {lines} lines", command[0]);
            let smaller = peaks.iter().find(|(name, _)| *name == command[0]);
            if let Some((name, smaller)) = smaller {
                assert!(most < smaller + GROWTH, "{name}: {smaller} KB, then {most} KB");
            }
            let name = ["import", "reconcile", "open", "report"];
            let name = name.into_iter().find(|it| *it == command[0]).expect("a command");
            peaks.push((name, most));
        }
    }
    world.stop().await;
}
