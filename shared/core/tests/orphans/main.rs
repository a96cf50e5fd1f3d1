//! Corrections and originals find each other, in whatever order they come.

mod decisions;
mod interleavings;
mod repetition;
mod support;
