//! Colour, where a person looks at a terminal that can show it.

/// How text is set off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Not at all.
    Plain,
    /// By the codes that terminals know.
    Colored,
}

impl Style {
    /// In colour if stderr is a terminal that shows it and nobody has asked for none: `NO_COLOR`,
    /// `CLICOLOR`, `CLICOLOR_FORCE` and `TERM` say so.
    ///
    /// A Windows console is told that codes will come; one that does not know them gets none.
    pub fn of_stderr() -> Self {
        match anstream::AutoStream::auto(std::io::stderr()).current_choice() {
            anstream::ColorChoice::AlwaysAnsi => Self::Colored,
            _ => Self::Plain,
        }
    }

    pub(crate) fn name(self, text: &str) -> String {
        self.paint("1;36", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    pub(crate) fn warn(self, text: &str) -> String {
        self.paint("33", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Colored => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}
