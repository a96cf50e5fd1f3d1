//! Which column is which field of an event.

use crate::failure::Failure;

/// The fields that an event of a file can have; `original…` are members of `original`.
const FIELDS: [&str; 21] = [
    "event",
    "eventId",
    "source",
    "occurredAt",
    "value",
    "currency",
    "account",
    "msclkid",
    "sessionId",
    "leadId",
    "cartId",
    "orderId",
    "email",
    "phone",
    "hashedEmail",
    "hashedPhone",
    "consent",
    "amount",
    "newValue",
    "originalEventId",
    "originalSource",
];

/// A field and the value or column that was named for it on the command line.
pub type Named = (String, String);

/// Reads `FIELD=TEXT` of the command line.
pub fn named(text: &str) -> Result<Named, String> {
    let (field, value) = text.split_once('=').ok_or("must be FIELD=TEXT")?;
    let field = field_of(field)
        .ok_or_else(|| format!("no field {field}; there are: {}", FIELDS.join(", ")))?;
    Ok((field.to_owned(), value.to_owned()))
}

/// The field that each column fills.
#[derive(Debug)]
pub struct Columns(Vec<Option<&'static str>>);

impl Columns {
    /// By the file's head – `order_id` and `Order ID` are `orderId` –, and by what was named.
    pub fn of(head: &csv::StringRecord, map: &[Named]) -> Result<Self, Failure> {
        let named = |title: &str| {
            let mut of_column = map.iter().filter(|(_, column)| column.trim() == title.trim());
            of_column.next().and_then(|(field, _)| field_of(field))
        };
        let taken = |field: &str| map.iter().any(|(mapped, _)| mapped == field);
        let by_title = |title: &str| field_of(title).filter(|field| !taken(field));
        for (field, column) in map {
            if !head.iter().any(|title| title.trim() == column.trim()) {
                let message = format!("the file has no column {column} for {field}");
                let help =
                    format!("Its columns are: {}", head.iter().collect::<Vec<_>>().join(", "));
                return Err(Failure::input("no_column", message, help));
            }
        }
        Ok(Columns(head.iter().map(|title| named(title).or_else(|| by_title(title))).collect()))
    }

    /// The columns that fill no field.
    pub fn unused<'a>(&self, head: &'a csv::StringRecord) -> Vec<&'a str> {
        let unused = head.iter().zip(&self.0).filter(|(_, field)| field.is_none());
        unused.map(|(title, _)| title).collect()
    }

    /// The fields of a row that say something.
    pub fn fields<'a>(
        &'a self,
        row: &'a csv::StringRecord,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let cells =
            self.0.iter().zip(row).filter_map(|(field, cell)| Some(((*field)?, cell.trim())));
        cells.filter(|(_, cell)| !cell.is_empty())
    }
}

/// The field that a title names, however it is written.
fn field_of(title: &str) -> Option<&'static str> {
    let plain = |text: &str| -> String {
        let letters = text.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|c| c.to_ascii_lowercase()).collect()
    };
    let title = plain(title.trim_start_matches('\u{feff}'));
    FIELDS.into_iter().find(|field| plain(field) == title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_known_however_they_are_written_and_a_map_goes_before_them() {
        let head =
            csv::StringRecord::from(vec!["\u{feff}Event ID", "order_id", "Total", "VALUE", "x"]);
        let map = [named("value=Total").expect("a pair"), named("Currency=x").expect("a pair")];
        let columns = Columns::of(&head, &map).expect("columns");
        let fields = [Some("eventId"), Some("orderId"), Some("value"), None, Some("currency")];
        assert_eq!(columns.0, fields);
        assert_eq!(columns.unused(&head), ["VALUE"]);
        let row = csv::StringRecord::from(vec!["1", " ", "5.00 ", "9", "USD"]);
        let said: Vec<_> = columns.fields(&row).collect();
        assert_eq!(said, [("eventId", "1"), ("value", "5.00"), ("currency", "USD")]);
        let missing = named("value=Sum").expect("a pair");
        assert_eq!(Columns::of(&head, &[missing]).expect_err("no column").code, "no_column");
        assert!(named("price=Total").is_err() && named("value").is_err());
    }
}
