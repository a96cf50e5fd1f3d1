//! AWS stand-ins
