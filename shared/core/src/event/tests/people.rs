//! What shops, CRMs and people write of the click and the person: one row for each form, with what
//! becomes of it.

use super::*;
use crate::person::identity::{hash_email, hash_phone};

const M1: &str = "f894f652ea334e739002f7167ab8f8e3";
/// The hash of `john@contoso.com`.
const JOHN: &str = "ec81f3ac7b2b19675bab9d54cf416f9f18cff87c97da5cca82c0f0891bc40602";

/// Field, JSON text, and what is read of it: nothing (`-`), the text after `=` (of an address or
/// number its hash), or nothing with the warning after `!`.
const SOFT: &[(&str, &str, &str)] = &[
    // Click ids.
    ("msclkid", r#""""#, "-"),
    ("msclkid", "null", "-"),
    ("msclkid", r#"" f894f652ea334e739002f7167ab8f8e3\n""#, "=f894f652ea334e739002f7167ab8f8e3"),
    (
        "msclkid",
        r#""f894f652ea334e739002f7167ab8f8e3,f894f652ea334e739002f7167ab8f8e3""#,
        "=f894f652ea334e739002f7167ab8f8e3",
    ),
    (
        "msclkid",
        r#""f894f652ea334e739002f7167ab8f8e3?utm_source=bing""#,
        "=f894f652ea334e739002f7167ab8f8e3",
    ),
    (
        "msclkid",
        r#""https://x.example/?msclkid=f894f652ea334e739002f7167ab8f8e3&b=1#c""#,
        "=f894f652ea334e739002f7167ab8f8e3",
    ),
    (
        "msclkid",
        r#""f894f652ea334e739002f7167ab8f8e3,dd4afcccb1c9a4cad9544dd7e5006""#,
        "!invalid_click_id",
    ),
    ("msclkid", r#""undefined""#, "!invalid_click_id"),
    ("msclkid", r#""N""#, "!invalid_click_id"),
    ("msclkid", r#""(not set)""#, "!invalid_click_id"),
    ("msclkid", r#""{msclkid}""#, "!invalid_click_id"),
    ("msclkid", "5", "!invalid_click_id"),
    ("msclkid", "true", "!wrong_type"),
    ("msclkid", r#"["f894f652ea334e739002f7167ab8f8e3"]"#, "!wrong_type"),
    ("msclkid", r#""\ufefff894f652ea334e739002f7167ab8f8e3""#, "=f894f652ea334e739002f7167ab8f8e3"),
    ("msclkid", r#""f894f652ea334e739002f7167ab8f8e3\u200b""#, "=f894f652ea334e739002f7167ab8f8e3"),
    ("msclkid", r#""\"f894f652ea334e739002f7167ab8f8e3\"""#, "=f894f652ea334e739002f7167ab8f8e3"),
    (
        "msclkid",
        r#""https://x.example/?msclkid=f894f652ea334e739002f7167ab8f8e3/""#,
        "=f894f652ea334e739002f7167ab8f8e3",
    ),
    (
        "msclkid",
        r#""f894f652ea334e739002f7167ab8f8e3%2Cf894f652ea334e739002f7167ab8f8e3""#,
        "=f894f652ea334e739002f7167ab8f8e3",
    ),
    (
        "msclkid",
        r#""f894f652ea334e739002f7167ab8f8e3,F894F652EA334E739002F7167AB8F8E3""#,
        "=f894f652ea334e739002f7167ab8f8e3",
    ),
    ("msclkid", r#""?msclkid=&gclid=1""#, "!invalid_click_id"),
    ("msclkid", r#""[\"f894f652ea334e739002f7167ab8f8e3\"]""#, "!invalid_click_id"),
    (
        "msclkid",
        r#""f894f652ea334e739002f7167ab8f8e3;f894f652ea334e739002f7167ab8f8e3""#,
        "!invalid_click_id",
    ),
    // An empty GUID, and what samples write.
    ("msclkid", r#""00000000-0000-0000-0000-000000000000""#, "!invalid_click_id"),
    ("msclkid", r#""XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX""#, "!invalid_click_id"),
    // Ids.
    ("leadId", "1001", "=1001"),
    ("leadId", "-1", "=-1"),
    ("leadId", "10.5", "!wrong_type"),
    ("leadId", "false", "!wrong_type"),
    ("leadId", "{}", "!wrong_type"),
    ("leadId", r#""""#, "-"),
    ("leadId", r#"" ""#, "!invalid_id"),
    ("leadId", r#"" L-1\u00a0""#, "=L-1"),
    ("leadId", r#""jane@example.com""#, "!invalid_id"),
    ("leadId", r#""undefined""#, "!invalid_id"),
    ("leadId", r#""a b""#, "!invalid_id"),
    ("leadId", r#""Łódź""#, "!invalid_id"),
    (
        "leadId",
        r#""{3F2504E0-4F89-11D3-9A0C-0305E82C3301}""#,
        "={3F2504E0-4F89-11D3-9A0C-0305E82C3301}",
    ),
    ("leadId", r#""[object Object]""#, "!invalid_id"),
    ("leadId", r#""\u200b\ufeff""#, "!invalid_id"),
    ("leadId", r#""{{lead.id}}""#, "!invalid_id"),
    ("leadId", "0", "!invalid_id"),
    ("orderId", r#""gid://shopify/Order/450789469""#, "=gid://shopify/Order/450789469"),
    ("orderId", "1001.0", "=1001"),
    ("orderId", "1001.5", "!wrong_type"),
    ("orderId", r#""1001.0""#, "=1001.0"),
    ("orderId", r#""１００１""#, "!invalid_id"),
    ("leadId", r#""00Q5g00000AbCdE|x%7Cy#1?z""#, "=00Q5g00000AbCdE|x%7Cy#1?z"),
    ("orderId", r##""#1001""##, "=#1001"),
    ("orderId", "1001", "=1001"),
    ("cartId", r#""gid://shopify/Cart/c1-abc?key=0f3""#, "=gid://shopify/Cart/c1-abc"),
    ("cartId", r#""?key=0f3""#, "!invalid_id"),
    // A cookie that PHP took away, and customers without a login.
    ("leadId", r#""deleted""#, "!invalid_id"),
    ("leadId", r#""Guest""#, "!invalid_id"),
    ("leadId", r##""#REF!""##, "!invalid_id"),
    ("leadId", r#""l:1234567890""#, "=l:1234567890"),
    ("leadId", "1e3", "!wrong_type"),
    ("leadId", "12345678901234567890", "=12345678901234567890"),
    ("leadId", r#""00Q5g00000AbCdE\r\n""#, "=00Q5g00000AbCdE"),
    ("leadId", r#""'4711""#, "!invalid_id"),
    ("leadId", r#""A–1""#, "!invalid_id"),
    ("orderId", r#""№1001""#, "!invalid_id"),
    ("orderId", r#""0001001""#, "=0001001"),
    ("orderId", "-0", "!invalid_id"),
    // Addresses.
    ("email", r#""""#, "-"),
    ("email", r#"" John@Contoso.com ""#, "=john@contoso.com"),
    ("email", r#""JOHN+news@contoso.com""#, "=john@contoso.com"),
    ("email", r#""j.o.h.n@contoso.com""#, "=john@contoso.com"),
    ("email", r#""\u00a0john@contoso.com\u200b""#, "=john@contoso.com"),
    ("email", r#""ｊｏｈｎ＠contoso.com""#, "=john@contoso.com"),
    ("email", r#""john@bücher.example""#, "=john@bucher.example"),
    ("email", r#""jane.doe@example""#, "!invalid_value"),
    ("email", r#""Jane <jane@example.com>""#, "!invalid_value"),
    ("email", r#""<jane@example.com>""#, "!invalid_value"),
    ("email", r#""mailto:jane@example.com""#, "!invalid_value"),
    ("email", r#""jane@example.com,""#, "!invalid_value"),
    ("email", r#""jane@example.com.""#, "!invalid_value"),
    ("email", r#""jane@example.com; joe@example.com""#, "!invalid_value"),
    ("email", r#""jane at example.com""#, "!invalid_value"),
    ("email", r#""n/a""#, "!invalid_value"),
    ("email", r#""jöhn@contoso.com""#, "=john@contoso.com"),
    ("email", r#""'jane@example.com'""#, "!invalid_value"),
    ("email", r#""jane@example.com?subject=x""#, "!invalid_value"),
    ("email", r#""jane@example.com|joe""#, "!invalid_value"),
    ("email", r#""jane@@example.com""#, "!invalid_value"),
    ("email", r#""john%40contoso.com""#, "!invalid_value"),
    ("email", "true", "!wrong_type"),
    ("email", r#"["jane@example.com"]"#, "!wrong_type"),
    ("email", r#""john@contoso .com""#, "=john@contoso.com"),
    ("email", r#""john＠contoso．com\u0000""#, "=john@contoso.com"),
    ("email", r#""j..ohn@contoso.com""#, "=john@contoso.com"),
    ("email", r#""+news@contoso.com""#, "!invalid_value"),
    ("email", r#""john@contoso,com""#, "!invalid_value"),
    ("email", r#""john@contoso..com""#, "!invalid_value"),
    ("email", r#""john@contoso.com (work)""#, "!invalid_value"),
    ("email", r#""john&#64;contoso.com""#, "!invalid_value"),
    ("email", r#""5d41402abc4b2a76b9719d911017c592""#, "!invalid_value"),
    // Numbers.
    ("phone", r#""""#, "-"),
    ("phone", r#""+1 425 555 1234 ext. 7""#, "=+14255551234"),
    ("phone", r#""+1 425 555 1234 x104""#, "=+14255551234"),
    ("phone", r#""+1 (425) 555-1234 Extension 7""#, "=+14255551234"),
    ("phone", r##""+1 425 555 1234 #7""##, "=+14255551234"),
    ("phone", r#""tel:+1-425-555-1234;ext=7""#, "=+14255551234"),
    ("phone", r#""Tel.: +1 425 555 1234""#, "=+14255551234"),
    ("phone", r#""+14255551234,,7""#, "=+14255551234"),
    ("phone", r#""+1.425.555.1234ext7""#, "=+14255551234"),
    ("phone", r#""+1 800 FLOWERS""#, "!invalid_value"),
    ("phone", r#""ext: 7""#, "!invalid_value"),
    ("phone", r#""+14255551234,4255551235""#, "!invalid_value"),
    ("phone", r#""(+1) 425 555 1234""#, "=+14255551234"),
    ("phone", r#""+1·425·555·1234""#, "=+14255551234"),
    ("phone", r#""+1\u00a0425\u00a0555\u20111234""#, "=+14255551234"),
    ("phone", r#""\u202a+1 425 555 1234\u202c""#, "=+14255551234"),
    ("phone", r#""＋１ ４２５ ５５５ １２３４""#, "=+14255551234"),
    ("phone", r#""001 425 555 1234""#, "=+14255551234"),
    ("phone", r#""+44 (0)20 7946 0958""#, "=+442079460958"),
    ("phone", r#""(425) 555-1234""#, "!invalid_value"),
    ("phone", r#""020 7946 0958""#, "!invalid_value"),
    ("phone", r#""n/a""#, "!invalid_value"),
    ("phone", r#""-""#, "!invalid_value"),
    ("phone", r#""+1 425 555 1234 or 1235""#, "!invalid_value"),
    ("phone", r#""+1 425 555 1234, +1 425 555 1235""#, "!invalid_value"),
    ("phone", "14255551234", "=+14255551234"),
    ("phone", r#""+1 425 555 1234, ext. 104""#, "=+14255551234"),
    ("phone", r#""+1 425 555 1234 (ext 104)""#, "=+14255551234"),
    ("phone", r#""+1 425 555 1234 (mobile)""#, "=+14255551234"),
    ("phone", r#""Germany +49 30 901820""#, "=+4930901820"),
    ("phone", r#""(US) +1 425 555 1234""#, "=+14255551234"),
    ("phone", r#""'+14255551234""#, "=+14255551234"),
    ("phone", r#""+49 (0) 30 901820""#, "=+4930901820"),
    ("phone", r#""+39 06 1234 5678""#, "=+390612345678"),
    ("phone", r#""+62 0812-3456-7890""#, "=+6281234567890"),
    ("phone", r#""٠٠٩٦٦٥٠١٢٣٤٥٦٧""#, "=+966501234567"),
    ("phone", r#""+۹۸ ۹۱۲ ۱۲۳ ۴۵۶۷""#, "=+989121234567"),
    ("phone", r#""+९१ ९८१०० १२३४५""#, "=+919810012345"),
    ("phone", r#""+1 425 555 1234 / +1 425 555 1235""#, "!invalid_value"),
    ("phone", r#""14255551234.0""#, "!invalid_value"),
    ("phone", "4930901820123", "=+4930901820123"),
    ("phone", "14255551234.0", "=+14255551234"),
    ("phone", "4255551234", "!invalid_value"),
    ("phone", "1.4255551234E10", "!wrong_type"),
    ("phone", r#""p:+14255551234""#, "=+14255551234"),
    ("phone", r#""whatsapp:+14255551234""#, "=+14255551234"),
    ("phone", r#""=+14255551234""#, "=+14255551234"),
    ("phone", r#""+1 425 555 1234 x""#, "=+14255551234"),
    ("phone", r#""+1 425 555 1234 ext.""#, "=+14255551234"),
    ("phone", r#""+14255551234;""#, "=+14255551234"),
    ("phone", r#""++14255551234""#, "!invalid_value"),
    ("phone", r#""+(1) 425 555 1234""#, "=+14255551234"),
    ("phone", r#""+1_425_555_1234""#, "=+14255551234"),
    ("phone", r#""+1 (425) 555-1234 / ext 7""#, "=+14255551234"),
    ("phone", r#""0049/30/901820""#, "=+4930901820"),
    ("phone", r#""+14255551234;+14255551235""#, "!invalid_value"),
    ("phone", r#""+1 425 555 1234 Mobile""#, "!invalid_value"),
    ("phone", r#""+7 495 123-45-67 доб. 7""#, "!invalid_value"),
    ("phone", r#""1.4255551234E10""#, "!invalid_value"),
    // Hashes: those of empty fields are nobody's, wherever they stand.
    ("hashedEmail", r#""""#, "-"),
    (
        "hashedEmail",
        r#"" EC81F3AC7B2B19675BAB9D54CF416F9F18CFF87C97DA5CCA82C0F0891BC40602""#,
        "=john@contoso.com",
    ),
    ("hashedEmail", r#""not-a-hash""#, "!invalid_value"),
    ("hashedEmail", r#""jane@example.com""#, "!invalid_value"),
    ("hashedEmail", "7", "!wrong_type"),
    (
        "hashedEmail",
        r#""e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855""#,
        "!invalid_value",
    ),
    (
        "hashedEmail",
        r#""74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b""#,
        "!invalid_value",
    ),
    (
        "hashedEmail",
        r#""\ufeffec81f3ac7b2b19675bab9d54cf416f9f18cff87c97da5cca82c0f0891bc40602""#,
        "=john@contoso.com",
    ),
    ("hashedEmail", r#""7IHzrHsrGWdbq51Uz0FvnxjP+HyX2lzKgsDwiRvEBgI=""#, "!invalid_value"),
    (
        "hashedEmail",
        r#""0xec81f3ac7b2b19675bab9d54cf416f9f18cff87c97da5cca82c0f0891bc40602""#,
        "!invalid_value",
    ),
    (
        "hashedPhone",
        r#""eb045d78d273107348b0300c01d29b7552d622abbc6faf81b3ec55359aa9950c""#,
        "!invalid_value",
    ),
    (
        "hashedPhone",
        r#""140bedbf9c3f6d56a9846d2ba7088798683f4da0c248231336e6a05679e4fdfe""#,
        "!invalid_value",
    ),
    (
        "email",
        r#""e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855""#,
        "!invalid_value",
    ),
];

/// The field as it was read, as [`SOFT`] writes it.
fn read(field: &str, sale: &Conversion, expected: &str) -> String {
    let references = &sale.references;
    let id = |id: &Option<RecordId>| id.as_ref().map(RecordId::to_string);
    let text = match field {
        "msclkid" => sale.msclkid.as_ref().map(ToString::to_string),
        "leadId" => id(&references.lead),
        "cartId" => id(&references.cart),
        "orderId" => id(&references.order),
        _ => {
            let plain = expected.trim_start_matches('=');
            let hash = hash_email(plain).or_else(|_| hash_phone(plain, None)).ok();
            let read = if field.ends_with("mail") { sale.email } else { sale.phone };
            read.map(|read| if Some(read) == hash { plain.to_owned() } else { "else".to_owned() })
        }
    };
    text.map_or("-".to_owned(), |text| format!("={text}"))
}

#[test]
fn beside_a_session_no_soft_field_costs_the_sale() {
    for (field, json, expected) in SOFT {
        let text = purchase().to_string().replacen('{', &format!(r#"{{"{field}":{json},"#), 1);
        let Parsed { event, warnings } = parse_event(&text, &mapping(), now());
        let Ok(Event::Conversion(sale)) = event else { panic!("{text}: {event:?}") };
        let told: Vec<_> = warnings.iter().map(|it| (it.code.as_str(), it.field)).collect();
        let warning = expected.strip_prefix('!').map(|code| (code, Some(*field)));
        assert_eq!(told, Vec::from_iter(warning), "{text}");
        let left = if warning.is_some() { "-" } else { expected };
        assert_eq!(read(field, &sale, expected), left, "{text}");
        assert_eq!(sale.references.session.as_ref().map(RecordId::as_str), Some("sess_10492"));
        assert!(!format!("{warnings:?}").contains("jane"), "{warnings:?}");
    }
}

/// With nothing else, the event is refused for the first of them.
#[test]
fn with_nothing_usable_left_the_first_warning_is_the_error() {
    let nobody = without(purchase(), "sessionId");
    for (members, code, field, warnings) in [
        (json!({}), "no_identifier", None, 0),
        (json!({ "email": "", "msclkid": null, "leadId": "" }), "no_identifier", None, 0),
        (json!({ "value": 1.0005 }), "no_identifier", None, 1),
        (json!({ "msclkid": "N", "email": "n/a" }), "invalid_click_id", Some("msclkid"), 2),
        (json!({ "leadId": "a b", "value": 1.0005 }), "invalid_id", Some("leadId"), 2),
        (json!({ "hashedEmail": "x", "phone": 5 }), "invalid_value", Some("hashedEmail"), 2),
        (json!({ "orderId": true }), "wrong_type", Some("orderId"), 1),
        // An error about the sale itself is answered first, with the warnings beside it.
        (json!({ "email": "n/a", "currency": "US$" }), "invalid_currency", Some("currency"), 1),
    ] {
        let parsed = parse_event(&with(nobody.clone(), members).to_string(), &mapping(), now());
        let rejection = parsed.event.expect_err("nobody");
        let error = (rejection.error.code.as_str(), rejection.error.field);
        assert_eq!((error, parsed.warnings.len()), ((code, field), warnings));
        assert_eq!(rejection.account.expect("the only account").as_str(), "main");
    }
}

#[test]
fn what_the_mapping_requires_must_be_usable() {
    let visit = with(lead(), json!({ "event": "visit", "sessionId": "s", "leadId": "a b" }));
    assert_eq!(refusal(&visit), (ErrorCode::InvalidId, Some("leadId")));
    let visit = with(visit, json!({ "leadId": "" }));
    assert_eq!(refusal(&visit), (ErrorCode::MissingField, Some("leadId")));
}

#[test]
fn an_address_counts_more_than_a_hash_that_is_not_its_own() {
    let both = json!({ "email": "jane@contoso.com", "hashedEmail": JOHN });
    let parsed = parse_event(&with(purchase(), both).to_string(), &mapping(), now());
    let Ok(Event::Conversion(sale)) = parsed.event else { panic!("{parsed:?}") };
    assert_eq!(sale.email, hash_email("jane@contoso.com").ok());
    assert_eq!(parsed.warnings[0].field, Some("hashedEmail"));
    // One of the two is enough.
    let both = json!({ "email": "n/a", "hashedEmail": JOHN, "msclkid": M1 });
    let parsed = parse_event(&with(purchase(), both).to_string(), &mapping(), now());
    let Ok(Event::Conversion(sale)) = parsed.event else { panic!("{parsed:?}") };
    assert_eq!((sale.email.expect("a hash").hex().as_str(), parsed.warnings.len()), (JOHN, 1));
}
