//! The tests of the crate, in one binary; one module per area of behaviour.

mod core;
