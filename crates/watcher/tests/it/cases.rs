//! The scripts in `tests/cases`, a test for each file.

use crate::script::run;

#[test]
fn a_save_is_debounced_by_what_happens_and_not_by_a_fixed_time() {
    run("debounce");
}

#[test]
fn a_batch_is_the_net_effect() {
    run("net_effect");
}

#[test]
fn renames_are_followed() {
    run("renames");
}

#[test]
fn content_decides_what_is_a_change() {
    run("content");
}

#[test]
fn directories_are_watched_as_they_come_and_go() {
    run("directories");
}

#[test]
fn lost_events_are_made_up_for() {
    run("overflow");
}

#[test]
fn roots_may_come_and_go() {
    run("roots");
}

#[test]
fn limits_and_mounts_without_events_are_polled() {
    run("poll");
}

#[test]
fn symbolic_links_are_followed_if_asked() {
    run("links");
}

#[test]
fn filters_decide_what_is_watched() {
    run("filter");
}

#[test]
fn the_consumer_is_in_control() {
    run("consumer");
}
