//! The pages that list operations answer in.

/// One page of a sorted list: at most `max` names after `token`, and the token of the next page.
pub(crate) fn page<T: Clone>(
    items: &[T],
    name: impl Fn(&T) -> &str,
    max: Option<usize>,
    token: Option<&str>,
) -> (Vec<T>, Option<String>) {
    let start = token.map_or(0, |token| items.partition_point(|item| name(item) <= token));
    let rest = &items[start..];
    let taken = &rest[..max.unwrap_or(1000).clamp(1, 1000).min(rest.len())];
    let more = taken.len() < rest.len();
    let next = taken.last().filter(|_| more).map(|item| name(item).to_owned());
    (taken.to_vec(), next)
}
