//! Corrections and originals find each other, in whatever order they come; repetitions.

mod answers;
mod decisions;
mod interleavings;
mod repetition;
mod room;
mod support;
