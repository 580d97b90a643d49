//! Readers of a class that use nothing of it but attributes run for those attributes alone.

use hmr_tests::{Hmr, Project};

/// A class with these numbers for its attributes `a` and `b`.
fn class(a: u32, b: u32) -> String {
    format!("class Conf:\n    a = {a}\n    b = {b}\n")
}

/// Runs `main`, which prints a line that ends in 1, with the class in `m.py`. `true`: it reads nothing
/// but `a`. `false`: it runs for whatever changes.
fn check(main: &str, reads_a_only: bool) {
    let project = Project::new(&[("m.py", &class(1, 1)), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    let edit = hmr.save("m.py", &class(1, 2));
    if reads_a_only {
        edit.expect(&["m"], &[]);
    } else {
        edit.expect(&["m", "main"], &["V 1"]);
    }
    hmr.save("m.py", &class(2, 2))
        .expect(&["m", "main"], &["V 2"]);
    let again = hmr.save(
        "m.py",
        &(class(2, 2) + "    def new(self):\n        pass\n"),
    );
    if reads_a_only {
        again.expect(&["m"], &[]);
    } else {
        again.expect(&["m", "main"], &["V 2"]);
    }
}

#[test]
fn an_attribute_of_an_imported_class_is_all_that_is_read() {
    check("from m import Conf\nprint('V', Conf.a)\n", true);
}

#[test]
fn an_attribute_of_a_class_in_an_imported_module_is_all_that_is_read() {
    check("import m as it\nprint('V', it.Conf.a)\n", true);
}

#[test]
fn a_class_may_have_another_name() {
    check("from m import Conf as C\nX = C.a\nprint('V', X)\n", true);
}

#[test]
fn a_function_that_the_load_calls_reads_for_it() {
    let main =
        "from m import Conf\ndef get():\n    return [Conf.a for _ in 'x'][0]\nprint('V', get())\n";
    check(main, true);
}

#[test]
fn what_a_function_would_do_that_the_load_does_not_call_does_not_count() {
    check(
        "from m import Conf\ndef later():\n    return Conf()\nprint('V', Conf.a)\n",
        true,
    );
}

#[test]
fn an_attribute_of_a_value_may_be_used() {
    check(
        "from m import Conf\nprint('V', Conf.a.bit_length() and Conf.a)\n",
        true,
    );
}

#[test]
fn definitions_of_the_readers_own_come_to_no_other_class() {
    check(
        "import collections, dataclasses, enum, logging, typing\nfrom m import Conf\n\
         @dataclasses.dataclass\nclass D:\n    x: int = Conf.a\n\
         class E(enum.Enum):\n    X = Conf.a\n\
         N = collections.namedtuple('N', 'x')\nT = typing.TypeVar('T')\n\
         logging.getLogger().info('x')\nprint('V', D().x)\n",
        true,
    );
}

#[test]
fn whoever_creates_an_object_reads_the_class() {
    check("from m import Conf\nConf()\nprint('V', Conf.a)\n", false);
}

#[test]
fn whoever_passes_the_class_on_reads_it() {
    let main = "from m import Conf\ndef get(k):\n    return k.a\nprint('V', get(Conf))\n";
    check(main, false);
}

#[test]
fn whoever_keeps_the_class_reads_it() {
    check(
        "from m import Conf\nL = [Conf]\nprint('V', Conf.a)\n",
        false,
    );
    check("from m import Conf\nK = Conf\nprint('V', K.a)\n", false);
    check(
        "from m import Conf\nclass D(Conf):\n    pass\nprint('V', D.a)\n",
        false,
    );
}

#[test]
fn whoever_asks_for_an_attribute_by_a_text_reads_the_class() {
    check(
        "from m import Conf\nprint('V', getattr(Conf, 'a'))\n",
        false,
    );
    check(
        "import m\nprint('V', getattr(m, ''.join(('Co', 'nf'))).a)\n",
        false,
    );
    check(
        "import m\nfrom m import Conf\nfrom operator import attrgetter\n\
         print('V', Conf.a and attrgetter(''.join(('Co', 'nf.a')))(m))\n",
        false,
    );
}

#[test]
fn whoever_comes_to_its_own_names_reads_the_class() {
    check(
        "from m import Conf\nprint('V', Conf.a and globals()[''.join(('Co', 'nf'))].a)\n",
        false,
    );
    check(
        "import sys\nfrom m import Conf\n\
         print('V', Conf.a and getattr(sys.modules[__name__], ''.join(('Co', 'nf'))).a)\n",
        false,
    );
    check(
        "import inspect\nfrom m import Conf\ndef get():\n    pass\n\
         print('V', inspect.stack()[0].frame.f_globals[''.join(('Co', 'nf'))].a)\n",
        false,
    );
}

#[test]
fn whoever_annotates_with_the_class_reads_it() {
    check(
        "from typing import get_type_hints\nfrom m import Conf\n\
         def f(x: 'Conf'): pass\nprint('V', Conf.a and get_type_hints(f)['x'].a)\n",
        false,
    );
    check(
        "from __future__ import annotations\nfrom m import Conf\ndef f(x: Conf): pass\n\
         print('V', Conf.a)\n",
        false,
    );
}

#[test]
fn whoever_sets_an_attribute_reads_the_class() {
    check(
        "from m import Conf\nConf.c = 1\nprint('V', Conf.a)\n",
        false,
    );
    check(
        "from m import Conf\nConf.a += 0\nprint('V', Conf.a)\n",
        false,
    );
}

#[test]
fn a_star_import_reads_the_class() {
    check("from m import *\nprint('V', Conf.a)\n", false);
}

#[test]
fn an_attribute_of_a_base_class_is_the_bases() {
    let base = |a: u32, b: u32| format!("class Base:\n    a = {a}\n    b = {b}\n");
    let sub = "from base import Base\nclass Sub(Base):\n    c = 1\n";
    let main = "from sub import Sub\nprint('V', Sub.a)\n";
    let project = Project::new(&[("base.py", &base(1, 1)), ("sub.py", sub), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");

    hmr.save("base.py", &base(1, 2))
        .expect(&["base", "sub"], &[]);
    hmr.save("base.py", &base(2, 2))
        .expect(&["base", "sub", "main"], &["V 2"]);
    hmr.save("sub.py", &(sub.to_owned() + "    d = 1\n"))
        .expect(&["sub"], &[]);
    // What a subclass has itself, it no longer takes from its base.
    hmr.save("sub.py", &(sub.to_owned() + "    d = 1\n    a = 3\n"))
        .expect(&["sub", "main"], &["V 3"]);
    hmr.save("sub.py", &(sub.to_owned() + "    d = 1\n"))
        .expect(&["sub", "main"], &["V 2"]);
}

#[test]
fn what_is_no_constant_is_read_with_the_class() {
    for (definition, use_) in [
        (
            "    @property\n    def a(self): pass\n",
            "Conf.a is not None",
        ),
        ("    def a(self): pass\n", "Conf.a is not None"),
        (
            "    @classmethod\n    def a(cls): return cls.b\n",
            "Conf.a()",
        ),
        ("    a = [1]\n", "Conf.a[0]"),
    ] {
        let class = |b: u32| format!("class Conf:\n    b = {b}\n{definition}");
        let main = format!("from m import Conf\nprint('V', int({use_}))\n");
        let project = Project::new(&[("m.py", &class(1)), ("main.py", &main)]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("V 1");
        let now = if use_ == "Conf.a()" { "V 2" } else { "V 1" };
        hmr.save("m.py", &class(2)).expect(&["m", "main"], &[now]);
    }
}

#[test]
fn a_metaclass_may_have_a_say_in_every_read() {
    let class = |b: u32| {
        format!(
            "class Meta(type):\n    def __getattribute__(cls, name):\n        \
             return super().__getattribute__('b')\n\
             class Conf(metaclass=Meta):\n    a = 0\n    b = {b}\n"
        )
    };
    let project = Project::new(&[
        ("m.py", &class(1)),
        ("main.py", "from m import Conf\nprint('V', Conf.a)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.save("m.py", &class(2)).expect(&["m", "main"], &["V 2"]);
}

#[test]
fn an_attribute_that_goes_is_missed() {
    let main = "from m import Conf\ntry:\n    print('V', Conf.a)\nexcept AttributeError:\n    print('V none')\n";
    let project = Project::new(&[("m.py", &class(1, 1)), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.save("m.py", "class Conf:\n    b = 1\n")
        .expect(&["m", "main"], &["V none"]);
    hmr.save("m.py", "class Conf:\n    b = 2\n")
        .expect(&["m", "main"], &["V none"]);
    hmr.save("m.py", &class(3, 2))
        .expect(&["m", "main"], &["V 3"]);
}

#[test]
fn another_class_of_the_name_is_told() {
    let slots = |names: &str| format!("class Conf:\n    __slots__ = ({names})\n    a = 1\n");
    let project = Project::new(&[
        ("m.py", &slots("'x',")),
        ("main.py", "from m import Conf\nprint('V', Conf.a)\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.save("m.py", &slots("'x', 'y'"))
        .expect(&["m", "main"], &["V 1"]);
}

#[test]
fn who_gets_the_class_from_another_reader_is_told_all_the_same() {
    let project = Project::new(&[
        ("m.py", &class(1, 1)),
        ("mid.py", "from m import Conf\nX = Conf.a\n"),
        ("attr.py", "from mid import Conf\nX = Conf.a\n"),
        ("made.py", "from mid import Conf\nX = Conf().b\n"),
        (
            "main.py",
            "import attr_ as attr, made\nprint('V', attr.X, made.X)\n",
        ),
        ("attr_.py", "from attr import X\n"),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 1");
    hmr.save("m.py", &class(1, 2))
        .expect(&["m", "made", "main"], &["V 1 2"]);
    hmr.save("m.py", &class(2, 2))
        .expect(&["m", "mid", "attr", "attr_", "made", "main"], &["V 2 2"]);
}

#[test]
fn a_function_of_another_module_reads_for_who_calls_it() {
    let project = Project::new(&[
        ("m.py", &(class(1, 1) + "def own():\n    return Conf.a\n")),
        (
            "mid.py",
            "from m import Conf\ndef a():\n    return Conf.a\ndef b():\n    return Conf.b\n",
        ),
        ("reads_a.py", "import mid\nX = mid.a()\n"),
        ("reads_b.py", "import mid\nX = mid.b()\n"),
        ("reads_own.py", "import m\nX = m.own()\n"),
        (
            "main.py",
            "import reads_a, reads_b, reads_own\nprint('V', reads_a.X, reads_b.X, reads_own.X)\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 1 1");
    let own = "def own():\n    return Conf.a\n";
    hmr.save("m.py", &(class(1, 2) + own))
        .expect(&["m", "reads_b", "main"], &["V 1 2 1"]);
    hmr.save("m.py", &(class(2, 2) + own))
        .expect(&["m", "reads_a", "reads_own", "main"], &["V 2 2 2"]);
}

#[test]
fn an_attribute_that_another_module_sets_is_what_it_sets() {
    let project = Project::new(&[
        ("m.py", &class(1, 1)),
        ("sets.py", "from m import Conf\nConf.a = Conf.b\n"),
        (
            "main.py",
            "import sets\nfrom m import Conf\nprint('V', Conf.a)\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.save("m.py", &class(1, 2))
        .expect(&["m", "sets", "main"], &["V 2"]);
    hmr.save("m.py", &class(1, 3))
        .expect(&["m", "sets", "main"], &["V 3"]);
}

#[test]
fn an_edit_of_the_reader_runs_it() {
    let main = |more: u32| format!("from m import Conf\nprint('V', Conf.a + {more})\n");
    let project = Project::new(&[("m.py", &class(1, 1)), ("main.py", &main(0))]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.save("m.py", &class(1, 2)).expect(&["m"], &[]);
    hmr.save("main.py", &main(4)).expect(&["main"], &["V 5"]);
    hmr.save("m.py", &class(1, 3)).expect(&["m"], &[]);
    hmr.save("m.py", &class(3, 3))
        .expect(&["m", "main"], &["V 7"]);
}

#[test]
fn an_object_in_another_name_is_of_the_class() {
    let m = |a: u32, b: u32| class(a, b) + "KEPT = [Conf()]\n";
    let project = Project::new(&[
        ("m.py", &m(1, 1)),
        (
            "main.py",
            "from m import Conf, KEPT\nprint('V', Conf.a, KEPT[0].b)\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 1");
    hmr.save("m.py", &m(1, 2))
        .expect(&["m", "main"], &["V 1 2"]);
}

#[test]
fn what_a_registry_holds_has_no_name() {
    for (registry, items) in [("registry", "registry.items"), ("string", "string.items")] {
        let admin = format!("import {registry}\nfrom m import Conf\n{items} = [Conf]\n");
        let main = format!(
            "import admin, {registry}\nfrom m import Conf\nprint('V', Conf.a, {items}[0].b)\n"
        );
        let project = Project::new(&[
            ("m.py", &class(1, 1)),
            ("registry.py", "items = []\n"),
            ("admin.py", &admin),
            ("main.py", &main),
        ]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("V 1 1");
        hmr.save("m.py", &class(1, 2))
            .expect(&["m", "admin", "main"], &["V 1 2"]);
    }
}
