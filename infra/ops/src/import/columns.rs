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

/// The fields whose empty text is passed on: without its amount, a refund would be read as one of
/// the whole sale.
const NEVER_DROPPED: [&str; 2] = ["amount", "newValue"];

/// The fields that each column fills: none, one, or – where the command line says so – several.
#[derive(Debug)]
pub struct Columns(Vec<Vec<&'static str>>);

impl Columns {
    /// By the file's head – `order_id` and `Order ID` are `orderId` –, and by what was named on the
    /// command line: a column in `map`, or in `set` a text that is the same for all rows. What is
    /// named there counts before the head. Fails if two columns would fill one field.
    pub fn of(head: &csv::StringRecord, map: &[Named], set: &[Named]) -> Result<Self, Failure> {
        let taken = |field: &str| map.iter().chain(set).any(|(named, _)| named == field);
        let fields = |title: &str| {
            let of_column = map.iter().filter(|(_, column)| column.trim() == plain_title(title));
            let named = of_column.filter_map(|(field, _)| field_of(field));
            let by_title = field_of(title).filter(|field| !taken(field));
            named.chain(by_title).collect::<Vec<_>>()
        };
        let columns = Columns(head.iter().map(fields).collect());
        for (field, column) in map {
            if !head.iter().any(|title| plain_title(title) == column.trim()) {
                let message = format!("the file has no column {column} for {field}");
                return Err(Failure::input("no_column", message, columns.titles(head)));
            }
        }
        columns.refuse_ambiguity(map, set)?;
        Ok(columns)
    }

    /// What a person is told of the first line. Where no title in it is known it may be a row, and
    /// hold a person's data: it is not shown then.
    pub fn titles(&self, head: &csv::StringRecord) -> String {
        if self.0.iter().all(Vec::is_empty) {
            return "The first line must name the columns, and no title in it is known.".to_owned();
        }
        format!("Its columns are: {}", head.iter().collect::<Vec<_>>().join(", "))
    }

    fn refuse_ambiguity(&self, map: &[Named], set: &[Named]) -> Result<(), Failure> {
        for field in FIELDS {
            let columns = self.0.iter().flatten().filter(|filled| **filled == field).count();
            let named = map.iter().chain(set).filter(|(named, _)| named == field).count();
            if columns > 1 || named > 1 {
                let message = format!("{field} would be filled more than once");
                let help = format!("Name one column or text for it: --map {field}=COLUMN.");
                return Err(Failure::input("ambiguous_field", message, help));
            }
        }
        Ok(())
    }

    /// Whether any column fills this field.
    pub fn fill(&self, field: &str) -> bool {
        self.0.iter().flatten().any(|filled| *filled == field)
    }

    /// The columns that fill no field.
    pub fn unused<'a>(&self, head: &'a csv::StringRecord) -> Vec<&'a str> {
        let unused = head.iter().zip(&self.0).filter(|(_, fields)| fields.is_empty());
        unused.map(|(title, _)| title).collect()
    }

    /// The fields of a row that say something.
    pub fn fields<'a>(
        &'a self, row: &'a csv::StringRecord,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let cells = self.0.iter().zip(row);
        let cells = cells.flat_map(|(fields, cell)| fields.iter().map(|it| (*it, cell.trim())));
        cells.filter(|(field, cell)| !cell.is_empty() || NEVER_DROPPED.contains(field))
    }
}

fn plain_title(title: &str) -> &str {
    title.trim_start_matches('\u{feff}').trim()
}

/// The field that a title names, however it is written.
fn field_of(title: &str) -> Option<&'static str> {
    let plain = |text: &str| -> String {
        let letters = text.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|c| c.to_ascii_lowercase()).collect()
    };
    let title = plain(plain_title(title));
    FIELDS.into_iter().find(|field| plain(field) == title)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(titles: &[&str], map: &[&str], set: &[&str]) -> Result<Columns, Failure> {
        let named = |texts: &[&str]| -> Vec<Named> {
            texts.iter().map(|text| named(text).expect("a pair")).collect()
        };
        Columns::of(&csv::StringRecord::from(titles.to_vec()), &named(map), &named(set))
    }

    #[test]
    fn titles_are_known_however_they_are_written_and_a_map_goes_before_them() {
        let titles = ["\u{feff}Event ID", "order_id", "Total", "VALUE", "x"];
        let columns = columns(&titles, &["value=Total", "Currency=x"], &[]).expect("columns");
        let fields: [&[&str]; 5] = [&["eventId"], &["orderId"], &["value"], &[], &["currency"]];
        assert_eq!(columns.0, fields);
        assert_eq!(columns.unused(&csv::StringRecord::from(titles.to_vec())), ["VALUE"]);
        let row = csv::StringRecord::from(vec!["1", " ", "5.00 ", "9", "USD"]);
        let said: Vec<_> = columns.fields(&row).collect();
        assert_eq!(said, [("eventId", "1"), ("value", "5.00"), ("currency", "USD")]);
    }

    #[test]
    fn what_cannot_be_read_one_way_only_is_refused() {
        let code = |map: &[&str], set: &[&str]| {
            let titles = ["eventId", "event_id", "Total", "Sum"];
            columns(&titles, map, set).expect_err("refused").code
        };
        assert_eq!(code(&["value=Price"], &[]), "no_column");
        assert_eq!(code(&[], &[]), "ambiguous_field");
        assert_eq!(code(&["eventId=eventId", "value=Total", "value=Sum"], &[]), "ambiguous_field");
        assert_eq!(code(&["eventId=Sum", "value=Total"], &["value=5"]), "ambiguous_field");
        assert!(named("price=Total").is_err() && named("value").is_err());
    }

    #[test]
    fn one_column_fills_several_fields_and_a_set_text_goes_before_a_title() {
        let map = ["eventId=Number", "orderId=Number"];
        let columns = columns(&["Number", "Source"], &map, &["source=shop"]).expect("columns");
        assert_eq!(columns.0, [vec!["eventId", "orderId"], vec![]]);
    }

    #[test]
    fn an_empty_amount_is_not_left_out() {
        let columns = columns(&["amount", "newValue", "value"], &[], &[]).expect("columns");
        let row = csv::StringRecord::from(vec!["", " ", ""]);
        let said: Vec<_> = columns.fields(&row).collect();
        assert_eq!(said, [("amount", ""), ("newValue", "")]);
    }
}
