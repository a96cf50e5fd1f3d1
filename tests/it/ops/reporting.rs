//! `report`: the figures of the page are those of the ledger.

use std::path::Path;

use microsoft_simulator::Click;
use serde_json::{Value, json};
use test_support::events::{click, purchase, refund, time, with};
use test_support::rig::{World, until};

use super::ops;
use crate::browser::driver::Browser;
use crate::files::folder;

/// An id that would be markup if it were not escaped.
const MARKUP: &str = "<b>4</b>&<script>alert(1)</script>";

/// The rows of a table in JSON, of those whose column has this text.
fn rows(answer: &Value, table: &str, column: &str, text: &str) -> Vec<Value> {
    let rows = answer["tables"][table].as_array().expect("a table").iter();
    rows.filter(|row| row[column] == text).cloned().collect()
}

/// The cells of these columns.
fn cells<'a>(row: &'a Value, columns: &[&str]) -> Vec<&'a str> {
    columns.iter().map(|column| row[column].as_str().expect("a cell")).collect()
}

const MONEY: [&str; 6] = ["Ordered", "Sent", "Waiting", "Refused", "Corrected", "At Microsoft"];
const SALES: [&str; 4] = ["Sales", "Sales sent", "Sales waiting", "Sales refused"];

/// Sales in two currencies: one with a refund, one that waits, one that is refused.
async fn sales(world: &World) {
    let landing = json!({"msclkid": click(9), "sessionId": "s-9", "leadId": "l-9"});
    let landed = world.capture(&landing).await;
    assert_eq!(landed.status, 204);
    world.queued(&purchase("1", &click(1), &json!(1129.95))).await;
    let euros = json!({"currency": "EUR"});
    world.queued(&with(&purchase("2", &click(2), &json!(20)), &euros)).await;
    for id in ["1", "2"] {
        world.until_state(id, "accepted").await;
    }
    world.queued(&refund("1-r", "1", &json!(30))).await;
    world.until_state("1", "restated").await;
    let nobody = json!({"msclkid": null, "sessionId": "s-3"});
    world.queued(&with(&purchase("3", "", &json!(7.5)), &nobody)).await;
    world.rename_goal("Purchase", "Purchases");
    world.queued(&purchase(MARKUP, &click(4), &json!(5))).await;
    until("refused", || async {
        let open = ops(world, &["open", "--class", "refused", "--json"]).await.json();
        if open["open"] == 1 { Ok(()) } else { Err(open) }
    })
    .await;
    world.rename_goal("Purchases", "Purchase");
}

/// What Microsoft knows of the clicks of these sales.
fn declare(world: &World) {
    let account = "7654321".to_owned();
    let at = time::OffsetDateTime::now_utc() - time::Duration::hours(2);
    world.microsoft().declare_clicks([1, 2].map(|number| Click {
        click_id: click(number),
        at,
        account: account.clone(),
        hashed_email_address: None,
        hashed_phone_number: None,
    }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_has_the_figures_of_the_ledger_and_of_microsoft() {
    let world = World::quick(|options| options.hour = 600).await;
    world.microsoft().update_settings(|settings| settings.visible_after_seconds = 0);
    declare(&world);
    sales(&world).await;
    let folder = folder();
    let (page, tables) = (folder.path().join("report.html"), folder.path().join("tables"));
    let report = ["report", "--json", "--out", page.to_str().expect("a path"), "--csv"];
    let report = [&report[..], &[tables.to_str().expect("a path")]].concat();
    let ran = ops(&world, &report).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let answer = ran.json();

    let dollars = &rows(&answer, "goals", "Currency", "USD")[0];
    assert_eq!(cells(dollars, &SALES), ["3", "1", "1", "1"]);
    assert_eq!(cells(dollars, &MONEY), ["1142.45", "1129.95", "7.5", "5", "-30", "1099.95"]);
    let told = world.record("1").await["microsoft"]["value"].to_string();
    assert_eq!(dollars["At Microsoft"], told, "what status says");
    let euros = &rows(&answer, "goals", "Currency", "EUR")[0];
    assert_eq!(cells(euros, &SALES), ["1", "1", "0", "0"]);
    assert_eq!(cells(euros, &MONEY), ["20", "20", "0", "0", "0", "20"]);
    assert_eq!(euros["Rows counted"], "unknown", "Microsoft knows no currencies");
    assert_eq!(answer["tables"]["days"].as_array().map(Vec::len), Some(2));
    let microsoft = &rows(&answer, "microsoft", "Goal", "Purchase")[0];
    assert_eq!(
        cells(microsoft, &["Rows received", "Rows counted", "Rows left out"]),
        ["3", "3", "0"]
    );

    let funnel = answer["tables"]["funnel"].as_array().expect("a table").iter();
    let funnel: Vec<_> = funnel.flat_map(|row| cells(row, &["Step", "Number"])).collect();
    let expected = [
        "Clicks captured",
        "1",
        "Clicks linked",
        "1",
        "Sales reported",
        "4",
        "Sales recognised",
        "3",
        "Sales sent",
        "2",
        "Rows counted",
        "unknown",
    ];
    assert_eq!(funnel, expected, "30 days are more than Microsoft's report knows");
    let open = &rows(&answer, "open", "Reason", "no_click")[0];
    assert_eq!(cells(open, &["What", "Number", "Money", "Currency"]), ["Sale", "1", "7.5", "USD"]);
    let name = "microsoft 5606 OfflineConversionNameInvalid";
    let refused = &rows(&answer, "refused", "Reason", name)[0];
    assert_eq!(
        cells(refused, &["Number", "Money", "Examples"]),
        ["1", "5", &format!("shop/{MARKUP}")]
    );
    assert!(refused["Cure"].as_str().is_some_and(|cure| cure.contains("mapping")), "{refused}");
    files_agree(&tables, &answer);
    looks_right(&page, &answer).await;

    let today = &time(0)[..10];
    let short = [&report[..], &["--from", today, "--to", today]].concat();
    let funnel = ops(&world, &short).await.json()["tables"]["funnel"][5]["Number"].clone();
    assert_eq!(funnel, "3", "of days that its report knows");
    let none = [&report[..], &["--to", "2020-01-01", "--without-microsoft"]].concat();
    let answer = ops(&world, &none).await.json();
    assert_eq!(answer["tables"]["goals"], json!([]));
    assert_eq!(answer["tables"]["funnel"][0]["Number"], "unknown", "its clicks are deleted");
    assert_eq!(answer["tables"]["funnel"][5]["Number"], "unknown");
    let wrong = [&report[..], &["--from", "2020-01-02", "--to", "2020-01-01"]].concat();
    assert_eq!(ops(&world, &wrong).await.code, Some(2));
    world.stop().await;
}

/// Each table is a file with the same cells.
fn files_agree(folder: &Path, answer: &Value) {
    for (id, rows) in answer["tables"].as_object().expect("tables") {
        let text = std::fs::read_to_string(folder.join(id).with_extension("csv")).expect(id);
        let rows = rows.as_array().expect("rows");
        assert_eq!(text.lines().count(), rows.len() + 1, "{id}: {text}");
        for row in rows.iter().filter(|row| row.get("Ordered").is_some()) {
            let money = cells(row, &MONEY).join(",");
            assert!(text.contains(&money), "{money} in {text}");
        }
    }
}

/// The page has the same figures in a browser, asks nobody and runs nothing.
async fn looks_right(page: &Path, answer: &Value) {
    let text = std::fs::read_to_string(page).expect("a page");
    assert!(!text.contains("<script") && !text.contains("<b>"), "what a customer typed is text");
    for person in [click(1), click(9), "s-3".to_owned(), "l-9".to_owned()] {
        assert!(!text.contains(&person), "{person} is personal");
    }
    let Some(browser) = Browser::open().await else { return };
    browser.goto(&format!("file://{}", page.display())).await;
    let shown = browser
        .js("return [...document.querySelectorAll('figure.table')].map(figure => [figure.id, \
             [...figure.querySelectorAll('tbody tr')].map(row => \
               [...row.cells].map(cell => cell.textContent))])")
        .await;
    let shown: Vec<(String, Vec<Vec<String>>)> = serde_json::from_value(shown).expect("tables");
    assert_eq!(shown.len(), 8);
    for (id, rows) in shown {
        let expected = answer["tables"][&id].as_array().expect("a table");
        for (row, expected) in rows.iter().zip(expected) {
            let plain = |text: &String| text.replace(',', "").replace('−', "-");
            let numbers = row.iter().map(plain).filter_map(|text| text.parse::<f64>().ok());
            let same = expected.as_object().expect("a row").values();
            let same = same.filter_map(|cell| cell.as_str()?.parse::<f64>().ok());
            let (mut numbers, mut same): (Vec<f64>, Vec<f64>) = (numbers.collect(), same.collect());
            numbers.sort_by(f64::total_cmp);
            same.sort_by(f64::total_cmp);
            assert_eq!(numbers, same, "{id}");
        }
    }
    let examples =
        browser.js("return document.querySelector('#refused tbody td:last-child').textContent");
    assert_eq!(examples.await, json!(format!("shop/{MARKUP}")));
    // Two currencies, three parts and as many bars as there is money.
    let bars = browser.js("return document.querySelectorAll('section svg g rect').length").await;
    assert!(bars.as_u64() >= Some(4), "{bars}");
    let wide = browser.js("return document.body.scrollWidth <= window.innerWidth").await;
    assert_eq!(wide, json!(true), "nothing is cut off");
    browser.close().await;
}
