//! The whole system from outside: real function binaries, a local AWS and a simulated Microsoft.
//!
//! - `pipeline` is the main road, `chaos` a random minute, `stack` what `cargo local` promises
//! - `capture`, `enqueue`, `orders`, `corrections`, `status`, `erasure`, `outage`: the HTTP API
//! - `upload`, `faults`, `errors`, `refunds`, `redrive`, `hashes`: what reaches Microsoft, and when
//! - `access`: that functions can do no more than their policies say
//! - `alarms`, `unreadable`, `queries`, `browser`: what rings, what saved queries find, and the snippet in web pages
//! - `goals`, `report`, `counted`, `mapping`, `token`, `sweep`: what runs by the clock or is configured
//! - `ops`: the operator's tool
//! - `privacy`, `units`, `sdk`: where personal data must not be, what a conversion costs, and what
//!   Microsoft's own SDK sends

mod access;
mod alarms;
mod browser;
mod capture;
mod chaos;
mod corrections;
mod counted;
mod enqueue;
mod erasure;
mod errors;
mod faults;
mod files;
mod goals;
mod hashes;
mod mapping;
mod ops;
mod orders;
mod outage;
mod pipeline;
mod privacy;
mod queries;
mod redrive;
mod refunds;
mod report;
mod sdk;
mod stack;
mod status;
mod sweep;
mod token;
mod units;
mod unreadable;
mod upload;
