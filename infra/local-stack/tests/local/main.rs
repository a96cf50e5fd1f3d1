//! The parts of the local stack with a real function, `examples/echo.rs`.

mod common;
mod gateway;
mod poller;
mod runtime;
mod stack;
