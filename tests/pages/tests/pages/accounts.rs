//! The alarms of the second account: those of "main", word for word.

use std::fs;

use pages::{path, read};

const TEMPLATE: &str = "infra/template.yaml";
const START: &str = "  # --- Alarms of the second account: written from those of \"main\" by UPDATE_PAGES=1 cargo test -p pages.\n";
const END: &str = "  # --- What an operator looks at.";

/// An alarm of the account "main" as one of the second account.
fn twin(alarm: &str) -> String {
    let condition = match alarm.contains("Condition: WatchesSilence\n") {
        true => "WatchesSecondAccountsSilence",
        false => "HasSecondAccount",
    };
    let kind = "    Type: AWS::CloudWatch::Alarm\n";
    let alarm = alarm.replace("    Condition: WatchesSilence\n", "");
    let description =
        "AlarmDescription: !Sub >-\n        Second account, ${SecondAccount}.\n        ";
    format!("  Second{}", alarm.trim_start())
        .replace(kind, &format!("{kind}    Condition: {condition}\n"))
        .replace("AlarmDescription: >-\n        ", description)
        .replace("account \"main\"", "this account")
        .replace("Value: main}", "Value: !Ref SecondAccount}")
}

#[test]
fn a_second_account_has_the_alarms_of_the_first() {
    let text = read(TEMPLATE);
    let (before, rest) = text.split_once(START).expect("the start");
    let (written, after) = rest.split_once(END).expect("the end");
    let of_main = before
        .split("\n\n")
        .filter(|it| it.contains("Type: AWS::CloudWatch::Alarm\n") && it.contains("Value: main}"));
    let twins: Vec<String> = of_main.map(twin).collect();
    assert!(twins.len() > 10 && twins.iter().all(|it| it.contains("!Sub")), "{twins:#?}");
    let expected = format!("{}\n\n", twins.join("\n\n"));
    if std::env::var_os("UPDATE_PAGES").is_some() && written != expected {
        let updated = format!("{before}{START}{expected}{END}{after}");
        fs::write(path(TEMPLATE), updated).expect("written");
        return;
    }
    assert!(written == expected, "run UPDATE_PAGES=1 cargo test -p pages");
}
