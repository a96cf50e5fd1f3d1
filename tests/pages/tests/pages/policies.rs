//! What each function may do, and that no function is forgotten where all are named.

use pages::template::{Allowed, Template, source_of, untagged};
use pages::{check, table};

const TABLES: [&str; 4] = ["Clicks", "Conversions", "Uploads", "IngestKeys"];
/// What secrets of ad accounts are called in the template, before the account's name.
const ACCOUNT: &str = "Account";

/// What `function` may do to the resources that `is_meant` picks.
fn may(policies: &[Allowed], function: &str, is_meant: impl Fn(&str) -> bool) -> String {
    let own = policies.iter().filter(|it| it.function == function);
    let meant = own.filter(|it| it.on.iter().any(|on| is_meant(on)));
    let words = |it: &Allowed| match &it.only {
        Some(only) => format!("{} ({only} only)", it.actions.join(", ")),
        None => it.actions.join(", "),
    };
    let words: Vec<_> = meant.map(words).collect();
    if words.is_empty() { "–".to_owned() } else { words.join("; ") }
}

#[test]
fn what_each_function_may_do() {
    let template = Template::read();
    let policies = template.policies();
    for it in policies.iter().flat_map(|it| &it.on) {
        assert!(TABLES.contains(&it.as_str()) || it.starts_with(ACCOUNT), "no column for {it}");
    }
    let line = |function: &str| {
        let [clicks, conversions, queue, keys] =
            TABLES.map(|table| may(&policies, function, |on| on == table));
        let accounts = may(&policies, function, |on| on.starts_with(ACCOUNT));
        [format!("`{}`", function.to_lowercase()), clicks, conversions, queue, keys, accounts]
    };
    let head =
        ["function", "`Clicks`", "`Conversions`", "`Uploads`", "ingest keys", "accounts' secrets"];
    let functions = template.names("AWS::Serverless::Function");
    check("infra/README.md", "policies", &table(head, functions.into_iter().map(line)));
}

#[test]
fn every_account_is_in_the_policies_that_name_accounts() {
    let template = Template::read();
    let secrets = template.names("AWS::SecretsManager::Secret");
    let accounts: Vec<_> = secrets.into_iter().filter(|it| it.starts_with(ACCOUNT)).collect();
    assert!(!accounts.is_empty());
    for function in ["Upload", "Goals", "Token"] {
        let policies = template.policies();
        let mut named = policies.iter().filter(|it| it.function == function).map(|it| &it.on);
        assert!(named.any(|on| *on == accounts), "{function}: {accounts:?}");
    }
}

#[test]
fn every_function_is_in_the_alarms_of_all_functions() {
    let template = Template::read();
    let mut functions = template.names("AWS::Serverless::Function");
    functions.sort_unstable();
    for alarm in ["ErrorsAlarm", "ThrottlesAlarm"] {
        let mut named = template.functions_of_alarm(alarm);
        named.sort_unstable();
        assert_eq!(named, functions, "{alarm}");
    }
}

#[test]
fn every_function_may_use_the_key() {
    let template = Template::read();
    let roles = template.property("KeyUse", "Roles").as_sequence().expect("roles");
    let roles: Vec<_> = roles.iter().map(source_of).collect();
    let functions = template.names("AWS::Serverless::Function");
    let wanted: Vec<_> = functions.iter().map(|function| format!("{function}Role")).collect();
    assert_eq!(roles, wanted);
}

/// What API Gateway may say of a request without a word about the person that made it.
const OF_NO_PERSON: &[&str] = &[
    "error.responseType",
    "integrationStatus",
    "requestId",
    "requestTimeEpoch",
    "responseLatency",
    "responseLength",
    "routeKey",
    "status",
];

#[test]
fn the_access_log_is_json_and_of_no_person() {
    let template = Template::read();
    let format = template.property("Api", "AccessLogSettings")["Format"].as_str().expect("a text");
    let line: serde_json::Value = serde_json::from_str(format).expect("JSON");
    for value in line.as_object().expect("members").values() {
        let variable =
            value.as_str().and_then(|it| it.strip_prefix("$context.")).expect("a variable");
        assert!(OF_NO_PERSON.contains(&variable), "{variable}");
    }
}

/// A version keeps its variables. It is replaced when its description changes.
#[test]
fn every_parameter_of_a_variable_is_in_the_descriptions_of_versions() {
    let template = Template::read();
    let parameters = template.parameters_of_variables();
    assert!(parameters.len() > 8, "{parameters:?}");
    for function in ["Capture", "Enqueue", "Status", "Erase"] {
        let description = untagged(template.property(function, "VersionDescription"));
        let description = description.expect("a text");
        // With another suffix it is another stack.
        for parameter in parameters.iter().filter(|it| *it != "NameSuffix") {
            assert!(description.contains(&format!("${{{parameter}}}")), "{function}: {parameter}");
        }
    }
}
