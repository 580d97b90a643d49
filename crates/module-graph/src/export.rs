//! A [`ModuleGraph`] for other tools and for people: as JSON, as DOT for Graphviz, as a Mermaid
//! flowchart, and as a page for a browser.
//!
//! All come out the same for the same graph: modules are sorted by name, and what one read of
//! another is sorted, too.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::{Value, json};

use crate::{ModuleGraph, ModuleName, Read};

/// What modules read of each other: reader, then what is read, then how.
type Reads = BTreeMap<ModuleName, BTreeMap<ModuleName, Vec<String>>>;

impl ModuleGraph {
    /// The modules, their files, and who read what of whom.
    ///
    /// A read is a name; `*` for all names, `f()` for the code of a function, and `import`, which no
    /// name can be, for the module itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use hmr_module_graph::{ModuleGraph, ModuleName, Read};
    ///
    /// let mut graph = ModuleGraph::default();
    /// let config = graph.add_module(ModuleName::new("config")?, Some("config.py".into()));
    /// let mail = graph.add_module(ModuleName::new("mail")?, None);
    /// graph.start(mail);
    /// graph.read(mail, config, Read::Name("HOST"));
    /// graph.finish(mail);
    /// assert_eq!(
    ///     graph.to_json().to_string(),
    ///     r#"{"modules":[{"file":"config.py","name":"config","reads":{}},"#.to_owned()
    ///         + r#"{"file":null,"name":"mail","reads":{"config":["HOST"]}}]}"#,
    /// );
    /// # Ok::<(), hmr_module_graph::InvalidModuleName>(())
    /// ```
    pub fn to_json(&self) -> Value {
        let modules: Vec<_> = self
            .all_reads()
            .into_iter()
            .map(|(name, reads)| {
                let reads: BTreeMap<_, _> = reads
                    .into_iter()
                    .map(|(of, names)| (of.to_string(), names))
                    .collect();
                json!({ "name": name.as_str(), "file": self.file_of(&name), "reads": reads })
            })
            .collect();
        json!({ "modules": modules })
    }

    /// The graph in Graphviz's language: an arrow goes from a reader to what it read.
    pub fn to_dot(&self) -> String {
        let mut dot = "digraph modules {\n    node [shape=box];\n".to_owned();
        let reads = self.all_reads();
        for name in reads.keys() {
            let tooltip = self.file_of(name).unwrap_or_default();
            // Writing to a `String` does not fail.
            let _ = writeln!(
                dot,
                "    {} [tooltip={}];",
                quoted(name.as_str()),
                quoted(&tooltip)
            );
        }
        for (reader, reads) in &reads {
            for (of, names) in reads {
                let ends = [reader, of].map(|name| quoted(name.as_str()));
                let label = quoted(&names.join(", "));
                let _ = writeln!(dot, "    {} -> {} [label={label}];", ends[0], ends[1]);
            }
        }
        dot + "}\n"
    }

    /// The graph as a flowchart of Mermaid: an arrow goes from a reader to what it read.
    pub fn to_mermaid(&self) -> String {
        let reads = self.all_reads();
        let ids: BTreeMap<_, _> = reads.keys().zip(0..).collect();
        let mut chart = "flowchart LR\n".to_owned();
        // Writing to a `String` does not fail.
        for (name, id) in &ids {
            let _ = writeln!(chart, "    m{id}[\"{}\"]", entities(name.as_str()));
        }
        for (reader, reads) in &reads {
            for (of, names) in reads {
                let (from, to, names) = (ids[reader], ids[of], entities(&names.join(", ")));
                let _ = writeln!(chart, "    m{from} -->|\"{names}\"| m{to}");
            }
        }
        chart
    }

    /// A page for a browser, in one file that needs no other: modules can be searched by their names,
    /// files and what is read of them, and each shows who reads which of its names, and what it reads.
    pub fn to_html(&self) -> String {
        // In a script of HTML nothing but its end has a meaning.
        let graph = self.to_json().to_string().replace('<', "\\u003c");
        include_str!("export/page.html").replace("@GRAPH@", &graph)
    }

    fn all_reads(&self) -> Reads {
        let mut all = Reads::new();
        for module in self.modules() {
            if self.name(module).as_str() == ModuleName::OUTSIDE {
                continue;
            }
            let reads = all.entry(self.name(module).clone()).or_default();
            for (of, what) in self.reads(module) {
                let names = match what {
                    Read::Order => continue,
                    Read::Module => "import".to_owned(),
                    Read::Everything => "*".to_owned(),
                    Read::Name(name) | Read::Written(name) => name.to_owned(),
                    Read::Code(unit) => format!("{unit}()"),
                };
                reads.entry(self.name(of).clone()).or_default().push(names);
            }
            for names in reads.values_mut() {
                names.sort_unstable();
            }
        }
        all
    }

    fn file_of(&self, name: &ModuleName) -> Option<String> {
        let path = self.path(self.find(name.as_str())?)?;
        Some(path.to_string_lossy().replace('\\', "/"))
    }
}

/// A quoted string of DOT: a backslash would begin one of Graphviz's own escapes.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Text for a label of Mermaid, where characters with a meaning are written by their numbers.
fn entities(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "._-, ()*/".contains(c);
    let mut escaped = String::new();
    for c in text.chars() {
        if is_plain(c) {
            escaped.push(c);
        } else {
            let _ = write!(escaped, "#{};", u32::from(c));
        }
    }
    escaped
}
