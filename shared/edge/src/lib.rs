//! Everything that touches the outside: AWS, Microsoft, the environment, the clock.
//!
//! Functions depend on this crate, this crate on `tracklayer-core`, never the other way round.
//! [`flows`] and the adapters ([`aws`], [`microsoft`], [`lambda`]) know [`ports`]; ports know no
//! adapter; [`live`] names them all.

pub mod aws;
mod error_text;
pub mod flows;
pub mod lambda;
pub mod live;
pub mod microsoft;
pub mod ports;
