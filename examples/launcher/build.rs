//! Lets the binary find libpython where it was at build time, as every program must that embeds it.

fn main() {
    pyo3_build_config::add_libpython_rpath_link_args();
}
