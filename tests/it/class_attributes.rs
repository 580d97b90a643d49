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
        // From 3.14 on, asking for them makes the texts.
        "from __future__ import annotations\nfrom m import Conf\ndef f(x: Conf): pass\n\
         f.__annotations__\nprint('V', Conf.a)\n",
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
}

/// Whoever has the base class, a library too, can ask it for its subclasses.
#[test]
fn a_class_with_a_base_that_stays_is_read_whole() {
    let sub = |more: &str| format!("from base import Base\nclass Sub(Base):\n    c = 1\n{more}");
    let project = Project::new(&[
        ("base.py", "class Base:\n    a = 2\n"),
        ("sub.py", &sub("")),
        (
            "lib.py",
            "def last(base):\n    return base.__subclasses__()[-1]\n",
        ),
        (
            "main.py",
            "from base import Base\nfrom lib import last\nfrom sub import Sub\n\
             print('V', Sub.a, getattr(last(Base), 'd', 0))\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 2 0");
    hmr.save("sub.py", &sub("    d = 1\n"))
        .expect(&["sub", "main"], &["V 2 1"]);
    // What a subclass has itself, it no longer takes from its base.
    hmr.save("sub.py", &sub("    d = 1\n    a = 3\n"))
        .expect(&["sub", "main"], &["V 3 1"]);
    hmr.save("sub.py", &sub("    d = 1\n"))
        .expect(&["sub", "main"], &["V 2 1"]);
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

#[test]
fn a_weak_reference_leads_to_the_class() {
    for (registry, read) in [
        ("weakref.WeakSet([Conf])", "list(string.weak)[0].b"),
        ("weakref.ref(Conf)", "string.weak().b"),
        ("weakref.proxy(Conf)", "string.weak.b"),
    ] {
        let admin =
            format!("import string, weakref\nfrom m import Conf\nstring.weak = {registry}\n");
        let main =
            format!("import admin, string\nfrom m import Conf\nprint('V', Conf.a, {read})\n");
        let project = Project::new(&[
            ("m.py", &class(1, 1)),
            ("admin.py", &admin),
            ("main.py", &main),
        ]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("V 1 1");
        hmr.save("m.py", &class(1, 2))
            .expect(&["m", "admin", "main"], &["V 1 2"]);
    }
}

#[test]
fn a_cached_result_was_made_by_other_code() {
    for (decorator, read) in [
        ("functools.cache", "Conf().b"),
        ("functools.cache", "m.Conf().b"),
        ("hmr.cache", "Conf().b"),
        ("hmr.cache", "m.Conf().b"),
    ] {
        let made = format!(
            "import functools, hmr, m\nfrom m import Conf\n@{decorator}\ndef get():\n    return {read}\n"
        );
        let project = Project::new(&[
            ("m.py", &class(1, 1)),
            ("made.py", &made),
            ("first.py", "import made\nX = made.get()\n"),
            (
                "main.py",
                "import first, made\nfrom m import Conf\nprint('V', Conf.a, made.get())\n",
            ),
        ]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("V 1 1");
        hmr.save("m.py", &class(1, 2))
            .expect(&["m", "first", "main"], &["V 1 2"]);
    }
}

#[test]
fn a_function_of_another_module_may_come_to_its_callers_names() {
    let by_frame = "def get(f):\n    try:\n        1 / 0\n    except ZeroDivisionError as error:\n        \
                    frame = error.__traceback__.tb_frame.f_back\n    \
                    return frame.f_globals['Co' + 'nf'].b\n";
    for other in [
        "def get(f):\n    return f.__globals__['Co' + 'nf'].b\n",
        "def get(f):\n    return getattr(f, '__globals__')['Co' + 'nf'].b\n",
        by_frame,
    ] {
        let project = Project::new(&[
            ("m.py", &class(1, 1)),
            ("other.py", other),
            (
                "main.py",
                "import other\nfrom m import Conf\ndef f(): pass\n\
                 print('V', Conf.a, other.get(f))\n",
            ),
        ]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("V 1 1");
        hmr.save("m.py", &class(1, 2))
            .expect(&["m", "main"], &["V 1 2"]);
    }
}

#[test]
fn whatever_the_load_executes_is_looked_at() {
    for use_ in [
        "class D:\n    x = Conf()\n",
        "def f():\n    class D:\n        x = Conf()\nf()\n",
        "f = lambda: Conf()\nf()\n",
        "[Conf() for _ in 'x']\n",
        "list(Conf() for _ in 'x')\n",
        "class D:\n    @property\n    def p(self): return Conf()\nD().p\n",
        "sorted('x', key=lambda _: id(Conf()))\n",
        "import threading\nt = threading.Thread(target=lambda: Conf())\nt.start()\nt.join()\n",
        "isinstance(1, Conf)\n",
        "match 1:\n    case Conf(): pass\n",
        "(K := Conf).a\n",
        "hasattr(Conf, 'b')\n",
        "import builtins as b\ngetattr(b, 'eval')('Co' + 'nf')\n",
    ] {
        check(
            &format!("from m import Conf\nprint('V', Conf.a)\n{use_}"),
            false,
        );
    }
}

#[test]
fn whoever_looks_at_all_of_the_class_reads_it() {
    for (imports, read) in [
        ("", "vars(Conf)"),
        ("", "dir(Conf)"),
        ("", "Conf.__dict__"),
        ("import inspect\n", "inspect.getmembers(Conf)"),
        ("from dataclasses import fields\n", "fields(Conf)"),
        ("import dataclasses\n", "dataclasses.asdict(Conf())"),
    ] {
        let class = |a: u32, b: u32| {
            format!(
                "from dataclasses import dataclass\n@dataclass\nclass Conf:\n    a: int = {a}\n    b: int = {b}\n"
            )
        };
        let main = format!("{imports}from m import Conf\nX = {read}\nprint('V', Conf.a)\n");
        let project = Project::new(&[("m.py", &class(1, 1)), ("main.py", &main)]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("V 1");
        hmr.save("m.py", &class(1, 2))
            .expect(&["m", "main"], &["V 1"]);
    }
}

#[test]
fn the_default_of_a_dataclass_field_is_an_attribute() {
    let class = |a: u32, b: u32| {
        format!(
            "from dataclasses import dataclass\n@dataclass\nclass Conf:\n    a: int = {a}\n    b: int = {b}\n"
        )
    };
    let main = "from m import Conf\nprint('V', Conf.a)\n";
    let project = Project::new(&[("m.py", &class(1, 1)), ("main.py", main)]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1");
    hmr.save("m.py", &class(1, 2)).expect(&["m"], &[]);
    hmr.save("m.py", &class(2, 2))
        .expect(&["m", "main"], &["V 2"]);
}

#[test]
fn instances_and_methods_are_of_the_class() {
    for (more, use_) in [
        ("made = Conf()\n", "made.b"),
        ("made = [{'x': Conf()}]\n", "made[0]['x'].b"),
        ("def make():\n    return Conf()\n", "make().b"),
        (
            "kinds = [Conf]\ndef make():\n    return kinds[0]()\n",
            "make().b",
        ),
        ("def make(kind=Conf):\n    return kind()\n", "make().b"),
        (
            "    @classmethod\n    def now(cls):\n        return cls.b\n",
            "Conf.now()",
        ),
        (
            "    def now(self):\n        return self.b\n",
            "Conf().now()",
        ),
    ] {
        let m = |b: u32| class(1, b) + more;
        let main = format!("import m\nprint('V', m.Conf.a, m.{use_})\n");
        let project = Project::new(&[("m.py", &m(1)), ("main.py", &main)]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("V 1 1");
        hmr.save("m.py", &m(2)).expect(&["m", "main"], &["V 1 2"]);
    }
}

#[test]
fn a_class_that_takes_no_members_is_told_whole() {
    for class in [
        |b: u32| format!("class Conf:\n    __slots__ = ('x{b}',)\n    a = 1\n"),
        |b: u32| format!("import enum\nclass Conf(enum.IntEnum):\n    a = 1\n    b = {b}0\n"),
        |b: u32| {
            format!("class Meta(type): pass\nclass Conf(metaclass=Meta):\n    a = 1\n    b = {b}\n")
        },
        |b: u32| format!("class A1: c = 1\nclass A2: c = 1\nclass Conf(A{b}):\n    a = 1\n"),
    ] {
        let project = Project::new(&[
            ("m.py", &class(1)),
            ("main.py", "from m import Conf\nprint('V', int(Conf.a))\n"),
        ]);
        let mut hmr = Hmr::start(&project, &["main.py"]);
        hmr.wait_stdout("V 1");
        hmr.save("m.py", &class(2)).expect(&["m", "main"], &["V 1"]);
    }
}

#[test]
fn a_method_that_nobody_has_executed_is_patched_for_nobody() {
    let m = |result: u32| class(1, 1) + &format!("    def get(self):\n        return {result}\n");
    let project = Project::new(&[
        ("m.py", &m(1)),
        ("reads.py", "from m import Conf\nX = Conf.a\n"),
        ("calls.py", "from m import Conf\nX = Conf().get()\n"),
        (
            "main.py",
            "import reads, calls\nprint('V', reads.X, calls.X)\n",
        ),
    ]);
    let mut hmr = Hmr::start(&project, &["main.py"]);
    hmr.wait_stdout("V 1 1");
    hmr.save("m.py", &m(2))
        .expect(&["calls", "main"], &["V 1 2"]);
    hmr.save("m.py", &(m(2) + "    c = 3\n"))
        .expect(&["m", "calls"], &[]);
}
