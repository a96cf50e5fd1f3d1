//! What is open: it waits, is refused or dead. Read from the index `open`; of what is refused or
//! dead the rows are read as well, which alone know why.

mod filter;
mod money;

use tracklayer_core::ledger::index::IndexClass;
use tracklayer_core::ledger::row::{Row, RowKey};
use tracklayer_core::reconcile::state;
use tracklayer_edge::flows::held;
use tracklayer_edge::ports::{AccountItems as _, Batches as _, Index as _, OpenEntry};

pub use filter::{Class, Filter};
pub use money::Sums;

use crate::{failure::Failure, place::Ops, screen::Progress};

/// Rows that are read together: as many as DynamoDB answers in one batch.
const TOGETHER: usize = 100;
/// The reason of what is refused or dead, for one that the ledger could not answer.
const UNREAD: &str = "unread";

/// One open row, or the corrections of one original that has not come.
#[derive(Debug)]
pub struct OpenRow {
    /// What the index says.
    pub entry: OpenEntry,
    /// Why it is open, in the words of `status`.
    pub reason: String,
    /// The row, of what is refused or dead.
    pub row: Option<Row>,
}

impl OpenRow {
    /// Whether its row could not be read: its reason is unknown, so it may be any that is meant.
    pub fn is_unread(&self) -> bool {
        self.reason == UNREAD
    }

    /// `source/eventId`.
    pub fn label(&self) -> String {
        self.entry.partition.label()
    }
}

/// Looks at everything that is open and passes the filter, in no order, one page at a time.
pub async fn for_each(
    ops: &Ops, filter: &Filter, mut look: impl FnMut(OpenRow),
) -> Result<(), Failure> {
    let progress = Progress::new("open rows", 0);
    for class in classes(ops).await? {
        if !filter.takes_class(&class) {
            continue;
        }
        for shard in class.shards() {
            let mut from = None;
            loop {
                let page = ops.ledger.open(&shard, None, None, from).await?;
                progress.add(u64::try_from(page.entries.len()).unwrap_or(0));
                let entries = page.entries.into_iter().filter(|entry| filter.takes_entry(entry));
                let open = with_reasons(ops, &class, entries.collect()).await?;
                let is_meant = |it: &OpenRow| it.is_unread() || filter.takes_reason(&it.reason);
                open.into_iter().filter(is_meant).for_each(&mut look);
                from = page.next;
                if from.is_none() {
                    break;
                }
            }
        }
    }
    Ok(())
}

async fn classes(ops: &Ops) -> Result<Vec<IndexClass>, Failure> {
    let mut classes = vec![IndexClass::Dead, IndexClass::Refused];
    for account in ops.mapping.accounts() {
        let item = ops.ledger.account_item(account.name()).await?;
        classes.extend(held::classes_of(account, &item));
    }
    classes.extend([IndexClass::Wait, IndexClass::Look, IndexClass::Orphan]);
    Ok(classes)
}

async fn with_reasons(
    ops: &Ops, class: &IndexClass, entries: Vec<OpenEntry>,
) -> Result<Vec<OpenRow>, Failure> {
    if !matches!(class, IndexClass::Refused | IndexClass::Dead) {
        return Ok(entries.into_iter().map(waiting).collect());
    }
    let mut open = Vec::with_capacity(entries.len());
    let mut entries = entries.into_iter().peekable();
    while entries.peek().is_some() {
        let part: Vec<OpenEntry> = entries.by_ref().take(TOGETHER).collect();
        let keys: Vec<RowKey> = part.iter().filter_map(OpenEntry::row).collect();
        let mut rows = ops.ledger.read(&keys, &[]).await?.rows;
        let row_of = |entry: &OpenEntry| entry.row().and_then(|key| rows.remove(&key));
        open.extend(part.into_iter().scan(row_of, |row_of, entry| {
            let row = row_of(&entry);
            Some(OpenRow { reason: reason(row.as_ref()), entry, row })
        }));
    }
    Ok(open)
}

fn waiting(entry: OpenEntry) -> OpenRow {
    let reason = entry.reason.map_or("-", |reason| reason.as_str()).to_owned();
    OpenRow { entry, reason, row: None }
}

/// Of a dead row, what its last attempt was answered.
fn reason(row: Option<&Row>) -> String {
    let Some(row) = row else { return UNREAD.to_owned() };
    let last = row.observed.last.as_ref();
    let words = last.map(|last| {
        let code = last.code.map(|code| code.to_string());
        let words: Vec<String> = code.into_iter().chain(last.error_code.clone()).collect();
        format!("microsoft {}", words.join(" "))
    });
    let of_attempt = words.filter(|words| words != "microsoft ");
    state::state(row).1.or(of_attempt).unwrap_or_else(|| "no answer".to_owned())
}
