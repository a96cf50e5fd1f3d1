//! What several callers ask of a table at the same moment is asked together, many items a request. An
//! array of events costs few requests so, and each event is still stored step by step on its own.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_dynamodb::types::{BatchStatementRequest, BatchStatementResponse, KeysAndAttributes};
use futures::channel::oneshot;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::table::{Item, Table, place_of};
use crate::ports::{LedgerError, Place};

/// Keys per `BatchGetItem` (docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html).
const KEYS_PER_READ: usize = 100;
/// Statements per `BatchExecuteStatement` (…/API_BatchExecuteStatement.html).
const STATEMENTS_PER_WRITE: usize = 25;
/// How often unprocessed keys are asked for again within one run.
const READ_ROUNDS: u32 = 5;
/// Requests of one batch that are made at the same time.
pub(super) const AT_ONCE: usize = 8;

/// Questions that are about to be asked, each with the way to who waits for the answer.
#[derive(Clone, Debug)]
pub(super) struct Together<Q, A>(Arc<Mutex<Vec<Waiting<Q, A>>>>);

type Waiting<Q, A> = (Q, oneshot::Sender<Result<A, LedgerError>>);

impl<Q, A> Default for Together<Q, A> {
    fn default() -> Self {
        Together(Arc::default())
    }
}

impl<Q, A> Together<Q, A> {
    /// Waits until all that ask at the same moment have done so. Whoever is resumed first has their
    /// questions answered by `answer_all`, one answer each, in order.
    pub async fn ask(
        &self, question: Q, answer_all: impl AsyncFnOnce(Vec<Q>) -> Vec<Result<A, LedgerError>>,
    ) -> Result<A, LedgerError> {
        let (sender, answer) = oneshot::channel();
        self.waiting().push((question, sender));
        tokio::task::yield_now().await;
        let waiting = std::mem::take(&mut *self.waiting());
        if !waiting.is_empty() {
            let (questions, senders): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
            for (sender, answer) in senders.into_iter().zip(answer_all(questions).await) {
                // Who does not wait any more needs no answer.
                _ = sender.send(answer);
            }
        }
        answer.await.unwrap_or_else(|_| Err(unanswered()))
    }

    /// No code panics while it holds this lock.
    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting<Q, A>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unanswered() -> LedgerError {
    LedgerError::Unavailable("no answer for this item".to_owned())
}

/// What became of an item that was to be put together with others. What was not done is put alone, on
/// a condition of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Put {
    Done,
    /// An item is there, maybe one that has expired or is the same, or DynamoDB had trouble.
    Refused,
    /// Nobody else puts an item.
    NotTried,
}

/// Items that were read together.
#[derive(Debug, Default)]
pub(super) struct Items {
    pub found: HashMap<Place, Item>,
    /// Keys that DynamoDB has not processed: whether there is an item is unknown.
    pub unread: Vec<Place>,
}

impl Items {
    /// The item at `key`, if there is one.
    pub fn get(&self, key: &Item) -> Result<Option<&Item>, LedgerError> {
        let Some(place) = place_of(key) else { return Ok(None) };
        if self.unread.contains(&place) { Err(unanswered()) } else { Ok(self.found.get(&place)) }
    }
}

impl Table {
    /// The item at `key`, read consistently, with those that others ask for at the same moment.
    pub async fn get_together(&self, key: Item) -> Result<Option<Item>, LedgerError> {
        let get_all = async |keys: Vec<Item>| match self.get_all(keys.iter().cloned()).await {
            Ok(items) => keys.iter().map(|key| Ok(items.get(key)?.cloned())).collect(),
            Err(error) => vec![Err(error); keys.len()],
        };
        self.gets.ask(key, get_all).await
    }

    /// Puts a new item, with those that others put at the same moment: one write unit for each KB, as
    /// alone.
    pub async fn put_together(&self, item: &Item) -> Result<Put, LedgerError> {
        self.puts.ask(item.clone(), async |items: Vec<Item>| self.put_all(&items).await).await
    }

    /// The items at these keys, read consistently.
    pub async fn get_all(&self, keys: impl Iterator<Item = Item>) -> Result<Items, LedgerError> {
        // DynamoDB refuses a request that names a key twice.
        let keys: HashMap<_, _> = keys.map(|key| (place_of(&key), key)).collect();
        let keys: Vec<Item> = keys.into_values().collect();
        let reads = keys.chunks(KEYS_PER_READ).map(|keys| self.get_chunk(keys.to_vec()));
        let chunks: Vec<Items> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
        let mut items = Items::default();
        for chunk in chunks {
            items.found.extend(chunk.found);
            items.unread.extend(chunk.unread);
        }
        Ok(items)
    }

    async fn get_chunk(&self, mut keys: Vec<Item>) -> Result<Items, LedgerError> {
        let mut items = Items::default();
        for round in 0..READ_ROUNDS {
            if keys.is_empty() {
                break;
            }
            if round > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(50 << round)).await;
            }
            let request =
                KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
            let get = self.client.batch_get_item().request_items(&self.name, request?);
            let mut answer = get.send().await?;
            let found = answer.responses.as_mut().and_then(|tables| tables.remove(&self.name));
            let found = found.unwrap_or_default().into_iter();
            items.found.extend(found.filter_map(|item| Some((place_of(&item)?, item))));
            let rest = answer.unprocessed_keys.as_mut();
            let rest = rest.and_then(|tables| tables.remove(&self.name));
            keys = rest.map(|rest| rest.keys).unwrap_or_default();
        }
        items.unread = keys.iter().filter_map(place_of).collect();
        Ok(items)
    }

    async fn put_all(&self, items: &[Item]) -> Vec<Result<Put, LedgerError>> {
        if items.len() == 1 {
            return vec![Ok(Put::NotTried)];
        }
        let mut put = vec![Ok(Put::Refused); items.len()];
        // DynamoDB refuses a request that names a key twice.
        let mut keys = HashSet::new();
        let first: Vec<usize> =
            (0..items.len()).filter(|&at| keys.insert(place_of(&items[at]))).collect();
        let statements = first.iter().map(|&at| self.insertion(&items[at])).collect();
        for (at, response) in first.into_iter().zip(self.execute_all(statements).await) {
            put[at] = response.map(|response| match response.error {
                None => Put::Done,
                Some(_) => Put::Refused,
            });
        }
        put
    }

    /// Carries out statements of different items, each on its own; one answer each, in order.
    pub async fn execute_all(
        &self, statements: Vec<Result<BatchStatementRequest, LedgerError>>,
    ) -> Vec<Result<BatchStatementResponse, LedgerError>> {
        let chunks = statements.chunks(STATEMENTS_PER_WRITE).map(|chunk| self.execute_chunk(chunk));
        let answers: Vec<Vec<_>> = stream::iter(chunks).buffered(AT_ONCE).collect().await;
        answers.into_iter().flatten().collect()
    }

    async fn execute_chunk(
        &self, statements: &[Result<BatchStatementRequest, LedgerError>],
    ) -> Vec<Result<BatchStatementResponse, LedgerError>> {
        let execute = async || {
            let statements = statements.iter().cloned().collect::<Result<Vec<_>, _>>()?;
            let batch = self.client.batch_execute_statement().set_statements(Some(statements));
            Ok(batch.send().await?.responses.unwrap_or_default())
        };
        let mut answers: Vec<_> = match execute().await {
            Ok(responses) => responses.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error); statements.len()],
        };
        answers.resize(statements.len(), Err(unanswered()));
        answers
    }

    /// The statement that puts a new item: it fails where one is there.
    fn insertion(&self, item: &Item) -> Result<BatchStatementRequest, LedgerError> {
        let (names, values): (Vec<_>, Vec<_>) =
            item.iter().map(|(name, value)| (format!("'{name}': ?"), value.clone())).unzip();
        let statement = format!("INSERT INTO \"{}\" VALUE {{{}}}", self.name, names.join(", "));
        let request = BatchStatementRequest::builder().statement(statement);
        Ok(request.set_parameters(Some(values)).build()?)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures::future::{join_all, select};
    use std::pin::pin;

    use super::*;

    #[tokio::test]
    async fn what_is_asked_at_the_same_moment_is_answered_at_once_and_in_order() {
        let (together, rounds) = (Together::default(), Cell::new(0));
        let double = async |numbers: Vec<u32>| {
            rounds.set(rounds.get() + 1);
            tokio::task::yield_now().await;
            numbers.into_iter().map(|number| Ok(number * 2)).collect()
        };
        let ask = async |number: u32| {
            let once = together.ask(number, double).await.expect("an answer");
            together.ask(once, double).await.expect("an answer")
        };
        let answers = join_all((0..300).map(ask)).await;
        assert!(answers.into_iter().eq((0..300).map(|number| number * 4)));
        assert!(rounds.get() <= 20, "{} rounds", rounds.get());
    }

    #[tokio::test]
    async fn who_gets_no_answer_fails() {
        let together = Together::<u32, u32>::default();
        let too_few = async |_: Vec<u32>| vec![Ok(1)];
        let answers = join_all([5, 6].map(|number| together.ask(number, too_few))).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 1);
        // Whoever asks for all gives up.
        let never = async |_: Vec<u32>| std::future::pending().await;
        let first = pin!(async {
            let asked = pin!(together.ask(7, never));
            let soon = pin!(tokio::time::sleep(std::time::Duration::from_millis(20)));
            select(asked, soon).await;
        });
        let ((), second) = futures::join!(first, together.ask(8, never));
        assert!(second.is_err());
    }
}
