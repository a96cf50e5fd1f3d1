use super::*;

fn edited(edit: impl FnOnce(&mut serde_json::Value)) -> Result<Mapping, MappingError> {
    let mut file = serde_json::from_str(Mapping::SAMPLE).expect("JSON");
    edit(&mut file);
    Mapping::parse(&file.to_string())
}

fn goal(mapping: &Mapping, account: &str, event: &str) -> Option<String> {
    let account = AccountName::parse(account).expect("account");
    let event = EventName::parse(event).expect("event");
    mapping.goal(&account, &event).map(|goal| goal.name.to_string())
}

/// Whoever adapts this system edits the shipped file: nothing here looks at its names.
#[test]
fn the_shipped_file_is_a_mapping() {
    Mapping::parse(Mapping::SHIPPED).expect("a mapping");
}

#[test]
fn a_file_is_read_whole() {
    let mapping = Mapping::sample();
    for (event, name) in [
        ("purchase", "Purchase"),
        ("qualified_lead", "Qualified Lead"),
        ("phone_sale", "Purchase"),
        ("subscription_start", "Subscription Start"),
    ] {
        assert_eq!(goal(&mapping, "main", event).as_deref(), Some(name));
    }
    assert!(matches!(mapping.event("refund"), Some(EventRule::Correction { .. })));
    for event in ["page_view", "form_submit", "add_to_cart"] {
        assert_eq!(mapping.event(event), Some(&EventRule::AnalyticsOnly));
    }
    assert_eq!(mapping.event("sneeze"), None);
    let main = mapping.only_account().expect("one account");
    assert_eq!(main.name().as_str(), "main");
    assert!(main.browser_order_ties());
    assert!(main.goals().all(|(_, goal)| goal.enhanced));
    assert_eq!(main.goal("qualified_lead").expect("goal").count_type, CountType::Unique);
    assert_eq!(main.goal("purchase").expect("goal").count_type, CountType::All);
    assert!(main.goals().all(|(_, goal)| goal.per_order == PerOrder::One));
    assert!(!mapping.has_own_orders(&"shop".parse().expect("a source")));
}

#[test]
fn a_new_event_is_an_edit_of_the_file_only() {
    let mapping = edited(|file| {
        file["goals"]["closed_deal"] = serde_json::json!({
            "name": "Closed Deal", "revenue": "VariableValue",
            "countType": "All", "enhancedConversions": true,
        });
        file["events"]["closed_deal"] = serde_json::json!({ "goal": "closed_deal" });
    })
    .expect("valid");
    assert_eq!(goal(&mapping, "main", "closed_deal").as_deref(), Some("Closed Deal"));
}

#[test]
fn accounts_have_their_own_goal_names() {
    let mapping = edited(|file| {
        file["accounts"]["shop-eu"] = serde_json::json!({
            "goals": { "purchase": "Kauf" }, "defaultCountryCode": "49",
        });
    })
    .expect("valid");
    assert_eq!(goal(&mapping, "shop-eu", "phone_sale").as_deref(), Some("Kauf"));
    assert_eq!(goal(&mapping, "main", "phone_sale").as_deref(), Some("Purchase"));
    let account = mapping.account("shop-eu").expect("account");
    assert_eq!(account.default_country_code(), Some("49"));
    assert!(!account.browser_order_ties(), "must be asked for");
    assert_eq!(mapping.only_account(), None);
    assert_eq!(mapping.accounts().count(), 2);
}

#[test]
fn errors_name_the_place() {
    use serde_json::json;
    type Edit = fn(&mut serde_json::Value);
    let cases: [(&str, Edit); 17] = [
        ("$", |f| *f = json!([])),
        ("goals", |f| f["goals"] = json!({})),
        ("accounts", |f| f["accounts"] = json!(null)),
        ("goal", |f| f["goal"] = json!({})),
        ("goals.purchase", |f| f["goals"]["purchase"]["revenue"] = json!("Variable")),
        ("goals.purchase", |f| f["goals"]["purchase"]["name"] = json!("x".repeat(101))),
        ("goals.purchase", |f| f["goals"]["purchase"]["perOrder"] = json!("two")),
        ("ownOrders", |f| f["ownOrders"] = json!("shop")),
        ("ownOrders", |f| f["ownOrders"] = json!(["my shop"])),
        ("goals.purchase", |f| f["goals"]["purchase"]["colour"] = json!("red")),
        ("events.purchase.goal", |f| f["events"]["purchase"]["goal"] = json!("Purchase")),
        ("events.purchase", |f| f["events"]["purchase"]["adjusts"] = json!(true)),
        ("events.purchase", |f| f["events"]["purchase"]["required"] = json!(["colour"])),
        ("events.a b", |f| f["events"]["a b"] = json!({ "adjusts": true })),
        ("analyticsOnly.purchase", |f| f["analyticsOnly"] = json!(["purchase"])),
        ("accounts.main.goals.x", |f| f["accounts"]["main"]["goals"] = json!({ "x": "Y" })),
        ("accounts.main.defaultCountryCode", |f| {
            f["accounts"]["main"]["defaultCountryCode"] = json!("+1");
        }),
    ];
    for (path, edit) in cases {
        let error = edited(edit).expect_err(path);
        assert_eq!(error.path(), path, "{error}");
        assert!(error.to_string().contains(path));
    }
    assert_eq!(Mapping::parse("{").expect_err("no JSON").path(), "$");
}
