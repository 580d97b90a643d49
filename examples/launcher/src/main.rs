//! Runs a Python program in this process and reloads it: `launcher app.py ARGUMENT...`.
//!
//! Everything that a program of your own needs for that: the user's Python, the project's settings,
//! the engine with its program, and a loop that waits for saves.
#![expect(clippy::print_stdout, reason = "it has something to say")]

use std::{env, error::Error};

use hmr_cli::{
    embedding::{Saves, with_settings},
    interpreter,
    settings::Settings,
};
use hmr_module_graph::python::{Engine, Event, embed};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    let file = arguments.next().ok_or("usage: launcher FILE [ARGS]...")?;
    let python = interpreter::find(None)?;
    interpreter::check(&python, embed::linked_version())?;

    let mut builder = Engine::builder()
        .file(&file)
        .python(&python.path)
        .on_event(show);
    for argument in arguments {
        builder = builder.argument(argument);
    }
    let settings = Settings::of(&env::current_dir()?)?;
    let program = with_settings(builder, settings).start()?;

    let saves = Saves::of(&program)?;
    program.run()?;
    while let Some(files) = saves.wait()? {
        program.update(files);
    }
    Ok(())
}

fn show(event: &Event<'_>) {
    let (what, update) = match event {
        Event::Ran(update) => ("ran", update),
        Event::Reloaded(update) => ("reloaded", update),
        _ => return,
    };
    let names: Vec<_> = update.reran.iter().map(|it| it.module.as_str()).collect();
    println!("{what} {}", names.join(" "));
    for failure in &update.failures {
        println!("{}", failure.traceback);
    }
}
