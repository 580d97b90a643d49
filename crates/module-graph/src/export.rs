//! A [`ModuleGraph`] for other tools: as JSON, and as DOT for Graphviz.
//!
//! Both come out the same for the same graph: modules are sorted by name, and what one read of
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
                    Read::Name(name) => name.to_owned(),
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
