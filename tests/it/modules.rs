//! What a program may ask of a module and its loader is as under python, before and after a reload.

use hmr_tests::{Hmr, Project};

#[test]
fn b23_sources_and_tracebacks_are_of_the_new_file() {
    let m = |value: u32| {
        format!("def f():\n    return {value}\ndef g():\n    raise KeyError\nX = {value}\n")
    };
    let main = "import inspect, traceback, m\nm.X\ntry:\n    m.g()\nexcept KeyError as error:\n    \
        print(traceback.extract_tb(error.__traceback__)[-1].line)\n\
        print('V', inspect.getsource(m.f).splitlines()[-1].strip())\n";
    let project = Project::new(&[("m.py", &m(1)), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V return 1");

    let reload = hmr.save("m.py", &m(2));
    assert_eq!(
        reload.stdout,
        ["raise KeyError", "V return 2"],
        "{}",
        reload.log
    );
}

#[test]
fn b26_a_module_that_the_program_reloads_or_drops_is_still_watched() {
    let main = "import importlib, sys\nimport m\nm = importlib.reload(m)\n\
        del sys.modules['m']\nimport m\nprint('V', m.X)\n";
    let project = Project::new(&[("m.py", "X = 1\n"), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    let reload = hmr.save("m.py", "X = 2\n");
    assert_eq!(reload.stdout, ["V 2"], "{}", reload.log);
    let reload = hmr.save("m.py", "X = 3\n");
    assert_eq!(reload.stdout, ["V 3"], "{}", reload.log);
}

#[test]
fn what_a_loader_and_importlib_say_of_a_module_is_what_python_says() {
    let main = "import importlib.resources, importlib.util, pkgutil, inspect, os\n\
        import pkg, pkg.m, ns.n\n\
        for module in pkg, pkg.m, ns.n:\n    spec = module.__spec__\n    \
        print(module.__name__, module.__package__, os.path.basename(module.__file__),\n        \
        spec.name, spec.parent, spec.has_location, bool(module.__cached__), spec.cached == module.__cached__)\n\
        print(pkgutil.get_data('pkg', 'data.txt'))\n\
        print((importlib.resources.files('pkg') / 'data.txt').read_text())\n\
        print(sorted(found.name for found in pkgutil.iter_modules(pkg.__path__)))\n\
        print(inspect.getsource(pkg.m), pkg.m.__loader__.is_package('pkg.m'))\n\
        print(importlib.util.find_spec('pkg.m') is pkg.m.__spec__, pkg.m.X, pkg.m.__doc__)\n\
        print(getattr(pkg.m, '__annotations__', None))\nprint('END')\n";
    let project = Project::new(&[
        (
            "pkg/__init__.py",
            "from . import m\nfrom .m import X as Y\n",
        ),
        ("pkg/m.py", "'doc'\nX: int = 1\n"),
        ("pkg/data.txt", "data"),
        ("ns/n.py", "from pkg import m\n"),
        ("main.py", main),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    let mut hot = hmr.wait_stdout("END");
    let (cold, errors) = project.python(&["main.py"]);
    hot.push("END".into());
    assert_eq!(hot, cold, "{errors:?}");

    let reload = hmr.save("pkg/m.py", "'new doc'\nX: str = 'one'\nZ: int = 2\n");
    let (cold, _) = project.python(&["main.py"]);
    assert_eq!(reload.stdout, cold, "{}", reload.log);
}

#[test]
fn a_module_that_runpy_runs_is_followed() {
    let project = Project::new(&[
        ("m.py", "X = 1\n"),
        ("tool.py", "import m\nRESULT = m.X, __name__\n"),
        (
            "main.py",
            "import runpy\nprint('V', *runpy.run_module('tool', run_name='told')['RESULT'])\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 told");

    let reload = hmr.save("m.py", "X = 2\n");
    assert_eq!(reload.stdout, ["V 2 told"], "{}", reload.log);
}
