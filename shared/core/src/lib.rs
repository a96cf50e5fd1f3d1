//! The domain core.
