//! Runs every case for every library, each in a process of its own with a time limit, in several
//! interleaved rounds, and writes the table. `peers table <file>` is the one command; `peers run
//! <library> <case>` is what it starts.

mod cases;
mod libs;
mod memory;
mod report;

use std::time::Duration;

use libs::{Alien, Floem, Leptos, Lib, Ours, Sycamore};

#[global_allocator]
static COUNTING: memory::Counting = memory::Counting;

pub const LIBS: [&str; 5] = [
    Ours::NAME,
    Alien::NAME,
    Sycamore::NAME,
    Floem::NAME,
    Leptos::NAME,
];

fn run<L: Lib>(case: &str) -> Option<Duration> {
    let all = cases::all::<L>();
    let (_, run) = all.into_iter().find(|(name, _)| *name == case)?;
    Some((0..3).map(|_| run()).min().unwrap_or_default())
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[1..] {
        ["run", lib, "memory"] => println!("{}", memory::measure(lib)),
        ["run", lib, case] => {
            let time = match lib {
                l if l == Ours::NAME => run::<Ours>(case),
                l if l == Alien::NAME => run::<Alien>(case),
                l if l == Sycamore::NAME => run::<Sycamore>(case),
                l if l == Floem::NAME => run::<Floem>(case),
                l if l == Leptos::NAME => run::<Leptos>(case),
                _ => None,
            };
            println!("{}", time.expect("a known library and case").as_nanos());
        }
        ["conformance"] => {
            libs::conformance::<Ours>();
            libs::conformance::<Alien>();
        }
        ["table", file] => report::table(Some(file), ""),
        ["table", file, filter] => report::table(Some(file), filter),
        ["quick", filter] => report::table(None, filter),
        _ => eprintln!(
            "peers table <file> [filter] | peers quick <filter> | peers run <library> <case>"
        ),
    }
}
