//! Questions about whole graphs, against plain answers, and what is exported.

use std::collections::BTreeSet;

use expect_test::expect;
use hmr_module_graph::{ModuleGraph, ModuleId, ModuleName, Read, Step};
use proptest::prelude::*;

/// A graph of modules `m0`, `m1`, ... with an edge from each reader to what it reads.
fn graph(count: usize, edges: &[(usize, usize)]) -> (ModuleGraph, Vec<ModuleId>) {
    let mut graph = ModuleGraph::default();
    let add = |n| graph.add_module(ModuleName::new(&format!("m{n}")).unwrap(), None);
    let ids: Vec<_> = (0..count).map(add).collect();
    for reader in 0..count {
        graph.start(ids[reader]);
        for (_, of) in edges.iter().filter(|(from, _)| *from == reader) {
            graph.read(ids[reader], ids[*of], Read::Name("X"));
            graph.read(ids[reader], ids[*of], Read::Module);
        }
        graph.finish(ids[reader]);
    }
    (graph, ids)
}

fn indices(modules: &[ModuleId]) -> Vec<usize> {
    modules.iter().map(|module| module.index()).collect()
}

#[test]
fn a_diamond_affects_its_top_once() {
    let (graph, ids) = graph(5, &[(1, 0), (2, 0), (3, 1), (3, 2)]);
    assert_eq!(indices(&graph.direct_importers(ids[0])), [1, 2]);
    assert_eq!(indices(&graph.affected_by(ids[0])), [1, 2, 3]);
    assert_eq!(indices(&graph.affected_by(ids[3])), [0; 0]);
    assert_eq!(graph.cycles(), Vec::<Vec<ModuleId>>::new());
}

#[test]
fn a_package_is_in_no_cycle_for_holding_its_modules() {
    let mut graph = ModuleGraph::default();
    let mut add = |name: &str| graph.add_module(ModuleName::new(name).unwrap(), None);
    let (package, core) = (add("pkg"), add("pkg.core"));
    for module in [core, package] {
        graph.start(module);
        if module == package {
            graph.read(package, core, Read::Name("A"));
        }
        graph.finish(module);
    }
    assert_eq!(graph.imports(core), [package]);
    assert!(graph.cycles().is_empty());
    assert_eq!(graph.affected_by(core), [package]);
    assert!(graph.affected_by(package).is_empty());
}

#[test]
fn the_steps_of_a_run_are_in_its_order_and_there_once() {
    let mut graph = ModuleGraph::default();
    let mut add = |name: &str| graph.add_module(ModuleName::new(name).unwrap(), None);
    let (package, core, sub) = (add("pkg"), add("pkg.core"), add("pkg.sub"));
    graph.start(core);
    for what in [
        Read::Module,
        Read::Name("A"),
        Read::Name("sub"),
        Read::Name("B"),
    ] {
        graph.read(core, package, what);
    }
    graph.read(core, sub, Read::Name("C"));
    graph.finish(core);
    // That the package comes first is no step: it is there before.
    let wanted = [
        (package, Step::Import),
        (package, Step::Read),
        (sub, Step::Import),
        (sub, Step::Read),
    ];
    assert_eq!(graph.steps(core), wanted);
    graph.start(sub);
    graph.finish(sub);
    assert_eq!(graph.steps(sub), []);
}

/// On a small stack.
#[test]
fn a_long_chain_needs_no_stack() {
    let ask = || {
        let edges: Vec<_> = (1..20_000)
            .map(|n| (n, n - 1))
            .chain([(0, 19_999)])
            .collect();
        let mut sorted = edges;
        sorted.sort_unstable();
        let mut graph = ModuleGraph::default();
        let add = |n: usize| graph.add_module(ModuleName::new(&format!("m{n}")).unwrap(), None);
        let ids: Vec<_> = (0..20_000).map(add).collect();
        for (reader, of) in sorted {
            graph.start(ids[reader]);
            graph.read(ids[reader], ids[of], Read::Module);
            graph.finish(ids[reader]);
        }
        (graph.affected_by(ids[0]).len(), graph.cycles()[0].len())
    };
    let thread = std::thread::Builder::new().stack_size(256 * 1024);
    assert_eq!(thread.spawn(ask).unwrap().join().unwrap(), (20_000, 20_000));
}

/// Who can be reached from where, by repeated squaring of the edges.
fn closure(count: usize, edges: &[(usize, usize)]) -> BTreeSet<(usize, usize)> {
    let mut known: BTreeSet<_> = edges.iter().copied().filter(|(a, b)| a != b).collect();
    loop {
        let before = known.len();
        for via in 0..count {
            let into: Vec<_> = known.iter().filter(|e| e.1 == via).map(|e| e.0).collect();
            let out: Vec<_> = known.iter().filter(|e| e.0 == via).map(|e| e.1).collect();
            known.extend(into.iter().flat_map(|a| out.iter().map(|b| (*a, *b))));
        }
        if known.len() == before {
            return known;
        }
    }
}

proptest! {
    #[test]
    fn answers_agree_with_the_closure(
        count in 1..9_usize,
        edges in prop::collection::vec((0..9_usize, 0..9_usize), 0..20),
    ) {
        let edges: Vec<_> = edges.iter().map(|(a, b)| (a % count, b % count)).collect();
        let (graph, ids) = graph(count, &edges);
        let reaches = closure(count, &edges);
        let mut groups = BTreeSet::new();
        for (of, id) in ids.iter().copied().enumerate() {
            let affected: Vec<_> = (0..count).filter(|n| reaches.contains(&(*n, of))).collect();
            prop_assert_eq!(indices(&graph.affected_by(id)), affected);
            let direct: Vec<_> = (0..count)
                .filter(|n| *n != of && edges.contains(&(*n, of)))
                .collect();
            prop_assert_eq!(indices(&graph.direct_importers(id)), direct);
            let group: Vec<_> = (0..count)
                .filter(|n| reaches.contains(&(*n, of)) && reaches.contains(&(of, *n)))
                .collect();
            if group.len() > 1 {
                groups.insert(group);
            }
        }
        let found: Vec<_> = graph.cycles().iter().map(|group| indices(group)).collect();
        prop_assert_eq!(found, groups.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn a_graph_is_exported_the_same_each_time() {
    let mut graph = ModuleGraph::default();
    let mut add = |name: &str, path: Option<&str>| {
        graph.add_module(ModuleName::new(name).unwrap(), path.map(Into::into))
    };
    let main = add("__main__", Some("/app/ma\"in.py"));
    let config = add("config", Some("/app/config.py"));
    let odd = add("odd\"na\\me\n", None);
    for module in [config, odd, main] {
        graph.start(module);
        if module == main {
            for what in [
                Read::Name("PORT"),
                Read::Name("HOST"),
                Read::Module,
                Read::Code("C.f"),
            ] {
                graph.read(main, config, what);
            }
            graph.read(main, odd, Read::Everything);
        }
        graph.finish(module);
    }
    expect![[r#"
        digraph modules {
            node [shape=box];
            "__main__" [tooltip="/app/ma\"in.py"];
            "config" [tooltip="/app/config.py"];
            "odd\"na\\me
        " [tooltip=""];
            "__main__" -> "config" [label="C.f(), HOST, PORT, import"];
            "__main__" -> "odd\"na\\me
        " [label="*"];
        }
    "#]]
    .assert_eq(&graph.to_dot());
    expect![[r#"
        flowchart LR
            m0["__main__"]
            m1["config"]
            m2["odd#34;na#92;me#10;"]
            m0 -->|"C.f(), HOST, PORT, import"| m1
            m0 -->|"*"| m2
    "#]]
    .assert_eq(&graph.to_mermaid());
    expect![[r#"
        {
          "modules": [
            {
              "file": "/app/ma\"in.py",
              "name": "__main__",
              "reads": {
                "config": [
                  "C.f()",
                  "HOST",
                  "PORT",
                  "import"
                ],
                "odd\"na\\me\n": [
                  "*"
                ]
              }
            },
            {
              "file": "/app/config.py",
              "name": "config",
              "reads": {}
            },
            {
              "file": null,
              "name": "odd\"na\\me\n",
              "reads": {}
            }
          ]
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&graph.to_json()).unwrap());
}

#[test]
fn a_page_holds_the_graph_and_nothing_ends_its_script() {
    let mut graph = ModuleGraph::default();
    let odd = ModuleName::new("</script><b>").unwrap();
    graph.add_module(odd, None);

    let page = graph.to_html();
    let data = r#"{"modules":[{"file":null,"name":"\u003c/script>\u003cb>","reads":{}}]}"#;
    assert!(page.contains(data), "{page}");
    assert_eq!(page.matches("</script>").count(), 2, "its own two");
    assert!(!page.contains("http"), "it needs nothing from elsewhere");
}
