//! The steps of a rotation. `setSecret` has nothing to do: Microsoft knows its tokens already.

mod create_secret;
mod finish_secret;
mod test_secret;
