//! Microsoft simulator
