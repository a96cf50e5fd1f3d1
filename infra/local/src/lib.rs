//! Local stack
