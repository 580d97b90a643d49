//! A list of things to do, on collections: each row is an effect that runs only for its own item.

use std::io::{Write, stdout};

use hmr_signals::{ReactiveMap, Runtime};

#[derive(Clone, PartialEq)]
struct Item {
    text: &'static str,
    done: bool,
}

fn main() {
    let rt = Runtime::new();
    let cx = rt.cx();
    let items = ReactiveMap::<u32, Item>::new(cx);
    let filter = rt.signal(false);
    let open = rt.memo(move || items.entries().iter().filter(|(_, i)| !i.done).count());

    // One effect per key, made when the set of keys changes and gone when it changes again.
    rt.effect(move || {
        for key in items.keys() {
            cx.effect(move || {
                let Some(item) = items.get(&key) else { return };
                if !filter.get() || !item.done {
                    let mark = if item.done { 'x' } else { ' ' };
                    let _ = writeln!(stdout(), "  [{mark}] {key} {}", item.text);
                }
            });
        }
    });
    rt.effect(move || {
        let _ = writeln!(stdout(), "{} open", open.get());
    });

    let add = |key: u32, text| items.insert(key, Item { text, done: false });
    rt.batch(|| {
        add(1, "write the core");
        add(2, "write the tests");
    });
    items.insert(
        1,
        Item {
            text: "write the core",
            done: true,
        },
    );
    filter.set(true);
    items.remove(&2);
    assert_eq!(open.get(), 0);
}
