//! Deleting clicks and ties.

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{Clicks, keyed};
use crate::aws::table::won;
use crate::ports::{LedgerError, Place};

/// Deletions under way at the same time.
const AT_ONCE: usize = 25;

impl Clicks {
    /// Deletes what is at these places. Answers how many were still there: another request may delete
    /// the same ones.
    pub(super) async fn delete(&self, places: Vec<Place>) -> Result<usize, LedgerError> {
        let deletions = stream::iter(places).map(|place| self.delete_one(place));
        let deleted = deletions.buffer_unordered(AT_ONCE);
        deleted.try_fold(0, async |count, was_there| Ok(count + usize::from(was_there))).await
    }

    async fn delete_one(&self, place: Place) -> Result<bool, LedgerError> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(keyed(&place.pk, &place.sk)))
            .condition_expression("attribute_exists(pk)");
        won(delete.send().await)
    }
}
