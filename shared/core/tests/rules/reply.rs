//! Reading Microsoft's answers: nothing counts as success unless it says so for exactly these rows.

use proptest::prelude::*;
use tracklayer_core::microsoft::errors::ErrorClass;
use tracklayer_core::microsoft::reply::{MicrosoftError, Reply, RowOutcome, read_apply};

fn ok(body: &str, rows: usize) -> Reply {
    read_apply(200, body.as_bytes(), rows)
}

fn is_unknown(reply: &Reply) -> bool {
    matches!(reply, Reply::Unknown(..))
}

fn outcomes(body: &str, rows: usize) -> Vec<RowOutcome> {
    match ok(body, rows) {
        Reply::Rows(outcomes) => outcomes,
        other => panic!("{other:?}"),
    }
}

fn failed(code: i64, symbol: &str, class: ErrorClass) -> RowOutcome {
    RowOutcome::Failed(MicrosoftError { code: Some(code), symbol: Some(symbol.to_owned()), class })
}

fn fault(status: u16, body: &str) -> MicrosoftError {
    match read_apply(status, body.as_bytes(), 3) {
        Reply::Fault(error) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_new_code_under_a_status_that_says_enough_is_of_that_class() {
    let new = r#"{"Errors":[{"Code":7777,"ErrorCode":"New"}]}"#;
    for (status, class) in
        [(401, ErrorClass::Token), (403, ErrorClass::Account), (429, ErrorClass::Throttled)]
    {
        let error = fault(status, new);
        assert_eq!((error.class, error.code), (class, Some(7777)), "{status}");
    }
    let Reply::Unknown(_, Some(error)) = read_apply(400, new.as_bytes(), 3) else {
        panic!("known")
    };
    assert_eq!((error.class, error.code), (ErrorClass::Unknown, Some(7777)));
    assert_eq!(error.symbol.as_deref(), Some("New"));
}

#[test]
fn a_fault_under_http_200_is_no_acceptance() {
    for fault in [
        r#""Errors":[{"Code":0,"Message":"x"}]"#,
        r#""OperationErrors":[{"Code":106}]"#,
        r#""ApplicationFault":{"Errors":[{"Code":105}]}"#,
    ] {
        let body = format!(r#"{{"PartialErrors":[],{fault}}}"#);
        assert_eq!(read_apply(200, body.as_bytes(), 2), Reply::Unknown("unreadable answer", None));
    }
    let empty = br#"{"PartialErrors":[],"Errors":[],"BatchErrors":null}"#;
    assert_eq!(read_apply(200, empty, 1), Reply::Rows(vec![RowOutcome::Accepted]));
}

#[test]
fn an_empty_or_null_list_accepts_all() {
    for body in [r#"{"PartialErrors":[]}"#, r#" {"PartialErrors":null,"More":1} "#] {
        assert_eq!(outcomes(body, 3), vec![RowOutcome::Accepted; 3], "{body}");
    }
}

#[test]
fn what_does_not_say_so_is_no_success() {
    for body in [
        "",
        " ",
        "{}",
        "null",
        "[]",
        "[[]]",
        "[null]",
        "\"\"",
        "0",
        "true",
        "<html><body>Bad gateway</body></html>",
        r#"{"PartialErrors":[]"#,
        r#"{"PartialErrors":[]}x"#,
        r#"{"PartialErrors":{}}"#,
        r#"{"PartialErrors":""}"#,
        r#"{"PartialErrors":[null]}"#,
        r#"{"partialErrors":[]}"#,
        r#"{"Errors":[{"Code":105}]}"#,
        r#"{"PartialErrors":[{"Code":"x","Index":0}]}"#,
        r#"{"PartialErrors":[{"Code":5606,"Index":0.5}]}"#,
        "\u{feff}{\"PartialErrors\":[]}",
    ] {
        assert!(is_unknown(&ok(body, 2)), "{body}");
    }
    assert!(is_unknown(&read_apply(200, b"\xff\xfe", 2)));
}

#[test]
fn an_error_stands_on_the_row_it_names() {
    let body = r#"{"PartialErrors":[{"Code":5606,"ErrorCode":"OfflineConversionNameInvalid",
        "Message":"m","Details":null,"FieldPath":null,"Index":1,"Type":"BatchError",
        "ForwardCompatibilityMap":[]}]}"#;
    let refused = failed(5606, "OfflineConversionNameInvalid", ErrorClass::GoalName);
    assert_eq!(outcomes(body, 3), [RowOutcome::Accepted, refused, RowOutcome::Accepted]);
}

#[test]
fn index_0_is_the_first_row() {
    let body = r#"{"PartialErrors":[{"Code":5609,"ErrorCode":"OfflineConversionTimeOutOfWindow","Index":0}]}"#;
    let refused = failed(5609, "OfflineConversionTimeOutOfWindow", ErrorClass::Final);
    assert_eq!(outcomes(body, 2), [refused, RowOutcome::Accepted]);
}

#[test]
fn an_error_without_a_valid_index_leaves_every_row_unknown() {
    for index in
        ["", r#","Index":null"#, r#","Index":3"#, r#","Index":-1"#, r#","Index":4000000000"#]
    {
        let good = r#"{"Code":5606,"Index":0}"#;
        let body = format!(r#"{{"PartialErrors":[{good},{{"Code":5606{index}}}]}}"#);
        assert!(is_unknown(&ok(&body, 3)), "{body}");
    }
}

#[test]
fn of_several_errors_for_one_row_the_gravest_decides() {
    let passing = r#"{"Code":5615,"ErrorCode":"OfflineConversionNotAcceptedForGoal","Index":0}"#;
    let lasting = r#"{"Code":5609,"ErrorCode":"OfflineConversionTimeOutOfWindow","Index":0}"#;
    let inside = r#"{"Code":5612,"ErrorCode":"OfflineConversionsApplyFailed","Index":0}"#;
    let refused = failed(5609, "OfflineConversionTimeOutOfWindow", ErrorClass::Final);
    for order in
        [[passing, lasting, inside], [lasting, inside, passing], [inside, passing, lasting]]
    {
        let body = format!(r#"{{"PartialErrors":[{}]}}"#, order.join(","));
        assert_eq!(outcomes(&body, 2), [refused.clone(), RowOutcome::Accepted]);
    }
}

#[test]
fn an_error_without_number_is_known_by_its_symbol() {
    let body = r#"{"PartialErrors":[{"ErrorCode":"NotEligibleForEnhancedConversions","Index":0},
        {"Code":null,"ErrorCode":"BrandNew","Index":1}]}"#;
    let classes: Vec<_> = outcomes(body, 2)
        .into_iter()
        .map(|outcome| match outcome {
            RowOutcome::Failed(error) => (error.symbol.unwrap_or_default(), error.class),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [
        ("NotEligibleForEnhancedConversions".to_owned(), ErrorClass::Configuration),
        ("BrandNew".to_owned(), ErrorClass::Unknown),
    ];
    assert_eq!(classes, expected);
}

#[test]
fn a_symbol_that_was_left_out_is_the_tables() {
    let body = r#"{"PartialErrors":[{"Code":5606,"Index":0},{"Code":5609,"ErrorCode":"","Index":1},
        {"Code":99999,"Index":2}]}"#;
    let symbols: Vec<_> = outcomes(body, 3)
        .iter()
        .map(|outcome| outcome.error().expect("refused").symbol.clone())
        .collect();
    let symbols: Vec<_> = symbols.iter().map(Option::as_deref).collect();
    let time = Some("OfflineConversionTimeOutOfWindow");
    assert_eq!(symbols, [Some("OfflineConversionNameInvalid"), time, None]);
}

#[test]
fn faults_are_read_bare_and_wrapped() {
    let bare = r#"{"TrackingId":"t","Type":"AdApiFaultDetail","Errors":[
        {"Code":105,"Detail":null,"ErrorCode":"InvalidCredentials","Message":"m"}]}"#;
    let operation = r#"{"TrackingId":"t","Type":"ApiFaultDetail","BatchErrors":[],"OperationErrors":[
        {"Code":106,"Details":null,"Message":"m"}]}"#;
    assert_eq!(fault(401, bare).class, ErrorClass::Token);
    assert_eq!(fault(400, operation).class, ErrorClass::Account);
    for inner in [bare, operation] {
        let wrapped = format!(r#"{{"ApplicationFault":{inner}}}"#);
        assert_eq!(fault(400, &wrapped), fault(400, inner));
    }
}

#[test]
fn a_fault_is_read_whichever_of_its_lists_is_filled() {
    for lists in [
        r#""Errors":[],"OperationErrors":[{"Code":117}],"BatchErrors":null"#,
        r#""Errors":null,"OperationErrors":[{"Code":117}],"BatchErrors":[]"#,
        r#""Errors":[{"Code":117}],"OperationErrors":[]"#,
    ] {
        assert_eq!(fault(400, &format!("{{{lists}}}")).class, ErrorClass::Throttled, "{lists}");
    }
}

#[test]
fn a_fault_that_names_rows_blames_only_those() {
    let body = r#"{"OperationErrors":[],"BatchErrors":[
        {"Code":5607,"ErrorCode":"OfflineConversionTimeInvalid","Index":1}]}"#;
    let Reply::Rows(outcomes) = read_apply(400, body.as_bytes(), 3) else { panic!("rows") };
    let refused = failed(5607, "OfflineConversionTimeInvalid", ErrorClass::Defect);
    assert_eq!(outcomes, [RowOutcome::Unknown, refused, RowOutcome::Unknown]);
    let nobody = r#"{"BatchErrors":[{"Code":5607}]}"#;
    assert_eq!(
        fault(400, nobody).code,
        Some(5607),
        "some row is to blame: a call of its own finds it"
    );
    assert!(is_unknown(&read_apply(500, nobody.as_bytes(), 3)));
    let inside = r#"{"BatchErrors":[{"Code":5612}]}"#;
    assert!(is_unknown(&read_apply(400, inside.as_bytes(), 3)), "Microsoft's own trouble");
}

#[test]
fn trouble_inside_microsoft_is_no_refusal() {
    for (status, body) in [
        (500, r#"{"Errors":[{"Code":0,"ErrorCode":"InternalError"}]}"#),
        (400, r#"{"OperationErrors":[{"Code":833}]}"#),
        (503, r#"{"Errors":[{"Code":99999,"ErrorCode":"BrandNew"}]}"#),
    ] {
        let reply = read_apply(status, body.as_bytes(), 3);
        let Reply::Unknown(_, Some(error)) = reply else { panic!("{reply:?}") };
        assert!(body.contains(&error.code.expect("the code it came with").to_string()), "{body}");
    }
}

/// A server that failed may have carried something out before, whatever its words.
#[test]
fn nothing_is_known_not_to_be_taken_under_a_status_of_the_500s() {
    for list in ["Errors", "OperationErrors", "BatchErrors"] {
        for code in [105, 106, 117, 5606] {
            let body = format!(r#"{{"{list}":[{{"Code":{code},"Index":0}}]}}"#);
            let reply = read_apply(500, body.as_bytes(), 1);
            let Reply::Unknown(_, Some(error)) = reply else { panic!("{reply:?}") };
            assert_eq!(error.code, Some(code));
        }
    }
}

#[test]
fn the_status_speaks_where_the_body_does_not() {
    let html = "<html></html>";
    let text = r#"{"Type":"AdCenterFault","ErrorMessage":"no code"}"#;
    for body in ["", html, text, "{}", "[]"] {
        for (status, class) in [
            (401, ErrorClass::Token),
            (403, ErrorClass::Account),
            (405, ErrorClass::Account),
            (413, ErrorClass::Defect),
            (429, ErrorClass::Throttled),
        ] {
            assert_eq!(fault(status, body).class, class, "{status} {body}");
        }
        for status in [201, 204, 301, 302, 400, 404, 408, 500, 501, 502, 503, 504] {
            assert!(is_unknown(&read_apply(status, body.as_bytes(), 3)), "{status} {body}");
        }
    }
}

#[test]
fn another_success_status_is_not_taken_for_one() {
    let body = br#"{"PartialErrors":[]}"#;
    for status in [201, 202, 204, 206, 302] {
        assert!(is_unknown(&read_apply(status, body, 1)), "{status}");
    }
}

fn any_error() -> impl Strategy<Value = String> {
    let code = prop_oneof![Just("null".to_owned()), (5_590_i64..5_640).prop_map(|n| n.to_string())];
    let index = prop_oneof![Just("null".to_owned()), (-1_i64..6).prop_map(|n| n.to_string())];
    (code, index).prop_map(|(code, index)| format!(r#"{{"Code":{code},"Index":{index}}}"#))
}

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let list = || prop::collection::vec(any_error(), 0..4).prop_map(|list| list.join(","));
    let name = "PartialErrors|Errors|OperationErrors|BatchErrors|ApplicationFault";
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        "\\PC{0,60}".prop_map(String::into_bytes),
        (name, list()).prop_map(|(name, list)| format!(r#"{{"{name}":[{list}]}}"#).into()),
        list().prop_map(|list| format!(r#"{{"PartialErrors":[{list}]}}"#).into()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn rule_7_no_answer_panics_and_every_row_has_one_outcome(
        status in prop_oneof![Just(200_u16), 100_u16..600],
        body in any_body(),
        rows in 0_usize..6,
    ) {
        if let Reply::Rows(outcomes) = read_apply(status, &body, rows) {
            prop_assert_eq!(outcomes.len(), rows);
            let accepted = outcomes.contains(&RowOutcome::Accepted);
            prop_assert!(!accepted || status == 200, "accepted by {}", status);
        }
    }

    #[test]
    fn rule_7_failed_are_exactly_the_rows_named(named in prop::collection::btree_set(0_usize..9, 0..9)) {
        let errors: Vec<_> =
            named.iter().rev().map(|n| format!(r#"{{"Code":5609,"Index":{n}}}"#)).collect();
        let body = format!(r#"{{"PartialErrors":[{}]}}"#, errors.join(","));
        for (n, outcome) in outcomes(&body, 9).iter().enumerate() {
            prop_assert_eq!(named.contains(&n), *outcome != RowOutcome::Accepted);
        }
    }
}
