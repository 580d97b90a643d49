//! Lets the binary find libpython where it was at build time.
//!
//! A wheel links none, and maturin says so in the environment; pyo3's helper heeds that.

fn main() {
    pyo3_build_config::add_libpython_rpath_link_args();
}
