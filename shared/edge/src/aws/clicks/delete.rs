//! Deleting clicks and ties.

use aws_sdk_dynamodb::types::{DeleteRequest, WriteRequest};

use super::{Clicks, Item, keyed, text, unavailable};
use crate::ports::LedgerError;

/// Deletions per `BatchWriteItem`
/// (docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html).
const DELETIONS: usize = 25;
/// How often unprocessed deletions are asked for again.
const ROUNDS: u32 = 5;

impl Clicks {
    /// Deletes the items with the keys of these.
    pub(super) async fn delete(&self, items: &[Item]) -> Result<(), LedgerError> {
        for chunk in items.chunks(DELETIONS) {
            let mut left = chunk.iter().map(deletion).collect::<Result<Vec<_>, _>>()?;
            for round in 0..ROUNDS {
                if round > 0 {
                    tokio::time::sleep(std::time::Duration::from_millis(50 << round)).await;
                }
                let write = self.client.batch_write_item().request_items(&self.table, left);
                let answer = write.send().await.map_err(unavailable)?;
                let rest = answer.unprocessed_items.and_then(|mut rest| rest.remove(&self.table));
                left = rest.unwrap_or_default();
                if left.is_empty() {
                    break;
                }
            }
            if !left.is_empty() {
                return Err(LedgerError::Unavailable("not all clicks were deleted".to_owned()));
            }
        }
        Ok(())
    }
}

fn deletion(item: &Item) -> Result<WriteRequest, LedgerError> {
    let (Some(pk), Some(sk)) = (text(item, "pk"), text(item, "sk")) else {
        return Err(LedgerError::Unreadable("an item without key".to_owned()));
    };
    let request = DeleteRequest::builder().set_key(Some(keyed(pk, sk))).build();
    let request = request.map_err(|error| LedgerError::Unavailable(error.to_string()))?;
    Ok(WriteRequest::builder().delete_request(request).build())
}
