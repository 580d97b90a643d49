//! The settings as flags of the command line, made from the table.

use clap::{Arg, ArgAction, ArgMatches, builder::PossibleValuesParser, value_parser};

use super::table::{ALL, Kind, Setting, Value};

/// What stands above them in the help.
const HEADING: &str = "Settings, also in [tool.hmr] of pyproject.toml and as HMR_<NAME>";

/// The settings that were typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Typed(Vec<(&'static str, Value)>);

impl Typed {
    /// What was typed of `setting`.
    pub(crate) fn value(&self, setting: &Setting) -> Option<&Value> {
        let mut all = self.0.iter();
        all.find_map(|(name, value)| (*name == setting.name).then_some(value))
    }
}

impl clap::Args for Typed {
    fn augment_args(command: clap::Command) -> clap::Command {
        ALL.iter()
            .fold(command, |command, setting| command.args(flags(setting)))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for Typed {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let typed = |setting: &'static Setting| Some((setting.name, typed(setting, matches)?));
        Ok(Self(ALL.iter().filter_map(typed).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The flags of one setting: two for a switch, of which the help shows the one that has an effect.
fn flags(setting: &'static Setting) -> Vec<Arg> {
    let flag = Arg::new(setting.name)
        .long(setting.name)
        .help(setting.help)
        .help_heading(HEADING);
    let flag = match setting.short {
        Some(letter) => flag.short(letter),
        None => flag,
    };
    match &setting.kind {
        Kind::Switch(_) => switch(setting, flag),
        Kind::Choice(words, _) => {
            let parser = PossibleValuesParser::new(words.iter().map(|(word, _)| *word));
            let help = format!("{} [default: {}]", setting.help, plain(setting.default));
            vec![flag.value_name("WHICH").value_parser(parser).help(help)]
        }
        Kind::Milliseconds(_) => {
            let help = format!("{} [default: {}]", setting.help, setting.default);
            let parser = value_parser!(i64).range(0..=600_000);
            vec![flag.value_name("MS").value_parser(parser).help(help)]
        }
        Kind::Names(_) => vec![flag.value_name("NAME").action(ArgAction::Append)],
        Kind::Globs(_) => vec![flag.value_name("GLOB").action(ArgAction::Append)],
    }
}

fn switch(setting: &'static Setting, flag: Arg) -> Vec<Arg> {
    let off = off(setting);
    let is_on = setting.is_on_by_default();
    let help = format!("Turn off: {}", setting.help);
    vec![
        flag.action(ArgAction::SetTrue)
            .overrides_with(off.clone())
            .hide(is_on),
        Arg::new(off.clone())
            .long(off)
            .action(ArgAction::SetTrue)
            .overrides_with(setting.name)
            .help_heading(HEADING)
            .help(help)
            .hide(!is_on),
    ]
}

fn off(setting: &Setting) -> String {
    format!("no-{}", setting.name)
}

fn typed(setting: &Setting, matches: &ArgMatches) -> Option<Value> {
    let name = setting.name;
    match &setting.kind {
        Kind::Switch(_) => match (matches.get_flag(name), matches.get_flag(&off(setting))) {
            (true, _) => Some(Value::Switch(true)),
            (_, true) => Some(Value::Switch(false)),
            _ => None,
        },
        Kind::Choice(..) => matches.get_one(name).cloned().map(Value::Text),
        Kind::Milliseconds(_) => matches.get_one(name).copied().map(Value::Number),
        Kind::Names(_) | Kind::Globs(_) => {
            let all = matches.get_many::<String>(name)?;
            Some(Value::List(all.cloned().collect()))
        }
    }
}

/// The default of a choice without its quotes.
fn plain(default: &str) -> &str {
    default.trim_matches('"')
}
