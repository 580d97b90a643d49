//! Module names.

use hmr_module_graph::ModuleName;

#[test]
fn an_empty_part_is_refused_and_named() {
    for bad in ["", ".", "a.", ".a", "a..b"] {
        let error = ModuleName::new(bad).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{bad:?} is not a module name: a part of it is empty")
        );
    }
}

#[test]
fn a_name_knows_its_parent_and_its_tail() {
    let name = ModuleName::new("a.b.c").unwrap();
    assert_eq!((name.parent(), name.tail()), (Some("a.b"), "c"));
    let name = ModuleName::new("my-script").unwrap();
    assert_eq!((name.parent(), name.tail()), (None, "my-script"));
}
